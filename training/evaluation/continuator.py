"""The Continuator (Pachet 2003, "The Continuator: Musical Interaction with Style"): the player's own notes again.

Every chord that follows was played before, behind the longest run of chords that ends as the music does now: a
Markov chain of variable order. Notes struck together are one chord and stay together (the paper's treatment of
polyphony). What counts as the same is told by viewpoints, from fine to coarse: pitches and duration class;
pitches; the highest note; its region of the keyboard. A chord keeps its gap to the one before it, its durations
and velocities. It has no model and has learnt from nobody but this player.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from itertools import pairwise

from jamd.music.note import Note
from jamd.music.timeline import TICKS_PER_QUARTER

LONGEST_MATCH = 8
"""Chords of context that are looked at: more hardly ever match."""
TOGETHER = TICKS_PER_QUARTER // 12
"""Ticks within which onsets are one chord: 35-40 ms at common tempi (tokens of live playing group them so too)."""
REGION = 4
"""Semitones of a region."""
LONGEST_GAP = 4 * TICKS_PER_QUARTER
"""A longer rest between chords is cut to this, lest an answer be silent."""

Chord = tuple[Note, ...]


def duration_class(ticks: int) -> int:
    """Octaves of duration."""
    return max(ticks, 1).bit_length()


def _pitches(chord: Chord) -> tuple[int, ...]:
    return tuple(sorted({n.pitch for n in chord}))


VIEWPOINTS: tuple[Callable[[Chord], Hashable], ...] = (
    lambda chord: (_pitches(chord), duration_class(max(n.duration for n in chord))),
    _pitches,
    lambda chord: max(_pitches(chord)),
    lambda chord: max(_pitches(chord)) // REGION,
)
"""From fine to coarse; the first that finds any context at all decides."""


def chords(notes: Sequence[Note]) -> list[Chord]:
    """Notes in order of onset, those together that begin within TOGETHER of the first of them."""
    out: list[list[Note]] = []
    for note in sorted(notes):
        if out and note.onset - out[-1][0].onset < TOGETHER:
            out[-1].append(note)
        else:
            out.append([note])
    return [tuple(chord) for chord in out]


class Continuator:
    """Knows the notes it was given. ValueError for none."""

    def __init__(self, notes: Sequence[Note]) -> None:
        if not notes:
            raise ValueError("a Continuator needs notes to play with")
        self._chords = chords(notes)
        self._gaps = [
            TICKS_PER_QUARTER,
            *(min(b[0].onset - a[0].onset, LONGEST_GAP) for a, b in pairwise(self._chords)),
        ]
        self._views = [[view(chord) for chord in self._chords] for view in VIEWPOINTS]
        self._places = [_places(views) for views in self._views]

    def answer(self, call: Sequence[Note], ticks: int, rng: random.Random) -> list[Note]:
        """An answer of `ticks` to the notes of a call that ends at tick 0 (their onsets are negative).

        Its onsets are from 0 on, below `ticks`; what would begin before the call has ended begins with the answer.
        """
        played, out = chords(call)[-LONGEST_MATCH:], list[Note]()
        now = played[-1][0].onset if played else 0
        while True:
            index = self._follower(played, rng)
            now = max(now + self._gaps[index], 0)
            chord = self._chords[index]
            out += (moved for n in chord if (moved := replace(n, onset=now + n.onset - chord[0].onset)).onset < ticks)
            if now >= ticks:
                return sorted(set(out))
            played = [*played, chord][-LONGEST_MATCH:]

    def _follower(self, played: Sequence[Chord], rng: random.Random) -> int:
        """The index of a chord that came behind the longest context that ends like `played`."""
        for view, views, places in zip(VIEWPOINTS, self._views, self._places, strict=True):
            context = [view(chord) for chord in played]
            ends = [end for end in places.get(context[-1], ()) if end + 1 < len(views)] if context else []
            if ends:
                lengths = [_match(views, end, context) for end in ends]
                longest = max(lengths)
                return rng.choice([end for end, length in zip(ends, lengths, strict=True) if length == longest]) + 1
        return rng.randrange(len(self._chords))


def _places(views: Sequence[Hashable]) -> dict[Hashable, list[int]]:
    out = defaultdict(list)
    for index, view in enumerate(views):
        out[view].append(index)
    return dict(out)


def _match(views: Sequence[Hashable], end: int, context: Sequence[Hashable]) -> int:
    """How many entries up to the index `end` are those at the end of `context`."""
    length = 0
    for back, view in enumerate(reversed(context)):
        if end - back < 0 or views[end - back] != view:
            break
        length = back + 1
    return length
