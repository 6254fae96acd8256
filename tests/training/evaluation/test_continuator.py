"""The Continuator plays what it has heard, and goes on as the longest match does."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.music.note import Note
from tests.training.evaluation.tunes import row
from training.evaluation.continuator import LONGEST_GAP, TOGETHER, Continuator, chords

NOTES = st.lists(
    st.builds(Note, st.integers(0, 9000), st.integers(10, 2000), st.integers(20, 100), st.integers(1, 127)),
    min_size=1,
    max_size=60,
)
SEEDS = st.integers(0, 999)
TICKS = 4 * 1920


def before(notes: list[Note]) -> list[Note]:
    """The notes moved to end before tick 0."""
    return [Note(n.onset - 10_000, n.duration, n.pitch, n.velocity) for n in notes]


@given(NOTES, SEEDS)
def test_it_plays_only_chords_that_it_heard(notes: list[Note], seed: int) -> None:
    heard = {(n.duration, n.pitch, n.velocity) for n in notes}
    out = Continuator(notes).answer(before(notes), TICKS, random.Random(seed))
    assert {(n.duration, n.pitch, n.velocity) for n in out} <= heard
    assert out == sorted(out) and all(0 <= n.onset < TICKS for n in out)


@given(NOTES, SEEDS, st.integers(-20, 27))
def test_transposed_music_gets_the_transposed_answer_where_its_pitches_match(
    notes: list[Note], seed: int, shift: int
) -> None:
    four = 4 * (shift // 4)  # the coarsest viewpoint counts regions of four semitones
    moved = [Note(n.onset, n.duration, n.pitch + four, n.velocity) for n in notes]
    plain = Continuator(notes).answer(before(notes), TICKS, random.Random(seed))
    other = Continuator(moved).answer(before(moved), TICKS, random.Random(seed))
    assert [(n.onset, n.pitch + four) for n in plain] == [(n.onset, n.pitch) for n in other]


@given(NOTES, SEEDS)
def test_the_same_seed_gives_the_same_answer(notes: list[Note], seed: int) -> None:
    first, again = (Continuator(notes).answer(before(notes), TICKS, random.Random(seed)) for _ in range(2))
    assert first == again


def test_it_goes_on_as_the_longest_match_went_on() -> None:
    song = row([60, 62, 64, 65, 50, 62, 64, 67, 40, 41, 42, 43])
    call = [Note(n.onset - 960, n.duration, n.pitch, n.velocity) for n in row([99, 50, 62, 64])]
    answers = {Continuator(song).answer(call, 480, random.Random(seed))[0].pitch for seed in range(20)}
    assert answers == {67}  # 50, 62, 64 came once; 62, 64 alone went on to 65 as well


def test_equally_long_matches_are_drawn_from() -> None:
    song = row([60, 62, 55, 60, 64, 55, 60, 65, 55])
    call = [Note(-240, 240, 60, 66)]
    assert {Continuator(song).answer(call, 200, random.Random(seed))[0].pitch for seed in range(40)} == {62, 64, 65}


def test_a_note_that_was_never_heard_is_met_by_its_neighbourhood() -> None:
    song = row([60, 72, 30, 33])
    assert {Continuator(song).answer([Note(-240, 240, 61, 66)], 200, random.Random(s))[0].pitch for s in range(9)} == {
        72
    }


def test_notes_struck_together_are_one_chord() -> None:
    rolled = [Note(0, 100, 60, 66), Note(TOGETHER - 1, 100, 64, 66), Note(TOGETHER, 100, 67, 66)]
    assert [len(chord) for chord in chords(rolled)] == [2, 1]


def test_a_long_rest_does_not_silence_it() -> None:
    song = [Note(0, 100, 60, 66), Note(100_000, 100, 62, 66), Note(200_000, 100, 60, 66)]
    out = Continuator(song).answer([Note(-100, 100, 60, 66)], TICKS, random.Random(1))
    assert len(out) == TICKS // LONGEST_GAP


def test_one_chord_is_enough_and_none_is_not() -> None:
    assert Continuator(row([60])).answer([], TICKS, random.Random(1))
    with pytest.raises(ValueError, match="notes to play with"):
        Continuator([])
