"""Notes, keys and scales: what people write is understood, and what is not is said so."""

from __future__ import annotations

import pytest

from jamd.music.scales import key, pitch

WHITE = frozenset({0, 2, 4, 5, 7, 9, 11})


NAMES = ("C major", "C", "A minor", "Am", "D dorian", "b locrian", "C D E F G A B", "0,2,4,5,7,9,11")


@pytest.mark.parametrize("text", NAMES)
def test_the_white_keys_have_many_names(text: str) -> None:
    assert key(text) == WHITE


def test_sharps_and_flats_are_the_same_keys() -> None:
    assert key("F# major") == key("Gb ionian") == key("G♭") == {6, 8, 10, 11, 1, 3, 5}
    assert key("C blues") == {0, 3, 5, 6, 7, 10}


def test_no_text_is_no_key_and_no_pitch() -> None:
    assert key(" ") is None and pitch("") is None


@pytest.mark.parametrize("text", ["H major", "C majjor", "major", "12", "C D x"])
def test_what_is_no_key_is_refused_with_what_would_do(text: str) -> None:
    with pytest.raises(ValueError, match=f'must be a scale like C major, .*, not "{text}"'):
        key(text)


@pytest.mark.parametrize(
    ("text", "number"), [("C4", 60), ("c3", 48), ("Bb2", 46), ("F#5", 78), ("C-1", 0), ("G9", 127), ("60", 60)]
)
def test_a_note_is_its_number(text: str, number: int) -> None:
    assert pitch(text) == number


@pytest.mark.parametrize("text", ["H3", "C", "128", "-1", "C10", "G#9", "six"])
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="C4 is middle C"):
        pitch(text)
