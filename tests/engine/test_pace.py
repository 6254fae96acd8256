"""The margin that jamd keeps ahead: as long as its work takes, and more where that wavers; all on a fake clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.engine.budget import HOPS_MS, SLOT_TOKENS, Speed
from jamd.engine.pace import BEGIN_TOKENS, LEAST_NS, LONGEST_TOKEN_NS, MOST_NS, MS, Estimate, Pace
from jamd.engine.partner import Manners
from jamd.midi.player import TOLERANCE_NS
from jamd.music.actions import Action
from jamd.music.events import Kind
from jamd.music.timeline import FOUR_FOUR, Timeline, ns_per_quarter
from tests.engine.band import START, Band, act, run


def paced(*stretches_ms: float, tokens: int = 4) -> Pace:
    """A pace that has seen work on so many tokens take so long each time."""
    pace, now = Pace(), 0
    for took in stretches_ms:
        pace.begin(now, tokens)
        now += int(took * MS)
        pace.look(now)
    return pace


def test_before_anything_was_made_the_margin_is_sixty_milliseconds() -> None:
    assert Pace().margin_ns == 60 * MS


def test_steady_work_brings_the_margin_to_what_it_takes() -> None:
    steady = int((HOPS_MS + (BEGIN_TOKENS + SLOT_TOKENS) * 1.5) * MS)
    assert steady <= paced(*[6.0] * 200).margin_ns < steady * 1.01


def test_a_slower_machine_has_a_longer_margin() -> None:
    margins = [paced(*[ms] * 50).margin_ns for ms in (4.0, 8.0, 16.0, 32.0)]
    assert margins == sorted(set(margins))


def test_notes_are_played_one_by_one_only_where_they_are_made_so_fast_that_nobody_hears_it() -> None:
    for step_ms in (1.0, 3.3, 3.4, 9.0):
        told = Speed(step_ms, 0.0, 0.0).response_ms - HOPS_MS
        assert paced(*[4 * step_ms] * 200).by_note == (told < SLOT_TOKENS * step_ms)
        assert Pace(int(step_ms * MS)).by_note == (step_ms < 3.35)


def test_work_that_wavers_has_a_longer_margin_than_steady_work_of_the_same_mean() -> None:
    assert paced(*[4.0, 12.0] * 50).margin_ns > paced(*[8.0] * 100).margin_ns


def test_one_disturbance_lengthens_it_at_once_and_is_forgotten() -> None:
    before = paced(*[6.0] * 100).margin_ns
    assert paced(*[6.0] * 100, 60.0).margin_ns > before + 20 * MS
    assert paced(*[6.0] * 100, 60.0, *[6.0] * 40).margin_ns < before + 5 * MS


def test_what_is_not_work_does_not_count() -> None:
    pace = paced(*[6.0] * 100)
    before = pace.margin_ns
    pace.look(10_000_000 * MS)  # nothing was begun
    assert pace.margin_ns == before


@given(st.lists(st.floats(0, 1e7), max_size=60))
def test_the_margin_stays_within_its_bounds_whatever_happens(stretches_ms: list[float]) -> None:
    pace = paced(*stretches_ms)
    assert LEAST_NS <= pace.margin_ns <= MOST_NS
    assert 0 <= pace.time_for(1) <= 5 * LONGEST_TOKEN_NS


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=80))
def test_an_estimate_never_leaves_what_it_has_seen(samples: list[int]) -> None:
    estimate = Estimate(samples[0], 0)
    for sample in samples:
        estimate.add(sample)
        assert min(samples) - 80 <= estimate.mean <= max(samples)


# ---- what it is for ------------------------------------------------------------------------------------------


def band(slowness: int, **manners: object) -> Band:
    """Somebody plays a phrase over a clock to a partner on a machine so much slower than usual."""
    band = Band(Manners(bars=4, **manners))  # type: ignore[arg-type]
    band.slowness = slowness
    band.give(Timeline(START, 0, ns_per_quarter(120), FOUR_FOUR, 0), *run(100))
    band.run(14_000)
    return band


def test_a_machine_that_is_fast_enough_never_falls_behind_and_leaves_nothing_out() -> None:
    fast = band(1)
    assert fast.note_ons and not fast.whats("behind")
    assert fast.player.lateness.skipped == 0
    fast.check()


def test_a_machine_that_is_too_slow_plays_fewer_notes_and_plays_them_on_time() -> None:
    slow = band(80, entry="immediate")  # a token takes a tenth of a second
    fast = band(1, entry="immediate")
    assert len(slow.whats("behind")) == 1 and 5 < len(slow.note_ons) < len(fast.note_ons)
    assert all(at.time_ns - due_ns <= TOLERANCE_NS for at, due_ns in slow.played if at.kind is Kind.NOTE_ON)
    assert slow.player.lateness.skipped < 0.25 * len(fast.note_ons)  # the others were not even made
    last, end = (b.note_ons[-1].time_ns for b in (slow, fast))
    assert abs(last - end) < 1500 * MS  # it does not stall on the way
    slow.check()
    slow.check_heard()


def test_an_answer_enters_on_a_beat_that_is_only_just_far_enough_for_this_machine() -> None:
    def entry_ms(slowness: int) -> int:
        band = Band(Manners(bars=1, entry="beat"))
        band.slowness = slowness
        band.give(Timeline(START, 0, ns_per_quarter(120), FOUR_FOUR, 0), *run(100))
        band.give(*run(6980), act(8920, "end_turn"))  # 80 ms before a beat
        band.run(12_000)
        return next(at for at in ((plan.time_ns - START) // MS for plan in band.whats("plan")) if at > 8920)

    assert 8980 < entry_ms(1) < 9020
    assert entry_ms(10) > 9250


def test_in_a_duet_a_slow_machine_decides_its_beats_earlier_and_keeps_playing() -> None:
    slow = band(12, mode="duet", commit_beats=0.75, lookahead_beats=0.0)
    left = len(slow.whats("beat_left_out"))
    assert left < 4 and len(slow.whats("plan")) > 2 * left
    slow.check()


@pytest.mark.parametrize("entry", ["beat", "immediate"])
@pytest.mark.parametrize("at_ms", [1900, 2100, 2400, 2430])
def test_whoever_ends_his_turn_never_waits_longer_for_it(at_ms: int, entry: str) -> None:
    def answered_ms(*actions: Action) -> int:
        band = Band(Manners(bars=1, entry=entry))
        band.slowness = 4  # 5 ms a token
        band.give(Timeline(START, 0, ns_per_quarter(120), FOUR_FOUR, 0), *run(0), *actions)
        band.run(6000)
        return (band.note_ons[0].time_ns - START) // MS

    pressed = answered_ms(act(at_ms, "end_turn"), act(at_ms + 50, "end_turn"))
    assert pressed <= answered_ms() + 5
