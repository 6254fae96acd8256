"""Markov over tokens: shares of what was seen, the longer context first."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.remi.vocabulary import SIZE
from training.evaluation.markov import LESS, MOST_TOKENS, ORDER, Markov, learn

RUN = np.array([1, 2, 3, 4, 5, 9, 1, 2, 3, 4, 6, 7, 2, 3, 4, 8], np.uint16)


def learnt(folder: Path, *runs: np.ndarray) -> Markov:
    learn(runs, folder)
    return Markov.load(folder)


def chances(markov: Markov, context: list[int]) -> np.ndarray:
    markov.reset()
    return np.exp(markov.feed(context).astype(np.float64))


def test_a_token_is_as_likely_as_it_was_behind_the_last_four(tmp_path: Path) -> None:
    p = chances(learnt(tmp_path, RUN), [0, 0, 1, 2, 3, 4])
    assert np.allclose(p[[5, 6]], 0.5, atol=1e-3) and p[8] < 1e-3 < 1 / 3 < p[5]


def test_a_context_never_seen_is_left_to_a_shorter_one(tmp_path: Path) -> None:
    markov = learnt(tmp_path, RUN)
    p = chances(markov, [9, 9, 3, 4])  # behind 3, 4 came 5, 6 and 8, once each
    assert np.allclose(p[[5, 6, 8]], 1 / 3, atol=2e-3)  # at the second order; nothing is worth more
    assert (p[[1, 2, 3]] < p[5] / 100).all()


def test_every_token_keeps_a_chance_so_that_the_grammar_always_finds_one(tmp_path: Path) -> None:
    p = chances(learnt(tmp_path, RUN), [1, 2, 3, 4])
    assert p.min() > 0 and p.min() < LESS**ORDER and len(p) == SIZE


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 8), min_size=6, max_size=40), st.integers(1, 5))
def test_feeding_at_once_is_feeding_one_by_one(ids: list[int], cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        markov = learnt(Path(folder), np.array(ids, np.uint16))
        at_once = markov.feed(ids)
        markov.reset()
        markov.feed(ids[:cut])
        held = markov.snapshot()
        markov.feed([3, 3, 3])
        markov.restore(held)
        one_by_one = [markov.step(token) for token in ids[cut:]][-1]
    assert np.array_equal(at_once, one_by_one)


def test_runs_do_not_flow_into_each_other(tmp_path: Path) -> None:
    p = chances(learnt(tmp_path, np.array([1, 2], np.uint16), np.array([3, 4], np.uint16)), [2])
    assert p[3] == p[1] == p[4]  # nothing came behind 2: each is as likely as it is at all


def test_no_more_is_learnt_than_has_use(tmp_path: Path) -> None:
    run = np.zeros(MOST_TOKENS // 2 + 1, np.uint16)
    markov = learnt(tmp_path, run, run, np.ones(9, np.uint16))
    assert np.exp(markov.feed([1]).astype(np.float64))[1] < 0.01
