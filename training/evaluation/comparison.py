"""The columns of the continuation table, out of answers that were played. Knows no model."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation import classifier, measures
from training.evaluation.answers import CONTINUATOR, MARKOV, MODEL, REAL, Answered
from training.evaluation.bootstrap import Bootstrap
from training.evaluation.copying import Grams, grams, share
from training.evaluation.excerpts import Excerpt
from training.evaluation.measures import Vector

OTHER = "other_song"
COLUMNS = (MODEL, REAL, OTHER, MARKOV, CONTINUATOR)
RIVALS = 9
"""Calls of other songs that an answer's own call stands among."""
DIGITS = 6
"""More would tell only in which order sums were taken."""
Cell = dict[str, float] | None
Flags = NDArray[np.bool_]


def table(played: Sequence[Answered], trained: Grams | None, seed: int, workers: int = 1) -> dict[str, Any]:
    """Counts of pairs and songs, and {column: {measure: cell}}; `trained` are the training set's 8-grams.

    A cell is {"value", "low", "high"}: the mean over pairs with a bootstrap interval of 95 % over songs; None
    where the measure does not apply. Other songs are those of another group.
    """
    songs = np.array([a.song for a in played], np.int64)
    head = {"pairs": len(played), "songs": len(set(songs.tolist()))}
    if not played:
        return {**head, "columns": {}}
    foreign = _foreign(played)
    music = {REAL: [a.answers[REAL] for a in played]}
    music |= {name: [a.answers[name] for a in played] for name in COLUMNS if name in played[0].answers}
    if foreign.any(axis=1).all():
        music[OTHER] = _others(played, foreign, seed)
    columns = {}
    for name in (c for c in COLUMNS if c in music):
        rows = {**_counted(played, music[name], name, trained), **_matches(played, music[name], foreign)}
        columns[name] = {measure: mean(values, songs, seed) for measure, values in rows.items()}
        columns[name]["auc"] = None  # other songs' responses are as real as can be
        if name not in (REAL, OTHER) and foreign.any():
            columns[name]["auc"] = auc(*_verdicts(played, music[REAL], music[name], seed, workers), songs, seed)
    return {**head, "columns": columns}


def _verdicts(
    played: Sequence[Answered], real: Sequence[Excerpt], other: Sequence[Excerpt], seed: int, workers: int
) -> tuple[Vector, Vector]:
    """How real the classifier finds each of both; groups are not divided by its folds."""
    true, theirs = (np.array([classifier.features(e) for e in music]) for music in (real, other))
    return classifier.verdicts(true, theirs, _numbers([a.group for a in played]), seed, workers)


def _foreign(played: Sequence[Answered]) -> Flags:
    """[n, n]: whether two pairs are of different groups."""
    groups = np.array(_numbers([a.group for a in played]))
    return np.asarray(groups[:, None] != groups[None])


def _numbers(names: Sequence[str]) -> list[int]:
    order = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return [order[name] for name in names]


def _others(played: Sequence[Answered], foreign: Flags, seed: int) -> list[Excerpt]:
    """The true response of a song of another group for each pair, drawn by the seed."""
    rng = random.Random(seed)
    return [played[rng.choice(np.flatnonzero(row).tolist())].answers[REAL] for row in foreign]


def _counted(
    played: Sequence[Answered], music: Sequence[Excerpt], name: str, trained: Grams | None
) -> dict[str, Vector]:
    """The measures of each answer and its call, each [n]."""
    rows = [_row(a, e, trained) for a, e in zip(played, music, strict=True)]
    out = {measure: np.array([row[measure] for row in rows]) for measure in rows[0]}
    if name in (MODEL, MARKOV):
        out["undecodable"] = np.array([float(name in a.undecodable) for a in played])
    return out


def _row(pair: Answered, answer: Excerpt, trained: Grams | None) -> dict[str, float]:
    call, own = pair.call, grams(answer.notes)
    return {
        "in_scale": measures.share_in(answer.notes, measures.scale(call.notes)),
        "in_chords": measures.share_in(answer.notes, measures.chord_set(call)),
        "density_ratio": measures.density_ratio(call, answer),
        "register_distance": measures.register_distance(call, answer),
        "copied_training": float("nan") if trained is None else share(own, trained),
        "copied_song": share(own, pair.past),
        "identical_bars": measures.identical_bars(call, answer),
        "empty_bars": measures.empty_bars(answer),
        "loops": measures.loops(answer),
        "notes_per_bar": len(answer.notes) / answer.bars,
    }


def _matches(played: Sequence[Answered], music: Sequence[Excerpt], foreign: Flags) -> dict[str, Vector]:
    """How often each answer finds its own call among ten, as it sounds and turned to C, each [n]."""
    out = {}
    for name, turned in (("match_raw", False), ("match_key", True)):
        roots = [measures.scale_root(a.call.notes) if turned else None for a in played]
        pairs = list(zip(played, music, roots, strict=True))
        calls = np.array([measures.texture(a.call, to_c=root, flat=a.flat) for a, _, root in pairs])
        answers = np.array([measures.texture(e, to_c=root, flat=a.flat) for a, e, root in pairs])
        far = measures.distances(answers, calls)
        out[name] = np.array([measures.top_1(far[i, i], far[i][foreign[i]].tolist(), RIVALS) for i in range(len(far))])
    return out


def mean(values: Vector, songs: NDArray[np.int64], seed: int) -> Cell:
    """The mean of what is a number, with its interval: songs are drawn, since the pairs of a song are alike."""
    said = ~np.isnan(values)
    numbers = _numbers(songs[said].tolist())
    if not numbers:
        return None
    sums, counts = (np.bincount(numbers, weights).astype(np.float64) for weights in (values[said], None))
    cell = Bootstrap(len(counts), seed).quotient(sums, counts)
    return None if cell is None else {name: round(value, DIGITS) for name, value in cell.json().items()}


def auc(real: Vector, other: Vector, songs: NDArray[np.int64], seed: int) -> Cell:
    """The classifier's AUC with its interval; row i of both is of `songs[i]`.

    As a mean over pairs, by the placements of either among the others (Obuchowski 1997, clustered data).
    """
    area = classifier.auc(real, other)
    above, below = classifier.placements(real, other), 1 - classifier.placements(other, real)
    return mean(above + below - area, songs, seed)
