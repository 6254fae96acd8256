"""Waiting precisely: real-time priority where the system grants it; a wait that sleeps, then spins."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from typing import NamedTuple

SPIN_NS = 150_000
"""The sleep ends so long before the instant: with priority, no wake-up is later than that."""
PRIORITY = 5
"""Of SCHED_FIFO: any is above the desktop; this is below a JACK server (10), which must not wait for us."""


class Wake(NamedTuple):
    """When to wake, whether exactly then (a note is due) or about then, and how often to look around until then."""

    at_ns: int
    exact: bool
    look_ns: int


def request_priority() -> bool:
    """Asks for SCHED_FIFO for this process; True if it was granted.

    To be called before ports are opened: the threads of a MIDI library inherit it. Without it spinning makes
    things worse (another thread keeps the processor), so a `Pacer` is told the answer.
    """
    if not hasattr(os, "sched_setscheduler"):
        return False  # not Linux
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except OSError:
        return False
    return True


def quiet_garbage() -> None:
    """Stops the garbage collector for good: what was loaded stays, and the wire makes no cycles."""
    gc.collect()
    gc.freeze()
    gc.disable()


class Pacer:
    """Waits for a Wake. `spins`: the process has real-time priority."""

    def __init__(
        self,
        spins: bool,
        clock: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._spins, self._clock, self._sleep = spins, clock, sleep

    def wait(self, wake: Wake, called: Callable[[int], bool] = lambda now: False) -> int:
        """Returns at `wake.at_ns`, or as soon after as can be, with the time then; at once if past.

        Earlier where a look shows that somebody has `called`.
        """
        asleep_until = wake.at_ns - (SPIN_NS if self._spins and wake.exact else 0)
        now = self._clock()
        while now < asleep_until:
            self._sleep(min(asleep_until - now, wake.look_ns) / 1e9)
            now = self._clock()
            if called(now):
                return now
        while now < wake.at_ns:
            now = self._clock()
        return now
