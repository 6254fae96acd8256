"""Real or generated? A random forest on hand features of four bars, and how well it tells the two apart.

The AUC (area under the ROC curve) is the chance that it finds a real response more real than the other: 0.5 is
guessing. It is cross-validated by song, so no forest judges a song that it has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GroupKFold

from jamd.music.timeline import TICKS_PER_QUARTER
from training.evaluation.copying import SIXTEENTH
from training.evaluation.excerpts import Excerpt
from training.evaluation.measures import Vector, pitch_classes, scale_root, shares

FOLDS, TREES, LEAF = 5, 200, 3
LARGEST_STEP = 12
DURATION_CLASSES, VELOCITY_BINS, ONSET_BINS = 8, 8, 16


def features(music: Excerpt) -> Vector:
    """[F]: histograms (parts of one) of degrees of its own scale, pitch classes as they are, onsets in the bar,
    steps between successive notes, durations (octaves from a thirty-second up), velocities; then notes a quarter,
    notes struck together, mean and spread of pitch and velocity, lowest and highest pitch.
    """
    notes = sorted(music.notes, key=lambda n: (n.onset, n.pitch))
    held = pitch_classes(notes)
    pitches, velocities = ([getattr(n, name) for n in notes] or [0] for name in ("pitch", "velocity"))
    slots = [(n.onset + SIXTEENTH // 2) % music.metre.ticks * ONSET_BINS // music.metre.ticks for n in notes]
    steps = [min(max(b.pitch - a.pitch, -LARGEST_STEP), LARGEST_STEP) + LARGEST_STEP for a, b in pairwise(notes)]
    together = sum(b.onset - a.onset < SIXTEENTH // 3 for a, b in pairwise(notes)) / max(len(notes), 1)
    return np.concatenate(
        [
            shares(np.roll(held, -scale_root(notes))),
            shares(held),
            _histogram(slots, ONSET_BINS),
            _histogram(steps, 2 * LARGEST_STEP + 1),
            _histogram([_octave(n.duration) for n in notes], DURATION_CLASSES),
            _histogram([v * VELOCITY_BINS // 128 for v in velocities], VELOCITY_BINS),
            [len(notes) * TICKS_PER_QUARTER / music.ticks, together, min(pitches), max(pitches)],
            [np.mean(pitches), np.std(pitches), np.mean(velocities), np.std(velocities)],
        ]
    )


def _histogram(values: Sequence[int], bins: int) -> Vector:
    return shares(np.bincount(np.array(values, np.int64), minlength=bins))


def _octave(ticks: int) -> int:
    """The duration's class: 0 is up to about a dotted sixty-fourth, and each goes twice as far as the one before."""
    return min(max(int(np.log2(max(ticks, 1) * 16 / TICKS_PER_QUARTER) + 0.5), 0), DURATION_CLASSES - 1)


def verdicts(real: Vector, other: Vector, songs: Sequence[int], seed: int, threads: int = 1) -> tuple[Vector, Vector]:
    """How real a forest that has not seen the song finds each row: of `real` and of `other`, both [n, F].

    Row i of both belongs to `songs[i]`. ValueError with fewer than two songs.
    """
    groups = np.array([*songs, *songs])
    folds = min(FOLDS, len(set(songs)))
    if folds < 2:
        raise ValueError("a classifier needs two songs at least")
    rows, truth = np.concatenate([real, other]), np.repeat([1, 0], len(real))
    found = np.zeros(len(rows))
    for train, test in GroupKFold(folds).split(rows, truth, groups):
        forest = RandomForestClassifier(TREES, min_samples_leaf=LEAF, random_state=seed % 2**32, n_jobs=threads)
        found[test] = forest.fit(rows[train], truth[train]).predict_proba(rows[test])[:, 1]
    return found[: len(real)], found[len(real) :]


def auc(real: Vector, other: Vector) -> float:
    """The chance that one of `real` is larger than one of `other`; equal ones count half (Mann-Whitney)."""
    return float(placements(real, other).mean())


def placements(real: Vector, other: Vector) -> Vector:
    """For each of `real` the share of `other` that is smaller; equal ones count half."""
    order = np.sort(other)
    return np.asarray((np.searchsorted(order, real, "left") + np.searchsorted(order, real, "right")) / 2 / len(other))
