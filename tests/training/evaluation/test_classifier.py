"""Real or generated: the forest is at a loss between equals, and sure where anybody would be."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.music.note import Note
from tests.training.evaluation.tunes import MAJOR, music
from training.evaluation import classifier
from training.evaluation.excerpts import Excerpt

SONGS = [i // 4 for i in range(80)]


def answer(seed: str, step: int = 240) -> Excerpt:
    """Notes of a major scale, one every `step` ticks or two."""
    rng, at, notes = random.Random(seed), 0, list[Note]()
    while at < 4 * 1920:
        notes.append(Note(at, step, 60 + rng.choice(MAJOR), rng.randrange(2, 127, 4)))
        at += step * rng.choice((1, 1, 2))
    return music(*notes)


def features(name: str, step: int = 240) -> np.ndarray:
    return np.array([classifier.features(answer(f"{name}/{i}", step)) for i in range(len(SONGS))])


def told_apart(real: np.ndarray, other: np.ndarray) -> float:
    return classifier.auc(*classifier.verdicts(real, other, SONGS, seed=1))


def test_two_samples_of_the_same_music_are_hardly_told_apart() -> None:
    assert 0.3 < told_apart(features("a"), features("b")) < 0.7


def test_plainly_other_music_is_told_apart() -> None:
    assert told_apart(features("a"), features("b", step=120)) > 0.99


def test_the_same_seed_gives_the_same_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier, "TREES", 20)
    real, other = features("a"), features("b")
    first, again = (classifier.verdicts(real, other, SONGS, seed=5) for _ in range(2))
    assert np.array_equal(first, again)


def test_no_forest_judges_a_song_that_it_has_seen() -> None:
    songs = np.array(SONGS)
    rule = songs % 2  # which of the two is marked, in every song by a rule of its own
    real, other = (np.stack([songs, rule == side], axis=1).astype(float) for side in (1, 0))
    assert told_apart(real, other) < 0.6


def test_one_song_is_not_enough() -> None:
    with pytest.raises(ValueError, match="two songs"):
        classifier.verdicts(np.zeros((3, 2)), np.ones((3, 2)), [7, 7, 7], 1)


SCORES = st.lists(st.integers(0, 5).map(float), min_size=1, max_size=20).map(np.array)


@given(SCORES, SCORES)
def test_the_area_is_the_chance_to_be_larger(real: np.ndarray, other: np.ndarray) -> None:
    chances = np.mean([[1.0 if a > b else 0.5 if a == b else 0.0 for b in other] for a in real])
    assert classifier.auc(real, other) == pytest.approx(chances)
    assert classifier.auc(real, other) + classifier.auc(other, real) == pytest.approx(1)


def test_an_empty_answer_has_features_too() -> None:
    assert np.isfinite(classifier.features(music())).all()
