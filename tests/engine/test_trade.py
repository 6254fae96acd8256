"""Trade on a fake clock: so many bars each, exactly; the downbeat is met whatever the performer does before it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.engine.partner import MS, Manners, State
from jamd.music.events import Turn
from jamd.music.messages import Transport
from jamd.music.timeline import Metre, Timeline, ns_per_quarter
from tests.engine.band import START, Band, act, off, on, run

CALL, RESPONSE = Turn.CALL, Turn.RESPONSE
BAR_MS = 2000
"""Of four quarters at 120."""


def trade(bars: int = 2, **manners: object) -> Manners:
    return Manners(mode="trade", bpm=120.0, trade_bars=bars, **manners)  # type: ignore[arg-type]


def test_each_has_his_bars_exactly_and_the_first_note_is_on_the_downbeat() -> None:
    band = Band(trade())
    band.give(*run(0, 14), *run(8000, 14))
    band.run(15000)
    firsts = [min(n.time_ns for n in band.note_ons if n.time_ns >= START + t * MS) for t in (4000, 12000)]
    assert [f - START for f in firsts] == [4000 * MS, 12000 * MS]
    assert band.turns() == [(0, CALL), (4000, RESPONSE), (8000, CALL), (12000, RESPONSE)]
    sounding = [(n.time_ns - START) // MS for n in band.note_ons]
    assert all(4000 <= at < 8000 or at >= 12000 for at in sounding)
    ends = [(e.time_ns - START) // MS for e, _ in band.played if (e.time_ns - START) // MS < 12000]
    assert max(ends) <= 8000
    band.run(16500)
    band.check_heard()
    band.check()


@pytest.mark.parametrize("metre", [Metre(3, 4), Metre(6, 8), Metre(2, 2)], ids=str)
def test_bars_are_those_of_the_metre_and_of_the_clock(metre: Metre) -> None:
    band = Band(Manners(mode="trade", trade_bars=1, metre=metre))
    timeline = Timeline(START, 0, ns_per_quarter(100), metre)
    band.give(timeline, *run(20, 6))
    band.run(6000)
    assert band.note_ons[0].time_ns == timeline.time_at(metre.ticks)
    band.check()


@given(st.integers(3300, 3999), st.integers(0, 11), st.booleans())
@settings(max_examples=25, deadline=None)
def test_a_late_note_of_the_call_is_in_memory_and_the_downbeat_is_kept(at: int, pitch: int, released: bool) -> None:
    band = Band(trade())
    band.give(*run(0, 12), on(at, 80 + pitch), off(at + 40 if released else at + 900, 80 + pitch))
    band.run(8600)
    assert band.note_ons[0].time_ns == START + 4000 * MS
    band.check_heard()
    band.check()


def test_notes_just_before_the_downbeat_mend_the_answer_behind_its_beginning() -> None:
    quiet, mended = Band(trade()), Band(trade())
    quiet.give(*run(0, 12))
    mended.give(*run(0, 12), on(3950, 84), off(3990, 84))
    for band in (quiet, mended):
        band.run(8500)
        band.check_heard()
        band.check()
    assert mended.whats("mended") and not quiet.whats("mended")
    cut = START + 4100 * MS
    early = [[(n.time_ns, n.number) for n in b.note_ons if n.time_ns < cut] for b in (quiet, mended)]
    assert early[0] == early[1]


def test_silent_bars_of_the_performer_are_a_turn_but_not_for_ever() -> None:
    band = Band(trade(1))
    band.give(*run(0, 6))
    band.run(24000)
    assert [at for at, turn in band.turns() if turn is RESPONSE] == [2000, 6000, 10000]
    band.give(*run(24100, 4))
    band.run(29000)
    assert [at for at, turn in band.turns() if turn is RESPONSE][3:] == [26000]
    band.check()


def test_a_pick_up_belongs_to_the_coming_turn_and_stops_nobody() -> None:
    band = Band(trade(1))
    band.give(*run(0, 6), on(3600, 48), off(3700, 48), on(3800, 50), off(3900, 50), *run(4000, 6))
    band.run(8100)
    assert band.stops == 0 and not band.whats("barge_in")
    turns = [(0, CALL), (2000, RESPONSE), (6000, RESPONSE), (8000, CALL)]
    assert band.turns() == turns  # the turn of the pick-up has joined jamd's
    band.run(8500)
    band.check()


def test_who_insists_takes_the_rest_of_jamds_bars_and_has_his_own() -> None:
    band = Band(trade(2))
    band.give(*run(0, 14), *run(4300, 30, gap_ms=200))
    band.run(16500)
    (insisted,) = band.whats("barge_in")
    assert insisted.time_ns == START + 5300 * MS
    assert not [n for n in band.note_ons if insisted.time_ns < n.time_ns < START + 12000 * MS]
    assert min(n.time_ns for n in band.note_ons if n.time_ns > insisted.time_ns) == START + 12000 * MS
    band.check()


def test_a_song_that_stops_stops_jamd_and_one_that_begins_begins_with_the_performer() -> None:
    band = Band(Manners(mode="trade", trade_bars=1))
    timeline = Timeline(START, 0, ns_per_quarter(120))
    band.give(timeline, *run(0, 7), Transport(START + 2500 * MS, rolling=False))
    band.run(7000)
    assert not [n for n in band.note_ons if n.time_ns > START + 2500 * MS]
    assert band.ear.silent
    again = timeline.successor(START + 7300 * MS, downbeat=timeline.tick_at(START + 7300 * MS))
    band.give(again, Transport(again.time_ns, rolling=True), *run(7300, 6))
    band.run(11000)
    assert min(n.time_ns for n in band.note_ons if n.time_ns > again.time_ns) == again.time_at(again.tick + 1920)
    band.check()


def test_without_a_tempo_it_is_said_and_jamd_answers_as_before() -> None:
    band = Band(Manners(mode="trade"))
    band.give(*run(0, 8))
    band.run(4000)
    assert ["needs a tempo" in str(r.facts["why"]) for r in band.whats("mode")] == [True]
    assert band.note_ons
    band.check()


def test_the_turn_may_be_ended_at_the_next_bar_line() -> None:
    band = Band(trade(4))
    band.give(*run(0, 6), act(1600, "end_turn"))
    band.run(5000)
    assert band.note_ons[0].time_ns == START + 4000 * MS
    assert band.partner.state is State.PLAYING


def test_bars_change_with_the_next_turn() -> None:
    band = Band(trade(2))
    band.give(*run(0, 14), act(3000, "bars", 1.0))
    band.run(9000)
    assert band.turns() == [(0, CALL), (4000, RESPONSE), (6000, CALL), (8000, RESPONSE)]


def test_a_song_over_which_nobody_plays_gets_two_answers() -> None:
    band = Band(Manners(mode="trade", trade_bars=1))
    band.give(Timeline(START, 0, ns_per_quarter(120)), Transport(START, rolling=True))
    band.run(14000)
    assert [at for at, turn in band.turns() if turn is RESPONSE] == [2000, 6000]
    band.check()
    band.check_heard()
    band.give(*run(14100, 6))
    band.run(17000)
    assert [at for at, turn in band.turns() if turn is RESPONSE][2:] == [16000]
    band.check()


def test_where_a_clock_moves_the_bars_the_performers_turn_begins_with_them() -> None:
    """The song begins anew in mid bar, while it rolls: nobody says that it begins."""
    for at in (2600, 3500, 3950, 4700):  # in his turn, as jamd's is drafted, when it is handed on, and in jamd's
        band = Band(Manners(mode="trade", trade_bars=2))
        timeline = Timeline(START, 0, ns_per_quarter(120))
        moved = timeline.successor(START + at * MS, downbeat=timeline.tick_at(START + at * MS))
        band.give(timeline, moved, *run(0, 10), *run(at, 40))
        band.run(at + 14000)
        begun = [t for t, turn in band.turns() if turn is RESPONSE and t > at]
        assert begun and all((t + 1 - at) % BAR_MS <= 1 for t in begun)
        if at < 4000:
            assert begun[0] - at in (2 * BAR_MS - 1, 2 * BAR_MS)
            assert min(note.time_ns for note in band.note_ons) >= START + begun[0] * MS
        band.check()


def test_a_left_hand_that_names_chords_does_not_insist() -> None:
    band = Band(trade(split=48))
    comping = [(at, pitch) for at in range(4020, 8000, 500) for pitch in (36, 40, 43)]
    band.give(*run(0, 14), *(e for at, pitch in comping for e in (on(at, pitch), off(at + 300, pitch))))
    band.run(8500)
    assert not band.whats("barge_in")
    assert max(note.time_ns for note in band.note_ons) > START + 7500 * MS
    band.check()


def test_an_answer_can_be_made_anew_until_the_performer_plays_on() -> None:
    for at, played, what in ((6000, [], "again"), (8200, [], "again"), (8200, run(8050, 1), "ignored")):
        band = Band(trade())
        band.give(*run(0, 14), *played, act(at, "again"))
        band.run(16500)
        assert [r.what for r in band.reports if r.what in ("again", "ignored")] == [what]
        begun = {6000: 8000, 8200: 10000} if what == "again" else {8200: 4000}
        assert next(t for t, turn in band.turns() if turn is RESPONSE) == begun[at]
        band.check()
