"""The daemon: joins the rooms into three processes. Nothing else joins engine and midi."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jamd.config import Settings


def listen(settings: Settings, events: Path | None, say: Callable[[str], None]) -> int:
    """Plays until a signal or the end of the input; the exit code. JamdError where it cannot go on."""
    from jamd.daemon.main import jam  # the command line imports this package for its help: keep that cheap

    return jam(settings, events, say)
