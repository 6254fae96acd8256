"""Laws of the Timeline: ticks and nanoseconds map one to one, successors are continuous, bar lines repeat."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.music.timeline import FOUR_FOUR, NS_PER_MINUTE, TICKS_PER_QUARTER, Metre, Timeline, ns_per_quarter

TICKS = st.integers(-(10**7), 10**7)
TIMES = st.integers(-(10**13), 10**13)
METRES = st.builds(Metre, st.integers(1, 16), st.sampled_from((2, 4, 8, 16)))
TEMPOS = st.floats(10, 600).map(ns_per_quarter)
TIMELINES = st.builds(Timeline, TIMES, TICKS, TEMPOS, METRES, TICKS)


@given(TIMELINES, TICKS)
def test_every_tick_has_its_first_nanosecond(timeline: Timeline, tick: int) -> None:
    first = timeline.time_at(tick)
    assert timeline.tick_at(first) == tick
    assert timeline.tick_at(first - 1) == tick - 1


@given(TIMELINES, TIMES, st.integers(0, 10**10))
def test_ticks_never_go_back(timeline: Timeline, time: int, later: int) -> None:
    assert timeline.tick_at(time) <= timeline.tick_at(time + later)
    assert timeline.time_at(timeline.tick_at(time)) <= time < timeline.time_at(timeline.tick_at(time) + 1)


@given(TIMELINES)
def test_a_timeline_is_at_its_tick_at_its_instant(timeline: Timeline) -> None:
    assert timeline.tick_at(timeline.time_ns) == timeline.tick
    assert timeline.time_at(timeline.tick) == timeline.time_ns


@given(TIMELINES, TIMES, TEMPOS, METRES, TICKS)
def test_a_successor_is_continuous_whatever_it_changes(
    timeline: Timeline, time: int, tempo: int, metre: Metre, downbeat: int
) -> None:
    successor = timeline.successor(time, ns_per_quarter=tempo, metre=metre, downbeat=downbeat)
    assert successor.tick_at(time) == successor.tick == timeline.tick_at(time)
    assert (successor.time_ns, successor.metre, successor.downbeat) == (time, metre, downbeat)
    assert successor.ns_per_quarter == tempo


@given(TIMELINES, TIMES)
def test_a_successor_that_changes_nothing_keeps_the_bar_lines(timeline: Timeline, time: int) -> None:
    successor = timeline.successor(time)
    assert successor.next_bar_line(0) == timeline.next_bar_line(0)
    assert abs(successor.time_at(0) - timeline.time_at(0)) <= timeline.ns_per_quarter // TICKS_PER_QUARTER + 1


@given(TIMELINES, TICKS)
def test_bar_lines_are_whole_bars_from_the_downbeat(timeline: Timeline, tick: int) -> None:
    line, bar = timeline.next_bar_line(tick), timeline.metre.ticks
    assert tick <= line < tick + bar and (line - timeline.downbeat) % bar == 0
    assert timeline.next_bar_line(line) == line and timeline.next_bar_line(line + 1) == line + bar


@given(TIMELINES, TICKS)
def test_beats_are_counted_from_the_bar_line(timeline: Timeline, tick: int) -> None:
    beat, line = timeline.next_beat(tick), timeline.next_bar_line(tick)
    assert tick <= beat <= line and beat - tick < timeline.metre.beat_ticks
    if timeline.metre.ticks % timeline.metre.beat_ticks == 0:
        assert (beat - timeline.downbeat) % timeline.metre.beat_ticks == 0


@given(TEMPOS)
def test_the_tempo_is_what_a_minute_holds(tempo: int) -> None:
    timeline = Timeline(0, 0, tempo)
    assert abs(timeline.tick_at(NS_PER_MINUTE) - timeline.bpm * TICKS_PER_QUARTER) <= 1
    assert abs(ns_per_quarter(timeline.bpm) - tempo) <= 1


@pytest.mark.parametrize(
    ("metre", "bar", "beat"),
    [
        (FOUR_FOUR, 1920, 480),
        (Metre(3, 4), 1440, 480),
        (Metre(2, 2), 1920, 960),
        (Metre(6, 8), 1440, 720),
        (Metre(12, 8), 2880, 720),
        (Metre(3, 8), 720, 480),
        (Metre(7, 8), 1680, 480),
    ],
)
def test_a_bar_and_its_felt_beat(metre: Metre, bar: int, beat: int) -> None:
    assert (metre.ticks, metre.beat_ticks) == (bar, beat)
    assert str(metre) == f"{metre.numerator}/{metre.denominator}"
