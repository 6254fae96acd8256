"""Intervals by drawing songs with replacement (Efron 1979): songs are the unit, for bars of a song are alike.

Every figure of the bits table is a quotient of sums over songs (bits a note, a ratio of two models, a gain), so
one function serves all, and two models are always compared on the same draws (paired).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
COVERAGE = (2.5, 97.5)
"""Percentiles: 95 % intervals."""
Column = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure and its 95 % interval, which is the figure itself for a single song."""

    value: float
    low: float
    high: float

    def json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


class Bootstrap:
    """The same draws of `songs` songs for every figure."""

    def __init__(self, songs: int, seed: int) -> None:
        draws = np.random.default_rng(seed).multinomial(songs, np.full(songs, 1 / songs), DRAWS)
        self._draws = draws.astype(np.float64)

    def quotient(self, above: Column, below: Column) -> Cell | None:
        """sum(above) / sum(below), each [songs], with its interval; None when there is nothing below."""
        if not below.sum() or not np.isfinite(above.sum()):
            return None
        value = float(above.sum() / below.sum())
        over = self._draws @ below
        found = (self._draws @ above)[over > 0] / over[over > 0]
        low, high = np.percentile(found, COVERAGE)
        return Cell(value, float(min(low, value)), float(max(high, value)))
