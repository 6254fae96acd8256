"""Walks an answer that was heard, to know what its tokens have said. Knows no ticks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jamd.music.timeline import Metre
from jamd.remi import vocabulary as v


@dataclass(slots=True)
class Reach:
    """How far tokens have come: the index of their bar, their slot in it (-1: none), what they last said."""

    bar: int
    position: int
    metre: Metre | None
    bpm: int | None
    chord: str | None

    def walk(self, ids: Iterable[int]) -> None:
        """Go on through `ids`."""
        tempo_class = v.TEMPO_CLASS.first
        for token in ids:
            if token == v.BAR:
                self.bar, self.position = self.bar + 1, -1
            elif token in v.POSITION:
                self.position = v.POSITION.index(token)
            elif token in v.TIME_SIGNATURE:
                self.metre = v.METRES[v.TIME_SIGNATURE.index(token)]
            elif token in v.TEMPO_CLASS:
                tempo_class = token
            elif token in v.TEMPO_VALUE:
                self.bpm = v.tempo_bpm(tempo_class, token)
            elif token in v.CHORD:
                self.chord = v.CHORD.values[v.CHORD.index(token)]
