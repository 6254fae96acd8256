"""Written scores as MIDI: ticks, bars and tempi are the score's own. What differs from set to set is a `Facts`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from jamd.music.timeline import TICKS_PER_QUARTER, Metre
from training.corpus import chords, midi
from training.corpus.grid import Grid, few_knots, tempi_stated, tempi_through
from training.corpus.metres import marks, written
from training.corpus.piece import ChordLabel, PedalMove, Piece, PieceRow, Struck, tidy

Chords = Callable[[Path, PieceRow, Grid], tuple[ChordLabel, ...]]
"""Reads the chords of a piece in a set's folder; beats and seconds find their instants on the grid."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a reader has to know of a set of scores."""

    hands: tuple[str, ...] = ()
    """Names of the tracks that a keyboard plays, in the order of their channels; none named: every track."""
    left_out: tuple[str, ...] = ()
    """Beginnings (upper case) of the names of tracks for other instruments."""
    voice: str = ""
    """Beginning of the name of the track of a soloist."""
    bpm: float = 120.0
    """Where a score names no tempo; 120 is what a MIDI file means by saying nothing."""
    chords: Chords | None = None
    rubato_ns: float = 0.0
    """Tempi that move no quarter by more are not told; 0: every tempo is."""


def read(facts: Facts, folder: Path, row: PieceRow) -> Piece:
    """The piece in `folder`/midi/; MidiFileError when it cannot be read."""
    piece = with_real_bars(read_file(facts, folder / "midi" / f"{row.piece.removesuffix('.mid')}.mid"))
    if facts.chords is None or piece.grid is None:
        return piece
    return replace(piece, chords=facts.chords(folder, row, piece.grid))


def read_file(facts: Facts, path: Path) -> Piece:
    """The piece in a file, without chords; MidiFileError when it cannot be read."""
    score = midi.load(path, "Tick")
    grid, irregular = _grid(facts, score)
    hands = _hands(facts, score.tracks)
    notes = [note for channel, track in hands for note in _struck(track, channel, score, grid)]
    pedal = [move for _, track in hands for move in _pedal(track, score, grid)]
    voice = next((t for t in score.tracks if facts.voice and t.name.startswith(facts.voice)), None)
    sung = tidy(_struck(voice, len(facts.hands), score, grid)) if voice is not None else ()
    return Piece(tidy(notes), tuple(sorted(pedal)), grid, voice=sung, irregular_bars=irregular)


def with_real_bars(piece: Piece) -> Piece:
    """The piece; without a grid where bars of one beat throughout say that nobody knew its bars."""
    unknown = piece.grid is None or all(mark.metre.numerator == 1 for mark in piece.grid.bars)
    return replace(piece, grid=None, irregular_bars=0) if unknown else piece


def reader(facts: Facts) -> Callable[[Path, PieceRow], Piece]:
    """A `read` for one set."""
    return partial(read, facts)


def _hands(facts: Facts, tracks: Sequence[Any]) -> list[tuple[int, Any]]:
    """The tracks of the keyboard and their channels."""
    if facts.hands:
        return [(facts.hands.index(t.name), t) for t in tracks if t.name in facts.hands]
    keyboard = [t for t in tracks if t.notes and not t.is_drum]
    return list(enumerate(t for t in keyboard if not t.name.upper().startswith(facts.left_out)))


def _tick(score: Any, tick: int) -> int:
    """A tick of the file in ticks of ours, the nearest."""
    per_quarter: int = score.tpq
    return (tick * TICKS_PER_QUARTER * 2 + per_quarter) // (per_quarter * 2)


def _grid(facts: Facts, score: Any) -> tuple[Grid, int]:
    end = _tick(score, max((n.end for t in score.tracks for n in t.notes), default=0))
    signatures: dict[int, Metre] = {}
    for sign in score.time_signatures:
        metre = Metre(sign.numerator, max(sign.denominator, 1))
        if metre.ticks > 0:
            signatures[_tick(score, sign.time)] = metre
    bar_marks, irregular = marks(written(sorted(signatures.items()), end))
    changes = {0: 60e9 / facts.bpm}
    changes.update({_tick(score, t.time): t.mspq * 1000.0 for t in score.tempos if t.mspq > 0})
    tempi = tempi_stated(sorted(changes.items()))
    if facts.rubato_ns and len(tempi) > 1:
        told = Grid(tempi, bar_marks)
        quarters = range(0, max(end, tempi[-1].tick) + 2 * TICKS_PER_QUARTER, TICKS_PER_QUARTER)
        tempi = tempi_through(few_knots([(q, float(told.time_at(q))) for q in quarters], facts.rubato_ns))
    return Grid(tempi, bar_marks), irregular


def _struck(track: Any, channel: int, score: Any, grid: Grid) -> list[Struck]:
    """The notes of a track; notes without velocity are offs and are left out."""
    return [
        Struck(grid.time_at(_tick(score, n.start)), grid.time_at(_tick(score, n.end)), n.pitch, n.velocity, channel)
        for n in track.notes
        if n.velocity
    ]


def _pedal(track: Any, score: Any, grid: Grid) -> list[PedalMove]:
    return [PedalMove(grid.time_at(tick), value) for tick, value in midi.pedal_values(track, partial(_tick, score))]


RUBATO_NS = 10e6
"""Finer tempo changes are jitter of an annotation or of a hand-drawn curve, and would cost a Tempo a beat."""

LIEDER = Facts(hands=("PIANO-RH", "PIANO-LH"), voice="VOICE", bpm=90)
"""OpenScore Lieder: where a score has no tempo mark the set says 90; the first voice is for a variant."""
CHOPIN = Facts(left_out=("VIOLIN", "VIOLONCELL"))
"""The trio op. 8 has two strings beside the piano."""
PLAIN = Facts()
"""Every track is the keyboard's (Mutopia, Joplin, Nottingham)."""
PIANO_MIDI_DE = Facts(rubato_ns=RUBATO_NS)
"""The ticks are the score, hundreds of tempi are the rubato."""
WJAZZD = Facts(hands=("SOLO",), chords=chords.by_the_beat, rubato_ns=RUBATO_NS)
"""A tempo for each annotated beat; BASS-AUTO was made by a machine and is left out."""
WJAZZD_COMPED = Facts(hands=("PIANO-RH", "PIANO-LH"), chords=chords.by_the_beat, rubato_ns=RUBATO_NS)
"""The solo in the right hand, a left hand made by rule."""
LEAD_SHEET = Facts(chords=chords.by_the_beat)
"""Melody or improvised voice with chords beside (OpenEWLD, Djazz)."""
