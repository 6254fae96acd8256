"""What is counted in an answer, alone and against its call. Knows no model and no song; whole ticks and pitches.

Each measure is a number for one answer, or NaN where it says nothing (an empty answer has no note in any scale).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import comb

import numpy as np
from numpy.typing import NDArray

from jamd.music.chords import QUALITIES, ROOTS, name_chord
from jamd.music.note import Note
from jamd.music.timeline import TICKS_PER_QUARTER
from jamd.remi.vocabulary import SLOT_TICKS
from training.evaluation.copying import LONGEST_GAP, SIXTEENTH
from training.evaluation.excerpts import Excerpt

Vector = NDArray[np.float64]
MAJOR = (0, 2, 4, 5, 7, 9, 11)
"""The natural minor scale of its sixth degree has the same pitch classes: twelve collections in all."""
DEGREES = (5, 0, 2, 0, 4, 1, 0, 5, 0, 3, 0, 1)
"""Decides among collections that hold equally much: that whose tonic, dominant and mediants weigh more."""
LOOP_LONGEST, LOOP_TIMES, LOOP_NOTES = 8, 4, 16
"""A loop: a pattern of 1 to 8 notes that stands 4 times or more in a row, over 16 notes or more."""


def pitch_classes(notes: Sequence[Note]) -> NDArray[np.int64]:
    """Ticks that each of the twelve pitch classes is held, [12]."""
    held = np.zeros(12, np.int64)
    for note in notes:
        held[note.pitch % 12] += note.duration
    return held


def scale_root(notes: Sequence[Note]) -> int:
    """The pitch class (0 is C) of the major collection that holds most of the notes' time.

    In whole numbers, so that transposed notes have the transposed scale, whatever the rounding.
    """
    held = pitch_classes(notes)
    fits = [np.roll(held, -root) for root in range(12)]
    scores = [(int(fit[list(MAJOR)].sum()), int(fit @ np.array(DEGREES))) for fit in fits]
    return scores.index(max(scores))


def scale(notes: Sequence[Note]) -> frozenset[int]:
    """The pitch classes of the best-fitting major or natural minor scale."""
    root = scale_root(notes)
    return frozenset((root + step) % 12 for step in MAJOR)


def chord_set(call: Excerpt) -> frozenset[int]:
    """The pitch classes of all chords that the call's beats are named after (jamd.music.chords)."""
    beat, tones = call.metre.beat_ticks, set[int]()
    for start in range(0, call.ticks, beat):
        name = _chord(call.notes, start, start + beat)
        if name is not None:
            root, quality = name.split(":")
            tones.update((ROOTS.index(root) + step) % 12 for step in QUALITIES[quality])
    return frozenset(tones)


def _chord(notes: Sequence[Note], start: int, end: int) -> str | None:
    """The chord between two ticks, each note weighed by how long it sounds there, as the encoder names it."""
    weights, bass = [0.0] * 12, None
    for note in notes:
        length = min(note.onset + note.duration, end) - max(note.onset, start)
        if length > SLOT_TICKS // 2:
            weights[note.pitch % 12] += length
            bass = note.pitch if bass is None else min(bass, note.pitch)
    return name_chord(weights, bass)


def share_in(notes: Sequence[Note], classes: frozenset[int]) -> float:
    """The share of the notes with such a pitch class."""
    return float(np.mean([n.pitch % 12 in classes for n in notes])) if notes and classes else float("nan")


def density_ratio(call: Excerpt, answer: Excerpt) -> float:
    """|log2| of the answer's notes a quarter over the call's; no note counts as one."""
    calls, answers = (max(len(e.notes), 1) / e.ticks for e in (call, answer))
    return abs(float(np.log2(answers / calls)))


def register_distance(call: Excerpt, answer: Excerpt) -> float:
    """Semitones between the mean pitches."""
    if not answer.notes or not call.notes:
        return float("nan")
    return abs(float(np.mean([n.pitch for n in answer.notes]) - np.mean([n.pitch for n in call.notes])))


def empty_bars(answer: Excerpt) -> float:
    """The share of its bars in which no note begins."""
    return float(np.mean([not bar for bar in answer.by_bar]))


