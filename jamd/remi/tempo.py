"""Which tempo is worth saying. Knows no time and no slots."""

from __future__ import annotations

from dataclasses import dataclass

from jamd.remi.vocabulary import tempo_bpm, tempo_tokens

STEP = 2
"""Quarters a minute by which a tempo must differ from what was last said to be said again."""


@dataclass(slots=True)
class Tempo:
    """The tempo last said, and one that waits for a slot to be said in. Owned by one encoder."""

    said: int | None = None
    due: tuple[int, int] | None = None
    """Tempo Class and Tempo Value that the next slot will say, whichever that is."""

    def news(self, bpm: float, *, may_wait: bool) -> tuple[int, int] | None:
        """The tokens to say now for `bpm`, if it is news; the first, and one that `may_wait`, become due."""
        tokens = tempo_tokens(bpm)
        if self.due is None and self.said is not None and abs(tempo_bpm(*tokens) - self.said) < STEP:
            return None
        if may_wait or self.due is not None or self.said is None:
            self.due = tokens
            return None
        self.said = tempo_bpm(*tokens)
        return tokens

    def take_due(self) -> tuple[int, int] | None:
        """What is due, for a slot that says it."""
        tokens, self.due = self.due, None
        if tokens is not None:
            self.said = tempo_bpm(*tokens)
        return tokens
