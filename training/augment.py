"""Makes logs of a piece: transposed, stretched, louder or softer, turns marked, on its grid or a free one.

Everything is decided by (seed, set, piece, variant): the same four give the same log on every machine.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import NamedTuple

from jamd.music.chords import ROOTS
from jamd.music.events import (
    SUSTAIN,
    Charted,
    Kind,
    LogEntry,
    Performed,
    Turn,
    TurnChange,
)
from jamd.music.timeline import Timeline, ns_per_quarter
from jamd.remi.vocabulary import NO_CHORD, SLOT_TICKS
from training import duet as duets
from training.corpus.piece import NS_STEP, PedalMove, Piece, Struck

SHIFTS = range(-5, 7)
"""Semitones: every key once."""
LOWEST, HIGHEST = 21, 108
STRETCH_PERCENT = (85, 115)
LOUDNESS = (0.8, 1.2)
FREE_SHARE = 1 / 3
"""Of the variants of a piece with a grid, each as a whole: without a clock `listen` reads on a free grid."""
FREE_BPM, FREE_OTHER_SHARE, FREE_BPM_RANGE = 120.0, 0.25, (80.0, 160.0)
ALTERNATING_SHARE = 2 / 3
"""The rest is all Call or all Response."""
CALL_OPENS_SHARE = 0.7
VOICE_SHARE = 0.25
SPAN_BARS = (1, 2, 2, 3, 4, 4, 4, 5, 6, 7, 8, 8)
"""Phrases are mostly of 2, 4 and 8 bars, but a performer may stop anywhere."""
FREE_SPAN_NS = 2_000_000_000
"""A bar of a free span, where there are no bars: 4/4 at 120."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a piece is read: all that augmentation decides, but where the turns lie."""

    shift: int = 0
    percent: int = 100
    loudness: float = 1.0
    free_bpm: float | None = None
    """None: on the piece's own grid."""
    opens: Turn = Turn.CALL
    alternates: bool = False
    voice: bool = False
    duet: duets.Duet | None = None
    """Who is who where two voices play at the same time; None: turns follow each other."""


class Key(NamedTuple):
    """What the luck of a variant hangs on."""

    seed: int
    set_name: str
    piece: str
    variant: int

    def rng(self) -> random.Random:
        """The generator of this variant; text seeds are hashed alike on every machine."""
        return random.Random("/".join(map(str, self)))

    def duet_rng(self) -> random.Random:
        """A generator of its own, so that duets do not change what is drawn for other variants."""
        return random.Random("/".join(map(str, (*self, "duet"))))

    def piece_rng(self) -> random.Random:
        """The generator that all variants of the piece share."""
        return random.Random(f"{self.seed}/{self.set_name}/{self.piece}")


def variant_log(piece: Piece, key: Key, *, train: bool) -> list[LogEntry]:
    """The log of the piece's variant `key`, read as drawn."""
    rng = key.rng()
    return log(piece, reading(piece, key, rng, train=train), rng)


def reading(piece: Piece, key: Key, rng: random.Random, *, train: bool) -> Reading:
    """Draws a reading; a piece that is not for training keeps its key, pace and loudness."""
    alternates = rng.random() < ALTERNATING_SHARE
    opens = Turn.CALL if rng.random() < (CALL_OPENS_SHARE if alternates else 0.5) else Turn.RESPONSE
    drawn = Reading(opens=opens, alternates=alternates, free_bpm=_free_bpm(piece, rng))
    if not train:
        return drawn
    drawn = replace(
        drawn,
        shift=_shift(piece, key),
        percent=rng.randint(*STRETCH_PERCENT),
        loudness=rng.uniform(*LOUDNESS),
        voice=bool(piece.voice) and rng.random() < VOICE_SHARE,
    )
    together = duets.drawn(piece, key.duet_rng())
    if together is None:
        return drawn
    return replace(drawn, duet=together, voice=bool(piece.voice), free_bpm=None)  # a duet needs a tempo


def _free_bpm(piece: Piece, rng: random.Random) -> float | None:
    free, other = rng.random() < FREE_SHARE, rng.random() < FREE_OTHER_SHARE
    bpm = rng.uniform(*FREE_BPM_RANGE)
    if piece.grid is not None and not free:
        return None
    return bpm if other else FREE_BPM


