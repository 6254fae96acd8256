"""Calls and their true responses, cut out of a song at bar lines. Knows no model.

A call is four bars, the response the four after it. The song is told to the encoder as it would be live: at the
call's end the turn passes, so what the model hears, and the tokens of the true response, are those of a jam.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import pairwise

from jamd.music.events import Kind, LogEntry, Performed, Turn, TurnChange
from jamd.music.note import Note
from jamd.music.timeline import TICKS_PER_QUARTER, Metre, Timeline
from jamd.remi import vocabulary as v
from jamd.remi.decoder import Decoder, settled
from jamd.remi.encoder import Encoder
from jamd.remi.place import Place
from training.augment import FREE_BPM, log
from training.evaluation.song import PLAIN, Song

BARS = 4
CONTEXT_BARS = 4
"""Bars before a call, at least."""
LEAST_NOTES = 8
"""Of a call and of its response; fewer say too little to be measured."""
EARLY = v.SLOT_TICKS // 2
"""A note so little before a bar line begins the bar (it lies in its first slot)."""
LEVEL = 64
"""The velocity of all notes of a song whose velocities say nothing."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some bars of one metre; the first line lies at tick 0. Notes are by onset and end with the last bar."""

    notes: tuple[Note, ...]
    metre: Metre
    bars: int = BARS

    @property
    def ticks(self) -> int:
        """Its length."""
        return self.bars * self.metre.ticks

    @property
    def by_bar(self) -> list[list[Note]]:
        """The notes of each bar; one a little early is of the bar it begins."""
        out: list[list[Note]] = [[] for _ in range(self.bars)]
        for note in self.notes:
            out[min(max((note.onset + EARLY) // self.metre.ticks, 0), self.bars - 1)].append(note)
        return out


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a call of a log ends and its response begins."""

    line: int
    """The bar line (ticks) between them."""
    metre: Metre
    turn_ns: int
    """When the turn passes: on the line, or at a note that begins the bar a little early."""
    end_ns: int
    """When the response ends."""
    ns_per_quarter: int
    """The pace of the call."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A call with all that was before it, and its true response."""

    heard: tuple[int, ...]
    """New tokens since the song's last pair: certain before the turn passes, from BOS on."""
    tail: tuple[int, ...]
    """The tokens that the passing turn adds, through the Response token. The next pair's do not follow on them."""
    place: Place
    """Where `tail` ends."""
    line: int
    """The tick at which the response begins."""
    past: tuple[Note, ...]
    """All notes up to the response, which begins at tick 0: their onsets are negative."""
    call: Excerpt
    real: Excerpt
    ns_per_quarter: int
    """The pace of the call."""

    @property
    def first(self) -> tuple[int, ...]:
        """What opens the response: the Bar at `line`, behind those that silence left out."""
        return (v.BAR,) * ((self.line - self.place.bar_tick) // self.place.metre.ticks)

    @property
    def end_tick(self) -> int:
        """Where the response ends."""
        return self.line + self.call.ticks


def excerpt(notes: Sequence[Note], start: int, metre: Metre, *, level: bool = False, bars: int = BARS) -> Excerpt:
    """The notes that begin in the `bars` from tick `start` on; `level` takes their velocities away."""
    end = start + bars * metre.ticks
    inside = [n for n in notes if start - EARLY <= n.onset < end - EARLY]
    moved = [
        Note(n.onset - start, min(n.duration, end - n.onset), n.pitch, LEVEL if level else n.velocity) for n in inside
    ]
    return Excerpt(tuple(sorted(moved)), metre, bars)


def song_log(song: Song, *, free: bool) -> list[LogEntry]:
    """The log of a song, on its own grid or on the free one."""
    return log(song.source, replace(PLAIN, free_bpm=FREE_BPM) if free else PLAIN, random.Random(0))


def pairs(song: Song, at_most: int, *, free: bool) -> Iterator[Pair]:
    """At most so many pairs of a song in order, spread over it; none on the own grid of a song that has none."""
    if at_most < 1 or (song.source.grid is None and not free):
        return
    entries = song_log(song, free=free)
    listener = _Listener(entries)
    for cut in cuts(entries, at_most):
        pair = listener.pair(cut, level=song.flat_velocity)
        if pair is not None:
            yield pair


class _Listener:
    """Tells a log to an encoder, up to one cut after the other. Owned by `pairs`."""

    def __init__(self, entries: Sequence[LogEntry]) -> None:
        self._entries, self._fed = entries, 0
        self._encoder = Encoder()
        self._heard: list[int] = []  # since the last pair
        self._decoder: Decoder | None = None  # begins with the first Timeline
        self._notes: list[Note] = []

    def pair(self, cut: Cut, *, level: bool) -> Pair | None:
        """The pair at a cut; None where too few notes are left in tokens."""
        decoder = self._listen(cut)
        fork = self._encoder.fork()
        fork.feed(TurnChange(cut.turn_ns, Turn.RESPONSE))
        tail, place = fork.advance(cut.turn_ns), fork.place
        decoder = deepcopy(decoder)
        notes = self._notes + _notes(decoder, tail) + decoder.finish()
        shift = place.bar_tick - decoder.place.bar_tick  # bars that a long silence left out
        past = [replace(n, onset=n.onset + shift - cut.line) for n in settled(notes)]
        rest = self._response(fork, cut)
        answer = Decoder(place)
        real = [replace(n, onset=n.onset - cut.line) for n in settled(_notes(answer, rest) + answer.finish())]
        call = excerpt(past, -BARS * cut.metre.ticks, cut.metre, level=level)
        response = excerpt(real, 0, cut.metre, level=level)
        if min(len(call.notes), len(response.notes)) < LEAST_NOTES or place.metre != cut.metre:
            return None
        heard, self._heard = tuple(self._heard), []
        return Pair(heard, tuple(tail), place, cut.line, tuple(past), call, response, cut.ns_per_quarter)

    def _listen(self, cut: Cut) -> Decoder:
        """Reads on until the turn passes."""
        stop = _before(self._entries, self._fed, cut.turn_ns)
        for entry in self._entries[self._fed : stop]:
            self._encoder.feed(entry)
            if self._decoder is None and isinstance(entry, Timeline):
                self._decoder = Decoder(self._encoder.place)
        assert self._decoder is not None, "a log begins with a Timeline"
        self._fed = stop
        heard = self._encoder.advance(cut.turn_ns)
        self._heard += heard
        self._notes += _notes(self._decoder, heard)
        return self._decoder

    def _response(self, fork: Encoder, cut: Cut) -> list[int]:
        """The tokens of the true response, which ends at the cut's end with all its notes."""
        for entry in self._entries[self._fed : _before(self._entries, self._fed, cut.end_ns)]:
            fork.feed(entry)
        return fork.advance(cut.end_ns) + fork.finish()


def _notes(decoder: Decoder, ids: Sequence[int]) -> list[Note]:
    return [event for token in ids for event in decoder.feed(token) if isinstance(event, Note)]


def _before(entries: Sequence[LogEntry], first: int, turn_ns: int) -> int:
    """Where a turn that passes at an instant stands in the log: behind the keys released just then."""
    for index in range(first, len(entries)):
        entry = entries[index]
        released = isinstance(entry, Performed) and entry.kind is Kind.NOTE_OFF
        if entry.time_ns > turn_ns or (entry.time_ns == turn_ns and not released):
            return index
    return len(entries)


@dataclass(frozen=True, slots=True)
class _Line:
    """A bar line of a log."""

    tick: int
    metre: Metre
    begins_ns: int
    """When its bar begins: on the line, or at a note that is a little early."""


def cuts(entries: Sequence[LogEntry], at_most: int) -> list[Cut]:
    """At most so many cuts of a log, spread evenly over those that can be: in order, perhaps overlapping."""
    onsets = [e.time_ns for e in entries if isinstance(e, Performed) and e.kind is Kind.NOTE_ON]
    lines = _lines([e for e in entries if isinstance(e, Timeline)], onsets)
    found = []
    for first in range(CONTEXT_BARS, len(lines) - 2 * BARS):
        eight, metre = lines[first : first + 2 * BARS + 1], lines[first].metre
        steady = all(b.tick - a.tick == metre.ticks and a.metre == metre for a, b in pairwise(eight))
        call, response, end = (bisect_left(onsets, eight[i].begins_ns) for i in (0, BARS, 2 * BARS))
        if steady and metre in v.METRES and min(response - call, end - response) >= LEAST_NOTES:
            turn_ns, quarters = eight[BARS].begins_ns, BARS * metre.ticks / TICKS_PER_QUARTER
            pace = round((turn_ns - eight[0].begins_ns) / quarters)
            found.append(Cut(eight[BARS].tick, metre, turn_ns, eight[-1].begins_ns, pace))
    count = min(at_most, len(found))
    return [found[(2 * i + 1) * len(found) // (2 * count)] for i in range(count)]


def _lines(timelines: Sequence[Timeline], onsets: Sequence[int]) -> list[_Line]:
    """The bar lines of a log, through the first one behind its last onset."""
    if not onsets:
        return []
    out, before = [], timelines[0]
    for number, timeline in enumerate(timelines):
        last = number + 1 == len(timelines)
        end = timeline.tick_at(onsets[-1]) + timeline.metre.ticks + 1 if last else timelines[number + 1].tick
        line = timeline.next_bar_line(timeline.tick)
        while line < end:
            early = (timeline if line - EARLY >= timeline.tick else before).time_at(line - EARLY)
            at = bisect_left(onsets, early)
            begins = min(timeline.time_at(line), onsets[at] if at < len(onsets) else timeline.time_at(line))
            out.append(_Line(line, timeline.metre, begins))
            line += timeline.metre.ticks
        before = timeline
    return out
