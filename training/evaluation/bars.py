"""Which tokens of a song count for what: bars heard before or new, the second half, notes, velocities that lie."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from jamd.remi.vocabulary import BAR, NOTE_ON, NOTE_VELOCITY, POSITION, Family
from training.evaluation.song import Song

ALL, REPEATED, NOVEL, SECOND_HALF = "all", "repeated", "novel", "second_half"
PARTS = (ALL, REPEATED, NOVEL, SECOND_HALF)
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Marks:
    """Of a song's n tokens the n - 1 that are predicted (all but BOS): what each is, [n - 1] bool."""

    counted: Mask
    """False for the Note Velocity of a piece whose velocities are flat: nobody is asked to predict it."""
    notes: Mask
    parts: dict[str, Mask]

    def notes_in(self, part: str) -> int:
        """How many notes a part holds."""
        return int((self.notes & self.parts[part]).sum())

    def sum_in(self, part: str, bits: NDArray[np.floating]) -> float:
        """The bits [n - 1] of a part's counted tokens together."""
        return float(bits[self.counted & self.parts[part]].sum(dtype=np.float64))


def marks(song: Song) -> Marks:
    """The marks of a song; what is not a repeated bar (an empty one too) is novel."""
    ids = song.tokens.astype(np.int64)
    again = repeated(ids)[1:]
    half = np.arange(len(again)) >= len(again) // 2
    parts = {ALL: np.ones_like(again), REPEATED: again, NOVEL: ~again, SECOND_HALF: half}
    lies = _of(ids[1:], NOTE_VELOCITY) if song.flat_velocity else np.zeros_like(again)
    return Marks(~lies, _of(ids[1:], NOTE_ON), parts)


def repeated(ids: NDArray[np.int64]) -> Mask:
    """[n]: whether a token stands in a bar with the same notes at the same positions as an earlier bar.

    A bar reaches from its Bar token to the next; velocity, duration, Micro, chords and tempo may differ. A bar
    without notes is not repeated, nor is what stands before the first bar.
    """
    lines = [*np.flatnonzero(ids == BAR).tolist(), len(ids)]
    out = np.zeros(len(ids), dtype=bool)
    heard: set[tuple[tuple[int, int], ...]] = set()
    for first, past in pairwise(lines):
        bar = items(ids[first:past])
        out[first:past] = bar in heard
        if bar:
            heard.add(bar)
    return out


def items(bar: NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    """The (Position, Note On) pairs of a bar's tokens, sorted."""
    position, found = -1, []
    for token in bar.tolist():
        if token in POSITION:
            position = token
        elif token in NOTE_ON:
            found.append((position, token))
    return tuple(sorted(found))


def _of(ids: NDArray[np.int64], family: Family) -> Mask:
    return (ids >= family.first) & (ids < family.first + len(family))
