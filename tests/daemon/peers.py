"""Peers on JACK: a stand-in for keyboards and synths of our own, and two programs that nobody here wrote."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import wave
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from pathlib import Path

import pytest

from tests.daemon.live import LONG_S, wait_until
from tests.jack import jack_is_required

try:
    import jack
except (ImportError, OSError) as error:
    if jack_is_required():
        raise
    pytest.skip(f"there is no JACK-Client, or no JACK library ({error})", allow_module_level=True)

RATE = 48_000
MS = RATE // 1000
"""Frames in a millisecond."""
FONTS = ("/usr/share/sounds/sf2/TimGM6mb.sf2", "/usr/share/sounds/sf2/default-GM.sf2")


@dataclass(frozen=True, slots=True)
class Heard:
    """A message, and the frame at which it stood on the port: frames that the listener saw go by.

    JACK's own frame times jump when a client dies.
    """

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


def sounding(heard: Iterable[Heard]) -> set[tuple[int, int]]:
    """The keys that still sound at the end: note-offs alone end them."""
    keys: set[tuple[int, int]] = set()
    for event in heard:
        if event.note_on:
            keys.add(event.key)
        elif event.note_off:
            keys.discard(event.key)
    return keys


def silent_from(heard: Sequence[Heard]) -> int:
    """The frame from which on nothing sounds; fails where something does."""
    assert not sounding(heard), f"these sound: {sounding(heard)}"
    keys: set[tuple[int, int]] = set()
    silent = 0
    for event in heard:
        if event.note_on:
            keys.add(event.key)
        elif event.note_off and event.key in keys:
            keys.discard(event.key)
            silent = event.frame
    return silent


class Instrument:
    """A JACK client that plays what it is given, to the sample, and writes down what it hears: NAME:out and NAME:in."""

    def __init__(self, name: str) -> None:
        self.client = jack.Client(name, no_start_server=True)
        self._out = self.client.midi_outports.register("out")
        self._in = self.client.midi_inports.register("in")
        self._waiting: list[tuple[int, int, bytes]] = []  # frame, number, message; JACK's thread takes them
        self._numbers = count()
        self._heard: list[Heard] = []  # written by JACK's thread
        self._frame = 0
        self.client.set_process_callback(self._process)
        self.client.activate()

    def play(self, events: Iterable[tuple[float, bytes]]) -> None:
        """Plays messages at seconds from now on."""
        start = self._frame + 2 * self.client.blocksize
        for seconds, message in events:
            heappush(self._waiting, (start + round(seconds * RATE), next(self._numbers), message))

    def finish(self) -> None:
        """Waits until all has been played."""
        wait_until(lambda: not self._waiting, "an instrument to play")

    def heard(self) -> list[Heard]:
        """All messages so far."""
        return list(self._heard)

    def close(self) -> None:
        self.client.deactivate()
        self.client.close()

    def _process(self, frames: int) -> None:
        self._out.clear_buffer()
        while self._waiting and self._waiting[0][0] < self._frame + frames:
            frame, _, message = heappop(self._waiting)
            self._out.write_midi_event(max(frame - self._frame, 0), message)
        for offset, data in self._in.incoming_midi_events():
            self._heard.append(Heard(self._frame + offset, bytes(data)))
        self._frame += frames


class Monitor:
    """jack_midi_dump, a program that nobody here wrote: its log is the MIDI log. Its port is NAME:input."""

    LINE = re.compile(r"^\s*(\d+):((?: [0-9a-f]{2}(?=\s|$))+)", re.MULTILINE)

    def __init__(self, folder: Path, name: str = "Synth") -> None:
        self._log = folder / f"{name}.txt"
        with self._log.open("wb") as log:
            command = ["stdbuf", "-oL", "jack_midi_dump", "-a", name]
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        wait_until(lambda: f"{name}:input" in lsp(), f"{name}:input on the server")

    def heard(self) -> list[Heard]:
        """All messages so far."""
        text = self._log.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        return [Heard(int(frame), bytes.fromhex(data)) for frame, data in self.LINE.findall(whole)]

    def close(self) -> None:
        self._process.send_signal(signal.SIGINT)  # from SIGTERM it dies, and the server waits for it
        self._process.wait(LONG_S)


class FluidSynth:
    """fluidsynth, which renders what arrives into a WAV file. Its port is NAME:midi_00."""

    def __init__(self, folder: Path, name: str = "Fluid") -> None:
        font = next((font for font in FONTS if Path(font).exists()), None)
        if shutil.which("fluidsynth") is None or font is None:
            if jack_is_required():
                pytest.fail("JAMD_REQUIRE_JACK=1, but there is no fluidsynth, or no sound font")
            pytest.skip("there is no fluidsynth, or no sound font (Debian: fluidsynth, timgm6mb-soundfont)")
        self.wav = folder / f"{name}.wav"
        command = ["fluidsynth", "-q", "-a", "file", "-o", f"audio.file.name={self.wav}", "-m", "jack"]
        command += ["-o", "audio.file.type=wav", "-o", f"midi.jack.id={name}", "-o", "midi.autoconnect=0"]
        self._process = subprocess.Popen(
            [*command, "-r", "48000", font], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )

    def render(self) -> array[int]:
        """Ends it as its user does, which alone closes the file properly; the samples."""
        self._process.communicate("quit\n", timeout=LONG_S)
        with wave.open(str(self.wav)) as wav:
            assert wav.getsampwidth() == 2
            return array("h", wav.readframes(wav.getnframes()))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def closing(*peers: Instrument | Monitor | FluidSynth) -> Iterator[None]:
    """Closes the peers at the end."""
    try:
        yield
    finally:
        for peer in peers:
            peer.close()


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