def _shift(piece: Piece, key: Key) -> int:
    """A shift that keeps the piece on the keyboard, another for each variant as long as there are any."""
    pitches = [n.pitch for n in (*piece.notes, *piece.voice)]
    low, high = min(pitches, default=LOWEST), max(pitches, default=HIGHEST)
    fitting = [s for s in SHIFTS if low + s >= LOWEST and high + s <= HIGHEST] or [0]
    key.piece_rng().shuffle(fitting)
    return fitting[key.variant % len(fitting)]


def log(piece: Piece, how: Reading, rng: random.Random) -> list[LogEntry]:
    """The log of a reading, from instant 0; empty when the piece has no note."""
    piece = duets.opened(piece, how.duet) if how.duet else piece
    notes = _performed_notes(piece, how)
    if not notes:
        return []
    timelines, turns = _gridded(piece, how, notes, rng) if how.free_bpm is None else _free(how, notes, rng)
    zero = timelines[0].time_ns
    span = duets.span_of(how.duet, turns, rng) if how.duet else None
    if how.duet and span:
        notes = duets.one_hand_a_key(how.duet, notes, span)
        turns = duets.turns_around(how.duet, turns, notes, span)
        if how.free_bpm is not None:  # bars begin anew with a phrase, but a duet is one
            begun = [t.time_ns for t in timelines if not span.holds(t.time_ns) or t.time_ns in (zero, span.start_ns)]
            timelines = _phrases(timelines[0], begun[1:])
    ranked: list[tuple[int, int, LogEntry]] = []
    ranked += [(t.time_ns - zero, _TIMELINE, replace(t, time_ns=t.time_ns - zero)) for t in timelines]
    ranked += [(0, _OPENING_TURN, TurnChange(0, turns[0].turn))]
    ranked += [(t.time_ns - zero, _TURN, TurnChange(t.time_ns - zero, t.turn)) for t in turns[1:]]
    ranked += _keys(notes, zero, how, turns[span.first].turn if span else how.opens, span)
    ranked += _pedalling(piece, how, zero, span)
    if how.free_bpm is None:
        ranked += _charted(piece, how, zero)
    ranked.sort(key=itemgetter(0, 1))
    return [entry for _, _, entry in ranked]


_RELEASE, _TURN, _TIMELINE, _OPENING_TURN, _CHART, _PEDAL, _JOIN, _STRIKE, _OTHER_JOIN, _OTHER_STRIKE = range(10)
"""The order of entries of one instant; the log's first entry is a Timeline."""


def _performed_notes(piece: Piece, how: Reading) -> list[Struck]:
    out = []
    for n in (*piece.notes, *(piece.voice if how.voice else ())):
        velocity = min(max(round(n.velocity * how.loudness), 1), 127)
        on, off = n.on_ns * how.percent // 100, n.off_ns * how.percent // 100
        out.append(Struck(on, off, n.pitch + how.shift, velocity, n.channel))
    return sorted(out)


