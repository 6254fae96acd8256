"""How fast a model runs on this machine, and how fast the machine reads memory: measured in a fraction of a second.

The floor of a step is the time that one thread needs to read as many bytes as a step must: the weights, and K and V of
all slots. No step is faster.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np

from jamd.engine.budget import Speed
from jamd.engine.ring import MAX_PIECE
from jamd.engine.session import Session

TAIL_TOKENS = 16
"""Tokens of a phrase's end that memory does not hold yet when an answer begins."""
MEASURED_S = 0.15
STEPS = 8
"""Of a round; the first finds a cold cache, and is not counted."""
ENOUGH = 64 << 20
"""Bytes that stand for any number above: no cache holds them for one thread."""


def measure(session: Session, seconds: float = MEASURED_S, clock: Callable[[], float] = time.perf_counter) -> Speed:
    """Its speed, by medians; the session is left as at its start."""
    steps, begins, prefills = list[float](), list[float](), list[float]()

    def took(action: Callable[[], object]) -> float:
        start = clock()
        action()
        return (clock() - start) * 1e3

    def begin() -> None:
        held = session.snapshot()
        session.feed([0] * TAIL_TOKENS)
        del held

    end = clock() + seconds
    while not steps or clock() < end:
        session.reset()  # every piece below is whole: a segment has room for them
        prefills.append(took(lambda: session.feed([0] * MAX_PIECE)))
        begins.append(took(begin))
        steps += [took(lambda: session.step(0)) for _ in range(STEPS)][1:]
    session.reset()
    return Speed(median(steps), median(begins), median(prefills))


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
