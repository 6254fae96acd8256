"""Counting by sorts is counting; Witten-Bell sums to one; the song cache knows the past and nothing else."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.remi.vocabulary import BOS, NOTE_ON, NOTE_VELOCITY, PAD, POSITION, SIZE
from training.evaluation import ngrams
from training.evaluation.ngrams import COMPONENTS, FAMILY, VIEWS
from training.evaluation.song_cache import online

FEW = [POSITION.id(0), POSITION.id(3), NOTE_VELOCITY.id(4), NOTE_VELOCITY.id(5), NOTE_ON.id(60), NOTE_ON.id(62)]
SONG = st.lists(st.sampled_from(FEW), min_size=1, max_size=30).map(lambda ids: np.array([BOS, *ids], dtype=np.uint16))
SONGS = st.lists(SONG, min_size=1, max_size=4)


class Naive:
    """The same n-grams as dictionaries, from their definition."""

    def __init__(self, view: str) -> None:
        self.kept = VIEWS[view]
        self.seen: dict[tuple[object, ...], dict[int, int]] = defaultdict(lambda: defaultdict(int))

    def contexts(self, song: list[int], at: int) -> list[tuple[object, ...]]:
        past = [PAD] * ngrams.ORDERS + [t for t in song[:at] if self.kept[t]]
        orders = [(k, int(FAMILY[song[at - 1]]), *past[len(past) - k :]) for k in range(1, ngrams.ORDERS + 1)]
        return [(), *orders]

    def learn(self, song: list[int], at: int) -> None:
        for context in self.contexts(song, at):
            self.seen[context][song[at]] += 1

    def probabilities(self, song: list[int], at: int, token: int) -> list[float]:
        out, p = [], 1 / SIZE
        for context in self.contexts(song, at):
            after = self.seen.get(context, {})
            if after:
                p = (after.get(token, 0) + len(after) * p) / (sum(after.values()) + len(after))
            out.append(p)
        return out[1:]


@settings(max_examples=25, deadline=None)
@given(SONGS, SONGS)
def test_trained_probabilities_are_those_of_dictionaries(train: list[np.ndarray], asked: list[np.ndarray]) -> None:
    found = ngrams.trained(ngrams.joined(train), ngrams.joined(asked))
    rows = []
    for view in VIEWS:
        naive = Naive(view)
        for song in train:
            for at in range(1, len(song)):
                naive.learn(song.tolist(), at)
        places = [(song.tolist(), at) for song in asked for at in range(1, len(song))]
        rows.append(np.array([naive.probabilities(song, at, song[at]) for song, at in places]).T)
    np.testing.assert_allclose(found, np.concatenate(rows), rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(SONGS)
def test_the_song_cache_is_dictionaries_that_learn_as_they_go_and_forget_at_the_end_of_a_song(
    songs: list[np.ndarray],
) -> None:
    found = online(songs)
    rows = []
    for view in VIEWS:
        told = []
        for song in songs:
            naive = Naive(view)
            for at in range(1, len(song)):
                told.append(naive.probabilities(song.tolist(), at, int(song[at])))
                naive.learn(song.tolist(), at)
        rows.append(np.array(told).T)
    np.testing.assert_allclose(found, np.concatenate(rows), rtol=1e-5)


@pytest.mark.parametrize("past", [[], [FEW[0]], FEW, FEW[::-1] * 3], ids=["empty", "seen", "long", "unseen"])
def test_each_component_sums_to_one_over_the_vocabulary(past: list[int]) -> None:
    rng = np.random.default_rng(1)
    train = ngrams.joined([np.array([BOS, *rng.choice(FEW, 200)], dtype=np.uint16) for _ in range(3)])
    tokens = [t for t in range(SIZE) if t not in (PAD, BOS)]
    asked = [np.array([BOS, *past, token], dtype=np.uint16) for token in tokens]
    last = np.cumsum([len(run) - 1 for run in asked]) - 1
    total = ngrams.trained(train, ngrams.joined(asked))[:, last].astype(np.float64).sum(1)
    never = ngrams.trained(train, ngrams.joined([np.array([BOS, *past, 500], dtype=np.uint16)]))[:, -1]  # as PAD, BOS
    np.testing.assert_allclose(total + 2 * never, 1, rtol=1e-5)


def test_a_view_passes_over_what_it_hides() -> None:
    loud, soft = (np.array([BOS, FEW[0], v, FEW[4], FEW[0], v, FEW[5]], dtype=np.uint16) for v in FEW[2:4])
    rows = dict(zip(COMPONENTS, ngrams.trained(ngrams.joined([loud]), ngrams.joined([soft]))[:, -1], strict=True))
    assert rows["without velocity", 4] > 5 * rows["all tokens", 4]


def test_no_context_reaches_into_the_song_before() -> None:
    first, second = (np.array([BOS, *ids], dtype=np.uint16) for ids in (FEW, FEW[::-1]))
    alone = ngrams.trained(ngrams.joined([first]), ngrams.joined([second]))
    behind = ngrams.trained(ngrams.joined([first]), ngrams.joined([first, second]))
    np.testing.assert_array_equal(behind[:, len(FEW) :], alone)
