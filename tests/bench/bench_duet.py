"""How well jamd fits a performer in a duet: the share of its notes in his current chord, beside the real second hand.

    python tests/bench/bench_duet.py --data DATA --songs 10

The performer plays the melody of songs of POP909's validation split (`--part rest`: everything but the melody), from
the bar in which it begins, on the song's own beats; jamd plays along in `duet`, through the real Partner and player
on a fake clock. It is told no chord (with `--chart` it plays once more, and is told them). The chord of a note is the
one annotated at its slot, in the vocabulary's five qualities (three tones, four of a dominant seventh); notes without
one, and those of the first bar, do not count. Rows:

    jamd        what it has played
    charted     what it has played with the song's chords as its chart
    second      the song's own other part in the same bars
    performer   what the performer played

`chord`: per cent of the notes in their chord; `before`: in that of the beat before theirs, the last that jamd has heard
when it makes them. By chance: `shuffled`, the same notes against all chords of these bars, each as likely as it is long
(so the key alone counts); `another`, against those of all the other songs. `gain`: chord less shuffled. In brackets
95 % intervals by drawing songs with replacement.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from jamd.config import SHIPPED_MODEL, Settings
from jamd.daemon.rooms import LIVE
from jamd.engine.improviser import Improviser
from jamd.engine.partner import Manners, Partner
from jamd.engine.sampling import Sampler
from jamd.engine.session import Session
from jamd.music.charts import Chart
from jamd.music.chords import NO_CHORD
from jamd.music.events import Kind, Performed
from jamd.music.symbols import Symbol, parse_symbol
from jamd.remi.vocabulary import SLOT_TICKS
from tests.engine.band import START, Band
from training.batches import TRAIN
from training.corpus.grid import Grid
from training.corpus.piece import Piece, Struck
from training.corpus.sets import SETS
from training.evaluation.bootstrap import Bootstrap

MELODY, BAR, BEAT = 0, 1920, 480
MS = 1_000_000
SURE = "sure"
Sounds = list[tuple[int, int]]
"""Ticks and pitches of onsets."""
Tones = frozenset[int]
Shares = tuple[float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Bars of a song: the performer's notes, the other part's, and the tones of the chord of each slot."""

    grid: Grid
    start: int
    first: int
    """The tick from which notes count, a bar behind `start`."""
    end: int
    performer: list[Struck]
    second: list[Struck]
    chords: dict[int, Tones]
    chart: Chart
    """The chords of the bars, such that on the song's Timelines each stands in its own."""

    def inside(self, notes: Iterable[Struck]) -> Sounds:
        """The onsets that count."""
        return self.counted((slot(self.grid.tick_at(note.on_ns)), note.pitch) for note in notes)

    def counted(self, sounds: Iterable[tuple[int, int]]) -> Sounds:
        """Those that lie in the bars that count and have a chord."""
        return [(tick, pitch) for tick, pitch in sounds if self.first <= tick < self.end and tick in self.chords]


