"""Makes a span of a piece a duet: one voice is the Call, the rest the Response, and both play at the same time.

A turn joins wherever the voice that strikes next differs; nothing is moved in time. The pedal is left out of
the span: it belongs to both voices, and says nothing about either.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import NamedTuple

from jamd.music.events import Turn, TurnChange
from jamd.remi.vocabulary import METRES, SLOT_TICKS
from training.corpus.piece import PedalMove, Piece, Struck

SHARE = 0.3
"""Of the variants of pieces that have two voices."""
LEAD_CALLS_SHARE = 0.7
"""A performer mostly plays the tune, and jamd the rest."""
WHOLE_SHARE = 0.5
"""The others are duets from one change of turn to another."""
OPENED_SHARE = 0.7
"""Of the whole ones: live it is the performer who begins a duet, wherever in a piece, and jamd hears him alone."""
ALONE_BARS = (1, 1, 1, 2, 2, 4)
LATEST_ENTRY = 0.6
"""A duet that is opened so begins in this part of the performer's notes."""
SMALLEST_PART = 0.1
"""Of the notes: with less the voice is no partner."""
UNISON_NS = 35_000_000
"""A key that both voices strike within this is struck once, by the tune (as long as a rolled chord may last)."""
MAX_BAR_TICKS = max(metre.ticks for metre in METRES)
_EARLY = SLOT_TICKS // 2
_ALWAYS = 1 << 62


@dataclass(frozen=True, slots=True)
class Duet:
    """Who is who, and for how long."""

    lead: int
    """The channel of the tune: the sung voice, POP909's melody, else the first (the right hand)."""
    lead_turn: Turn
    whole: bool
    alone_bars: int = 0
    """So many bars the Call plays alone, from where it strikes at `entry` on, and nothing comes before; 0: as it is."""
    entry: float = 0.0
    """A share of the notes of the Call."""

    def turn_of(self, note: Struck) -> Turn:
        """Whose note this is."""
        return self.lead_turn if note.channel == self.lead else _other(self.lead_turn)


class Span(NamedTuple):
    """The duet lasts from turn number `first` to before number `last`: from `start_ns` to before `end_ns`."""

    first: int
    last: int
    start_ns: int
    end_ns: int

    def holds(self, time_ns: int) -> bool:
        """Whether an instant lies in it."""
        return self.start_ns <= time_ns < self.end_ns


class Strike(NamedTuple):
    """A key that goes down at `at_ns`, after a change of turn if it `joins`."""

    at_ns: int
    note: Struck
    second: bool = False
    """Whether the other voice strikes first, in the same instant."""
    joins: Turn | None = None


def drawn(piece: Piece, rng: random.Random) -> Duet | None:
    """Draws whether a variant is a duet, and how; never of a piece without beats or without two voices."""
    chosen, lead_calls, whole = rng.random() < SHARE, rng.random() < LEAD_CALLS_SHARE, rng.random() < WHOLE_SHARE
    lead = _lead(piece) if chosen else None
    if lead is None:
        return None
    opened = whole and rng.random() < OPENED_SHARE
    alone, entry = rng.choice(ALONE_BARS), rng.random() * LATEST_ENTRY
    lead_turn = Turn.CALL if lead_calls else Turn.RESPONSE
    return Duet(lead, lead_turn, whole, alone if opened else 0, entry if opened else 0.0)


def _lead(piece: Piece) -> int | None:
    """The channel of the tune, if the rest is a partner to it; the tracks of a roll are no voices."""
    if piece.grid is None or not piece.notes:
        return None
    notes = (*piece.notes, *piece.voice)
    lead = piece.voice[0].channel if piece.voice else min(n.channel for n in notes)
    share = sum(n.channel == lead for n in notes) / len(notes)
    return lead if SMALLEST_PART <= share <= 1 - SMALLEST_PART else None


