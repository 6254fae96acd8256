"""The conductor on a fake clock: whoever says the tempo, ticks never jump, and the brain knows where the beats are."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from jamd.midi.conductor import LEAD_NS, Conductor, Tempo
from jamd.midi.file_ports import FileInput
from jamd.midi.smf import MidiLog
from jamd.music.charts import Chart
from jamd.music.messages import Report, Resumed, Transport
from jamd.music.timeline import Metre, Timeline
from jamd.remi.encoder import Encoder
from tests.midi.clock_sources import (
    CLOCK,
    CONTINUE,
    START,
    STOP,
    Sent,
    normal,
    song_tick,
    steady,
    with_messages,
    wobbling,
)
from tests.midi.doubles import MS, ScriptedInput

SECOND = 1000 * MS
BAR = 1920


@dataclass
class Podium:
    """A conductor, and what it says."""

    tempo: Tempo = field(default_factory=Tempo)
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reports: list[Report] = []
        self.said: list[Timeline | Transport] = []
        self.conductor = Conductor(self.tempo, self.reports.append, **self.options)

    def greet(self, now: int = 0, known: Timeline | None = None) -> list[Timeline | Resumed | Transport]:
        return self.conductor.greet(now, known)

    def run(self, until_ms: int, sent: list[Sent] | None = None, from_ms: int = 0) -> None:
        """Looks every millisecond; hears what has come."""
        waiting = sorted(sent or [], key=lambda one: one.came_ns)
        for now in range(from_ms * MS, until_ms * MS + 1, MS):
            while waiting and waiting[0].came_ns <= now:
                self.conductor.hear(waiting.pop(0).message, now)
            self.said += self.conductor.entries(now)

    @property
    def timelines(self) -> list[Timeline]:
        return [entry for entry in self.said if isinstance(entry, Timeline)]

    @property
    def whats(self) -> list[str]:
        return [report.what for report in self.reports if report.what != "tempo"]


def continuous(*timelines: Timeline) -> bool:
    """True if an encoder takes them one after the other, and no tick jumps."""
    encoder = Encoder()
    for timeline in timelines:
        encoder.feed(timeline)
    return all(new.tick == old.tick_at(new.time_ns) for old, new in pairwise(timelines))


def source(bpm: float = 120, quarters: float = 8, start_ns: int = SECOND) -> list[Sent]:
    return with_messages(wobbling(steady(bpm, quarters, start_ns), normal(1.0)), (0, START))


# ---- a fixed tempo ---------------------------------------------------------------------------------------


def test_a_count_in_has_a_timeline_before_anybody_plays_and_bar_1_follows_it() -> None:
    podium = Podium(Tempo(120, Metre(3, 4), count_in=2))
    podium.run(1000)
    assert podium.said == []  # nobody is there to hear it
    podium.greet(SECOND)
    podium.run(6000, from_ms=1000)
    begin = SECOND + LEAD_NS
    bar_1 = begin + 3 * SECOND
    assert podium.said == [Timeline(begin, 0, 500 * MS, Metre(3, 4), 2 * 1440), Transport(bar_1, True)]
    assert podium.conductor.count_in == (podium.timelines[0], 2, 2 * 1440)
    assert podium.conductor.song == 2 * 1440


@pytest.mark.parametrize("tempo", [Tempo(), Tempo(120), Tempo(count_in=2), Tempo(120, count_in=2, goes_on=True)])
def test_without_a_bpm_and_a_reason_nothing_begins_by_itself(tempo: Tempo) -> None:
    podium = Podium(tempo)
    podium.greet()
    podium.run(3000)
    assert podium.said == []


def test_who_sends_clock_at_a_fixed_tempo_leads_and_follows_nobody() -> None:
    podium = Podium(Tempo(100, send=True))
    podium.greet()
    podium.run(6000, source())
    assert [t.bpm for t in podium.timelines] == [100] and podium.whats == []


def test_a_performer_who_plays_before_the_count_in_begins_is_not_contradicted() -> None:
    podium = Podium(Tempo(120, count_in=1))
    podium.greet()
    podium.conductor.play()
    podium.run(2000)
    assert podium.said == []  # the brain is making its own
    own = Timeline(100 * MS, 0, 500 * MS)
    podium.conductor.told(own)
    podium.run(6000, from_ms=2001)
    (fixed,) = podium.timelines
    assert continuous(own, fixed) and fixed.downbeat == fixed.tick + BAR


@pytest.mark.parametrize("bars", [0, 1, 2, 5])
def test_a_chart_begins_with_the_bar_behind_the_count_in(bars: int) -> None:
    chart = Chart.parse("C | F | G | Am")
    podium = Podium(Tempo(120, count_in=bars, send=True))
    podium.greet()
    podium.run(12_000)
    (timeline,), bar_1 = podium.timelines, podium.conductor.song
    assert bar_1 == timeline.tick + bars * BAR
    assert [chart.on(timeline).at(bar_1 + bar * BAR).text for bar in range(-1, 4)] == ["Am", "C", "F", "G", "Am"]


@pytest.mark.parametrize("setting", [Tempo(count_in=2), Tempo(90, count_in=2), Tempo(count_in=2, goes_on=True)])
def test_a_count_in_that_nobody_will_hear_is_told_once(setting: Tempo) -> None:
    podium = Podium(setting)
    podium.greet()
    podium.greet()
    assert podium.whats == ["ignored"] * (not setting.bpm and not setting.goes_on)


def test_a_clock_that_comes_takes_over_from_a_fixed_tempo_and_ends_its_count_in() -> None:
    podium = Podium(Tempo(90, count_in=2))
    podium.greet()
    podium.run(6000, source(120, quarters=9))
    assert continuous(*podium.timelines) and podium.conductor.count_in is None
    assert podium.timelines[-1].bpm == pytest.approx(120, rel=0.02)
    assert [entry.rolling for entry in podium.said if isinstance(entry, Transport)] == [True]


# ---- somebody's clock ------------------------------------------------------------------------------------


def test_a_clock_is_followed_once_a_brain_is_there_to_hear_of_it() -> None:
    podium = Podium()
    sent = source(quarters=12)
    podium.run(3000, [one for one in sent if one.came_ns <= 3 * SECOND])
    assert podium.timelines == []
    (roll,) = podium.greet(3 * SECOND)
    assert roll == Transport(3 * SECOND, True)
    podium.run(6000, [one for one in sent if one.came_ns > 3 * SECOND], from_ms=3000)
    assert podium.timelines and abs(song_tick(podium.timelines[0], SECOND)) <= 8
    assert podium.whats == ["transport", "clock"]


def test_while_the_brain_makes_a_timeline_of_its_own_the_clock_waits_for_it_and_goes_on_from_there() -> None:
    podium = Podium()
    podium.greet()
    podium.conductor.play()
    sent = source(quarters=12)
    podium.run(3000, [one for one in sent if one.came_ns <= 3 * SECOND])
    assert podium.timelines == []
    own = Timeline(20 * MS, 0, 500 * MS)
    podium.conductor.told(own)
    podium.run(6500, [one for one in sent if one.came_ns > 3 * SECOND], from_ms=3001)
    assert podium.timelines and continuous(own, *podium.timelines)
    off = song_tick(podium.timelines[-1], SECOND) % BAR
    assert min(off, BAR - off) <= 10


def test_a_lost_clock_and_its_return_are_told() -> None:
    podium = Podium()
    podium.greet()
    sent = [one for one in source(quarters=24) if not 4 * SECOND < one.came_ns < 8 * SECOND]
    podium.run(12_000, sent)
    assert podium.whats == ["transport", "clock", "clock_lost", "clock_back"]


def test_a_port_of_its_own_is_followed_and_what_comes_with_the_playing_is_not() -> None:
    own, other = source(100, quarters=8), source(150, quarters=8)
    port = ScriptedInput([(one.came_ns, one.message) for one in own])
    podium = Podium(options={"port": port})
    podium.greet()
    podium.run(5000, other)
    assert podium.timelines[-1].bpm == pytest.approx(100, rel=0.02)


def test_where_no_clock_is_wanted_none_is_followed() -> None:
    podium = Podium(options={"follows": False})
    podium.greet()
    podium.run(5000, source())
    assert podium.said == [] and podium.reports == []


def test_a_conductor_that_goes_on_with_a_jam_goes_on_with_its_timeline() -> None:
    known = Timeline(0, 700, 510 * MS, downbeat=300)
    podium = Podium(Tempo(goes_on=True))
    assert podium.greet(SECOND // 2, known) == []  # the brain knows it
    podium.run(5000, [one for one in source() if one.message != START], from_ms=500)
    assert continuous(known, *podium.timelines) and {t.downbeat for t in podium.timelines} == {300}


def test_a_wire_that_goes_on_with_a_fixed_tempo_neither_counts_in_nor_loses_its_beat() -> None:
    known = Timeline(0, 700, 500 * MS, downbeat=300)
    podium = Podium(Tempo(120, count_in=2, send=True, goes_on=True))
    podium.greet(SECOND, known)
    podium.run(3000, from_ms=1000)
    assert podium.conductor.timeline == known and podium.said == [] and podium.conductor.count_in is None


def test_a_new_brain_is_told_what_holds_and_whether_the_song_rolls() -> None:
    podium = Podium()
    podium.greet()
    podium.run(5000, source())
    holds = podium.timelines[-1]
    assert podium.greet(6 * SECOND) == [holds, Transport(6 * SECOND, True)]
    assert podium.greet(6 * SECOND, holds) == [Transport(6 * SECOND, True)]
    podium.conductor.hear(STOP, 7 * SECOND)
    assert podium.greet(8 * SECOND) == [holds, Transport(8 * SECOND, False)]
    free = Podium()
    free.conductor.told(holds)
    assert free.greet(6 * SECOND) == [Resumed(holds)]


# ---- taps ------------------------------------------------------------------------------------------------


def tapped(podium: Podium, *at_ms: int) -> None:
    for ms in at_ms:
        podium.conductor.tap(ms * MS)
        podium.said += podium.conductor.entries(ms * MS)


def test_three_taps_make_a_tempo_whose_bar_began_with_the_first() -> None:
    podium = Podium()
    podium.greet()
    tapped(podium, 1000, 1600, 2200)
    (timeline,) = podium.timelines
    assert timeline.bpm == pytest.approx(100) and song_tick(timeline, SECOND) == pytest.approx(0, abs=1)


def test_taps_lean_the_tempo_that_holds_until_its_beats_are_the_taps() -> None:
    podium = Podium()
    podium.greet()
    own = Timeline(0, 0, 500 * MS)
    podium.conductor.told(own)
    taps = [1130 + 600 * n for n in range(6)]
    tapped(podium, *taps)
    podium.run(8000, from_ms=taps[-1] + 1)
    assert continuous(own, *podium.timelines) and {t.downbeat for t in podium.timelines} == {0}
    last = podium.timelines[-1]
    assert last.bpm == pytest.approx(100)
    off = last.tick_at((1130 + 600 * 10) * MS) % 480
    assert min(off, 480 - off) <= 3


def test_in_six_eight_a_tap_is_a_dotted_quarter() -> None:
    podium = Podium(Tempo(metre=Metre(6, 8)))
    podium.greet()
    tapped(podium, 1000, 1600, 2200)
    assert podium.timelines[0].bpm == pytest.approx(150)


def test_while_somebodys_clock_is_followed_taps_do_not_count_and_that_is_told_once() -> None:
    podium = Podium()
    podium.greet()
    podium.run(5000, source(quarters=8))
    said = len(podium.timelines)
    tapped(podium, 5100, 5300, 5500, 5700)
    assert len(podium.timelines) == said and podium.whats == ["transport", "clock", "ignored"]


@pytest.mark.parametrize("stopped", [False, True])
def test_who_has_lost_the_clock_can_tap_until_it_is_back(stopped: bool) -> None:
    podium = Podium()
    podium.greet()
    sent = [one for one in source(quarters=44) if not 4 * SECOND < one.came_ns < 14 * SECOND]
    stop = [Sent(0, 4 * SECOND, STOP)] * stopped
    podium.run(8000, [*[one for one in sent if one.came_ns < 8 * SECOND], *stop])
    for ms in range(8000, 14_000, 400):
        tapped(podium, ms)
        podium.run(ms + 399, from_ms=ms + 1)
    tapping = podium.timelines[-1]
    off = tapping.tick_at(13_600 * MS) % 480
    assert tapping.bpm == pytest.approx(150, rel=0.01) and min(off, 480 - off) <= 3
    start = [Sent(0, 14 * SECOND, CONTINUE)] * stopped
    podium.run(22_000, [*start, *(one for one in sent if one.came_ns >= 14 * SECOND)], from_ms=14_000)
    assert podium.timelines[-1].bpm == pytest.approx(120, rel=0.01) and continuous(*podium.timelines)
    assert ("clock_back" in podium.whats) is not stopped


@pytest.mark.parametrize("period_ms", [300, 400, 700])
def test_taps_in_the_count_in_change_its_tempo_and_the_song_begins_on_its_bar_1(period_ms: int) -> None:
    podium = Podium(Tempo(120, count_in=2))
    podium.greet()
    podium.run(1000)
    for ms in range(1000, 1000 + 5 * period_ms, period_ms):
        tapped(podium, ms)
        podium.run(ms + period_ms - 1, from_ms=ms + 1)
    podium.run(10_000, from_ms=1000 + 5 * period_ms)
    (roll,) = [entry for entry in podium.said if isinstance(entry, Transport)]
    last = podium.timelines[-1]
    assert last.bpm == pytest.approx(60_000 / period_ms, rel=1e-4) and continuous(*podium.timelines)
    assert roll == Transport(last.time_at(2 * BAR), True) and {t.downbeat for t in podium.timelines} == {2 * BAR}
    assert podium.conductor.song == 2 * BAR


def test_taps_before_the_first_click_do_not_take_the_count_in_away() -> None:
    podium = Podium(Tempo(120, count_in=1))
    podium.run(500)
    tapped(podium, 0, 400)
    podium.greet(500 * MS)
    tapped(podium, 800)
    podium.run(5000, from_ms=801)
    assert podium.said == [Timeline(SECOND, 0, 500 * MS, downbeat=BAR), Transport(3 * SECOND, True)]


def test_a_file_is_played_to_its_own_clock_whoever_taps() -> None:
    first = Timeline(0, 0, 600 * MS)
    file = FileInput(MidiLog((first,), 9 * SECOND, 0, 0, 0, 0, 0), "file")
    podium = Podium(Tempo(), {"file": file})
    file.start(podium.conductor.lead_in_ns(first, 0))
    podium.greet()
    tapped(podium, 1000, 1400, 1800, 2200)
    assert podium.said == [first] and podium.whats == ["ignored"]


# ---- files -----------------------------------------------------------------------------------------------


def test_a_file_is_its_own_clock_and_begins_after_its_count_in() -> None:
    first = Timeline(0, 0, 600 * MS, Metre(3, 4))
    file = FileInput(MidiLog((first,), 9 * SECOND, 0, 0, 0, 0, 0), "file")
    podium = Podium(Tempo(count_in=2), {"file": file})
    start_ns = podium.conductor.lead_in_ns(first, SECOND)
    assert start_ns == SECOND + 6 * 600 * MS
    file.start(start_ns)
    podium.greet()
    podium.run(6000, source())
    assert podium.said == [Timeline(start_ns, 0, 600 * MS, Metre(3, 4))]
    assert podium.conductor.count_in == (podium.timelines[0], 2, 0) and podium.conductor.song == 0
    assert Podium(Tempo(), {"file": file}).conductor.lead_in_ns(first, SECOND) == SECOND


def test_clocks_alone_are_no_transport() -> None:
    podium = Podium()
    podium.greet()
    podium.run(4000, [one for one in source() if one.message == CLOCK])
    assert podium.timelines and len(podium.timelines) == len(podium.said) and podium.conductor.song is None
