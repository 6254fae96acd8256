"""Synthetic songs and excerpts for the tests of generated music."""

from __future__ import annotations

import random
from collections.abc import Sequence

from jamd.music.note import Note
from jamd.music.timeline import FOUR_FOUR
from training.corpus.grid import BarMark, Grid, Tempo
from training.corpus.piece import Piece, Struck
from training.evaluation.excerpts import BARS, Excerpt
from training.evaluation.song import Song, song_of

EIGHTH_NS = 240_000_000
"""At 125 quarters a minute, which a grid can say exactly."""
TRIADS = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14))
MAJOR = (0, 2, 4, 5, 7, 9, 11)


def grid() -> Grid:
    """4/4 at 125."""
    return Grid((Tempo(0, 0, 2 * EIGHTH_NS),), (BarMark(0, FOUR_FOUR),))


def tune(seed: int, bars: int = 24, root: int = 60) -> Piece:
    """A random line of eighths in a major key over a triad in each bar; every bar has its own velocity."""
    rng, keys = random.Random(seed), list[Struck]()
    for bar in range(bars):
        start = bar * 8 * EIGHTH_NS
        velocity = rng.randint(40, 100)
        triad = rng.choice(TRIADS)
        keys += [Struck(start, start + 7 * EIGHTH_NS, root - 12 + p, velocity) for p in triad]
        for k in range(8):
            if k == 0 or rng.random() < 0.8:
                pitch = root + 12 + rng.choice(MAJOR)
                on = start + k * EIGHTH_NS
                keys.append(Struck(on, on + EIGHTH_NS * 9 // 10, pitch, velocity))
    return Piece(tuple(sorted(keys)), grid=grid())


def song(seed: int, bars: int = 24, root: int = 60, group: str = "") -> Song:
    """A Song of such a tune."""
    return song_of(tune(seed, bars, root), "tunes", f"{seed}", group or f"tunes/{seed}")


def music(*notes: Note, bars: int = BARS) -> Excerpt:
    """Notes as an excerpt in 4/4."""
    return Excerpt(tuple(sorted(notes)), FOUR_FOUR, bars)


def row(pitches: Sequence[int], step: int = 240, velocity: int = 66, start: int = 0) -> list[Note]:
    """Notes one after the other."""
    return [Note(start + step * i, step, pitch, velocity) for i, pitch in enumerate(pitches)]


def moved(excerpt: Excerpt, semitones: int) -> Excerpt:
    """The same, transposed."""
    notes = (Note(n.onset, n.duration, n.pitch + semitones, n.velocity) for n in excerpt.notes)
    return Excerpt(tuple(notes), excerpt.metre, excerpt.bars)
