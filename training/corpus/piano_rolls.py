"""Piano rolls: recorded playing with pedal and without bar lines, read on a free grid."""

from __future__ import annotations

from pathlib import Path

from training.corpus import midi
from training.corpus.piece import Piece, PieceRow


def read(folder: Path, row: PieceRow) -> Piece:
    """The roll in `folder`/midi/; MidiFileError when it cannot be read.

    The estimated beats name no downbeat: bars built on them would teach a metre that nobody heard.
    """
    notes, pedal = midi.performance(folder / "midi" / f"{row.piece}.mid")
    return Piece(notes, pedal)
