"""Piano rolls: recorded playing with pedal and without bar lines, read on a free grid."""

from __future__ import annotations

from pathlib import Path

from training.corpus import midi
from training.corpus.piece import PedalMove, Piece, PieceRow, Struck, tidy


def read(folder: Path, row: PieceRow) -> Piece:
    """The roll in `folder`/midi/; MidiFileError when it cannot be read.

    The estimated beats name no downbeat: bars built on them would teach a metre that nobody heard.
    """
    score = midi.load(folder / "midi" / f"{row.piece}.mid", "Second")
    notes: list[Struck] = []
    pedal: list[PedalMove] = []
    for channel, track in enumerate(score.tracks):
        notes += midi.struck(track, channel)
        pedal += midi.pedal(track)
    return Piece(tidy(notes), tuple(sorted(pedal)))
