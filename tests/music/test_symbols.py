"""Chord symbols: every usual spelling means what a musician means by it."""

from __future__ import annotations

import pytest

from jamd.music.chords import QUALITIES, ROOTS
from jamd.music.symbols import parse_symbol, plain_symbol

SPELLINGS = {
    "maj: 0 4 7": "C Cmaj CM Cmajor CMajor",
    "maj: 0 4 7 11": "Cmaj7 CM7 CMa7 CΔ CΔ7 C^7 C7M C7maj C7Maj C7Δ Cmajor7",
    "maj: 2 4 0 7 11": "Cmaj9 CM9 CΔ9 C9M C7M(9) Cmaj7/9 Cmaj7(9)",
    "maj: 0 2 4 7": "Cadd9 C(9) C/9 C2",
    "maj: 0 4 7 9": "C6 Cadd6",
    "maj: 0 2 4 7 9": "C69 C6/9 C6(9)",
    "maj: 0 5 7": "Csus Csus4 C4",
    "maj: 0 2 7": "Csus2",
    "maj: 0 7": "C5 Cno3",
    "maj: 0 4 6 7 11": "Cmaj7#11 CΔ(#11)",
    "min: 0 3 7": "Cm C- Cmin Cminor CMinor CMI",
    "min: 0 3 7 10": "Cm7 C-7 Cmi7 Cmin7 CMI7 CMin7 Cminor7",
    "min: 0 3 7 11": "CmM7 Cm(maj7) C-Δ7 CmΔ Cm7M C-7M Cm7maj",
    "min: 0 3 7 9": "Cm6",
    "min: 0 2 3 5 7 10": "Cm11",
    "dim: 0 3 6": "Cdim Co C°",
    "dim: 0 3 6 9": "Cdim7 Co7 C°7",
    "dim: 0 3 6 10": "Cm7b5 C-7b5 Cø Cø7 Cm7-5",
    "aug: 0 4 8": "Caug C+",
    "aug: 0 4 8 10": "Caug7 C+7 C7+",
    "dom: 0 4 7 10": "C7 Cdom7",
    "dom: 0 4 8 10": "C7#5 C7(#5) C7+5",
    "dom: 0 2 4 7 10": "C9 C7(9) C7/9 C7add9",
    "dom: 0 4 7 9 10": "C7(13) C7/13",
    "min: 0 2 3 7 10": "Cm9 Cm7(9) Cm7/9",
    "min: 0 3 5 7 10": "Cm7(11) Cm7/11",
    "dom: 0 2 4 7 9 10": "C13 C7(9,13) C7/9/13 C9(13)",
    "dom: 0 1 4 7 10": "C7b9 C7-9 C7♭9 C7/b9 C7(b9)",
    "dom: 0 1 3 4 6 8 10": "C7alt Calt",
    "dom: 0 5 7 10": "C7sus4 C7sus",
    "dom: 0 1 4 6 7 10": "C7b9#11 C7(b9,#11)",
}
ROWS = [(text, meaning) for meaning, texts in SPELLINGS.items() for text in texts.split()]


@pytest.mark.parametrize(("text", "meaning"), ROWS, ids=[text for text, _ in ROWS])
def test_a_spelling_means_its_quality_and_its_tones(text: str, meaning: str) -> None:
    quality, tones = meaning.split(": ")
    for root, number in (("C", 0), ("F#", 6), ("B♭", 10)):
        symbol = parse_symbol(root + text[1:])
        assert symbol.name == f"{ROOTS[number]}:{quality}"
        assert symbol.tones == {(number + int(tone)) % 12 for tone in tones.split()}
        assert symbol.tones <= symbol.scale


def test_a_bass_sounds_and_changes_no_name_and_a_number_behind_the_slash_is_no_bass() -> None:
    symbol = parse_symbol("C7/D")
    assert (symbol.name, symbol.bass, symbol.tones) == ("C:dom", 2, {0, 4, 7, 10, 2})
    assert parse_symbol("C7/9").bass is None and parse_symbol("C7/9/G").bass == 7


@pytest.mark.parametrize("name", [f"{root}:{quality}" for root in ROOTS for quality in QUALITIES])
def test_what_the_vocabulary_spells_is_read_too(name: str) -> None:
    assert parse_symbol(name) == plain_symbol(name)
    assert parse_symbol(name).name == name


@pytest.mark.parametrize("text", ["N.C.", "NC", "N:N"])
def test_no_chord_is_one(text: str) -> None:
    assert parse_symbol(text).name == "N:N" and not parse_symbol(text).tones


@pytest.mark.parametrize(
    ("text", "scale"),
    [("C", "0 2 4 5 7 9 11"), ("Dm7", "2 4 5 7 9 11 0"), ("G7b9", "7 8 11 0 2 4 5"), ("Co7", "0 2 3 5 6 8 9 11")],
)
def test_a_foreign_tone_drives_its_neighbours_out_of_the_scale(text: str, scale: str) -> None:
    assert parse_symbol(text).scale == {int(tone) for tone in scale.split()}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("H7", "root"),
        ("", "root"),
        ("Cjr7", '"jr7"'),
        ("Cm7b", '"b"'),
        ("C7/H", '"/H"'),
        ("C79", "one"),
        ("C7/5", '"/5"'),
    ],
)
def test_what_is_no_chord_is_refused_with_the_part_that_is_wrong(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_symbol(text)
