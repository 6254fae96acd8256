"""What is counted in an answer: laws that hold for any music."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.music.note import Note
from tests.training.evaluation.tunes import moved, music, row, song
from training.evaluation import measures
from training.evaluation.excerpts import Excerpt, pairs

NOTES = st.builds(
    Note, st.integers(0, 7600), st.integers(20, 960), st.integers(40, 80), st.integers(1, 31).map(lambda b: 4 * b + 2)
)
EXCERPTS = st.lists(NOTES, min_size=1, max_size=40).map(lambda notes: music(*notes))
C_MAJOR = [60, 62, 64, 65, 67, 69, 71, 72]


@cache
def call_and_response(seed: int) -> tuple[Excerpt, Excerpt]:
    pair = next(pairs(song(seed), 1, free=False))
    return pair.call, pair.real


@pytest.mark.parametrize("shift", range(-6, 6))
def test_a_scale_is_that_of_its_notes_in_every_key(shift: int) -> None:
    notes = row([pitch + shift for pitch in C_MAJOR])
    assert measures.scale(notes) == frozenset((step + shift) % 12 for step in measures.MAJOR)


@given(EXCERPTS, st.integers(-12, 12))
def test_notes_in_scale_and_chords_do_not_depend_on_the_key(call: Excerpt, shift: int) -> None:
    classes = measures.chord_set(call)
    assert {(c + shift) % 12 for c in classes} >= measures.chord_set(moved(call, shift)) or len(classes) > 6
    major = music(*row(C_MAJOR))
    inside = measures.share_in(call.notes, measures.scale(major.notes))
    assert measures.share_in(moved(call, shift).notes, measures.scale(moved(major, shift).notes)) == inside


def test_the_chord_set_is_that_of_the_chords_that_sound() -> None:
    c, g = ([Note(start, 1920, p, 66) for p in ps] for start, ps in ((0, (48, 52, 55)), (1920, (43, 47, 50))))
    assert measures.chord_set(music(*c, *g)) == {0, 4, 7, 11, 2}


def test_an_empty_answer_is_in_no_scale_and_all_its_bars_are_empty() -> None:
    call, empty = music(*row(C_MAJOR)), music()
    assert math.isnan(measures.share_in(empty.notes, measures.scale(call.notes)))
    assert math.isnan(measures.register_distance(call, empty))
    assert measures.empty_bars(empty) == 1 and measures.identical_bars(call, empty) == 0
    assert measures.density_ratio(call, empty) == 3  # eight notes to (at least) one


@given(EXCERPTS)
def test_an_answer_that_repeats_its_call_has_its_density_and_register(call: Excerpt) -> None:
    assert measures.density_ratio(call, call) == 0 and measures.register_distance(call, call) == 0


@given(EXCERPTS, st.integers(-12, 12))
def test_a_transposed_answer_is_just_that_far_in_register(call: Excerpt, shift: int) -> None:
    assert measures.register_distance(call, moved(call, shift)) == pytest.approx(abs(shift))


def test_bars_are_identical_when_pitch_and_slot_are() -> None:
    bar = [Note(0, 240, 60, 66), Note(480, 240, 64, 66)]
    four = [Note(n.onset + 1920 * i, n.duration, n.pitch, 50 + i) for i in range(4) for n in bar]
    assert measures.identical_bars(music(*four), music(*four)) == 1
    late = [Note(n.onset + 40 * (n.onset >= 1920 * 2), n.duration, n.pitch, 66) for n in four]
    assert measures.identical_bars(music(*four), music(*late)) == 0.75  # the third of its bars is another
    assert measures.identical_bars(music(), music(*four)) == 0.75


def test_a_loop_is_a_pattern_that_comes_again_and_again() -> None:
    assert measures.loops(music(*row([60, 64, 67, 72] * 5))) == 1
    assert measures.loops(music(*row([60] * 20))) == 1
    assert measures.loops(music(*row([60, 64, 67, 72] * 3))) == 0
    assert measures.loops(call_and_response(1)[1]) == 0


def test_the_chance_to_be_nearest_is_counted_exactly() -> None:
    assert measures.top_1(0.0, [1.0] * 20, 9) == 1
    assert measures.top_1(2.0, [1.0] * 20, 9) == 0
    assert measures.top_1(1.0, [1.0] * 20, 9) == 0.5
    assert measures.top_1(1.0, [0.0] + [2.0] * 9, 9) == pytest.approx(0.1)  # the nearer one is left out once in ten
    assert math.isnan(measures.top_1(0.0, [1.0] * 8, 9))


def matches(shifts: list[int], *, turned: bool) -> np.ndarray:
    found = [call_and_response(seed) for seed in range(12)]
    found = [(moved(call, s), moved(real, s)) for (call, real), s in zip(found, shifts, strict=True)]
    roots = [measures.scale_root(call.notes) if turned else None for call, _ in found]
    calls = np.array([measures.texture(c, to_c=r) for (c, _), r in zip(found, roots, strict=True)])
    answers = np.array([measures.texture(a, to_c=r) for (_, a), r in zip(found, roots, strict=True)])
    return measures.distances(answers, calls)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(-12, 12), min_size=12, max_size=12))
def test_transposing_call_and_answer_together_changes_nothing_that_is_normalised_by_key(shifts: list[int]) -> None:
    assert np.allclose(matches(shifts, turned=True), matches([0] * 12, turned=True))


def test_as_it_sounds_the_key_gives_a_call_away() -> None:
    shifts = [0, 5, 10, 3, 8, 1, 6, 11, 4, 9, 2, 7]
    raw, turned = (matches(shifts, turned=t) for t in (False, True))
    own = np.eye(12, dtype=bool)
    assert raw[own].mean() / raw[~own].mean() < turned[own].mean() / turned[~own].mean()


def test_a_call_is_nearest_to_itself() -> None:
    calls = np.array([measures.texture(call_and_response(seed)[0], to_c=0) for seed in range(6)])
    assert (measures.distances(calls, calls).argmin(axis=1) == np.arange(6)).all()


def test_velocities_that_say_nothing_make_no_difference() -> None:
    call = call_and_response(1)[0]
    loud = Excerpt(tuple(Note(n.onset, n.duration, n.pitch, 126) for n in call.notes), call.metre)
    flat = [
        np.stack([measures.texture(e, to_c=None, flat=True) for e in (call, moved(call, 3))]) for call in (call, loud)
    ]
    assert np.array_equal(measures.distances(flat[0], flat[0]), measures.distances(flat[1], flat[0]))
