"""An hour of music, faster than it is played: whether a step then takes longer than at first, and more memory."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from statistics import median

from jamd.bench.figures import Figures, Unavailable
from jamd.bench.processes import memory_mib
from jamd.engine.improviser import Improviser
from jamd.engine.sampling import Sampler
from jamd.engine.session import Session, Snapshot
from jamd.music.events import Kind, LogEntry, Performed, Turn, TurnChange
from jamd.music.timeline import FOUR_FOUR, Timeline, ns_per_quarter
from jamd.remi.encoder import Encoder
from jamd.remi.grammar import Bounds

NS = 1_000_000_000
EARLY_S = 10
NOTES_S = 5
"""Notes of the performer in a second."""
HEARD_AT_ONCE = 512
"""Tokens that are fed together: nobody waits for them."""
ROUNDS, STEPS, COLD = 6, 24, 3


def hour(path: Path, device: str, threads: int, minutes: float) -> Figures:
    """A step after ten seconds and after so many minutes of a performer's playing, and the memory of this process.

    Both states are kept, and timed in turns at the end: what else runs on the machine disturbs both alike.
    """
    session = Session.load(path, device, threads)
    musician = _Listening(session)
    musician.hear_until(EARLY_S * NS)
    early, early_mib = session.snapshot(), _memory_mib()
    musician.hear_until(int(minutes * 60) * NS)
    late, late_mib = session.snapshot(), _memory_mib()
    early_ms, late_ms = _in_turns(session, early, late)
    return {
        "model": path.stem,
        "minutes": minutes,
        "tokens": musician.tokens,
        "step_early_ms": round(early_ms, 3),
        "step_late_ms": round(late_ms, 3),
        "late_by_early": round(late_ms / early_ms, 3),
        "memory_early_mib": early_mib,
        "memory_late_mib": late_mib,
    }


def _memory_mib() -> float | None:
    try:
        return memory_mib()
    except Unavailable:
        return None


class _Listening:
    """Hears a performer who never rests."""

    def __init__(self, session: Session) -> None:
        self.tokens = 0
        self._improviser = Improviser(session, Sampler(1.0, 1.0, 0.0, 1), Bounds(metre=False, tempo=False))
        self._encoder, self._playing, self._waiting = Encoder(), playing(), 0
        for entry in (TurnChange(0, Turn.CALL), Timeline(0, 0, ns_per_quarter(120), FOUR_FOUR, 0)):
            self._encoder.feed(entry)

    def hear_until(self, time_ns: int) -> None:
        """All that is played before an instant, written down and fed to the model."""
        for entry in self._playing:
            self._encoder.feed(entry)
            ids = self._encoder.advance(entry.time_ns)
            self._improviser.hear(ids)
            self.tokens, self._waiting = self.tokens + len(ids), self._waiting + len(ids)
            if self._waiting >= HEARD_AT_ONCE or entry.time_ns >= time_ns:
                self._waiting = 0
                while self._improviser.listen():
                    pass
            if entry.time_ns >= time_ns:
                return


def playing() -> Iterator[LogEntry]:
    """An endless tune: a walk over the keys, each note a little shorter than its gap."""
    rng, pitch, gap = random.Random(1), 60, NS // NOTES_S
    for number in count(1):
        pitch = min(max(pitch + rng.randint(-5, 5), 36), 84)
        at = number * gap + rng.randint(0, gap // 8)
        yield Performed(at, Kind.NOTE_ON, pitch, rng.randint(40, 100))
        yield Performed(at + gap * 3 // 4, Kind.NOTE_OFF, pitch)


def _in_turns(session: Session, *states: Snapshot) -> list[float]:
    """The median of a step in each state, in milliseconds."""
    times: list[list[float]] = [[] for _ in states]
    for _ in range(ROUNDS):
        for state, found in zip(states, times, strict=True):
            session.restore(state)
            for i in range(COLD + STEPS):
                start = time.perf_counter()
                session.step(0)
                found += [(time.perf_counter() - start) * 1e3] * (i >= COLD)
    return [median(found) for found in times]
