"""MAESTRO: a folder with its own table and split, performances without beats, read on a free grid.

Its groups are its own: no other set's manifest knows them. ASAP holds some of the same performances, and another
split, so what was trained on one is not to be measured on the other.
"""

from __future__ import annotations

import csv
from pathlib import Path

from jamd.errors import MidiFileError
from training.corpus import midi
from training.corpus.piece import Piece, PieceRow

TABLE = "maestro-v3.0.0.csv"
FOLDER = "maestro-v3.0.0"
LICENCE = "CC BY-NC-SA 4.0"
SPLITS = {"train": "train", "validation": "valid", "test": "test"}
"""Its own split by the names used here; what is marked test neither trains nor stops the training."""


def table(data: Path) -> Path:
    """Where the table lies: in the data folder or in its folder there."""
    inside = data / FOLDER / TABLE
    return inside if inside.is_file() else data / TABLE


def rows(folder: Path) -> list[PieceRow]:
    """A row for every performance; one work, by composer and title, is one group. MidiFileError for another table."""
    try:
        with (folder / TABLE).open(encoding="utf-8", newline="") as file:
            return [
                PieceRow(
                    line["midi_filename"],
                    f"maestro/{line['canonical_composer']}/{line['canonical_title']}",
                    SPLITS[line["split"]],
                    LICENCE,
                )
                for line in csv.DictReader(file)
            ]
    except (KeyError, UnicodeDecodeError, csv.Error) as error:
        raise MidiFileError(f"{TABLE} lacks a column, or names another split: {error}") from error


def read(folder: Path, row: PieceRow) -> Piece:
    """The performance; MidiFileError when it cannot be read."""
    notes, pedal = midi.performance(folder / row.piece)
    return Piece(notes, pedal)
