"""ASAP: every performance on its annotated beats, bars and metres (the ticks of its MIDI are dummies)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

from jamd.errors import MidiFileError
from jamd.music.timeline import FOUR_FOUR, Metre
from training.corpus import manifest, midi
from training.corpus.grid import Grid, few_knots, tempi_through
from training.corpus.metres import Bar, marks
from training.corpus.piece import Piece, PieceRow

SCORE = "midi_score"
BEAT_TOLERANCE_NS = 10e6
"""Beats are held to this, as in POP909: less is nothing that a performer meant."""
PAUSE = 3.0
"""A beat this many times as long as its neighbours is a pause or a cadenza: it counts as so many beats."""
NEIGHBOURS = 4


class Beat(NamedTuple):
    """An annotated beat; `metre` where one is stated."""

    seconds: float
    downbeat: bool
    metre: Metre | None = None


def rows(folder: Path) -> list[PieceRow]:
    """A row for every performance of every piece of the manifest: `PIECE/PERFORMANCE`."""
    out: list[PieceRow] = []
    for row in manifest.rows(folder):
        played = sorted(p.stem for p in (folder / row.piece).glob("*.mid") if p.stem != SCORE)
        out += [replace(row, piece=f"{row.piece}/{name}") for name in played]
    return out


def read(folder: Path, row: PieceRow) -> Piece:
    """The performance; without annotations it has no grid. MidiFileError where its files make no sense."""
    notes, pedal = midi.performance(folder / f"{row.piece}.mid")
    table = folder / f"{row.piece}_annotations.txt"
    grid, irregular = grid_of(beats(table)) if table.is_file() else (None, 0)
    return Piece(notes, pedal, grid, irregular_bars=irregular)


def beats(path: Path) -> list[Beat]:
    """The beats of an annotation file, those marked uncertain (bR) too."""
    out: list[Beat] = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                cells = line.split("\t")
                label, _, rest = cells[2].partition(",")
                signature = rest.partition(",")[0]
                metre = Metre(*map(int, signature.split("/"))) if signature else None
                out.append(Beat(float(cells[0]), label.startswith("db"), metre))
    except (IndexError, TypeError, ValueError) as error:
        raise MidiFileError(f"{path.name} is not a table of beats: {error}") from error
    if len(out) < 2 or not all(a.seconds < b.seconds for a, b in pairwise(out)) or not any(b.downbeat for b in out):
        raise MidiFileError(f"{path.name} has no rising beats with a downbeat among them")
    return out


def beats_a_bar(metre: Metre) -> int:
    """How many beats are annotated in a bar: two in 6/8 and in 6/4, three in 3/8."""
    return metre.numerator // 3 if metre.numerator > 3 and metre.numerator % 3 == 0 else metre.numerator


def with_pauses_counted(played: Sequence[Beat]) -> list[Beat]:
    """The beats, with more of them where one lasts as long as several of its neighbours."""
    spans = [b.seconds - a.seconds for a, b in pairwise(played)]
    out: list[Beat] = []
    for i, (beat, span) in enumerate(zip(played, spans, strict=False)):
        out.append(beat)
        usual = median(spans[max(i - NEIGHBOURS, 0) : i + NEIGHBOURS + 1])
        count = round(span / usual) if span >= PAUSE * usual else 1
        out += [Beat(beat.seconds + span * k / count, False) for k in range(1, count)]
    return [*out, played[-1]]


def grid_of(played: Sequence[Beat]) -> tuple[Grid, int]:
    """The grid, and how many of its bars are irregular: an upbeat ends on the bar line after tick 0."""
    stated = with_pauses_counted(played)
    metre = next((b.metre for b in stated if b.metre), FOUR_FOUR)
    opening = next(i for i, b in enumerate(stated) if b.downbeat)
    unit = metre.ticks // beats_a_bar(metre)
    tick = -opening * unit % metre.ticks
    knots: list[tuple[int, float]] = []
    lines: list[tuple[int, Metre]] = []
    for beat in stated:
        if beat.metre is not None:
            metre = beat.metre
            unit = metre.ticks // beats_a_bar(metre)
        if beat.downbeat:
            lines.append((tick, metre))
        knots.append((tick, beat.seconds * 1e9))
        tick += unit
    lines.append((lines[-1][0] + lines[-1][1].ticks, metre))
    bar_marks, irregular = marks([_bar(a, b[0], metre) for (a, metre), b in pairwise(lines)])
    return Grid(tempi_through(few_knots(knots, BEAT_TOLERANCE_NS)), bar_marks), irregular


def _bar(line: int, end: int, metre: Metre) -> Bar:
    """A bar of as many of its metre's denominators as it holds, where they count up."""
    ticks, part = end - line, Metre(1, metre.denominator).ticks
    whole = ticks // part if part and ticks % part == 0 else 0
    return Bar(line, ticks, Metre(whole, metre.denominator) if whole else metre)
