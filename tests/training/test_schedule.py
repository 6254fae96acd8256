"""The schedule: warm-up, hold, decay; longer hours only lengthen the hold; pauses are not training."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jamd.errors import ConfigError
from training import schedule
from training.settings import TrainSettings

OF_RUN = TrainSettings(lr=1.0, warmup_steps=10, max_steps=100, final_lr=0.1, decay_share=0.4)


def rate(train: TrainSettings, step: int) -> float:
    return schedule.learning_rate(train, step, schedule.fraction_done(train, step, 0.0))


def test_the_rate_warms_up_holds_and_falls_to_its_end() -> None:
    rates = [rate(OF_RUN, step) for step in range(101)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert set(rates[10:61]) == {1.0}
    assert rates[60:] == sorted(set(rates[60:]), reverse=True)
    assert rates[70] == pytest.approx(1 - 0.9 * math.sqrt(0.25))  # a quarter of the decay
    assert rates[100] == pytest.approx(0.1)


@given(st.integers(1, 1000), st.integers(0, 1000), st.integers(1, 5), st.floats(0, 1))
def test_before_either_decay_a_longer_schedule_has_the_same_rate(steps: int, at: int, times: int, share: float) -> None:
    """So that a run resumed with more time goes on along the curve of a run that had it from the start."""
    short = dataclasses.replace(OF_RUN, max_steps=steps, decay_share=share)
    long = dataclasses.replace(short, max_steps=times * steps)
    assume(not schedule.decays(short, schedule.fraction_done(short, at, 0.0)))
    assert rate(short, at) == rate(long, at)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_the_rate_never_rises_after_warm_up_nor_leaves_its_bounds(share: float, one: float, other: float) -> None:
    train = dataclasses.replace(OF_RUN, decay_share=share)
    early, late = (schedule.learning_rate(train, 50, f) for f in sorted((one, other)))
    assert train.lr >= early >= late >= train.lr * train.final_lr - 1e-12


def test_without_a_decay_the_rate_is_held_to_the_end() -> None:
    assert rate(dataclasses.replace(OF_RUN, decay_share=0.0), 100) == 1.0


@given(hours=st.floats(0.01, 10), share=st.floats(0, 3))
def test_a_schedule_by_hours_follows_the_time_whatever_the_steps(hours: float, share: float) -> None:
    by_time = dataclasses.replace(OF_RUN, max_steps=0, hours=hours)
    for step in (0, 10, 10**6):
        assert schedule.fraction_done(by_time, step, share * hours * 3600) == pytest.approx(min(share, 1))
    both = dataclasses.replace(by_time, max_steps=100)
    assert schedule.fraction_done(both, 50, share * hours * 3600) == pytest.approx(min(max(share, 0.5), 1))


@given(st.integers(1, 10**9), st.integers(0, 10**9), st.integers(0, 1000))
def test_a_schedule_by_tokens_follows_them_and_the_first_end_counts(size: int, tokens: int, step: int) -> None:
    by_tokens = dataclasses.replace(OF_RUN, max_steps=0, max_tokens=size)
    assert schedule.fraction_done(by_tokens, step, 0.0, tokens) == min(tokens / size, 1)
    both = dataclasses.replace(by_tokens, max_steps=1000)
    assert schedule.fraction_done(both, step, 0.0, tokens) == min(max(tokens / size, step / 1000), 1)


def test_a_schedule_needs_an_end() -> None:
    with pytest.raises(ConfigError, match="ends"):
        schedule.fraction_done(TrainSettings(), 0, 0.0)


def test_pauses_are_not_training() -> None:
    watch, now = schedule.Stopwatch(), 100.0
    watch.start(now)
    for took in (2.0, 1.0, 1.0, 3600.0, 1.0):
        now += took
        watch.step(now)
    assert watch.elapsed < 2 + 1 + 1 + 1 + 2 * schedule.PAUSE_FACTOR
    before = watch.elapsed
    watch.other(now + 50)
    assert watch.elapsed == before + 50
    watch.start(now + 9999)
    watch.step(now + 10000)
    assert watch.elapsed == before + 51