def _gridded(
    piece: Piece, how: Reading, notes: Sequence[Struck], rng: random.Random
) -> tuple[list[Timeline], list[TurnChange]]:
    """The piece's own beats from the bar of its first note on; turns change at bar lines."""
    assert piece.grid is not None
    grid, unstretched = piece.grid, [n.on_ns * 100 // how.percent for n in notes]
    early = SLOT_TICKS // 2
    first_tick = grid.tick_at(unstretched[0])
    last_tick = grid.tick_at(unstretched[-1]) + 1
    line = next(grid.bar_lines(first_tick + early, first_tick + early + 1))
    timelines = grid.timelines(line, how.percent)
    starts = []
    for bar in grid.bar_lines(line, last_tick):
        at = grid.time_at(bar) * how.percent // 100
        slot = grid.time_at(bar - early) * how.percent // 100
        starts.append((at, slot))
    return timelines, _turns_at_bars(how, starts, [n.on_ns for n in notes], rng)


def _turns_at_bars(
    how: Reading, bars: Sequence[tuple[int, int]], onsets: Sequence[int], rng: random.Random
) -> list[TurnChange]:
    """Turn changes at bars with a note: at the line (ns), or at a note that begins it a little early.

    `bars` are (line, start of its first slot).
    """
    turn, out = how.opens, [TurnChange(0, how.opens)]
    left = rng.choice(SPAN_BARS)
    for i, (line, slot) in enumerate(bars):
        left -= i > 0
        k = bisect_left(onsets, slot)
        end = bars[i + 1][1] if i + 1 < len(bars) else onsets[-1] + 1
        if not how.alternates or left > 0 or i == 0 or k == len(onsets) or onsets[k] >= end:
            continue
        turn = _other(turn)
        out.append(TurnChange(min(line, onsets[k]), turn))
        left = rng.choice(SPAN_BARS)
    return out


def _free(how: Reading, notes: Sequence[Struck], rng: random.Random) -> tuple[list[Timeline], list[TurnChange]]:
    """A constant tempo, bar 1 at the first note and again at each turn's (as `listen` does live)."""
    assert how.free_bpm is not None
    onsets = [n.on_ns for n in notes]
    turns = [TurnChange(onsets[0], how.opens)]
    for at in _phrase_starts(onsets, rng) if how.alternates else ():
        turns.append(TurnChange(at, _other(turns[-1].turn)))
    first = Timeline(onsets[0], 0, ns_per_quarter(how.free_bpm))
    return _phrases(first, [t.time_ns for t in turns[1:]]), turns


def _phrases(first: Timeline, starts: Iterable[int]) -> list[Timeline]:
    """The tempo of `first`, with a bar line at each of the instants."""
    out = [first]
    for at in starts:
        out.append(out[-1].successor(at, downbeat=out[-1].tick_at(at)))
    return out


def _phrase_starts(onsets: Sequence[int], rng: random.Random) -> Iterator[int]:
    """Onsets after the longest rest found near the end of each drawn span."""
    start = onsets[0]
    while True:
        span = rng.choice(SPAN_BARS) * FREE_SPAN_NS
        low, high = bisect_left(onsets, start + span * 2 // 3), bisect_left(onsets, start + span * 4 // 3)
        if high >= len(onsets):
            return
        if low >= high:
            low, high = high, high + 1  # a long rest: the note after it
        k = max(range(low, high), key=lambda i: onsets[i] - onsets[i - 1])
        start = onsets[k]
        yield start


def _other(turn: Turn) -> Turn:
    return Turn.RESPONSE if turn is Turn.CALL else Turn.CALL


def _keys(
    notes: Sequence[Struck], zero: int, how: Reading, opening: Turn, span: duets.Span | None
) -> Iterator[tuple[int, int, LogEntry]]:
    """Keys go down and up; those that go down a little before the first bar line go down on it.

    In the span of a duet, which begins with the turn `opening`, the voices join each other.
    """
    together = list[tuple[int, Struck]]()
    for n in notes:
        on, off = max(n.on_ns - zero, 0), max(n.off_ns - zero, NS_STEP)
        yield off, _RELEASE, Performed(off, Kind.NOTE_OFF, n.pitch, 0, n.channel)
        if span and span.holds(n.on_ns):
            together.append((on, n))
        else:
            yield on, _STRIKE, _note_on(on, n)
    if how.duet:
        for at, n, second, joins in duets.strikes(how.duet, together, opening):
            if joins:
                yield at, _OTHER_JOIN if second else _JOIN, TurnChange(at, joins, joins=True)
            yield at, _OTHER_STRIKE if second else _STRIKE, _note_on(at, n)


def _note_on(at: int, note: Struck) -> Performed:
    return Performed(at, Kind.NOTE_ON, note.pitch, note.velocity, note.channel)


def _pedalling(piece: Piece, how: Reading, zero: int, span: duets.Span | None) -> Iterator[tuple[int, int, LogEntry]]:
    moves: Iterable[PedalMove] = (m._replace(time_ns=m.time_ns * how.percent // 100) for m in piece.pedal)
    for move in duets.pedal_around(moves, span) if span else moves:
        at = max(move.time_ns - zero, 0)
        yield at, _PEDAL, Performed(at, Kind.CONTROL, SUSTAIN, move.value)


def _charted(piece: Piece, how: Reading, zero: int) -> Iterator[tuple[int, int, LogEntry]]:
    """The annotated chords; of those before `zero` only the one that holds there."""
    labels = [(max(c.time_ns * how.percent // 100 - zero, 0), c.chord) for c in piece.chords]
    for i, (at, chord) in enumerate(labels):
        if i + 1 == len(labels) or labels[i + 1][0] > at:
            yield at, _CHART, Charted(at, transposed(chord, how.shift))


def transposed(chord: str, shift: int) -> str:
    """A chord moved by `shift` semitones."""
    if chord == NO_CHORD:
        return chord
    root, quality = chord.split(":")
    return f"{ROOTS[(ROOTS.index(root) + shift) % len(ROOTS)]}:{quality}"
