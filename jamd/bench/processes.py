"""What processes use of the machine, as Linux says it in /proc; elsewhere Unavailable."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from jamd.bench.figures import Unavailable


def memory_mib(pid: int | str = "self") -> float:
    """Resident memory of a process; what it shares with others counts for each."""
    return round(_kib(pid, "status", "VmRSS:") / 1024, 1)


def share_mib(pid: int) -> float:
    """The same, but of what it shares with others only its part: these can be added up."""
    return round(_kib(pid, "smaps_rollup", "Pss:") / 1024, 1)


def cpu_percent(pids: Mapping[str, int], seconds: float) -> dict[str, float]:
    """What each uses of one processor, over a while from now on."""
    before = {name: _cpu_s(pid) for name, pid in pids.items()}
    time.sleep(seconds)
    return {name: round(100 * (_cpu_s(pid) - before[name]) / seconds, 2) for name, pid in pids.items()}


def children(pid: int) -> list[int]:
    """The processes that a process has started, and that are there."""
    return [int(child) for child in _read(f"/proc/{pid}/task/{pid}/children").split()]


def _cpu_s(pid: int) -> float:
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _kib(pid: int | str, file: str, key: str) -> int:
    lines = _read(f"/proc/{pid}/{file}").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(key)), 0)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError as error:
        raise Unavailable(f"it needs {path}, which Linux alone has") from error
