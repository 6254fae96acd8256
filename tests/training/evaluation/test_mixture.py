"""Fitted weights are the best; a component of weight zero is not there."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluation import mixture


def columns_of(seed: int, components: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).beta(0.3, 1.0, (components, count)).astype(np.float32).clip(1e-6, 1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.integers(1, 6), st.integers(1, 200))
def test_where_it_was_fitted_no_component_is_better_than_the_mixture(seed: int, components: int, count: int) -> None:
    columns = columns_of(seed, components, count)
    groups = np.random.default_rng(seed).integers(0, 3, count)
    weights = mixture.fitted(columns, groups)
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-4)
    mixed = mixture.bits(columns, weights, groups)
    for group in set(groups.tolist()):
        here = groups == group
        best = (-np.log2(columns[:, here].astype(float))).mean(1).min()
        assert mixed[here].mean() <= best + 0.01


def test_a_component_of_weight_zero_changes_nothing() -> None:
    columns, groups = columns_of(1, 5, 50), np.zeros(50, dtype=np.intp)
    weights = mixture.fitted(columns[:3], groups)
    padded = np.concatenate([weights, np.zeros((len(weights), 2), np.float32)], axis=1)
    np.testing.assert_allclose(
        mixture.bits(columns, padded, groups), mixture.bits(columns[:3], weights, groups), rtol=1e-6
    )


def test_each_family_has_weights_of_its_own_and_a_family_never_seen_those_of_all() -> None:
    columns = np.array([[0.9] * 10 + [0.1] * 10, [0.1] * 10 + [0.9] * 10], dtype=np.float32)
    groups = np.repeat([2, 5], 10)
    weights = mixture.fitted(columns, groups)
    assert weights[2, 0] > 0.95
    assert weights[5, 1] > 0.95
    np.testing.assert_allclose(weights[0], 0.5, atol=0.01)
