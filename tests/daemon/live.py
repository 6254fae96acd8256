"""What the live tests are played with: the daemon as a process of its own, what is played, and a model that rings."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from _pytest.outcomes import Failed

from export.graph import build
from jamd.remi import vocabulary as v
from tests.tiny import TINY, tiny_weights

ROOT = Path(__file__).parents[2]
LONG_S = 30.0
"""After so long a wait is given up; no test waits so long unless it fails."""
GAP_S = 0.12


def wait_until(true: Callable[[], object], what: str, seconds: float = LONG_S) -> None:
    """Returns once `true()` is; fails the test where it never is."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:g} s in vain: {what}")
        time.sleep(0.005)


# ---- what is played ------------------------------------------------------------------------------------------


def note_on(pitch: int, velocity: int = 80, channel: int = 0) -> bytes:
    return bytes([0x90 | channel, pitch, velocity])


def note_off(pitch: int, channel: int = 0) -> bytes:
    return bytes([0x80 | channel, pitch, 0])


def control(number: int, value: int, channel: int = 0) -> bytes:
    return bytes([0xB0 | channel, number, value])


def scale(pitches: Iterable[int], gap_s: float = GAP_S) -> list[tuple[float, bytes]]:
    """A short phrase: the pitches one after the other; seconds and messages."""
    events = []
    for number, pitch in enumerate(pitches):
        events += [(number * gap_s, note_on(pitch)), ((number + 0.8) * gap_s, note_off(pitch))]
    return events


def ringing_model(path: Path) -> Path:
    """A tiny real model whose answers are few notes that ring for seconds: what must be silenced is sounding."""
    weights = tiny_weights()
    bias = weights["logits_bias"]
    for index, ticks in enumerate(v.DURATIONS):
        if ticks < 4 * 480:
            bias[v.NOTE_DURATION.id(index)] -= 200
    bias[v.DURATION_OPEN] -= 200
    bias[v.PEDAL_ON] -= 200
    bias[v.BAR] += 6
    path.write_bytes(build(weights, TINY).SerializeToString())
    return path


# ---- the daemon ----------------------------------------------------------------------------------------------


class Jamd:
    """`jamd listen` as a process of its own: what it printed, what it wrote into --events, and who its children are."""

    def __init__(self, folder: Path, *options: str, model: Path, config: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._out = folder, folder / "out.txt"
        self.jams = folder / "jams"
        (folder / "jamd.toml").write_text(config, encoding="utf-8")
        command = [sys.executable, "-m", "jamd", "--config", str(folder / "jamd.toml"), "listen"]
        command += ["--events", str(folder / "events.jsonl"), "--model", str(model), "--seed", "3", *options]
        if not {"--record", "--no-record"} & set(options):
            command += ["--record", str(self.jams)]
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, start_new_session=True)

    @property
    def printed(self) -> str:
        """All that it has printed."""
        return self._out.read_text(encoding="utf-8")

    def events(self, what: str = "") -> list[dict[str, Any]]:
        """What it has reported so far, or the reports of one kind."""
        path = self.folder / "events.jsonl"
        lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
        return [event for event in map(json.loads, lines) if what in ("", event["what"])]

    def pids(self, process: str) -> list[int]:
        """Process ids of the wires or brains that were ready so far, in turn."""
        return [event["pid"] for event in self.events("ready") if event["process"] == process]

    def wait_ready(self, wires: int = 1, brains: int = 1) -> None:
        """Until so many wires and brains have been ready in all."""

        def ready() -> bool:
            if self.process.poll() is not None:
                pytest.fail(f"jamd has ended:\n{self.printed}")
            return len(self.pids("wire")) >= wires and len(self.pids("brain")) >= brains

        wait_until(ready, f"{wires} wires and {brains} brains ready")

    def wait_for(self, what: str) -> dict[str, Any]:
        """The first report of a kind, as soon as there is one."""
        wait_until(lambda: self.events(what), f"a report of {what}")
        return self.events(what)[0]

    def family(self) -> set[int]:
        """Every process that it has started, and that is there."""
        return {pid for pid in _session(self.process.pid) if pid != self.process.pid}

    def shared_memory(self) -> set[Path]:
        """The blocks of shared memory that main has made."""
        maps = Path(f"/proc/{self.process.pid}/maps").read_text().split()
        return {Path(name) for name in maps if name.startswith("/dev/shm/psm_")}

    def spares(self) -> set[int]:
        """The wires that wait for their word, once they have loaded everything."""
        known = {*self.pids("wire"), *self.pids("brain")}
        return {pid for pid in self.family() - known if "spawn_main" in _command(pid)}

    def end(self, number: int = signal.SIGTERM) -> int:
        """Sends the signal to main, and waits; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(LONG_S)


@contextmanager
def jamd(folder: Path, *options: str, model: Path, config: str = "", clean: bool = True) -> Iterator[Jamd]:
    """Runs the daemon; at the end it is asked to leave, leaves nothing behind, and (`clean`) printed no traceback."""
    daemon = Jamd(folder, *options, model=model, config=config)
    try:
        yield daemon
        assert daemon.process.poll() is not None or daemon.end() == 0
        assert not clean or "Traceback" not in daemon.printed, daemon.printed
        assert "leaked" not in daemon.printed, daemon.printed
    except BaseException:
        print(daemon.printed, *daemon.events()[-40:], sep="\n")  # pytest shows it where the test fails
        raise
    finally:
        daemon.process.kill()
        daemon.process.wait()
        with contextlib.suppress(Failed):
            wait_until(lambda: not daemon.family(), "its children to leave", 2.0)
        for pid in daemon.family():
            _kill(pid)


def alive(pid: int) -> bool:
    """True while there is such a process, and it is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _session(leader: int) -> list[int]:
    """The processes of a session, by its leader's id: also those whose parent has died."""
    return [pid for pid in _processes() if alive(pid) and _session_of(pid) == leader]


def _processes() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0
