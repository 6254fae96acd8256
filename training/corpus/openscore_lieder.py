"""OpenScore Lieder: the two hands of the piano on the score's own grid, and the first voice for a variant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jamd.errors import MidiFileError
from jamd.music.timeline import TICKS_PER_QUARTER, Metre
from training.corpus import midi
from training.corpus.grid import Grid, tempi_stated
from training.corpus.metres import marks, written
from training.corpus.piece import Piece, PieceRow, Struck, tidy

HANDS = ("PIANO-RH", "PIANO-LH")
VOICE = "VOICE"
DEFAULT_BPM = 90
"""What the set says where a score has no tempo mark."""


def read(folder: Path, row: PieceRow) -> Piece:
    """The song in `folder`/midi/; MidiFileError when it cannot be read or has another division."""
    score = midi.load(folder / "midi" / f"{row.piece}.mid", "Tick")
    if score.tpq != TICKS_PER_QUARTER:
        raise MidiFileError(f"{row.piece}.mid has {score.tpq} ticks a quarter, not {TICKS_PER_QUARTER}")
    grid, irregular = _grid(score)
    hands = [n for t in score.tracks if t.name in HANDS for n in _struck(t, HANDS.index(t.name), grid)]
    voice = next((t for t in score.tracks if t.name.startswith(VOICE)), None)
    sung = tidy(_struck(voice, len(HANDS), grid)) if voice is not None else ()
    return Piece(tidy(hands), grid=grid, voice=sung, irregular_bars=irregular)


def _grid(score: Any) -> tuple[Grid, int]:
    end = max((n.end for t in score.tracks for n in t.notes), default=0)
    signatures = [(s.time, Metre(s.numerator, s.denominator)) for s in score.time_signatures]
    bar_marks, irregular = marks(written(signatures, end))
    changes = [(t.time, t.mspq * 1000.0) for t in score.tempos]
    if not changes or changes[0][0] > 0:
        changes.insert(0, (0, 60e9 / DEFAULT_BPM))
    return Grid(tempi_stated(changes), bar_marks), irregular


def _struck(track: Any, channel: int, grid: Grid) -> list[Struck]:
    return [
        Struck(grid.time_at(n.start), grid.time_at(n.end), n.pitch, n.velocity, channel)
        for n in track.notes
        if n.velocity
    ]
