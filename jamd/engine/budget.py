"""The latency budget: which of the models at hand plays, by what they need here. Measures nothing itself.

The budget is the most milliseconds from the end of a phrase to the first note of an answer of which nothing was
drafted: the hops between the processes, the tail of the phrase, and the 5 tokens of its first note (the 20 of its first
slot, where a model is so slow that one would hear its notes come in one by one). A model that keeps it must make tokens
at twice the pace of dense music besides, or its notes come late further on.
How far a model looks back, and how finely it computes, is fixed by its file: another memory or precision is another
file. Of equals the longer memory comes first, which is worth more than what eight bits cost, then the finer one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jamd.engine.info import ModelInfo
from jamd.errors import ModelError

HOPS_MS = 6.0
"""From the phrase's end to the brain and from its plan to the first note: 3 ms on a quiet machine, of which 2 are the
plan's lead, and as much again for a busy one."""
FIRST_TOKENS = 5
"""Tokens until the first note of an answer stands complete (of 30 by size S the most; 22 needed 4, 7 needed 3)."""
SLOT_TOKENS = 20
"""Tokens until all notes of its first slot do, in nine answers of ten (of 30 by size S; half need 14)."""
NEXT_TOKENS = 3
"""Tokens until a slot's next note does: velocity, pitch, duration."""
ROLLED_MS = 10.0
"""Notes so far apart are heard as struck together: a chord of four lies within the 30 ms that pianists take for one
(Goebl 2001)."""
MUSIC_TOKENS_S = 70
"""What dense music takes: 35 tokens a quarter (the densest of 30 answers of size S; the mean was 20) at 120 bpm."""
AHEAD = 2
"""Times as fast as music: drafts are thrown away and begun anew, and others want the processor too."""
LEAST_TOKENS_S = AHEAD * MUSIC_TOKENS_S
SMALLER = (
    "name a smaller model with --model, or make a quicker one: in eight bits (python -m export FILE.onnx --int8) "
    "or with a shorter memory (--mem-len N)"
)


@dataclass(frozen=True, slots=True)
class Speed:
    """What a model takes here, in milliseconds."""

    step_ms: float
    begin_ms: float
    """To begin an answer: a snapshot, and a tail of 16 tokens."""
    prefill_ms: float
    """To hear 64 tokens."""

    @property
    def response_ms(self) -> float:
        """From the end of a phrase to the first note of an answer of which nothing was drafted."""
        tokens = FIRST_TOKENS if NEXT_TOKENS * self.step_ms <= ROLLED_MS else SLOT_TOKENS
        return HOPS_MS + self.begin_ms + tokens * self.step_ms

    @property
    def tokens_s(self) -> float:
        """Tokens of an answer in a second."""
        return 1e3 / self.step_ms


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model at hand."""

    path: Path
    info: ModelInfo

    @property
    def title(self) -> str:
        """What people know it by."""
        return self.path.stem


@dataclass(frozen=True, slots=True)
class Needs:
    """What a model needs here."""

    candidate: Candidate
    speed: Speed

    def keeps(self, budget_ms: float) -> bool:
        """Whether it plays within a budget, and ahead of the music."""
        return self.speed.response_ms <= budget_ms and self.speed.tokens_s >= LEAST_TOKENS_S

    def __str__(self) -> str:
        return f"{self.candidate.title} needs {self.speed.response_ms:.0f} ms"


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that plays, and those that were left for it."""

    chosen: Needs
    left: tuple[Needs, ...]


def verdict(response_ms: float, budget_ms: float, tokens_s: float = LEAST_TOKENS_S) -> str:
    """Whether a budget is kept, for a person."""
    if tokens_s < LEAST_TOKENS_S:
        return "too slow to keep ahead of the music"
    if response_ms <= budget_ms:
        return f"fits a {budget_ms:g} ms budget"
    return f"needs a budget of {math.ceil(response_ms)} ms"


def in_order(candidates: Sequence[Candidate], named: Path | None) -> list[Candidate]:
    """The order in which they are asked: the one that somebody has named, then the larger before the smaller."""
    return sorted(candidates, key=lambda c: (c.path == named, c.info.rank), reverse=True)


def choose(candidates: Sequence[Candidate], budget_ms: float, measure: Callable[[Candidate], Speed]) -> Choice:
    """The first that keeps the budget; ModelError where none does."""
    left = list[Needs]()
    for candidate in candidates:
        needs = Needs(candidate, measure(candidate))
        if needs.keeps(budget_ms):
            return Choice(needs, tuple(left))
        left.append(needs)
    raise _refusal(min(left, key=lambda needs: needs.speed.response_ms), len(left), budget_ms)


def _refusal(quick: Needs, hand: int, budget_ms: float) -> ModelError:
    """Says what would do; `quick` is the quickest of so many at hand."""
    if quick.speed.tokens_s < LEAST_TOKENS_S:
        return ModelError(
            f"{quick.candidate.title} makes {quick.speed.tokens_s:.0f} tokens a second here, and to keep ahead of the "
            f"music it must make {LEAST_TOKENS_S}.",
            f"Play on a faster machine or device, or {SMALLER}. With --budget-ms 0 it plays all the same, "
            "and leaves out what comes late.",
        )
    what = "the only model at hand" if hand == 1 else f"the quickest of {hand} models at hand"
    return ModelError(
        f"no model keeps a budget of {budget_ms:g} ms here: {quick}, {what}.",
        f"Set --budget-ms {math.ceil(quick.speed.response_ms * 1.1)} or more, or {SMALLER}.",
    )
