"""Continuation: 4-bar answers to 4-bar calls, of the model and of those it must be better than.

Columns: `model`; `real`, the true response, which every measure is to come near; `other_song`, the true
response of another song; `markov4`; `continuator`. MEASURES says what the rows are.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from training.batches import Cache
from training.evaluation.answers import SHIPPED, Answered, Task, play
from training.evaluation.comparison import table
from training.evaluation.copying import Grams, grams_of, known, struck
from training.evaluation.markov import learn
from training.evaluation.song import Song

MEASURES = {
    "in_scale": "share of notes in the scale that fits the call best (major or natural minor)",
    "in_chords": "share of notes in the pitch classes of the chords that the call's beats are named after",
    "density_ratio": "|log2| of notes a quarter, answer over call",
    "register_distance": "semitones between the mean pitches of answer and call",
    "match_raw": "how often the nearest of 10 calls (9 of other songs) is the answer's own",
    "match_key": "the same with everything turned to C by the call's scale, and no register",
    "auc": "how well a random forest tells it from real responses (area under ROC; 0.5 is ideal)",
    "copied_training": "share of its 8-grams that stand in the training set",
    "copied_song": "share of its 8-grams that stand in the song's past",
    "identical_bars": "share of its bars that repeat the bar before, note for note",
    "empty_bars": "share of its bars in which no note begins",
    "loops": "share of answers in which a pattern of up to 8 notes runs 4 times or more, over 16 notes",
    "undecodable": "share of answers that the grammar refuses",
    "notes_per_bar": "notes that begin in a bar",
}


def evaluate(
    songs: Sequence[Song],
    model: Path,
    *,
    seed: int,
    workers: int,
    pairs: int,
    training: Path | None,
    tick: Callable[[int], None],
) -> dict[str, Any]:
    """The table on both grids, JSON-ready; `tick(1)` after each song.

    `pairs` calls at most on each grid, as evenly as can be of the songs; `training` is the cache whose training
    split Markov learns from and copies are looked for in. Without it Markov learns from the other half of the songs.
    Cells are those of `comparison.table`. ModelError for a file that is no model.
    """
    began = time.monotonic()
    played = dict[bool, list[Answered]]({False: [], True: []})
    with tempfile.TemporaryDirectory() as folder:
        trained, tables = _learnt(songs, training, Path(folder))
        tasks = _tasks(songs, model, tables, pairs, seed)
        for task, answered in zip(tasks, _played(tasks, workers), strict=True):
            played[task.free] += answered
            tick(int(task.free))  # a song's second task
    return {
        "measures": MEASURES,
        "sampling": {name: getattr(SHIPPED, name) for name in ("temperature", "top_p", "min_p")},
        "markov_learnt_from": "training set" if training else "the other half of the songs",
        "true_grid": table(played[False], trained, seed, workers),
        "free_grid": table(played[True], trained, seed, workers),
        "seconds": round(time.monotonic() - began, 1),
    }


def _tasks(songs: Sequence[Song], model: Path, tables: Sequence[Path], pairs: int, seed: int) -> list[Task]:
    """Two for each song, its own grid and the free one."""
    out = []
    for i, song in enumerate(songs):
        share = (i + 1) * pairs // len(songs) - i * pairs // len(songs)
        out += [Task(i, song, free, share, model, tables[i], seed) for free in (False, True)]
    return out


def _played(tasks: Sequence[Task], workers: int) -> Iterator[list[Answered]]:
    """The answers in the order of the tasks, whatever the number of workers."""
    if workers <= 1:
        yield from map(play, tasks)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(play, tasks)


def _learnt(songs: Sequence[Song], training: Path | None, folder: Path) -> tuple[Grams | None, list[Path]]:
    """The training set's 8-grams, and for each song the folder of a Markov table that has not seen it."""
    for name in ("even", "odd"):
        (folder / name).mkdir()
    if training is None:
        groups = list(dict.fromkeys(song.group for song in songs))
        halves = {group: ("even", "odd")[i % 2] for i, group in enumerate(groups)}
        for name in ("even", "odd"):
            learn((ids for s in songs if halves[s.group] != name for ids in (s.tokens, s.free)), folder / name)
        return None, [folder / halves[song.group] for song in songs]
    cache = Cache(training)
    titles = cache.train()
    learn((cache.tokens(title[0]) for title in titles), folder / "even")
    trained = known(grams_of(*struck(cache.tokens(piece))) for title in titles for piece in title)
    return trained, [folder / "even"] * len(songs)
