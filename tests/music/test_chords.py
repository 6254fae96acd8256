"""Laws of the chord template: a chord is known by its tones, in every key; little evidence names nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.music.chords import QUALITIES, ROOTS, name_chord
from jamd.remi.vocabulary import CHORD, NO_CHORD

WEIGHTS = st.lists(st.sampled_from((0, 0, 1, 5, 30, 120, 480)), min_size=12, max_size=12)


def weights_of(*pitches: int, weight: float = 480) -> list[float]:
    weights = [0.0] * 12
    for pitch in pitches:
        weights[pitch % 12] += weight
    return weights


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("root", range(12))
def test_a_chord_in_root_position_is_named(root: int, quality: str) -> None:
    pitches = [48 + root + step for step in QUALITIES[quality]]
    assert name_chord(weights_of(*pitches), pitches[0]) == f"{ROOTS[root]}:{quality}"


@pytest.mark.parametrize("quality", ["maj", "min", "dim", "dom"])
@pytest.mark.parametrize("inversion", [1, 2])
def test_an_inverted_chord_keeps_its_name(quality: str, inversion: int) -> None:
    steps = QUALITIES[quality]
    assert name_chord(weights_of(*steps), steps[inversion]) == f"C:{quality}"


def test_the_names_are_those_of_the_vocabulary() -> None:
    assert {f"{root}:{quality}" for root in ROOTS for quality in QUALITIES} == set(CHORD.values) - {NO_CHORD}


@given(WEIGHTS, st.one_of(st.none(), st.integers(0, 127)))
def test_a_name_is_a_chord_of_which_at_most_one_tone_is_missing(
    weights: list[float], bass: int | None
) -> None:
    name = name_chord(weights, bass)
    if name is not None:
        root, quality = name.split(":")
        tones = {(ROOTS.index(root) + step) % 12 for step in QUALITIES[quality]}
        assert sum(weights[tone] > 0 for tone in tones) >= len(tones) - 1
        assert sum(weights[tone] for tone in tones) >= sum(weights) / 2


@given(WEIGHTS, st.integers(0, 11), st.sampled_from((0.5, 3, 100)))
def test_only_the_shares_count(weights: list[float], bass: int, factor: float) -> None:
    assert name_chord([weight * factor for weight in weights], bass) == name_chord(weights, bass)


@pytest.mark.parametrize("quality", ["maj", "min", "dim", "dom"])
@pytest.mark.parametrize("steps", range(12))
def test_a_passing_tone_does_not_change_the_name(quality: str, steps: int) -> None:
    tones = QUALITIES[quality]
    weights = weights_of(*tones)
    if steps not in tones and not (quality == "maj" and steps == 10):
        weights[steps] = 40
    assert name_chord(weights, 0) == f"C:{quality}"


@pytest.mark.parametrize(
    "weights",
    [
        [0.0] * 12,
        weights_of(60),
        weights_of(60, 72, 48),
        weights_of(60, 62),
        weights_of(*range(12)),
        [480, 0, 0, 0, 10, 0, 0, 10, 0, 0, 0, 0],
    ],
)
def test_too_little_or_too_much_names_nothing(weights: list[float]) -> None:
    assert name_chord(weights, 0) is None


def test_the_bass_decides_between_equals() -> None:
    assert name_chord(weights_of(0, 4, 8), 8) == "G#:aug"
    assert name_chord(weights_of(0, 4), 0) == "C:maj"
    assert name_chord(weights_of(0, 4, 7, 9), 0) == "C:maj"
    assert name_chord(weights_of(0, 4, 7, 9), 9) == "A:min"