def slot(tick: int) -> int:
    """The nearest slot."""
    return (tick + SLOT_TICKS // 2) // SLOT_TICKS * SLOT_TICKS


def excerpt_of(piece: Piece, bars: int, part: str) -> Excerpt | None:
    """The first bars in which there is a melody; None where they are too few, or not all of four quarters."""
    melody = [note for note in piece.notes if note.channel == MELODY]
    rest = [note for note in piece.notes if note.channel != MELODY]
    if piece.grid is None or not melody or not rest:
        return None
    tick = piece.grid.tick_at(melody[0].on_ns)
    lines = list(piece.grid.bar_lines(tick, tick + (bars + 2) * BAR))[: bars + 1]
    start, first, end = lines[0], lines[1], lines[-1]
    if end > piece.grid.tick_at(max(note.on_ns for note in melody)) or end - start != bars * BAR:
        return None
    symbols = dict(_symbols(piece, start, end))
    chords = {tick: symbol.tones for tick, symbol in symbols.items() if symbol.tones}
    performer, second = (melody, rest) if part == "melody" else (rest, melody)
    chart = _chart(symbols, start, end, piece.grid.timelines(start)[0].downbeat)
    return Excerpt(piece.grid, start, first, end, performer, second, chords, chart)


def _chart(symbols: dict[int, Symbol], start: int, end: int, downbeat: int) -> Chart:
    bars = [tuple(symbols[line + beat * BEAT] for beat in range(4)) for line in range(start, end, BAR)]
    turn = (start - downbeat) // BAR % len(bars)
    return Chart(tuple(bars[-turn:] + bars[:-turn]))


def _symbols(piece: Piece, start: int, end: int) -> Iterator[tuple[int, Symbol]]:
    assert piece.grid is not None
    times = [label.time_ns for label in piece.chords]
    for tick in range(start, end, SLOT_TICKS):
        at = bisect_right(times, piece.grid.time_at(tick)) - 1
        yield tick, parse_symbol(piece.chords[at].chord if at >= 0 else NO_CHORD)


# ---- the duet ------------------------------------------------------------------------------------------------


class Stand(Band):
    """A band with a real model; what went wrong in time is counted."""

    def __init__(self, manners: Manners, improviser: Improviser) -> None:
        super().__init__(manners)
        self.partner = Partner(improviser, manners, self._take, self.reports_of)

    @property
    def left_out(self) -> int:
        """Beats that came too late."""
        return len(self.whats("beat_left_out"))


def duet(session: Session, excerpt: Excerpt, seed: int, chart: Chart | None, commit: float) -> tuple[Sounds, int]:
    """What jamd plays along, and how many beats it left out."""
    session.reset()
    settings = Settings()
    sampling, turn = settings.sampling, settings.turn
    sampler = Sampler(sampling.temperature, sampling.top_p, sampling.min_p, seed)
    manners = Manners(mode="duet", lookahead_beats=turn.duet_lookahead_beats, commit_beats=commit, chart=chart)
    band = Stand(manners, Improviser(session, sampler, LIVE))
    grid, shift = excerpt.grid, START - excerpt.grid.time_at(excerpt.start)
    for timeline in grid.timelines(excerpt.start):
        if timeline.tick < excerpt.end:
            band.give(replace(timeline, time_ns=timeline.time_ns + shift))
    band.give(*_performed(excerpt, shift))
    band.run((grid.time_at(excerpt.end) + shift - START) // MS)
    played = ((slot(grid.tick_at(note.time_ns - shift)), note.number) for note in band.note_ons)
    return excerpt.counted(played), band.left_out


def _performed(excerpt: Excerpt, shift: int) -> Iterator[Performed]:
    begin, end = excerpt.grid.time_at(excerpt.start), excerpt.grid.time_at(excerpt.end)
    for note in excerpt.performer:
        if begin <= note.on_ns < end:
            yield Performed(note.on_ns + shift, Kind.NOTE_ON, note.pitch, note.velocity)
            yield Performed(note.off_ns + shift, Kind.NOTE_OFF, note.pitch)


# ---- figures -------------------------------------------------------------------------------------------------


def shares(sounds: Sounds, chords: dict[int, Tones], others: Sequence[Tones]) -> Shares:
    """Notes; those in their chord, and in the one before; those that shuffled chords and other songs' would hold."""
    every = list(chords.values())
    inside = sum(pitch % 12 in chords[tick] for tick, pitch in sounds)
    likely = [sum(p in tones for tones in every) / max(len(every), 1) for p in range(12)]
    far = [sum(p in tones for tones in others) / max(len(others), 1) for p in range(12)]
    before = sum(pitch % 12 in chords.get((tick // BEAT - 1) * BEAT, chords[tick]) for tick, pitch in sounds)
    return (
        len(sounds),
        inside,
        before,
        sum(likely[pitch % 12] for _, pitch in sounds),
        sum(far[pitch % 12] for _, pitch in sounds),
    )


def figures(rows: Sequence[Shares]) -> dict[str, list[float]]:
    """Percentages with their intervals."""
    notes, chord, before, shuffled, another = np.array(rows, np.float64).T
    draws = Bootstrap(len(rows), 1)
    found = {"notes": [float(notes.sum())]}
    columns = {"chord": chord, "before": before, "shuffled": shuffled, "another": another, "gain": chord - shuffled}
    for name, column in columns.items():
        cell = draws.quotient(column, notes)
        found[name] = [round(100 * x, 1) for x in (cell.value, cell.low, cell.high)] if cell else []
    return found


def _cell(value: float, *interval: float) -> str:
    return f"{value:g}" + (f" ({interval[0]:g}-{interval[1]:g})" if interval else "")


def excerpts(data: Path, songs: int, bars: int, part: str) -> list[Excerpt]:
    """Of the validation split, the songs whose bars are sure, in an order of their own."""
    source, out = SETS["pop909"], list[Excerpt]()
    with tempfile.TemporaryDirectory() as scratch:
        folder = source.open(data, Path(scratch))
        rows = [row for row in source.rows(folder) if row.split != TRAIN and row.bars == SURE]
        rows.sort(key=lambda row: hashlib.sha256(row.piece.encode()).digest())
        for row in rows:
            excerpt = excerpt_of(source.read(folder, row), bars, part) if len(out) < songs else None
            out += [excerpt] if excerpt else []
    return out


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="the folder of pop909.tar.xz")
    parser.add_argument("--model", default=SHIPPED_MODEL, type=Path)
    parser.add_argument("--songs", default=10, type=int)
    parser.add_argument("--bars", default=16, type=int)
    parser.add_argument("--part", default="melody", choices=("melody", "rest"), help="what the performer plays")
    parser.add_argument("--chart", action="store_true", help="also with the song's chords as a chart")
    commit = Settings().turn.duet_commit_beats
    parser.add_argument("--commit", default=commit, type=float, help="beats before a beat at which it is made")
    options = parser.parse_args()
    began, session = time.perf_counter(), Session.load(options.model, "cpu")
    chosen = excerpts(options.data, options.songs, options.bars, options.part)
    rows: dict[str, list[Shares]] = {}
    left_out = 0
    for number, excerpt in enumerate(chosen):
        others = [tones for other in chosen if other is not excerpt for tones in other.chords.values()]
        parts = dict[str, Sounds]()
        for name, chart in {"jamd": None, **({"charted": excerpt.chart} if options.chart else {})}.items():
            parts[name], late = duet(session, excerpt, number + 1, chart, options.commit)
            left_out += late
        parts |= {"second": excerpt.inside(excerpt.second), "performer": excerpt.inside(excerpt.performer)}
        for name, sounds in parts.items():
            rows.setdefault(name, []).append(shares(sounds, excerpt.chords, others))
    told = {name: figures(row) for name, row in rows.items()}
    print(f"{session.info.name}: {len(chosen)} songs of {options.bars} bars, the performer plays the {options.part}")
    for name, found in told.items():
        print(f"  {name:10}", "  ".join(f"{key} {_cell(*cell)}" for key, cell in found.items()))
    print(f"  beats left out: {left_out}")
    seconds = round(time.perf_counter() - began, 1)
    print(json.dumps({"seconds": seconds, "songs": len(chosen), "beats_left_out": left_out, **told}))


if __name__ == "__main__":
    main()
