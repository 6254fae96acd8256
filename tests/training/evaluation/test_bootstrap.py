"""Intervals hold their figure, shrink with more songs, and come from the seed alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.bootstrap import Bootstrap

PAIRS = st.lists(st.tuples(st.floats(-1e4, 1e4), st.integers(0, 500)), min_size=1, max_size=12)


@given(PAIRS, st.integers(0, 99))
def test_the_interval_holds_the_quotient_of_the_sums(pairs: list[tuple[float, int]], seed: int) -> None:
    above, below = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    cell = Bootstrap(len(pairs), seed).quotient(above, below)
    if not below.sum():
        assert cell is None
        return
    assert cell is not None
    assert cell.value == above.sum() / below.sum()
    assert cell.low <= cell.value <= cell.high
    assert cell == Bootstrap(len(pairs), seed).quotient(above, below)


def test_songs_that_are_all_alike_leave_no_doubt() -> None:
    cell = Bootstrap(5, 1).quotient(np.full(5, 30.0), np.full(5, 2.0))
    assert cell is not None
    assert (cell.low, cell.value, cell.high) == (15, 15, 15)


def test_the_interval_is_that_of_a_mean() -> None:
    rng = np.random.default_rng(3)
    sums = rng.normal(10, 2, 400)
    cell = Bootstrap(400, 1).quotient(sums, np.ones(400))
    assert cell is not None
    wide = 2 * 1.96 * sums.std() / 20
    assert abs((cell.high - cell.low) / wide - 1) < 0.1