def opened(piece: Piece, duet: Duet) -> Piece:
    """The piece as the duet begins it: from the bar of a note of the Call, which is alone at first."""
    calls = sorted(n.on_ns for n in (*piece.notes, *piece.voice) if duet.turn_of(n) is Turn.CALL)
    if not duet.alone_bars or not calls or piece.grid is None:
        return piece
    grid = piece.grid
    first = grid.tick_at(calls[int(duet.entry * len(calls))]) + _EARLY
    line = next(grid.bar_lines(first, first + 1))
    ahead = grid.bar_lines(line, line + (duet.alone_bars + 1) * MAX_BAR_TICKS)
    joins = next(islice(ahead, duet.alone_bars, None))
    begin, join = (grid.time_at(tick - _EARLY) for tick in (line, joins))

    def plays(note: Struck) -> bool:
        return note.on_ns >= (begin if duet.turn_of(note) is Turn.CALL else join)

    return replace(
        piece,
        notes=tuple(filter(plays, piece.notes)),
        voice=tuple(filter(plays, piece.voice)),
        pedal=tuple(move for move in piece.pedal if move.time_ns >= begin),
    )


def span_of(duet: Duet, turns: Sequence[TurnChange], rng: random.Random) -> Span:
    """All of the piece, or from one of its turns to another, drawn."""
    first, last = 0, len(turns)
    if not duet.whole:
        first = rng.randrange(len(turns))
        last = rng.randint(first + 1, len(turns))
    start = turns[first].time_ns if first else -_ALWAYS
    return Span(first, last, start, turns[last].time_ns if last < len(turns) else _ALWAYS)


def turns_around(duet: Duet, turns: Sequence[TurnChange], notes: Sequence[Struck], span: Span) -> list[TurnChange]:
    """The turns, the duet being one of them: that of the voice which begins it (`notes` by onset)."""
    opening = next((duet.turn_of(n) for n in notes if span.holds(n.on_ns)), turns[span.first].turn)
    return [*turns[: span.first], TurnChange(turns[span.first].time_ns, opening), *turns[span.last :]]


def one_hand_a_key(duet: Duet, notes: Sequence[Struck], span: Span) -> list[Struck]:
    """The notes, without those of the span that the tune strikes in unison: it is one keyboard."""
    tune: dict[int, list[int]] = {}
    for n in notes:
        if n.channel == duet.lead:
            tune.setdefault(n.pitch, []).append(n.on_ns)
    return [n for n in notes if n.channel == duet.lead or not span.holds(n.on_ns) or not _meets(tune.get(n.pitch), n)]


def _meets(onsets: Sequence[int] | None, note: Struck) -> bool:
    onsets = onsets or ()
    k = bisect_left(onsets, note.on_ns - UNISON_NS)
    return k < len(onsets) and onsets[k] <= note.on_ns + UNISON_NS


def strikes(duet: Duet, struck: Iterable[tuple[int, Struck]], opening: Turn) -> Iterator[Strike]:
    """The notes of the duet, by instant; within one the voice whose turn it is strikes first."""
    turn = opening
    for at, same in groupby(struck, key=lambda pair: pair[0]):
        notes = [note for _, note in same]
        staying = [note for note in notes if duet.turn_of(note) is turn]
        others = [note for note in notes if duet.turn_of(note) is not turn]
        yield from (Strike(at, note) for note in staying)
        if others:
            turn = _other(turn)
            yield Strike(at, others[0], bool(staying), turn)
            yield from (Strike(at, note, bool(staying)) for note in others[1:])


def pedal_around(moves: Iterable[PedalMove], span: Span) -> Iterator[PedalMove]:
    """The moves before and after the span; the pedal goes up where it begins, and back where it ends."""
    before = inside = None
    after = list[PedalMove]()
    for move in moves:
        if move.time_ns < span.start_ns:
            before = move
            yield move
        elif move.time_ns < span.end_ns:
            inside = move
        else:
            after.append(move)
    if before:
        yield PedalMove(span.start_ns, 0)
    last = inside or before
    if last and span.end_ns < _ALWAYS:
        yield PedalMove(span.end_ns, last.value)
    yield from after


def _other(turn: Turn) -> Turn:
    return Turn.RESPONSE if turn is Turn.CALL else Turn.CALL
