"""Tap tempo: the times of taps as a tempo. Knows no clock: it is told when each tap came."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from statistics import median

NS_PER_MINUTE = 60_000_000_000
TAPS = 8
"""The tempo is read from so many taps: who changes it is followed after a few."""
FEWEST = 3
"""Two taps may be a slip of the foot."""
LONGEST_NS, SHORTEST_NS = 2_000_000_000, 200_000_000
"""A pause longer than 30 a minute begins anew; faster than 300 a minute nobody taps."""


class Tapper:
    """Hears taps, one a beat. Owned by the conductor."""

    def __init__(self) -> None:
        self._taps: deque[int] = deque(maxlen=TAPS)
        self.first_ns = 0
        """The first tap of this run: the beat that the others count from."""
        self.beats = 0
        """Taps since then."""

    def tap(self, time_ns: int) -> float | None:
        """A tap; the beats a minute that the last taps say, None while they say nothing.

        It is the median of their intervals, so one that came early or late does not count.
        """
        if self._taps and time_ns - self._taps[-1] < SHORTEST_NS:
            return None  # a button that bounces
        if not self._taps or time_ns - self._taps[-1] > LONGEST_NS:
            self._taps.clear()
            self.first_ns, self.beats = time_ns, -1
        self._taps.append(time_ns)
        self.beats += 1
        if len(self._taps) < FEWEST:
            return None
        return NS_PER_MINUTE / median(b - a for a, b in pairwise(self._taps))
