"""What the live tests are played with: peers on JACK, a model whose notes ring, and the daemon as its own process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from typing import Any

import jack
import pytest

from export.graph import build
from jamd.remi import vocabulary as v
from tests.tiny import TINY, tiny_weights

ROOT = Path(__file__).parents[2]
RATE = 48_000
LONG_S = 30.0
"""After so long a wait is given up; no test waits so long unless it fails."""
MS = RATE // 1000
"""Frames in a millisecond."""


def wait_until(true: Callable[[], object], what: str, seconds: float = LONG_S) -> None:
    """Returns once `true()` is; fails the test where it never is."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:g} s in vain: {what}")
        time.sleep(0.005)


# ---- peers ---------------------------------------------------------------------------------------------------


class Keyboard:
    """A stand-in performer: a JACK client that plays what it is given, to the sample. Its port is NAME:out."""

    def __init__(self, name: str = "Keyboard") -> None:
        self.client = jack.Client(name, no_start_server=True)
        self.port = self.client.midi_outports.register("out")
        self._waiting: list[tuple[int, int, bytes]] = []  # frame, number, message; also read by JACK's thread
        self._numbers = count()
        self._frame = 0
        self.client.set_process_callback(self._process)
        self.client.activate()

    def play(self, events: Iterable[tuple[float, bytes]]) -> int:
        """Plays messages at seconds from now on; the frame at which the last one is played."""
        start = last = self._frame + 2 * self.client.blocksize
        for seconds, message in events:
            last = start + round(seconds * RATE)
            heappush(self._waiting, (last, next(self._numbers), message))
        return last

    @property
    def done(self) -> bool:
        """True when all has been played."""
        return not self._waiting

    def _process(self, frames: int) -> None:
        self.port.clear_buffer()
        while self._waiting and self._waiting[0][0] < self._frame + frames:
            frame, _, message = heappop(self._waiting)
            self.port.write_midi_event(max(frame - self._frame, 0), message)
        self._frame += frames


@dataclass(frozen=True, slots=True)
class Heard:
    """A message, and the frame at which it stood on the port."""

    frame: int
    data: bytes

    @property
    def note_on(self) -> bool:
        return self.data[0] & 0xF0 == 0x90 and self.data[2] > 0

    @property
    def note_off(self) -> bool:
        return self.data[0] & 0xF0 == 0x80 or (self.data[0] & 0xF0 == 0x90 and self.data[2] == 0)

    @property
    def key(self) -> tuple[int, int]:
        return self.data[0] & 0x0F, self.data[1]


class Synth:
    """A stand-in synth: a JACK client that writes down what arrives, with JACK's own clock. Its port is NAME:in."""

    def __init__(self, name: str = "Synth") -> None:
        self.client = jack.Client(name, no_start_server=True)
        self.port = self.client.midi_inports.register("in")
        self.heard: list[Heard] = []
        self.frame = 0
        """Time: frames that this client has seen go by. JACK's own frame times jump when a client dies."""
        self.client.set_process_callback(self._process)
        self.client.activate()

    @property
    def note_ons(self) -> list[Heard]:
        """All note-ons so far."""
        return [event for event in self.heard if event.note_on]

    def sounding(self) -> dict[tuple[int, int], int]:
        """The keys that sound, with the frame at which each began."""
        keys: dict[tuple[int, int], int] = {}
        for event in list(self.heard):
            if event.note_on:
                keys[event.key] = event.frame
            elif event.note_off:
                keys.pop(event.key, None)
        return keys

    def silent_since(self) -> int:
        """The frame at which the last sounding key ended; note-offs alone count. Fails where one sounds."""
        assert not self.sounding(), f"these sound: {self.sounding()}"
        keys: set[tuple[int, int]] = set()
        since = 0
        for event in self.heard:
            if event.note_on:
                keys.add(event.key)
            elif event.note_off and event.key in keys:
                keys.discard(event.key)
                since = event.frame
        return since

    def _process(self, frames: int) -> None:
        for offset, data in self.port.incoming_midi_events():
            self.heard.append(Heard(self.frame + offset, bytes(data)))
        self.frame += frames


@contextmanager
def peers(*clients: Keyboard | Synth) -> Iterator[None]:
    """Closes the clients at the end."""
    try:
        yield
    finally:
        for peer in clients:
            peer.client.deactivate()
            peer.client.close()


def connect(source: str, target: str) -> None:
    """Joins two ports with JACK's own tool, as soon as both are there."""
    wait_until(lambda: {source, target} <= set(lsp()), f"{source} and {target} on the server")
    subprocess.run(["jack_connect", source, target], check=True, timeout=5.0, capture_output=True)


def lsp() -> list[str]:
    """The ports of the server."""
    try:
        asked = subprocess.run(["jack_lsp"], capture_output=True, text=True, timeout=3.0, check=False)
    except subprocess.TimeoutExpired:
        return []
    return asked.stdout.split("\n")


# ---- what is played ------------------------------------------------------------------------------------------


def note_on(pitch: int, velocity: int = 80, channel: int = 0) -> bytes:
    return bytes([0x90 | channel, pitch, velocity])


def note_off(pitch: int, channel: int = 0) -> bytes:
    return bytes([0x80 | channel, pitch, 0])


def scale(pitches: Iterable[int], gap_s: float = 0.12) -> list[tuple[float, bytes]]:
    """A short phrase: the pitches one after the other."""
    events = []
    for number, pitch in enumerate(pitches):
        events += [(number * gap_s, note_on(pitch)), ((number + 0.8) * gap_s, note_off(pitch))]
    return events


def ringing_model(path: Path) -> Path:
    """A tiny real model whose answers are few notes that ring for seconds: what must be silenced is sounding."""
    weights = tiny_weights()
    bias = weights["logits_bias"]
    for index, ticks in enumerate(v.DURATIONS):
        if not 5 * 480 <= ticks <= 8 * 480:
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
        (folder / "jamd.toml").write_text(config, encoding="utf-8")
        command = [sys.executable, "-m", "jamd", "--config", str(folder / "jamd.toml"), "listen"]
        command += ["--events", str(folder / "events.jsonl"), "--model", str(model), *options]
        if not {"--record", "--no-record"} & set(options):
            command += ["--record", str(folder / "jams")]
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

    def family(self) -> set[int]:
        """Every process that it has started, and that is there."""
        return {pid for pid in _session(self.process.pid) if pid != self.process.pid}

    def end(self, number: int = signal.SIGTERM) -> int:
        """Sends the signal to main, and waits; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(LONG_S)


@contextmanager
def jamd(folder: Path, *options: str, model: Path, config: str = "") -> Iterator[Jamd]:
    """Runs the daemon; whatever happens, nothing of it is left at the end."""
    daemon = Jamd(folder, *options, model=model, config=config)
    try:
        yield daemon
    finally:
        family = daemon.family()
        for pid in (daemon.process.pid, *family):
            if daemon.process.poll() is None or pid != daemon.process.pid:
                _kill(pid)
        daemon.process.wait()


def alive(pid: int) -> bool:
    """True while there is such a process, and it is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _session(leader: int) -> Iterator[int]:
    """The processes of a session, by its leader's id: also those whose parent has died."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and alive(int(entry.name)):
            try:
                if os.getsid(int(entry.name)) == leader:
                    yield int(entry.name)
            except ProcessLookupError:
                continue
