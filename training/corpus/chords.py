"""Chord labels of the sets in the five qualities of the vocabulary, and tables of them by the beat."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from jamd.errors import MidiFileError
from jamd.music.chords import ROOTS
from jamd.music.timeline import TICKS_PER_QUARTER
from jamd.remi.vocabulary import NO_CHORD
from training.corpus.grid import Grid
from training.corpus.piece import ChordLabel, PieceRow

_FLATS = {
    "Db": "C#",
    "Eb": "D#",
    "Gb": "F#",
    "Ab": "G#",
    "Bb": "A#",
    "Cb": "B",
    "Fb": "E",
    "E#": "F",
    "B#": "C",
}
_SUSPENDED_SEVENTHS = ("sus4(b7", "sus4(7")
_LEAD_SHEET = {"maj7": "maj", "7": "7", "m7": "min7", "m7b5": "hdim7", "": "maj", "m": "min"}
"""What is written behind a root without a colon (Djazz)."""
_UNKNOWN = "?"


def chord_name(label: str) -> str:
    """`Root:quality/bass` as the vocabulary spells it: five qualities, sharps, no bass; else ValueError.

    Suspended and added-note chords go to the nearest triad on their root; a minor seventh over a major third
    or a fourth makes `dom`, one over a minor third and a diminished fifth `dim`. `Cm7b5` and `C?`, as lead
    sheets write them without a colon, are read too.
    """
    root, colon, quality = label.partition(":")
    if root == "N":
        return NO_CHORD
    if not colon:
        root, quality = _lead_sheet(label)
        if quality == _UNKNOWN:
            return NO_CHORD
    root = _FLATS.get(root, root)
    if root not in ROOTS:
        raise ValueError(f"unknown chord root in {label!r}")
    return f"{root}:{_quality(quality.split('/')[0])}"


def _lead_sheet(label: str) -> tuple[str, str]:
    """Root and quality of a label without a colon."""
    found = re.fullmatch(r"([A-G][b#]?)(.*)", label)
    if found is None or found[2] not in (*_LEAD_SHEET, _UNKNOWN):
        raise ValueError(f"unknown chord {label!r}")
    return found[1], _LEAD_SHEET.get(found[2], found[2])


def _quality(name: str) -> str:
    """maj, min, dim, aug or dom."""
    if name.startswith("min"):
        return "dim" if "(b5)" in name else "min"
    if name.startswith(("dim", "hdim")):
        return "dim"
    if name.startswith("aug"):
        return "aug"
    if (name[:1].isdigit() and name not in ("5", "6") and name[:2] != "6(") or name.startswith(_SUSPENDED_SEVENTHS):
        return "dom"
    return "maj"


def by_the_beat(folder: Path, row: PieceRow, grid: Grid) -> tuple[ChordLabel, ...]:
    """The chords of `folder`/chords/PIECE.tsv, counted in quarters from tick 0; no chord in its gaps.

    A piece without the table has none; MidiFileError when the table makes no sense.
    """
    path = folder / "chords" / f"{row.piece}.tsv"
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    try:
        spans = [_span(line) for line in lines]
    except (KeyError, TypeError, ValueError) as error:
        raise MidiFileError(f"chords/{path.name} is not a table of chords: {error}") from error
    told: dict[int, str] = {}
    for start, end, chord in spans:
        told[start] = chord
        if end is not None:
            told[end] = NO_CHORD  # unless another begins there: the next line overwrites it
    out: list[ChordLabel] = []
    for tick, chord in sorted(told.items()):
        if not out or out[-1].chord != chord:
            out.append(ChordLabel(grid.time_at(tick), chord))
    return tuple(out)


def _span(line: dict[str, str]) -> tuple[int, int | None, str]:
    """Ticks of start and end (None: until the next) and the chord of a line."""
    start = float(line["start_beat"] if "start_beat" in line else line["beat"])
    end = round(float(line["end_beat"]) * TICKS_PER_QUARTER) if "end_beat" in line else None
    return round(start * TICKS_PER_QUARTER), end, chord_name(line["chord"] or "")
