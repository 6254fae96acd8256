"""The clock follower on a fake clock: close to a source that wobbles, no tick that jumps, bars where it has them."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, pairwise, repeat
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.midi.clock_follower import ClockFollower
from jamd.midi.clock_pulse import Pulse
from jamd.music.events import Kind, Performed
from jamd.music.messages import Transport
from jamd.music.timeline import FOUR_FOUR, Metre, Timeline
from jamd.remi.encoder import Encoder
from tests.midi.clock_sources import (
    CLOCK,
    CONTINUE,
    MS,
    START,
    STOP,
    TICKS,
    Followed,
    Sent,
    clocks,
    follow,
    in_periods,
    normal,
    phase_errors_ms,
    song_position,
    song_tick,
    steady,
    uniform,
    walking,
    with_messages,
    without,
    wobbling,
)

SECOND = 1000 * MS


def off_the_bar(tick: float, bar: int = 1920) -> float:
    """How far a tick is from the nearest bar line."""
    return min(tick % bar, -tick % bar)


def worst_ms(found: Followed, sent: list[Sent], after_s: float) -> float:
    return max(map(abs, phase_errors_ms(found, sent, sent[0].meant_ns + int(after_s * SECOND))))


# ---- in time ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bpm", [40, 90, 120, 200])
@pytest.mark.parametrize("sigma", [0.0, 2.0, 3.0])
def test_a_source_that_wobbles_is_followed_within_10_ms_by_a_timeline_every_few_seconds(bpm: int, sigma: float) -> None:
    sent = wobbling(steady(bpm, 60), normal(sigma))
    found = follow(sent)
    assert worst_ms(found, sent, 4) <= 10
    assert len(found.timelines) <= 12 + (sent[-1].meant_ns - sent[0].meant_ns) / SECOND / 2
    settled = [t.bpm for t in found.timelines if t.time_ns > sent[0].meant_ns + 4 * SECOND]
    assert all(abs(found_bpm - bpm) <= 0.04 * bpm for found_bpm in settled)


def test_a_source_that_is_four_milliseconds_off_at_most_is_followed_as_well() -> None:
    sent = wobbling(steady(120, 60), uniform(4.0))
    assert worst_ms(follow(sent), sent, 4) <= 8


def test_the_first_timeline_stands_within_a_beat_and_the_first_clock_begins_a_bar_if_nobody_says_otherwise() -> None:
    sent = wobbling(steady(120, 8), normal(2.0))
    found = follow(sent)
    assert found.timelines[0].time_ns - sent[0].came_ns <= 500 * MS
    assert abs(song_tick(found.timelines[0], sent[0].meant_ns)) <= 12 and found.transports == []


@given(
    st.lists(st.tuples(st.floats(30, 209), st.integers(1, 60)), min_size=1, max_size=6),
    st.floats(0, 4),
    st.integers(0, 1 << 32),
    st.sets(st.integers(0, 200)),
)
@settings(max_examples=60, deadline=None)
def test_ticks_never_jump_whatever_the_source_does(
    tempos: list[tuple[float, int]], sigma: float, seed: int, lost: set[int]
) -> None:
    sent = clocks(chain.from_iterable(repeat(bpm, many) for bpm, many in tempos))
    messages = list(zip(sorted(lost), [START, STOP, song_position(5), CONTINUE], strict=False))
    found = follow(with_messages(without(wobbling(sent, normal(sigma, seed)), lost.__contains__), *messages))
    encoder = Encoder()
    for timeline in found.timelines:
        encoder.feed(timeline)
        encoder.advance(timeline.time_ns)
    for old, new in pairwise(found.timelines):
        assert new.tick == old.tick_at(new.time_ns) and new.time_ns >= old.time_ns


@pytest.mark.parametrize("period_ms", [0.5, 16 / 3])
@pytest.mark.parametrize("seed", range(8))
def test_a_clock_that_walks_has_lost_no_tick_and_the_bars_walk_with_it(seed: int, period_ms: float) -> None:
    sent, pulse = in_periods(walking(0.15, 200, seed), period_ms, first_ms=0.6 * seed), Pulse()
    for one in sent:
        pulse.tick(one.came_ns)
    assert pulse.number == sent[-1].number
    errors = phase_errors_ms(follow(sent), sent, sent[0].meant_ns + 4 * SECOND)
    assert abs(median(errors)) <= 10 and max(map(abs, errors)) <= 40  # milliseconds: a tick is 21


@pytest.mark.parametrize(("old", "new"), [(120, 126), (120, 90), (120, 180), (60, 100)])
def test_a_new_tempo_is_met_within_three_seconds(old: int, new: int) -> None:
    sent = wobbling(clocks([*repeat(old, 240), *repeat(new, 480)]), normal(2.0))
    found = follow(sent)
    changed = sent[240].meant_ns
    errors = phase_errors_ms(found, sent, changed + 3 * SECOND)
    assert max(map(abs, errors)) <= 12
    assert abs(found.timelines[-1].bpm - new) <= 0.02 * new


def test_a_slow_ritardando_is_followed() -> None:
    sent = wobbling(clocks([120 - 40 * i / 1200 for i in range(1200)]), normal(2.0))
    assert worst_ms(follow(sent), sent, 4) <= 25


# ---- what is missing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 10, 40])
def test_clocks_that_are_lost_do_not_move_the_bars(size: int) -> None:
    sent = without(wobbling(steady(120, 40), normal(2.0)), lambda n: n > 200 and n % 250 < size)
    found = follow(sent)
    assert worst_ms(found, sent, 4) <= 15


def test_clocks_that_are_held_up_and_come_in_a_burst_change_nothing() -> None:
    sent = steady(120, 20)
    held = [replace(s, came_ns=sent[210].came_ns) if 200 <= n < 210 else s for n, s in enumerate(sent)]
    assert worst_ms(follow(held), held, 2) <= 6


def test_a_lost_clock_is_told_once_and_its_tempo_goes_on_until_it_comes_back_in_time() -> None:
    sent = wobbling(steady(120, 48), normal(1.0))
    with_gap = without(sent, lambda n: 480 <= n < 720)  # five seconds
    found = follow(with_gap)
    # the source is asked once a clock here, so the loss is noticed when the next one comes
    assert len(found.lost_ns) == 1
    assert worst_ms(found, with_gap, 4) <= 25


def test_a_clock_is_lost_after_two_beats_but_not_when_it_was_stopped() -> None:
    for messages, lost in (((), True), (((95, STOP),), False)):
        follower = ClockFollower(FOUR_FOUR)
        sent = with_messages(steady(120, 4), (0, START), *messages)
        for one in sent:
            follower.hear(one.message, one.came_ns, None, quiet=True)
            assert not follower.watch(one.came_ns)
        last = sent[-1].came_ns
        assert not follower.watch(last + 900 * MS)
        assert follower.watch(last + 1100 * MS) == lost and not follower.watch(last + 1200 * MS)


def test_a_flood_of_clocks_is_no_tempo() -> None:
    assert follow([Sent(n * 20_000, n * 20_000, CLOCK, n) for n in range(1000)]).timelines == []


# ---- transport -------------------------------------------------------------------------------------------


def test_start_puts_a_bar_line_on_the_next_clock_without_a_jump() -> None:
    sent = with_messages(wobbling(steady(120, 24), normal(1.0)), (250, START))
    found = follow(sent)
    (roll,) = found.transports
    at = next(s for s in sent if s.number == 250)
    assert roll.rolling and abs(roll.time_ns - at.meant_ns) <= 5 * MS
    started = found.at(roll.time_ns)
    assert started.downbeat == started.tick == started.tick_at(roll.time_ns)
    assert off_the_bar(song_tick(found.timelines[-1], at.meant_ns + 2 * SECOND)) <= 8


def test_a_source_that_sends_clock_only_while_it_rolls_begins_with_a_bar_each_time() -> None:
    first = with_messages(wobbling(steady(120, 10), normal(1.0)), (0, START))
    again = with_messages(wobbling(steady(100, 10, 9300 * MS), normal(1.0)), (0, START))
    found = follow([*first, Sent(0, first[-1].came_ns + 10 * MS, STOP), *again])
    assert [t.rolling for t in found.transports] == [True, False, True] and found.lost_ns == []
    last = found.timelines[-1]
    assert off_the_bar(song_tick(last, again[0].meant_ns)) <= 20
    assert last.bpm == pytest.approx(100, rel=0.02)
    for old, new in pairwise(found.timelines):
        assert new.tick == old.tick_at(new.time_ns)


@pytest.mark.parametrize("metre", [FOUR_FOUR, Metre(3, 4), Metre(7, 8)])
def test_song_position_and_continue_put_the_bars_where_the_source_has_them(metre: Metre) -> None:
    sixteenths = 37
    messages = ((100, STOP), (190, song_position(sixteenths)), (200, CONTINUE))
    sent = with_messages(wobbling(steady(120, 24), normal(1.0)), (0, START), *messages)
    found = follow(sent, metre)
    assert [t.rolling for t in found.transports] == [True, False, True]
    on = next(s for s in sent if s.number == 440)
    position = sixteenths * 120 + TICKS * 240
    assert off_the_bar(song_tick(found.at(on.meant_ns), on.meant_ns) - position, metre.ticks) <= 8


def test_stop_and_continue_go_on_in_the_midst_of_the_bar() -> None:
    sent = with_messages(steady(120, 24), (0, START), (110, STOP), (230, CONTINUE))
    found = follow(sent)
    assert [t.rolling for t in found.transports] == [True, False, True]
    on = next(s for s in sent if s.number == 350)  # 110 clocks before the stop, and 120 since
    assert song_tick(found.at(on.meant_ns), on.meant_ns) % 1920 == pytest.approx(TICKS * 230 % 1920, abs=8)
    assert found.song_start is not None
    assert found.timelines[-1].tick_at(on.meant_ns) - found.song_start == pytest.approx(TICKS * 230, abs=8)


def tokens(found: Followed, sent: list[Sent]) -> list[int]:
    """What somebody who strikes a key on every beat says in the time of its Timelines."""
    keys = [one.meant_ns + 9 * MS for one in sent if one.number is not None and one.number % 24 == 0]
    struck = [Performed(time_ns, Kind.NOTE_ON, 60, 80) for time_ns in keys if time_ns >= found.timelines[0].time_ns]
    ended = [Performed(note.time_ns + 100 * MS, Kind.NOTE_OFF, 60) for note in struck]
    encoder = Encoder()
    for entry in sorted([*found.timelines, *struck, *ended], key=lambda entry: entry.time_ns):
        encoder.feed(entry)
    return encoder.advance(sent[-1].meant_ns)


@pytest.mark.parametrize("messages", [(START,), (song_position(0), CONTINUE)])
@pytest.mark.parametrize("sigma", [0.0, 2.0])
def test_a_start_on_a_bar_line_makes_it_bar_1_and_moves_no_line_and_costs_no_token(
    messages: tuple[bytes, ...], sigma: float
) -> None:
    once = with_messages(wobbling(steady(120, 24), normal(sigma)), (0, START))
    again = with_messages(wobbling(steady(120, 24), normal(sigma)), (0, START), *((192, m) for m in messages))
    plain, twice = follow(once), follow(again)
    at = next(one for one in once if one.number == 192)
    (anew,) = [t for t in twice.timelines if t not in plain.timelines and t.time_ns < at.came_ns + MS]
    assert abs(song_tick(anew, at.meant_ns)) <= 8 and anew.downbeat == twice.song_start == 8 * 480
    assert {t.downbeat for t in twice.timelines if t.time_ns >= anew.time_ns} == {anew.downbeat}
    before = plain.at(at.came_ns)
    assert (anew.downbeat - before.downbeat) % 1920 == 0 and anew.ns_per_quarter == before.ns_per_quarter
    assert len(tokens(twice, again)) == len(tokens(plain, once))


@pytest.mark.parametrize("messages", [(STOP, CONTINUE), (song_position(48), CONTINUE), (song_position(48),)])
@pytest.mark.parametrize("seed", range(4))
def test_a_continue_where_the_song_stands_anyway_makes_no_timeline(messages: tuple[bytes, ...], seed: int) -> None:
    sent = wobbling(steady(120, 24), normal(2.0, seed))
    plain = follow(with_messages(sent, (0, START)))
    found = follow(with_messages(sent, (0, START), *((288, message) for message in messages)))
    assert found.timelines == plain.timelines and found.song_start == plain.song_start


def test_a_clock_that_went_on_for_whole_bars_while_stopped_goes_on_in_the_bar_where_it_stopped() -> None:
    found = follow(with_messages(steady(120, 24), (0, START), (96, STOP), (288, CONTINUE)))
    assert found.timelines[-1].downbeat == found.song_start == 2 * 1920


def test_a_stop_that_nobody_started_is_told_and_continue_without_a_position_moves_no_bar() -> None:
    found = follow(with_messages(steady(120, 24), (100, STOP), (150, CONTINUE)))
    assert [t.rolling for t in found.transports] == [False, True] and {t.downbeat for t in found.timelines} == {0}
    assert found.song_start is None


# ---- what stood before -----------------------------------------------------------------------------------


@pytest.mark.parametrize("started", [True, False])
def test_it_goes_on_from_the_timeline_that_holds_and_moves_its_bars_only_if_the_source_says_where_they_are(
    started: bool,
) -> None:
    holds = Timeline(300 * MS, 5000, 431 * MS, FOUR_FOUR, 5000)
    sent = with_messages(wobbling(steady(100, 16), normal(1.0)), *(((0, START),) if started else ()))
    found = follow(sent, holds=holds)
    assert found.timelines[0].tick == holds.tick_at(found.timelines[0].time_ns)
    assert (found.timelines[-1].downbeat == 5000) == (not started)
    on = sent[-50]
    assert on.number is not None
    away = song_tick(found.timelines[-1], on.meant_ns) - TICKS * on.number
    assert off_the_bar(away, 1920 if started else TICKS) <= 8


def test_while_it_is_quiet_it_learns_and_then_knows_the_bars() -> None:
    follower, said = ClockFollower(FOUR_FOUR), list[Timeline | Transport]()
    for one in with_messages(steady(120, 8), (0, START)):
        said += follower.hear(one.message, one.came_ns, None, quiet=(one.number or 0) < 96)
    (roll, first, *_) = said
    assert isinstance(roll, Transport) and isinstance(first, Timeline)
    assert abs(song_tick(first, SECOND)) <= 2 and first.time_ns == SECOND + 2 * SECOND
