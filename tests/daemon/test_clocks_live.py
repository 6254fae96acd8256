"""MIDI clock on JACK, from a program that nobody here wrote: jamd's bars are its bars, and clock goes out in time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import jack
import pytest

from jamd.music.events import Performed
from jamd.music.log import read_log
from jamd.music.timeline import Timeline
from tests.daemon.live import jamd, scale, wait_until
from tests.daemon.peers import RATE, Instrument, closing, connect
from tests.daemon.stage import CALL
from tests.jack import jack_is_required

pytestmark = pytest.mark.usefixtures("impatient_server")

VIRTUAL = ("--in", "virtual:Partner", "--out", "virtual:Partner", "--bars", "1")
WINDOWS = 6
"""The dummy driver of a busy machine stands still for moments, and the clock with it: the best second counts."""


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


def _quarters(timelines: list[Timeline], since: tuple[int, int], until: tuple[int, int]) -> float:
    """Quarters that went by on the Timelines between two instants, which stand behind their frames."""
    ticks = [[t for t in timelines if t.time_ns <= at][-1].tick_at(at) for _, at in (since, until)]
    return (ticks[1] - ticks[0]) / 480


def test_the_log_has_the_clocks_tempo_and_its_bars_from_its_start(tmp_path: Path, model: Path) -> None:
    keyboard = Instrument("Keyboard")
    with closing(keyboard), jamd(tmp_path, *VIRTUAL, model=model) as daemon:
        daemon.wait_ready()
        connect("Keyboard:out", "Partner-in:in")
        with midi_clock(120, "Partner-in:in") as transport:
            transport.transport_start()
            assert daemon.wait_for("transport")["rolling"]
            daemon.wait_for("clock")
            keyboard.play(scale(CALL))
            seconds = []  # frames that the server has counted, and when
            for _ in range(WINDOWS + 1):
                time.sleep(1)
                seconds.append((transport.transport_frame, time.monotonic_ns()))
            transport.transport_stop()
            wait_until(lambda: len(daemon.events("transport")) == 2, "the song to stop")
        assert daemon.end() == 0
        rolls = [(event["t_ns"], event["rolling"]) for event in daemon.events("transport")]
    log = read_log(next((tmp_path / "jams").glob("*.jsonl")))
    timelines = [entry for entry in log if isinstance(entry, Timeline)]
    assert all(new.tick == old.tick_at(new.time_ns) for old, new in pairwise(timelines))
    assert [rolling for _, rolling in rolls] == [True, False]
    off = [abs(_quarters(timelines, a, b) - (b[0] - a[0]) / RATE * 120 / 60) for a, b in pairwise(seconds)]
    assert min(off) <= 0.05, off  # quarters in a second: two of them, so 2.5 %
    bar = (timelines[0].tick_at(rolls[0][0]) - timelines[0].downbeat) % 1920
    assert min(bar, 1920 - bar) <= 40  # ticks of a millisecond: the port may hold up the first clock
    assert sum(isinstance(entry, Performed) for entry in log) >= 2 * len(CALL)


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
    log = read_log(next((tmp_path / "jams").glob("*.jsonl")))
    timelines = [entry for entry in log if isinstance(entry, Timeline)]
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