def identical_bars(call: Excerpt, answer: Excerpt) -> float:
    """The share of its bars that say the same, in pitch and slot, as the bar before; the call's last one counts."""
    bars = [_slots(call, call.bars - 1), *(_slots(answer, bar) for bar in range(answer.bars))]
    return float(np.mean([bool(b) and a == b for a, b in pairwise(bars)]))


def _slots(music: Excerpt, bar: int) -> frozenset[tuple[int, int]]:
    start = bar * music.metre.ticks - SLOT_TICKS // 2
    return frozenset(((n.onset - start) // SLOT_TICKS, n.pitch) for n in music.by_bar[bar])


def loops(answer: Excerpt) -> float:
    """1 where a pattern of notes (pitches and gaps in sixteenths) runs in a loop, else 0."""
    keys = sorted({((2 * n.onset + SIXTEENTH) // (2 * SIXTEENTH), n.pitch) for n in answer.notes})
    steps = [(min(b[0] - a[0], LONGEST_GAP), b[1]) for a, b in pairwise(keys)]
    return float(any(_longest_run(steps, length) for length in range(1, LOOP_LONGEST + 1)))


def _longest_run(steps: Sequence[tuple[int, int]], length: int) -> bool:
    """Whether a pattern of `length` steps is repeated at once, often and long enough."""
    same, needed = 0, max((LOOP_TIMES - 1) * length, LOOP_NOTES - length)
    for a, b in zip(steps, steps[length:], strict=False):
        same = same + 1 if a == b else 0
        if same >= needed:
            return True
    return False


# Does an answer find its call among others?

ONSET_BINS = 16
"""Parts of a bar; the sixteenths of 4/4."""


def texture(music: Excerpt, *, to_c: int | None, flat: bool = False) -> Vector:
    """By what answers are compared to calls: how long each pitch class sounds (12 shares), where in the bar notes
    begin (16 shares), log2 of the density, the spread of pitch, mean velocity (NaN where it says nothing), mean pitch.

    `to_c`: None compares as it sounds; else the root (0-11) of a scale that is turned to C, and the mean pitch is
    NaN, since it would depend on the octave that this leads to.
    """
    notes = music.notes
    line = [(n.onset + SIXTEENTH // 2) % music.metre.ticks * ONSET_BINS // music.metre.ticks for n in notes]
    density = np.log2(max(len(notes), 0.5) * TICKS_PER_QUARTER / music.ticks)
    pitches = [n.pitch for n in notes] or [0]
    return np.array(
        [
            *shares(np.roll(pitch_classes(notes), -(to_c or 0))),
            *shares(np.bincount(np.array(line, np.int64), minlength=ONSET_BINS)),
            density,
            np.std(pitches),
            np.nan if flat or not notes else np.mean([n.velocity for n in notes]),
            np.nan if to_c is not None or not notes else np.mean(pitches),
        ]
    )


def shares(counts: NDArray[np.int64]) -> Vector:
    """Counts as parts of their sum; zeros where there is nothing."""
    return np.asarray(counts / max(counts.sum(), 1))


def distances(answers: Vector, calls: Vector) -> Vector:
    """How far each answer is from each call, [answers, calls]: Euclidean, each feature in its standard deviations
    over the calls. What either does not say (NaN), or all calls say alike, makes no difference.
    """
    spread = np.array([np.std(column[~np.isnan(column)]) if not np.isnan(column).all() else 0.0 for column in calls.T])
    said = spread > 1e-9
    scaled_answers, scaled_calls = answers[:, said] / spread[said], calls[:, said] / spread[said]
    return np.array([np.sqrt(np.nansum((scaled_calls - row) ** 2, axis=1)) for row in scaled_answers])


def top_1(own: float, others: Sequence[float], rivals: int) -> float:
    """The chance that a call at distance `own` is nearest among itself and `rivals` of the others, drawn at random.

    Exact, by counting the draws that hold no nearer one; an equal distance is nearer half the time. NaN where
    there are too few others.
    """
    if len(others) < rivals:
        return float("nan")
    farther = sum(own < other for other in others)
    ties = sum(own == other for other in others)
    return (comb(farther, rivals) + comb(farther + ties, rivals)) / 2 / comb(len(others), rivals)
