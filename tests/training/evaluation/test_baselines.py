"""Baselines learn from the training split, fit on music that is not measured, and forget nothing of the song."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from jamd.remi.vocabulary import NOTE_VELOCITY
from tests.training.tiny import write_cache
from training.batches import REPORT, STOP, Cache, half_of
from training.corpus.piece import Piece
from training.evaluation import baselines
from training.evaluation.baselines import MIXTURE, SONG_CACHE, STEPS, learnt
from training.evaluation.song import Song

PIECES: list[dict[str, Any]] = [{"piece": f"t{i}", "notes": 40, "variants": 2} for i in range(4)]
VALID = [f"v{i}" for i in range(8)]
PIECES += [{"piece": name, "split": "valid", "notes": 30} for name in VALID]
STOPS = [name for name in VALID if half_of(name) == STOP]
REPORTS = [name for name in VALID if half_of(name) == REPORT]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    write_cache(tmp_path / "cache", PIECES)
    return Cache(tmp_path / "cache")


def song(cache: Cache, name: str, times: int = 1) -> Song:
    title = next(t for t in cache.titles if t[0].piece == name)
    ids = np.array(cache.tokens(title[0]))
    ids = np.concatenate([ids, *[ids[1:]] * (times - 1)])
    return Song("tiny", name, name, ids, ids, False, Piece(()))


def test_every_token_but_the_first_has_bits_in_the_order_of_the_songs(cache: Cache) -> None:
    songs, ticks = [song(cache, name) for name in REPORTS], list[int]()
    found = learnt(cache, songs, ticks.append)
    assert found is not None
    assert sum(ticks) == STEPS
    for rows in found.bits.values():
        assert [len(row) for row in rows] == [len(s.tokens) - 1 for s in songs]
        assert all((row > 0).all() for row in rows)
    again = learnt(cache, songs[::-1], lambda _: None)
    assert again is not None
    for name, rows in found.bits.items():
        for row, other in zip(rows, again.bits[name][::-1], strict=True):
            np.testing.assert_allclose(row, other, rtol=1e-5)


def test_a_song_that_repeats_itself_is_cheap_for_the_song_cache_alone(cache: Cache) -> None:
    found = learnt(cache, [song(cache, REPORTS[0], times=4)], lambda _: None)
    assert found is not None
    late = len(found.bits[MIXTURE][0]) // 4
    assert found.bits[SONG_CACHE][0][-late:].mean() < 0.75 * found.bits[MIXTURE][0][-late:].mean()


def test_weights_are_never_fitted_on_a_measured_group(cache: Cache) -> None:
    def fitting(*measured: str) -> set[str]:
        return {piece.piece for piece in baselines._fitting(cache, set(measured))}

    assert fitting() == set(STOPS)
    assert fitting(*REPORTS) == set(STOPS)
    assert fitting(STOPS[0]) == set(REPORTS)
    assert fitting(STOPS[0], REPORTS[0]) == set(REPORTS[1:])


def test_without_anything_to_fit_on_there_is_no_mixture(cache: Cache) -> None:
    assert learnt(cache, [song(cache, name) for name in VALID], lambda _: None) is None


def test_the_cap_takes_first_variants_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "TRAIN_TOKENS", 25)
    titles = [[np.full(10, 10 * t + v, dtype=np.uint16) for v in range(2)] for t in range(2)]
    assert [(run[0], len(run)) for run in baselines._capped(titles)] == [(0, 10), (10, 10), (1, 5)]


def test_velocities_that_lie_are_not_fitted_on() -> None:
    ids = np.array([1, NOTE_VELOCITY.first, 400, NOTE_VELOCITY.first + 31], dtype=np.uint16)
    assert baselines._counted(ids, True).tolist() == [False, True, False]
    assert baselines._counted(ids, False).all()
