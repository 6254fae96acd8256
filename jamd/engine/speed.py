"""How fast a model runs on this machine: measured in a fraction of a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from jamd.engine.budget import Speed
from jamd.engine.ring import MAX_PIECE
from jamd.engine.session import Session

TAIL_TOKENS = 16
"""Tokens of a phrase's end that memory does not hold yet when an answer begins."""
MEASURED_S = 0.15
STEPS = 8
"""Of a round; the first finds a cold cache, and is not counted."""


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
