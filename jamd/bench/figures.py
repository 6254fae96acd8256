"""How measured values lie, and what a section says that cannot measure here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

Figures = dict[str, Any]
"""What a section has found: names and numbers, as they stand in the JSON (see `keys`)."""


class Unavailable(Exception):
    """What a section needs is not there; the message says what."""


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` of the values do not exceed; ValueError for none."""
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(math.ceil(len(values) * percent / 100) - 1, 0)]


def spread(values: Sequence[float]) -> Figures:
    """How they lie: their number, and where there are any p50, p99 and the largest."""
    if not values:
        return {"n": 0, "p50": None, "p99": None, "max": None}
    found = {f"p{q}": round(percentile(values, q), 3) for q in (50, 99)}
    return {"n": len(values), **found, "max": round(max(values), 3)}
