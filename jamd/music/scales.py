"""Notes, keys and scales by the names that people write. Knows no chords and no time."""

from __future__ import annotations

import re

_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_SHIFTS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}
_NOTE = re.compile(r"([A-Ga-g])([#b♯♭]?)")
_PITCH = re.compile(r"([A-Ga-g][#b♯♭]?)(-?\d)")
SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "melodic minor": (0, 2, 3, 5, 7, 9, 11),
    "ionian": (0, 2, 4, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "aeolian": (0, 2, 3, 5, 7, 8, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
    "altered": (0, 1, 3, 4, 6, 8, 10),
    "pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "major blues": (0, 2, 3, 4, 7, 9),
    "whole tone": (0, 2, 4, 6, 8, 10),
    "diminished": (0, 2, 3, 5, 6, 8, 9, 11),
    "chromatic": tuple(range(12)),
}
"""Semitones above the tonic."""


def pitch_class(name: str) -> int:
    """The pitch class of `C`, `F#` or `Bb`; ValueError for what is no note."""
    found = _NOTE.fullmatch(name)
    if found is None:
        raise ValueError(f'"{name}" is no note')
    return (_LETTERS[found[1].upper()] + _SHIFTS[found[2]]) % 12


def pitch(text: str) -> int | None:
    """The MIDI note of `C4` (middle C, 60) or of its number; None for an empty text; ValueError for what is neither."""
    if not text:
        return None
    found = _PITCH.fullmatch(text.strip())
    if found:
        base = _LETTERS[found[1][0].upper()] + _SHIFTS[found[1][1:]]
        number = base + 12 * (int(found[2]) + 1)
    else:
        number = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= number <= 127:
        raise ValueError(f'must be a note from C-1 to G9 (C4 is middle C) or its number, not "{text}"')
    return number


def key(text: str) -> frozenset[int] | None:
    """The pitch classes of `C major`, `A minor`, `D dorian`, `Am`, or of a list of notes or numbers; None for none.

    ValueError, saying what would do, for anything else.
    """
    words = text.replace(",", " ").split()
    if not words:
        return None
    tonic, scale = words[0], " ".join(words[1:]).lower()
    if not scale:
        tonic, scale = (tonic[:-1], "minor") if tonic.endswith("m") else (tonic, "major")
    try:
        if scale in SCALES:
            return frozenset((pitch_class(tonic) + step) % 12 for step in SCALES[scale])
        return frozenset(_pitch_class(word) for word in words)
    except ValueError:
        known = "a scale like C major, A minor, D dorian or C blues, or a list of notes like C D E G A"
        raise ValueError(f'must be {known}, not "{text}"') from None


def _pitch_class(word: str) -> int:
    if word.isascii() and word.isdigit() and int(word) < 12:
        return int(word)
    return pitch_class(word)
