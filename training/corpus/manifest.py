"""The table that every set brings, manifest.tsv: its pieces, groups, split and licences."""

from __future__ import annotations

import csv
from pathlib import Path

from jamd.errors import MidiFileError
from training.corpus.piece import PieceRow

MANIFEST = "manifest.tsv"


def rows(folder: Path) -> list[PieceRow]:
    """The pieces of a set; MidiFileError when the manifest lacks a column or names a piece outside the set."""
    try:
        with (folder / MANIFEST).open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        return [_row(line) for line in lines]
    except KeyError as error:
        raise MidiFileError(f"{MANIFEST} has no column {error}") from error
    except UnicodeDecodeError as error:
        raise MidiFileError(f"{MANIFEST} is not a table: {error}") from error


def _row(line: dict[str, str | None]) -> PieceRow:
    """A line; only its first three columns must be there."""
    piece, group, split = (line[column] or "" for column in ("piece", "group", "split"))
    if not piece or Path(piece).is_absolute() or ".." in Path(piece).parts:
        raise MidiFileError(f'{MANIFEST} names a piece "{piece}"', "A piece is a path inside its set.")
    return PieceRow(piece, group or piece, split, *(line.get(column) or "" for column in ("licence", "note", "bars")))
