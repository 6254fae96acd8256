"""Compares what was struck with what its tokens say, note by note, on the ticks of the log."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jamd.music.events import Kind, LogEntry, Performed
from jamd.music.note import Note
from jamd.music.timeline import Timeline
from jamd.remi import vocabulary as v
from jamd.remi.cursor import Cursor
from jamd.remi.decoder import Decoder
from jamd.remi.encoder import Encoder
from jamd.remi.grammar import Grammar

POLL_NS = 20_000_000


@dataclass(frozen=True)
class Said:
    """The tokens of a log, accepted one and all, and their notes on the ticks of the log."""

    ids: list[int]
    notes: list[Note]
    merged: int
    hanging: int
    """Notes that never ended."""


def said(log: Iterable[LogEntry], end_ns: int) -> Said:
    """Reads a log as it would be heard, and puts back the bars that a silence left out or that were cut."""
    encoder, grammar, decoder, cursor = Encoder(), Grammar(), Decoder(), Cursor()
    ids, notes, lines = list[int](), list[Note](), [(-(10**9), 0)]

    def take(tokens: list[int]) -> None:
        for token in tokens:
            grammar.advance(token)
            cursor.feed(token)
            ids.append(token)
            notes.extend(event for event in decoder.feed(token) if isinstance(event, Note))
            if token == v.BAR:
                lines.append((cursor.bar_tick, 0))
        if v.BAR in tokens:
            lines[-1] = cursor.bar_tick, encoder.place.bar_tick - cursor.bar_tick

    now = 0
    for entry in log:
        while now + POLL_NS < entry.time_ns:
            now += POLL_NS
            take(encoder.advance(now))
        encoder.feed(entry)
    while now < end_ns:
        now += POLL_NS
        take(encoder.advance(now))
    take(encoder.finish())
    left = decoder.finish()
    moved = [_moved(note, lines) for note in [*notes, *left]]
    return Said(ids, sorted(moved), encoder.counts.merged, len(left))


def _moved(note: Note, lines: Sequence[tuple[int, int]]) -> Note:
    shift = lines[bisect_right(lines, (note.onset + v.SLOT_TICKS // 2, 10**12)) - 1][1]
    return Note(note.onset + shift, note.duration, note.pitch, note.velocity)


def struck(log: Iterable[LogEntry]) -> list[Note]:
    """What was struck, in ticks: a note ends when its key is released or struck again, or else lasts 0."""
    timeline, notes, sounding = None, list[Note](), dict[int, Note]()
    for entry in log:
        if isinstance(entry, Timeline):
            timeline = entry
        elif isinstance(entry, Performed) and entry.kind in (Kind.NOTE_ON, Kind.NOTE_OFF):
            assert timeline is not None
            tick = timeline.tick_at(entry.time_ns)
            ended = sounding.pop(entry.number, None)
            if ended:
                notes.append(Note(ended.onset, tick - ended.onset, ended.pitch, ended.velocity))
            if entry.kind is Kind.NOTE_ON:
                sounding[entry.number] = Note(tick, 0, entry.number, entry.value)
    return sorted([*notes, *sounding.values()])


def lost(played: Sequence[Note], told: Sequence[Note]) -> list[Note]:
    """The notes that were struck, and are not told within 4 ticks (a 120th of a quarter)."""
    onsets: dict[int, list[int]] = {}
    for note in sorted(told):
        onsets.setdefault(note.pitch, []).append(note.onset)
    return [note for note in played if _nearest(onsets.get(note.pitch, []), note.onset) > 4]


def _nearest(row: Sequence[int], tick: int) -> int:
    at = bisect_right(row, tick)
    return min((abs(tick - other) for other in row[max(at - 1, 0) : at + 1]), default=10**9)
