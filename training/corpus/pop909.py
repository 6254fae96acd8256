"""POP909: melody, bridge and piano as one keyboard, on the beats of bars.tsv (its MIDI bars are false).

The melody is channel 0. Songs whose bars are doubtful keep them: their beats are right, and so are four in five of
their downbeats; the row's `bars` says which they are. Beats of triplets need nothing: a slot is a twelfth.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from jamd.errors import MidiFileError
from jamd.music.timeline import TICKS_PER_QUARTER, Metre
from jamd.remi.vocabulary import NO_CHORD
from training.corpus import midi
from training.corpus.chords import chord_name
from training.corpus.grid import Grid, few_knots, tempi_through
from training.corpus.metres import Bar, marks
from training.corpus.piece import ChordLabel, PedalMove, Piece, PieceRow, Struck, tidy

TRACKS = ("MELODY", "BRIDGE", "PIANO")
BEAT_TOLERANCE_NS = 10e6
"""Beats are held to this; the annotation itself is rounded to milliseconds and sits on a grid of onsets."""


class Beat(NamedTuple):
    """A beat of bars.tsv."""

    seconds: float
    downbeat: bool


def read(folder: Path, row: PieceRow) -> Piece:
    """The song in `folder`/PIECE/; MidiFileError where its files are missing or make no sense."""
    song = folder / row.piece
    score = midi.load(song / f"{row.piece}.mid", "Second")
    notes: list[Struck] = []
    pedal: list[PedalMove] = []
    for track in score.tracks:
        if track.name in TRACKS:
            notes += midi.struck(track, TRACKS.index(track.name))
            pedal += midi.pedal(track)
    beats, quarters = _beats(song / "bars.tsv")
    grid, irregular = _grid(beats, quarters)
    chords = _chords(song / "chord_midi.txt", beats, grid, _first_tick(beats, quarters))
    return Piece(tidy(notes), tuple(sorted(pedal)), grid, chords, irregular_bars=irregular)


def _beats(path: Path) -> tuple[list[Beat], int]:
    """The beats, and the quarters a bar that the header names."""
    lines = path.read_text(encoding="utf-8").splitlines()
    try:
        facts = dict(word.split("=") for word in lines[0].lstrip("# ").split())
        cells = [line.split("\t") for line in lines[1:] if line]
        beats = [Beat(float(c[0]), c[2] == "1") for c in cells]
        quarters = int(facts["metre"])
    except (IndexError, KeyError, ValueError) as error:
        raise MidiFileError(f"{path.parent.name}/{path.name} is not a table of beats: {error}") from error
    rising = all(a.seconds < b.seconds for a, b in pairwise(beats))
    if len(beats) < 2 or not rising or not any(b.downbeat for b in beats):
        raise MidiFileError(f"{path.parent.name}/{path.name} has no rising beats with a downbeat among them")
    return beats, quarters


def _first_tick(beats: Sequence[Beat], quarters: int) -> int:
    """The tick of the first beat, such that the first downbeat stands on the bar line at or after bar 0's."""
    upbeats = next(i for i, b in enumerate(beats) if b.downbeat)
    return -upbeats % quarters * TICKS_PER_QUARTER


def _grid(beats: Sequence[Beat], quarters: int) -> tuple[Grid, int]:
    """A quarter a beat; bars as long as the beats between two downbeats, the last as the header says."""
    first = _first_tick(beats, quarters)
    ticks = [first + i * TICKS_PER_QUARTER for i in range(len(beats))]
    knots = [(tick, beat.seconds * 1e9) for tick, beat in zip(ticks, beats, strict=True)]
    lines = [tick for tick, beat in zip(ticks, beats, strict=True) if beat.downbeat]
    lines.append(lines[-1] + quarters * TICKS_PER_QUARTER)
    bars = [Bar(a, b - a, Metre((b - a) // TICKS_PER_QUARTER, 4)) for a, b in pairwise(lines)]
    bar_marks, irregular = marks(bars)
    return Grid(tempi_through(few_knots(knots, BEAT_TOLERANCE_NS)), bar_marks), irregular


def _chords(path: Path, beats: Sequence[Beat], grid: Grid, first: int) -> tuple[ChordLabel, ...]:
    """The chord under the middle of each beat, where it changes, at the instant of that beat on the grid.

    `first` is the tick of the first beat. The table's own times are other beats, a few milliseconds off.
    """
    spans = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    try:
        named = [(float(c[0]), float(c[1]), chord_name(c[2])) for c in spans]
    except (IndexError, ValueError) as error:
        raise MidiFileError(f"{path.parent.name}/{path.name} is not a table of chords: {error}") from error
    out: list[ChordLabel] = []
    i = 0
    for k, (beat, following) in enumerate(pairwise(beats)):
        middle = (beat.seconds + following.seconds) / 2
        while i < len(named) and named[i][1] <= middle:
            i += 1
        chord = named[i][2] if i < len(named) and named[i][0] <= middle else NO_CHORD
        if not out or out[-1].chord != chord:
            out.append(ChordLabel(grid.time_at(first + k * TICKS_PER_QUARTER), chord))
    return tuple(out)
