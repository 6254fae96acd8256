"""How long jamd takes to be there: its import, and `jamd ports`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from jamd.bench.figures import Figures, Unavailable

TIMES = 3
IMPORT = "import time; start = time.perf_counter(); import jamd; print(time.perf_counter() - start)"


def command(*words: str) -> list[str]:
    """The command line of a jamd of this very version."""
    return [sys.executable, "-m", "jamd", *words]


def environment() -> dict[str, str]:
    """In which it is found, installed or not."""
    home = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH", "")]))}


def start() -> Figures:
    """Medians, in seconds. `jamd ports` counts where there are none, too: it has looked for them."""
    imports = [float(_run([sys.executable, "-c", IMPORT])) for _ in range(TIMES)]
    commands = []
    for _ in range(TIMES):
        since = time.perf_counter()
        subprocess.run(command("ports"), env=environment(), capture_output=True, check=False)
        commands.append(time.perf_counter() - since)
    return {"import_s": round(median(imports), 4), "ports_s": round(median(commands), 3)}


def _run(words: list[str]) -> str:
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"{words[0]} does not run: {done.stderr.strip()[-200:]}")
    return done.stdout
