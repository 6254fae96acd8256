"""MIDI files as logs, and back: `read_midi` gives the log of a performance, `write_midi` a type 1 file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from pathlib import Path

from jamd.errors import MidiFileError
from jamd.midi.chunks import (
    META,
    META_TEMPO,
    META_TIME_SIGNATURE,
    META_TRACK_NAME,
    Chunks,
    Event,
    read_chunks,
    write_chunks,
)
from jamd.midi.endings import with_every_end
from jamd.midi.messages import control, note_off, note_on, parse, to_bytes
from jamd.midi.metres import Bars, Layout, Signature, lay_out
from jamd.music.events import SUSTAIN, Kind, LogEntry, Performed
from jamd.music.note import Note, Pedal
from jamd.music.timeline import FOUR_FOUR, TICKS_PER_QUARTER, Metre, Timeline

DRUMS = 9
"""Channel 10 of General MIDI, counted from 0: its numbers are no pitches."""
DEFAULT_TEMPO_NS = 500_000_000
"""120 bpm: what a file means until it says otherwise."""
SLOWEST_US = 0xFFFFFF
"""The slowest tempo that a file can say, in microseconds a quarter."""


@dataclass(frozen=True, slots=True)
class MidiLog:
    """A file as a log, and what had to be mended or left out on the way."""

    entries: tuple[LogEntry, ...]
    """A Timeline first; then Timelines and Performed in the order of time. Every note-on has its note-off."""
    end_ns: int
    notes: int
    drums: int
    """Notes on channel 10, left out."""
    hanging: int
    """Notes without an end, ended with the file."""
    clipped: int
    """Data bytes above 127, taken for 127."""
    ignored: int
    """Tempos and time signatures that say nothing: zero, or cut short."""
    layout: Layout
    """The bars, and how many time signatures had to be put in other words."""

    @property
    def timelines(self) -> tuple[Timeline, ...]:
        """The tempo map."""
        return tuple(entry for entry in self.entries if isinstance(entry, Timeline))


def read_midi(path: Path, table: Sequence[Metre]) -> MidiLog:
    """The log of a file of type 0, 1 or 2 (2: track after track); its bars are metres of `table`.

    Instants are those of `Timeline.time_at`: `tick_at` gives the file's ticks back, at 480 a quarter.
    A file in SMPTE frames knows no beats: it is read at 120 bpm. MidiFileError where it cannot be read.
    """
    try:
        chunks = read_chunks(path.read_bytes())
    except OSError as error:
        hint = "Check the name and the folder."
        raise MidiFileError(f"Cannot read {path}: {error.strerror}.", hint) from error
    except ValueError as error:
        hint = "Copy it again from where it came, or open and save it with a sequencer."
        raise MidiFileError(f"{path} is not a MIDI file that can be read: {error}.", hint) from error
    return _log(_collect(chunks), chunks.clipped, table)


@dataclass(frozen=True, slots=True)
class Track:
    """A named track to be written: messages in time order, ticks (480 a quarter) from the file's start."""

    name: str
    events: Sequence[Event]

    @classmethod
    def performed(cls, name: str, log: Iterable[LogEntry]) -> Track:
        """What was performed, placed by the log's Timelines; what stands before the first is left out."""
        events: list[Event] = []
        timeline: Timeline | None = None
        for entry in log:
            if isinstance(entry, Timeline):
                timeline = entry
            elif isinstance(entry, Performed) and timeline is not None:
                events.append((timeline.tick_at(entry.time_ns), to_bytes(entry)))
        return cls(name, events)

    @classmethod
    def played(cls, name: str, played: Iterable[Note | Pedal], channel: int = 0) -> Track:
        """Notes and pedal in musical time; at one tick what ends comes before what begins."""
        events: list[tuple[int, int, bytes]] = []
        for event in played:
            if isinstance(event, Pedal):
                events.append((event.tick, 1 + event.down, control(channel, SUSTAIN, 127 * event.down)))
            else:
                end = event.onset + max(event.duration, 1)
                events.append((event.onset, 3, note_on(channel, event.pitch, event.velocity)))
                events.append((end, 0, note_off(channel, event.pitch)))
        return cls(name, [(tick, message) for tick, _, message in sorted(events)])


def write_midi(path: Path, tracks: Sequence[Track], log: Iterable[LogEntry]) -> None:
    """Writes a type 1 file; its tempo map is that of the log's Timelines, by their ticks.

    MidiFileError where it cannot be written; what stood there before is then untouched.
    """
    timelines = [entry for entry in log if isinstance(entry, Timeline)]
    whole = [[(0, _meta(META_TRACK_NAME, track.name.encode())), *track.events] for track in tracks]
    whole[0][1:1] = _tempo_events(timelines)
    whole[0].sort(key=itemgetter(0))
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(write_chunks(whole, TICKS_PER_QUARTER))
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        hint = "Check the folder, and the space on its disk."
        raise MidiFileError(f"Cannot write {path}: {error.strerror}.", hint) from error


