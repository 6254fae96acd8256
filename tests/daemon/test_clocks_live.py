"""MIDI clock on JACK, from a program that nobody here wrote: jamd's bars are its bars, and clock goes out in time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median

import jack
import pytest

from jamd.music.events import Kind, LogEntry, Performed
from jamd.music.log import read_log
from jamd.music.timeline import Timeline
from tests.daemon.live import Jamd, jamd, scale, wait_until
from tests.daemon.peers import RATE, Heard, Instrument, Monitor, closing, connect
from tests.daemon.stage import CALL
from tests.jack import jack_is_required, jack_up, need_jackd

pytestmark = pytest.mark.usefixtures("even_server")

VIRTUAL = ("--in", "virtual:Partner", "--out", "virtual:Partner", "--bars", "1")
START, CLOCK = b"\xfa", b"\xf8"
TICKS_A_SECOND = 960
"""At 120 quarters a minute."""
LONG_CALL = 4 * CALL
"""Four quarters of music."""
CLOSE = 24
"""Ticks, 25 milliseconds: a tempo 2.5 % off is further away at the end of the notes."""
TAKES = 4
"""A busy machine holds the wire up for moments: then once more."""


def _log(folder: Path) -> list[LogEntry]:
    """What stands in the recording so far."""
    return read_log(next((folder / "jams").glob("*.jsonl")))


@pytest.fixture(scope="module")
def even_server() -> Iterator[None]:
    """A JACK server whose frames go by in time on a busy machine too: in short periods the dummy driver loses some."""
    need_jackd()
    with jack_up(period=512, timeout_ms=30):
        yield


@contextmanager
def midi_clock(bpm: int, port: str, *options: str) -> Iterator[jack.Client]:
    """jack_midi_clock, joined to a port; it sends when the transport of the client that is handed out rolls."""
    if shutil.which("jack_midi_clock") is None:
        if jack_is_required():
            pytest.fail("JAMD_REQUIRE_JACK=1, but there is no jack_midi_clock")
        pytest.skip("there is no jack_midi_clock (Debian: apt install jack-midi-clock)")
    process = subprocess.Popen(["jack_midi_clock", "-B", "-b", str(bpm), *options], stdout=subprocess.DEVNULL)
    transport = jack.Client("Transport", no_start_server=True)
    try:
        transport.activate()
        connect("jack_midi_clock:mclk_out", port)
        transport.transport_stop()
        transport.transport_frame = 0
        yield transport
    finally:
        transport.transport_stop()
        transport.close()
        process.terminate()
        process.wait(5)


def _off(heard: list[Heard], log: list[LogEntry]) -> list[int]:
    """How many ticks the notes since the last start stand in the log behind where the clock had them, in its bar.

    Where the clock had them is read in frames, from a port on which both could be heard.
    """
    heard = heard[max(i for i, event in enumerate(heard) if event.data == START) :]
    first = next(event.frame for event in heard if event.data == CLOCK)
    frames = [event.frame for event in heard if event.note_on]
    stamps = [note.time_ns for note in _note_ons(log)][-len(frames) :]
    timelines = [entry for entry in log if isinstance(entry, Timeline)]
    off = []
    for frame, stamp in zip(frames, stamps, strict=True):
        holds = [t for t in timelines if t.time_ns <= stamp][-1]
        true = (frame - first) * TICKS_A_SECOND // RATE
        off.append((holds.tick_at(stamp) - holds.downbeat - true + 960) % 1920 - 960)
    return off


def _note_ons(log: list[LogEntry]) -> list[Performed]:
    return [entry for entry in log if isinstance(entry, Performed) and entry.kind is Kind.NOTE_ON]


def _perform(keyboard: Instrument, synth: Monitor, daemon: Jamd, transport: jack.Client) -> list[int]:
    """The song from its start, until a long call has been played to it; how far off its notes stand in the log."""
    told, played = len(daemon.events("transport")), len(_note_ons(_log(daemon.folder)))
    transport.transport_frame = 0
    wait_until(lambda: transport.transport_frame == 0, "the song's beginning")
    transport.transport_start()
    wait_until(lambda: len(daemon.events("transport")) == told + 1, "the song to roll")
    daemon.wait_for("clock")
    keyboard.play(scale(LONG_CALL))
    notes = played + len(LONG_CALL)
    wait_until(lambda: sum(event.note_on for event in synth.heard()) == notes, "the notes on the port")
    wait_until(lambda: len(_note_ons(_log(daemon.folder))) == notes, "the notes in the log")
    transport.transport_stop()
    wait_until(lambda: len(daemon.events("transport")) == told + 2, "the song to stop")
    return _off(synth.heard(), _log(daemon.folder))


def test_the_log_has_the_clocks_tempo_and_its_bars_from_its_start(tmp_path: Path, model: Path) -> None:
    keyboard, synth, takes = Instrument("Keyboard"), Monitor(tmp_path), list[list[int]]()
    with closing(keyboard, synth), jamd(tmp_path, *VIRTUAL, model=model) as daemon:
        daemon.wait_ready()
        for port in ("Partner-in:in", "Synth:input"):
            connect("Keyboard:out", port)
        with midi_clock(120, "Partner-in:in") as transport:
            connect("jack_midi_clock:mclk_out", "Synth:input")
            while not takes or (median(map(abs, takes[-1])) > CLOSE and len(takes) < TAKES):
                takes.append(_perform(keyboard, synth, daemon, transport))
        assert daemon.end() == 0
        assert [event["rolling"] for event in daemon.events("transport")] == [True, False] * len(takes)
    timelines = [entry for entry in _log(tmp_path) if isinstance(entry, Timeline)]
    assert all(new.tick == old.tick_at(new.time_ns) for old, new in pairwise(timelines))
    assert median(map(abs, takes[-1])) <= CLOSE, takes


def test_a_new_wire_goes_on_with_the_clock_and_no_tick_jumps(tmp_path: Path, model: Path) -> None:
    keyboard = Instrument("Keyboard")
    with closing(keyboard), jamd(tmp_path, *VIRTUAL, model=model) as daemon:
        daemon.wait_ready()
        connect("Keyboard:out", "Partner-in:in")
        with midi_clock(120, "Partner-in:in") as transport:
            transport.transport_start()
            daemon.wait_for("clock")
            keyboard.play(scale(CALL))
            keyboard.finish()
            os.kill(daemon.pids("wire")[0], signal.SIGKILL)
            daemon.wait_ready(wires=2)
            connect("jack_midi_clock:mclk_out", "Partner-in:in")
            connect("Keyboard:out", "Partner-in:in")
            wait_until(lambda: len(daemon.events("clock")) == 2, "the clock to be followed again")
            keyboard.play(scale(CALL))
            wait_until(lambda: len(daemon.events("note_in")) == 2 * len(CALL), "the notes")
        assert daemon.end() == 0
        assert len(daemon.pids("brain")) == 1
    timelines = [entry for entry in _log(tmp_path) if isinstance(entry, Timeline)]
    assert len(timelines) >= 2 and len({t.downbeat for t in timelines}) == 1
    assert all(new.tick == old.tick_at(new.time_ns) for old, new in pairwise(timelines))


def test_a_count_in_clicks_and_the_clock_goes_out_with_a_start_on_bar_1(tmp_path: Path, model: Path) -> None:
    gear = Instrument("Gear")
    options = ("--bpm", "150", "--count-in", "1", "--send-clock")
    with closing(gear), jamd(tmp_path, *VIRTUAL, *options, model=model) as daemon:
        wait_until(lambda: daemon.pids("wire"), "the ports")
        connect("Partner-out:out", "Gear:in")
        daemon.wait_ready()
        wait_until(lambda: sum(event.data == b"\xf8" for event in gear.heard()) > 24 * 6, "six quarters of clock")
        assert daemon.end() == 0
        heard = gear.heard()
    clicks = [event for event in heard if event.note_on]
    assert [event.key for event in clicks] == [(9, 76), (9, 77), (9, 77), (9, 77)]
    told = [event.data for event in heard]
    before = [told[: told.index(data)].count(b"\xf8") for data in (clicks[0].data, b"\xfa")]
    assert before == [1, 96]  # the first click is on the first clock, and a bar later the song starts
    assert [event.data for event in heard if event.data in (b"\xfa", b"\xfb", b"\xfc")] == [b"\xfa", b"\xfc"]
