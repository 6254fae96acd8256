"""A set that nobody described: its manifest is believed, its ticks where they say something, else only its time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from jamd.errors import MidiFileError
from jamd.music.timeline import TICKS_PER_QUARTER
from jamd.remi.vocabulary import SLOT_TICKS
from training.corpus import midi, score
from training.corpus.chords import by_the_beat
from training.corpus.piece import Piece, PieceRow

QUANTISED = "quantis", "quantiz"
ON_GRID = 0.95
"""A file with so many onsets exactly on slots was written on its ticks; by chance it would be one in forty."""


def read(folder: Path, row: PieceRow) -> Piece:
    """The piece on its ticks if they are a grid, else without one; MidiFileError when it cannot be found or read."""
    path = find(folder, row)
    if quantised(midi.load(path, "Tick"), row):
        piece = score.with_real_bars(score.read_file(score.PLAIN, path))
        return replace(piece, chords=by_the_beat(folder, row, piece.grid) if piece.grid is not None else ())
    return Piece(*midi.performance(path))


def find(folder: Path, row: PieceRow) -> Path:
    """The piece's file: in midi/, beside the manifest, in a folder of its name, or the only one so called."""
    name = row.piece.removesuffix(".mid")
    stem = name.rpartition("/")[2]
    likely = [folder / "midi" / f"{name}.mid", folder / f"{name}.mid", folder / name / f"{stem}.mid"]
    found = [p for p in likely if p.is_file()] or sorted(folder.rglob(f"{stem}.mid"))
    if not found:
        raise MidiFileError(f"{row.piece} has no .mid file in the archive")
    return found[0]


def quantised(ticks: Any, row: PieceRow) -> bool:
    """Whether ticks are the piece's beats: said by tempo or metre changes, by the manifest, or by its onsets."""
    if len(ticks.tempos) > 1 or len(ticks.time_signatures) > 1 or row.bars:
        return True
    if any(word in row.note.lower() for word in QUANTISED):
        return True
    onsets = [n.start * TICKS_PER_QUARTER for t in ticks.tracks for n in t.notes]
    on_slot: int = sum(onset % (SLOT_TICKS * ticks.tpq) == 0 for onset in onsets)
    return on_slot >= ON_GRID * len(onsets)
