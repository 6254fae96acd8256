"""MIDI files as logs, and back: `read_midi` gives the log of a performance, `write_midi` a type 1 file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, chain
from operator import itemgetter
from pathlib import Path

import mido

from jamd.errors import MidiFileError
from jamd.midi.endings import with_every_end
from jamd.midi.messages import control, note_off, note_on, parse, to_bytes
from jamd.midi.metres import Change, metre_of, on_bar_lines
from jamd.midi.mido_files import load
from jamd.music.events import SUSTAIN, Kind, LogEntry, Performed
from jamd.music.note import Note, Pedal
from jamd.music.timeline import FOUR_FOUR, TICKS_PER_QUARTER, Metre, Timeline

Event = tuple[int, bytes]
"""Tick from the start of the file, and a channel message."""
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
    ignored: int
    """Tempos and time signatures that say nothing: zero, cut short, or of a bar that cannot be counted."""
    moved: int
    """Time signatures in mid bar, which waited for the bar line, or for the next one to overrule them."""

    @property
    def timelines(self) -> tuple[Timeline, ...]:
        """The tempo map."""
        return tuple(entry for entry in self.entries if isinstance(entry, Timeline))


def read_midi(path: Path) -> MidiLog:
    """The log of a file of type 0, 1 or 2 (2: track after track).

    Instants are those of `Timeline.time_at`: `tick_at` gives the file's ticks back, at 480 a quarter.
    A file in SMPTE frames knows no beats: it is read at 120 bpm. MidiFileError where it cannot be read.
    """
    try:
        file = load(path.read_bytes())
    except OSError as error:
        hint = "Check the name and the folder."
        raise MidiFileError(f"Cannot read {path}: {error.strerror}.", hint) from error
    except ValueError as error:
        hint = "Copy it again from where it came, or open and save it with a sequencer."
        raise MidiFileError(f"{path} is not a MIDI file that can be read: {error}.", hint) from error
    return _log(_collect(file))


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


def write_midi(
    path: Path, tracks: Sequence[Track], log: Iterable[LogEntry], markers: Iterable[tuple[int, str]] = ()
) -> None:
    """Writes a type 1 file; its tempo map is that of the log's Timelines, by their ticks. Markers are ticks and texts.

    MidiFileError where it cannot be written; what stood there before is then untouched.
    """
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER)
    tempo_map = _tempo_events([entry for entry in log if isinstance(entry, Timeline)])
    tempo_map += [(tick, mido.MetaMessage("marker", text=text)) for tick, text in markers]
    for track in tracks:
        messages = [(tick, mido.Message.from_bytes(message)) for tick, message in track.events]
        file.tracks.append(_track(track.name, sorted([*tempo_map, *messages], key=itemgetter(0))))
        tempo_map = []  # it stands in the first track
    part = path.with_name(path.name + ".part")
    try:
        file.save(part)
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
    metres: list[Change] = field(default_factory=list)
    end: int = 0
    ignored: int = 0

    def add(self, tick: int, message: mido.Message) -> None:
        """Puts a message where its kind belongs; End of Track says nothing, and may stand bars later."""
        if message.type == "end_of_track":
            return
        self.end = max(self.end, tick)
        if message.type == "set_tempo" and message.tempo:
            self.tempos.append((tick, message.tempo * 1000))
        elif message.type == "time_signature" and (metre := metre_of(message.numerator, message.denominator)):
            self.metres.append((tick, metre))
        elif message.type in ("set_tempo", "time_signature"):
            self.ignored += 1
        elif not message.is_meta and (event := parse(message.bin(), tick)) is not None:
            self.events.append(event)

    def next_bar_line(self) -> int:
        """The first bar line at or after the end, as the last time signature has it."""
        tick, metre = self.metres[-1] if self.metres else (0, FOUR_FOUR)
        return self.end + (tick - self.end) % metre.ticks


def _collect(file: mido.MidiFile) -> _Piece:
    """Merges the tracks; those of a type 2 file stand one behind the other, each with its own tempo map."""
    piece, (up, down) = _Piece(), _scale(file.ticks_per_beat)
    tracks = [list(zip(accumulate(message.time for message in track), track, strict=True)) for track in file.tracks]
    for group in [[track] for track in tracks] if file.type == 2 else [tracks]:
        start = piece.next_bar_line()
        if start:
            piece.tempos.append((start, DEFAULT_TEMPO_NS))
            piece.metres.append((start, FOUR_FOUR))
        for tick, message in sorted(chain(*group), key=itemgetter(0)):
            piece.add(start + (2 * tick * up + down) // (2 * down), message)
    if file.ticks_per_beat < 0:
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


def _log(piece: _Piece) -> MidiLog:
    metres, moved = on_bar_lines(piece.metres)
    timelines = _tempo_map(piece.tempos, metres)
    played = [event for event in piece.events if event.channel != DRUMS]
    drums = sum(event.kind is Kind.NOTE_ON for event in piece.events if event.channel == DRUMS)
    notes = sum(event.kind is Kind.NOTE_ON for event in played)
    ordered, hanging = with_every_end(played, piece.end)
    entries = tuple(_timed(timelines, ordered))
    end_ns = timelines[-1].time_at(piece.end)
    return MidiLog(entries, end_ns, notes, drums, hanging, piece.ignored, moved)


def _tempo_map(tempos: Iterable[tuple[int, int]], metres: Iterable[Change]) -> list[Timeline]:
    """One Timeline for each tick at which tempo or metre change, each continuous with the one before."""
    tempo_at, metre_at = dict(tempos), dict(metres)
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


def _track(name: str, events: Iterable[tuple[int, mido.Message]]) -> mido.MidiTrack:
    """A track of events in time order, which are told the ticks since the one before."""
    track, last = mido.MidiTrack(), 0
    for tick, message in events:
        message.time, last = tick - last, tick
        track.append(message)
    track.name = name
    return track


def _tempo_events(timelines: Sequence[Timeline]) -> list[tuple[int, mido.Message]]:
    """Tempos at the ticks of the Timelines; time signatures where bars begin to be counted anew."""
    events: list[tuple[int, mido.Message]] = []
    said_tempo, said_bars = 0, (0, 0, 0)
    for timeline, following in zip(timelines, [*timelines[1:], None], strict=False):
        tempo = min(max(round(timeline.ns_per_quarter / 1000), 1), SLOWEST_US)
        if tempo != said_tempo:
            events.append((timeline.tick, mido.MetaMessage("set_tempo", tempo=tempo)))
            said_tempo = tempo
        metre, line = timeline.metre, timeline.next_bar_line(timeline.tick)
        bars = (metre.numerator, metre.denominator, timeline.downbeat % metre.ticks)
        if bars != said_bars and (following is None or line < following.tick):
            events.append((line, _time_signature(metre)))
            said_bars = bars
    return events


def _time_signature(metre: Metre) -> mido.MetaMessage:
    return mido.MetaMessage(
        "time_signature",
        numerator=metre.numerator,
        denominator=metre.denominator,
        clocks_per_click=metre.beat_ticks * 24 // TICKS_PER_QUARTER,
    )
