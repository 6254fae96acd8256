"""The floor of a step: what one thread needs to read what a step must, the weights and K and V of all slots."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

ENOUGH = 64 << 20
"""Bytes that stand for any number above: no cache holds them for one thread."""


class Reader:
    """As many bytes as a step must read, and the fastest way that NumPy knows to read them on one thread."""

    def __init__(self, size: int) -> None:
        self._floats = np.ones(max(min(size, ENOUGH) // 4, 1), np.float32)
        self._parts = size / self._floats.nbytes

    def ms(self, clock: Callable[[], float] = time.perf_counter) -> float:
        """What reading them takes this time."""
        start = clock()
        self._floats.max()
        return (clock() - start) * 1e3 * self._parts
