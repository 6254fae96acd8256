"""Laws of bars, metres and tempo: every bar is said until a pause, no bar is longer than its metre."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.music.events import Kind, LogEntry, Performed, Turn
from jamd.music.timeline import FOUR_FOUR, Metre, Timeline, ns_per_quarter
from jamd.remi import vocabulary as v
from jamd.remi.bars import Bars, bar_from, line_before, next_line, pieces
from jamd.remi.encoder import Encoder, tokenize
from tests.remi.logs import METRES, MS, Script, note, text

ANY_METRE = st.builds(Metre, st.integers(1, 24), st.sampled_from((1, 2, 4, 8, 16)))
HEAD = "BOS Call Bar Time-Signature_4/4"
BAR = FOUR_FOUR.ticks


# Metres


@given(ANY_METRE)
def test_the_pieces_of_a_metre_are_as_long_as_it_and_fit_their_own(metre: Metre) -> None:
    parts = pieces(metre)
    assert sum(ticks for ticks, _ in parts) == metre.ticks
    assert all(0 < ticks <= said.ticks and said in v.METRES for ticks, said in parts)


@pytest.mark.parametrize(
    ("metre", "said"),
    [
        (Metre(7, 4), ["4/4", "3/4"]),
        (Metre(15, 8), ["12/8", "3/8"]),
        (Metre(9, 4), ["4/4", "5/4"]),
        (Metre(4, 8), ["2/4"]),
        (Metre(5, 8), ["6/8"]),
        (Metre(1, 4), ["3/8"]),
        *((metre, [str(metre)]) for metre in v.METRES),
    ],
)
def test_a_metre_is_said_as_itself_or_as_what_can_be_said(metre: Metre, said: list[str]) -> None:
    assert [str(part) for _, part in pieces(metre)] == said


@given(ANY_METRE, st.integers(-5000, 5000), st.integers(-20_000, 20_000))
def test_bars_follow_each_other_on_the_lines_of_their_timeline(
    metre: Metre, downbeat: int, tick: int
) -> None:
    timeline = Timeline(0, 0, 480 * MS, metre, downbeat)
    line, following = line_before(timeline, tick), next_line(timeline, tick)
    assert line <= tick <= following
    end, said = bar_from(timeline, line)
    assert following == (line if line == tick else end) and 0 < end - line <= said.ticks
    assert next_line(timeline, downbeat) == downbeat == line_before(timeline, downbeat)


# Bars as they are said


def test_silent_bars_are_said() -> None:
    said = Script().on(0, 60).off(100, 60).on(3 * BAR, 62).off(3 * BAR + 100, 62).text()
    assert said == f"{HEAD} Position_1 {note(60, 100)} Bar Bar Bar Position_1 {note(62, 100)}"


@pytest.mark.parametrize(("bars", "silent"), [(4, 3), (5, 4), (6, 4), (100, 4)])
def test_after_four_silent_bars_the_next_bar_is_that_of_the_next_item(bars: int, silent: int) -> None:
    said = Script().on(0, 60).off(100, 60).on(bars * BAR, 62).off(bars * BAR + 100, 62).text()
    assert said == f"{HEAD} Position_1 {note(60, 100)}{' Bar' * silent} Bar Position_1 {note(62, 100)}"


def test_a_pause_begins_after_four_silent_bars_from_the_start_too() -> None:
    assert (
        Script().on(9 * BAR, 60).off(9 * BAR + 100, 60).text()
        == f"{HEAD}{' Bar' * 4} Position_1 {note(60, 100)}"
    )


def test_a_bar_is_said_as_soon_as_its_line_has_passed_and_nothing_waits_before_it() -> None:
    encoder = Encoder()
    for entry in Script().log:
        encoder.feed(entry)
    assert text(encoder.advance(MS)) == HEAD
    assert encoder.advance(BAR * MS) == []
    assert text(encoder.advance((BAR + 1) * MS)) == "Bar"
    encoder.feed(Script().on(2 * BAR - 200, 60).log[-1])
    assert encoder.advance((2 * BAR + 1) * MS) == []
    assert encoder.advance((2 * BAR + 60) * MS)[-1] == v.BAR


def test_a_turn_ends_a_pause_in_its_own_bar() -> None:
    script = Script().on(0, 60).off(100, 60).turn(20 * BAR + 700, Turn.RESPONSE)
    encoder = Encoder()
    for entry in script.log:
        encoder.feed(entry)
    said = text(encoder.advance(script.log[-1].time_ns))
    assert said == f"{HEAD} Position_1 {note(60, 100)}{' Bar' * 4} Bar Response"
    assert encoder.place.bar_tick == 20 * BAR


def test_a_new_downbeat_cuts_the_bar_short() -> None:
    script = Script().on(0, 60).off(100, 60).change(700, downbeat=700).on(700, 62).off(800, 62)
    script.on(700 + BAR, 64).off(800 + BAR, 64)
    assert script.text() == (
        f"{HEAD} Position_1 {note(60, 100)} Bar Position_1 {note(62, 100)} Bar Position_1 {note(64, 100)}"
    )


def test_a_metre_waits_for_the_bar_line_and_is_said_once() -> None:
    script = Script().change(600, metre=Metre(3, 4), downbeat=BAR)
    for line in (BAR, BAR + 1440, BAR + 2880):
        script.on(line, 60).off(line + 100, 60)
    said = f"Bar Position_1 {note(60, 100)}"
    assert script.text() == f"{HEAD} Bar Time-Signature_3/4 Position_1 {note(60, 100)} {said} {said}"


def test_a_bar_that_begins_off_the_lines_ends_on_the_next() -> None:
    """At 1000 a grid comes whose line is at 2500: the bar is whole, the next one is cut."""
    script = Script().change(1000, downbeat=2500 - BAR)
    assert script.timeline.next_bar_line(1000) == 2500
    script.on(2500, 60).off(2600, 60)
    assert script.text() == f"{HEAD} Bar Bar Position_1 {note(60, 100)}"


def test_long_bars_are_split_and_odd_ones_cut() -> None:
    split = Script(Metre(7, 4)).on(7 * 480, 60).off(7 * 480 + 100, 60).text()
    assert split == (
        "BOS Call Bar Time-Signature_4/4 Bar Time-Signature_3/4 "
        f"Bar Time-Signature_4/4 Position_1 {note(60, 100)}"
    )
    odd = Script(Metre(5, 8)).on(1200, 60).off(1300, 60).text()
    assert odd == f"BOS Call Bar Time-Signature_6/8 Bar Position_1 {note(60, 100)}"


def test_a_log_that_begins_in_mid_bar_begins_with_that_bar() -> None:
    said = Script(tick=BAR + 480).on(BAR + 960, 60).off(BAR + 1060, 60).text()
    assert said == f"{HEAD} Position_25 {note(60, 100)}"


@given(st.lists(st.tuples(st.integers(1, 4000), st.sampled_from(METRES), st.integers(0, 3000)), max_size=12))
def test_no_bar_is_longer_than_its_metre(changes: list[tuple[int, Metre, int]]) -> None:
    timeline = Timeline(0, 0, 480 * MS)
    bars = Bars(timeline)
    for gap, metre, ahead in changes:
        tick = timeline.tick + gap
        while bars.beat_end < tick:
            before, line = bars.bar, bars.next.line
            bars.go_on()
            if before and before is not bars.bar:
                assert bars.bar and bars.bar.line == line and before.metre
                assert before.line < line <= before.line + before.metre.ticks
        timeline = timeline.successor(tick * MS, metre=metre, downbeat=tick + ahead)
        bars.take_over(timeline, tick)
        assert bars.next.line <= max(next_line(bars.timeline, tick), tick)


# Tempo


def test_the_first_tempo_is_said_in_the_first_slot() -> None:
    tokens = tokenize(Script().on(3 * BAR, 60).log)
    at = tokens.index(v.TEMPO_VALUE.id(35))
    assert v.name_of(tokens[at - 2]) == "Position_1" and v.name_of(tokens[at - 1]) == "Tempo Class_mid"


@pytest.mark.parametrize(
    ("bpm", "said"),
    [
        (126, ""),
        (124, ""),
        (250, ""),
        (127, " Position_25 Tempo-Class_mid Tempo-Value_37"),
        (62, " Position_25 Tempo-Class_slow Tempo-Value_32"),
        (420, " Position_25 Tempo-Class_mid Tempo-Value_15"),
    ],
)
def test_a_tempo_is_said_at_its_instant_if_it_differs_by_two(bpm: int, said: str) -> None:
    script = Script().on(0, 60).off(100, 60).change(960, ns_per_quarter=ns_per_quarter(bpm))
    assert script.text() == f"{HEAD} Position_1 {note(60, 100)}{said}"


def test_a_slow_drift_of_the_tempo_is_said_whenever_it_has_come_to_two() -> None:
    timeline = Timeline(0, 0, 480 * MS)
    log: list[LogEntry] = [timeline, *Script().on(0, 60).log[1:]]
    for step in range(1, 5):
        timeline = timeline.successor(timeline.time_at(480 * step), ns_per_quarter=ns_per_quarter(125 + step))
        log.append(timeline)
    values = [v.TEMPO_VALUE.index(token) + 90 for token in tokenize(log) if token in v.TEMPO_VALUE]
    assert values == [125, 127, 129]


def test_bars_too_short_to_count_are_said_in_4_4_but_a_single_one_stays_a_pick_up() -> None:
    quarter = Timeline(0, 0, 500_000_000, Metre(1, 4))
    notes = [Performed(i * 500_000_000, Kind.NOTE_ON, 60 + i, 80) for i in range(8)]
    names = [v.name_of(token) for token in tokenize([quarter, *notes])]
    assert names.count("Bar_None") == 2
    assert "Time Signature_4/4" in names
    pick_up = quarter.successor(500_000_000, metre=Metre(3, 4), downbeat=480)
    names = [v.name_of(token) for token in tokenize([quarter, notes[0], pick_up, *notes[1:4]])]
    assert names.count("Bar_None") == 2
    assert names.count("Position_1") == 2
