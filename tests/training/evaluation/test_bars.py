"""Repeated bars are those with the same notes at the same places; flat velocities do not count."""

from __future__ import annotations

import numpy as np

from jamd.remi.vocabulary import BAR, BOS, CALL, NOTE_DURATION, NOTE_ON, NOTE_VELOCITY, POSITION
from training.corpus.piece import Piece
from training.evaluation.bars import ALL, NOVEL, PARTS, REPEATED, SECOND_HALF, marks
from training.evaluation.song import Song


def bar(*notes: tuple[int, int], loud: int = 5, long: int = 10) -> list[int]:
    """A bar of (position, pitch) notes."""
    out = [BAR]
    for position, pitch in notes:
        out += [POSITION.id(position), NOTE_VELOCITY.id(loud), NOTE_ON.id(pitch), NOTE_DURATION.id(long)]
    return out


def song(*bars: list[int], flat: bool = False) -> Song:
    """A song of bars."""
    ids = np.array([BOS, CALL, *(t for b in bars for t in b)], dtype=np.uint16)
    return Song("tiny", "a", "g", ids, ids, flat, Piece(()))


A, B = ((0, 60), (12, 64)), ((0, 60), (12, 65))


def repeated_bars(*bars: list[int]) -> list[bool]:
    found = marks(song(*bars)).parts[REPEATED]
    starts = 1 + np.cumsum([0, *map(len, bars)])[:-1]
    assert all(len(set(found[s : s + len(b)].tolist())) == 1 for s, b in zip(starts, bars, strict=True))
    return [bool(found[s]) for s in starts]


def test_a_bar_is_repeated_when_its_notes_stood_in_any_earlier_bar() -> None:
    assert repeated_bars(bar(*A), bar(*B), bar(*A), bar(*B)) == [False, False, True, True]


def test_loudness_and_length_make_no_other_bar_but_place_and_pitch_do() -> None:
    assert repeated_bars(bar(*A), bar(*A, loud=9, long=30)) == [False, True]
    assert repeated_bars(bar((0, 60)), bar((1, 60)), bar((0, 61)), bar((0, 60), (0, 64))) == [False] * 4


def test_an_empty_bar_is_never_repeated() -> None:
    assert repeated_bars(bar(), bar(), bar(*A), bar()) == [False] * 4


def test_repeated_and_novel_share_all_tokens_between_them() -> None:
    found = marks(song(bar(*A), bar(*B), bar(*A)))
    assert (found.parts[REPEATED] ^ found.parts[NOVEL]).all()
    assert found.notes_in(REPEATED) + found.notes_in(NOVEL) == found.notes_in(ALL) == 6
    bits = np.arange(len(found.notes), dtype=float)
    assert found.sum_in(REPEATED, bits) + found.sum_in(NOVEL, bits) == bits.sum()


def test_the_second_half_is_half_of_the_tokens() -> None:
    found = marks(song(bar(*A), bar(*B), bar(*A)))
    half = found.parts[SECOND_HALF]
    assert abs(2 * half.sum() - len(half)) <= 1
    assert half[-1]
    assert not half[0]


def test_flat_velocities_count_for_nobody() -> None:
    true, flat = marks(song(bar(*A))), marks(song(bar(*A), flat=True))
    ones = np.ones(len(true.notes))
    assert true.sum_in(ALL, ones) - flat.sum_in(ALL, ones) == 2
    assert all(true.notes_in(part) == flat.notes_in(part) for part in PARTS)
