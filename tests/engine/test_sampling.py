"""Laws of sampling: only allowed ids, the distribution that was asked for, the same draw for the same key."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jamd.engine.sampling import Sampler, above, drawn, heated, nucleus, uniform

DRAWS = 6000
LOGITS = np.array([2.0, -1.0, 0.5, 1.9, -3.0, 0.0, 1.0, 4.0], np.float32)
ALLOWED = np.array([1, 1, 1, 1, 0, 1, 1, 0], bool)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max())
    return e / e.sum()


def drawn_counts(sampler: Sampler) -> np.ndarray:
    ids = [sampler.choose(LOGITS, ALLOWED, turn=i % 7, step=i) for i in range(DRAWS)]
    return np.bincount(ids, minlength=len(LOGITS))


def improbability(counts: np.ndarray, exact: np.ndarray) -> float:
    """Chi-square over its degrees of freedom; with these draws, 3 happens once in thousands."""
    inside = exact > 0
    assert counts[~inside].sum() == 0
    expected = exact[inside] * counts.sum()
    return float((((counts[inside] - expected) ** 2) / expected).sum() / max(1, inside.sum() - 1))


def masked_softmax(temperature: float) -> np.ndarray:
    p = np.where(ALLOWED, np.exp(LOGITS.astype(float) / temperature), 0)
    return p / p.sum()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_ids_come_as_often_as_the_tempered_softmax_of_the_allowed_says(temperature: float) -> None:
    counts = drawn_counts(Sampler(temperature, seed=3))
    assert improbability(counts, masked_softmax(temperature)) < 3
    assert improbability(counts, masked_softmax(temperature * 1.5)) > 3  # the control


def test_top_p_keeps_the_likeliest_that_reach_it_in_their_proportion() -> None:
    p = masked_softmax(1.0)
    kept = [0, 3, 6]  # .35 + .32 + .13 reach .75
    assert p[[0, 3]].sum() < 0.75 < p[kept].sum()
    exact = np.where(np.isin(np.arange(len(p)), kept), p, 0) / p[kept].sum()
    assert improbability(drawn_counts(Sampler(1.0, top_p=0.75, seed=4)), exact) < 3


def test_min_p_keeps_what_is_likely_enough_in_proportion() -> None:
    p = masked_softmax(1.0)
    exact = np.where(p >= 0.2 * p.max(), p, 0)
    assert 2 < (exact > 0).sum() < ALLOWED.sum()
    assert improbability(drawn_counts(Sampler(1.0, min_p=0.2, seed=5)), exact / exact.sum()) < 3


@given(
    logits=hnp.arrays(np.float32, 30, elements=st.floats(-50, 50, width=32)),
    allowed=hnp.arrays(bool, 30),
    temperature=st.floats(0, 5),
    top_p=st.floats(0.01, 1),
    min_p=st.floats(0, 1),
    key=st.tuples(st.integers(0, 2**64 - 1), st.integers(-1, 10**6), st.integers(0, 10**6)),
)
def test_only_an_allowed_id_is_ever_chosen(logits, allowed, temperature, top_p, min_p, key) -> None:
    allowed[7] = True
    seed, turn, step = key
    sampler = Sampler(temperature, top_p, min_p, seed)
    chosen = sampler.choose(logits, allowed, turn, step)
    assert allowed[chosen]
    assert chosen == sampler.choose(logits, allowed, turn, step)


@pytest.mark.parametrize("sampler", [Sampler(0), Sampler(1, top_p=1e-9), Sampler(1, min_p=1), Sampler(1e-6)])
def test_the_coldest_settings_take_the_likeliest_allowed_id(sampler: Sampler) -> None:
    assert {sampler.choose(LOGITS, ALLOWED, turn, step) for turn in range(3) for step in range(30)} == {0}


def test_a_single_allowed_id_is_chosen_however_unlikely() -> None:
    only = np.arange(len(LOGITS)) == 4
    logits = np.where(only, -np.float32(1e9), LOGITS)
    assert Sampler(0.7, 0.5, 0.5).choose(logits, only, 1, 2) == 4


def test_the_draw_hangs_on_seed_turn_and_step_and_on_nothing_else() -> None:
    def line(seed: int, turn: int) -> list[int]:
        sampler = Sampler(1.5, seed=seed)
        return [sampler.choose(LOGITS, ALLOWED, turn, step) for step in range(60)]

    told = line(1, 1)
    backwards = [Sampler(1.5, seed=1).choose(LOGITS, ALLOWED, 1, step) for step in reversed(range(60))]
    assert told == backwards[::-1]
    assert told != line(2, 1)
    assert told != line(1, 2)
    assert len(set(told)) > 2


def test_uniform_numbers_are_uniform_along_each_part_of_the_key() -> None:
    for key in (lambda i: (i, 0, 0), lambda i: (0, i, 0), lambda i: (0, 0, i)):
        numbers = np.array([uniform(*key(i)) for i in range(4000)])
        assert numbers.min() >= 0
        assert numbers.max() < 1
        assert improbability(np.histogram(numbers, 20, (0, 1))[0], np.full(20, 0.05)) < 2.5
        assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 0.06


@given(hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 1)), st.floats(0, 1, exclude_max=True))
def test_nothing_of_probability_zero_is_drawn(p: np.ndarray, u: float) -> None:
    if p.sum() > 1e-300:
        assert p[drawn(p, u)] > 0


@given(
    hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(0.001, 1)),
    st.floats(0.01, 1),
    st.floats(0, 1),
)
def test_filters_only_strike_out_and_never_the_likeliest(p: np.ndarray, top_p: float, min_p: float) -> None:
    p /= p.sum()
    for kept in (nucleus(p, top_p), above(p, min_p)):
        assert ((kept == p) | (kept == 0)).all()
        assert kept[p.argmax()] == p.max()
    inside = np.sort(nucleus(p, top_p))[::-1]
    assert inside.sum() >= min(top_p, p.sum()) - 1e-12
    assert inside[inside > 0][:-1].sum() < top_p  # the fewest


def test_heating_flattens_and_keeps_the_order() -> None:
    cold, hot = heated(LOGITS.astype(float), 0.5), heated(LOGITS.astype(float), 3)
    assert np.allclose(heated(LOGITS.astype(float), 1), softmax(LOGITS.astype(float)))
    assert cold.max() > hot.max()
    assert (np.argsort(cold) == np.argsort(hot)).all()


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": -0.1},
        {"temperature": math.nan},
        {"temperature": math.inf},
        {"top_p": 0},
        {"top_p": 1.01},
        {"top_p": math.nan},
        {"min_p": -0.1},
        {"min_p": 1.1},
        {"min_p": math.nan},
        {"seed": -1},
        {"seed": 2**64},
    ],
)
def test_nonsense_settings_are_refused_by_name(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Sampler(**settings)


def test_no_allowed_id_is_an_error() -> None:
    with pytest.raises(ValueError, match="no id is allowed"):
        Sampler().choose(LOGITS, np.zeros(len(LOGITS), bool), 0, 0)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_logits_that_are_no_numbers_are_an_error_and_not_a_choice(bad: float) -> None:
    logits = LOGITS.copy()
    logits[3] = bad
    for temperature in (0, 1):
        with pytest.raises(ValueError, match="not numbers"):
            Sampler(temperature).choose(logits, ALLOWED, 0, 0)
    assert Sampler(1).choose(logits, np.arange(len(logits)) == 1, 0, 0) == 1  # a masked one matters to nobody
