"""xz: repeats are cheap, noise is not, and every bit that decoding needs is counted."""

from __future__ import annotations

import lzma
import math

import numpy as np
import pytest

from jamd.remi.vocabulary import BOS, NOTE_ON, NOTE_VELOCITY
from training.corpus.piece import Piece
from training.evaluation.bars import marks
from training.evaluation.compression import codings, xz_bits
from training.evaluation.song import Song


def song(ids: list[int], flat: bool = False) -> Song:
    tokens = np.array([BOS, *ids], dtype=np.uint16)
    return Song("tiny", "a", "g", tokens, tokens, flat, Piece(()))


def bits(ids: list[int], flat: bool = False) -> float:
    one = song(ids, flat)
    return xz_bits(one, marks(one))


def noise(count: int, kinds: int) -> list[int]:
    return [NOTE_ON.first + int(i) for i in np.random.default_rng(1).integers(0, kinds, count)]


def test_a_song_heard_twice_costs_little_more_than_once() -> None:
    once = noise(2000, 100)
    assert bits(once * 2) < 1.05 * bits(once)


@pytest.mark.parametrize("kinds", [16, 64, 110])
def test_noise_cannot_be_compressed_but_nearly_reaches_its_entropy(kinds: int) -> None:
    paid = bits(noise(20_000, kinds)) / 20_000
    assert math.log2(kinds) < paid < math.log2(kinds) * 1.1


def test_velocities_that_lie_cost_nothing() -> None:
    rng = np.random.default_rng(2)
    ids = [t for n in noise(500, 50) for t in (NOTE_VELOCITY.first + int(rng.integers(32)), n)]
    assert bits(ids, flat=True) == bits(noise(500, 50))
    assert bits(ids) > bits(ids, flat=True) + 500


def test_every_coding_can_be_read_back() -> None:
    ids = np.array(noise(300, 100), dtype=np.uint16)
    wide, narrow = codings(ids)
    np.testing.assert_array_equal(np.frombuffer(wide, "<u2"), ids)
    count = narrow[0]
    used = np.frombuffer(narrow[1 : 1 + 2 * count], "<u2")
    np.testing.assert_array_equal(used[np.frombuffer(narrow[1 + 2 * count :], np.uint8)], ids)


def test_no_container_is_counted() -> None:
    ids = noise(50, 20)
    packed = len(lzma.compress(np.array(ids, "<u2").tobytes(), preset=9 | lzma.PRESET_EXTREME)) * 8
    assert bits(ids) < packed - 8 * 20
