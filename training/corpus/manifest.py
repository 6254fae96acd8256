"""The table that every set brings, manifest.tsv: its pieces, groups, split and licences."""

from __future__ import annotations

from pathlib import Path

from jamd.errors import MidiFileError
from training.corpus.piece import PieceRow

MANIFEST = "manifest.tsv"
NEEDED = ("piece", "group", "split")


def rows(folder: Path) -> list[PieceRow]:
    """The pieces of a set; MidiFileError when the manifest lacks a column or names a piece outside the set."""
    try:
        head, *lines = (folder / MANIFEST).read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise MidiFileError(f"{MANIFEST} is not a table: {error}") from error
    columns = head.split("\t")
    for needed in NEEDED:
        if needed not in columns:
            raise MidiFileError(f'{MANIFEST} has no column "{needed}"')
    return [_row(dict(zip(columns, line.split("\t"), strict=False))) for line in lines if line]


def _row(line: dict[str, str]) -> PieceRow:
    """A line, which may be short of cells: only the piece must be there."""
    piece, group, split = (line.get(column, "") for column in NEEDED)
    if not piece or Path(piece).is_absolute() or ".." in Path(piece).parts:
        raise MidiFileError(f'{MANIFEST} names a piece "{piece}"', "A piece is a path inside its set.")
    return PieceRow(piece, group or piece, split, *(line.get(column, "") for column in ("licence", "note", "bars")))
