"""`python -m jamd` is `jamd`."""

from __future__ import annotations

from jamd.cli import main

if __name__ == "__main__":  # the daemon's processes import this module again when they are spawned
    main(prog_name="jamd")