# ---- reading ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Piece:
    """What a file says, its tracks merged, in ticks of 480 a quarter."""

    events: list[Performed] = field(default_factory=list)
    """Their `time_ns` is still a tick."""
    tempos: list[tuple[int, int]] = field(default_factory=list)
    signatures: list[Signature] = field(default_factory=list)
    end: int = 0
    ignored: int = 0

    def add(self, tick: int, message: bytes) -> None:
        """Puts a message where its kind belongs."""
        self.end = max(self.end, tick)
        if message[0] == META:
            self._add_meta(tick, message[1], message[2:])
        elif (event := parse(message, tick)) is not None:
            self.events.append(event)

    def _add_meta(self, tick: int, kind: int, data: bytes) -> None:
        if kind == META_TEMPO:
            if len(data) >= 3 and any(data[:3]):
                self.tempos.append((tick, int.from_bytes(data[:3], "big") * 1000))
            else:
                self.ignored += 1
        elif kind == META_TIME_SIGNATURE:
            if len(data) >= 2 and data[0]:
                self.signatures.append(Signature(tick, data[0], 1 << data[1]))
            else:
                self.ignored += 1

    def next_bar_line(self) -> int:
        """The first bar line at or after the end, as the last signature has it."""
        last = self.signatures[-1] if self.signatures else Signature(0, 4, 4)
        return self.end + (last.tick - self.end) % (last.ticks or FOUR_FOUR.ticks)


def _collect(chunks: Chunks) -> _Piece:
    """Merges the tracks; those of a type 2 file stand one behind the other, each with its own tempo map."""
    piece, (up, down) = _Piece(), _scale(chunks.division)
    groups = [(track,) for track in chunks.tracks] if chunks.format == 2 else [chunks.tracks]
    for tracks in groups:
        start = piece.next_bar_line()
        if start:
            piece.tempos.append((start, DEFAULT_TEMPO_NS))
            piece.signatures.append(Signature(start, 4, 4))
        merged: list[Event] = sorted((event for track in tracks for event in track), key=itemgetter(0))
        for tick, message in merged:
            piece.add(start + (2 * tick * up + down) // (2 * down), message)
    if chunks.division < 0:
        piece.tempos = []
    return piece


def _scale(division: int) -> tuple[int, int]:
    """The fraction that turns a file's ticks into 480 a quarter; SMPTE at 120 bpm, 29 frames are 29.97."""
    if division > 0:
        return TICKS_PER_QUARTER, division
    frames, ticks = -(division >> 8), division & 0xFF
    if frames == 29:
        return 2 * TICKS_PER_QUARTER * 1001, 30_000 * ticks
    return 2 * TICKS_PER_QUARTER, frames * ticks


def _log(piece: _Piece, clipped: int, table: Sequence[Metre]) -> MidiLog:
    layout = lay_out(piece.signatures, piece.end + 1, table)
    timelines = _tempo_map(piece.tempos, layout.bars)
    played = [event for event in piece.events if event.channel != DRUMS]
    drums = sum(event.kind is Kind.NOTE_ON for event in piece.events if event.channel == DRUMS)
    notes = sum(event.kind is Kind.NOTE_ON for event in played)
    ordered, hanging = with_every_end(played, piece.end)
    entries = tuple(_timed(timelines, ordered))
    end_ns = timelines[-1].time_at(piece.end)
    return MidiLog(entries, end_ns, notes, drums, hanging, clipped, piece.ignored, layout)


def _tempo_map(tempos: Iterable[tuple[int, int]], bars: Iterable[Bars]) -> list[Timeline]:
    """One Timeline for each tick at which tempo or bars change, each continuous with the one before."""
    tempo_at, metre_at = dict(tempos), {b.tick: b.metre for b in bars}
    timelines = [Timeline(0, 0, tempo_at.get(0, DEFAULT_TEMPO_NS), metre_at[0])]
    for tick in sorted((tempo_at.keys() | metre_at.keys()) - {0}):
        last = timelines[-1]
        following = last.successor(
            last.time_at(tick),
            ns_per_quarter=tempo_at.get(tick),
            metre=metre_at.get(tick),
            downbeat=tick if tick in metre_at else None,
        )
        if replace(following, time_ns=last.time_ns, tick=last.tick) != last:
            timelines.append(following)
    return timelines


def _timed(timelines: Sequence[Timeline], events: Iterable[Performed]) -> Iterator[LogEntry]:
    """The log in the order of time, a Timeline before what happens at its instant."""
    timeline, waiting = timelines[0], iter(timelines[1:])
    following = next(waiting, None)
    yield timeline
    for event in events:
        tick = event.time_ns
        while following is not None and following.tick <= tick:
            yield following
            timeline, following = following, next(waiting, None)
        yield Performed(timeline.time_at(tick), event.kind, event.number, event.value, event.channel)
    if following is not None:
        yield following
        yield from waiting


# ---- writing ---------------------------------------------------------------------------------------------


def _tempo_events(timelines: Sequence[Timeline]) -> list[Event]:
    """Tempos at the ticks of the Timelines; time signatures where bars begin to be counted anew."""
    events: list[Event] = []
    said_tempo, said_bars = 0, (0, 0, 0)
    for timeline, following in zip(timelines, [*timelines[1:], None], strict=False):
        tempo = min(max(round(timeline.ns_per_quarter / 1000), 1), SLOWEST_US)
        if tempo != said_tempo:
            events.append((timeline.tick, _meta(META_TEMPO, tempo.to_bytes(3, "big"))))
            said_tempo = tempo
        metre, line = timeline.metre, timeline.next_bar_line(timeline.tick)
        bars = (metre.numerator, metre.denominator, timeline.downbeat % metre.ticks)
        if bars != said_bars and (following is None or line < following.tick):
            events.append((line, _time_signature(metre)))
            said_bars = bars
    return events


def _time_signature(metre: Metre) -> bytes:
    power = metre.denominator.bit_length() - 1
    click = metre.beat_ticks * 24 // TICKS_PER_QUARTER  # in MIDI clocks
    return _meta(META_TIME_SIGNATURE, bytes((metre.numerator, power, click, 8)))


def _meta(kind: int, data: bytes) -> bytes:
    return bytes((META, kind)) + data
