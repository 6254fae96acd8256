"""The bytes of Standard MIDI Files: chunks, variable-length numbers, running status. Knows no music.

Own code, though mido stands near: for one odd event mido refuses the whole file (tried with 1.3.3) where
players go on: a key signature or SMPTE offset out of range, a short tempo, a chunk of another kind, RMID.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jamd.midi.messages import CHANNEL_DATA, SYSTEM_DATA

Event = tuple[int, bytes]
"""Tick from the start of the track; status and data bytes, or `FF type data` without the length."""

META = 0xFF
META_TRACK_NAME = 0x03
META_END_OF_TRACK = 0x2F
META_TEMPO = 0x51
META_TIME_SIGNATURE = 0x58


@dataclass(frozen=True, slots=True)
class Chunks:
    """A file taken apart. System exclusive and other system messages are left out."""

    format: int
    """0: one track; 1: tracks at the same time; 2: tracks one after another."""
    division: int
    """Ticks a quarter. In SMPTE negative: minus frames a second (high byte) and ticks a frame (low byte)."""
    tracks: tuple[tuple[Event, ...], ...]
    clipped: int
    """Data bytes above 127, taken for 127."""


def read_chunks(data: bytes) -> Chunks:
    """Takes a file's bytes apart; ValueError with the reason where they are no whole MIDI file."""
    if not data:
        raise ValueError("it is empty")
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        data = data[20:]
    if data[:4] != b"MThd":
        raise ValueError("it does not begin like a MIDI file (MThd)")
    length = int.from_bytes(data[4:8], "big")
    if length < 6 or len(data) < 8 + length:
        raise ValueError("it is cut short in its header")
    format_, count, division = struct.unpack(">HHh", data[8:14])
    if format_ > 2:
        raise ValueError(f"its format is {format_}, and there are only 0, 1 and 2")
    if division == 0 or (division < 0 and division & 0xFF == 0):
        raise ValueError("its header says that a quarter has no ticks")
    bodies = _bodies(data, 8 + length)
    if len(bodies) < count:
        raise ValueError(f"it is cut short: {len(bodies)} tracks of {count}")
    tracks = [_Track(body, number) for number, body in enumerate(bodies, 1)]
    events = tuple(tuple(track.events()) for track in tracks)
    return Chunks(format_, division, events, sum(track.clipped for track in tracks))


def write_chunks(tracks: Iterable[Sequence[Event]], division: int) -> bytes:
    """The bytes of a type 1 file; each track's events in time order, End of Track is added."""
    bodies = [_body(events) for events in tracks]
    header = b"MThd" + struct.pack(">LHHh", 6, 1, len(bodies), division)
    return header + b"".join(b"MTrk" + struct.pack(">L", len(body)) + body for body in bodies)


def _bodies(data: bytes, at: int) -> list[bytes]:
    """The bodies of the track chunks; chunks of other kinds are passed over, as the standard asks."""
    bodies: list[bytes] = []
    while len(data) - at >= 8:
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        body = data[at + 8 : at + 8 + length]
        if name == b"MTrk":
            if len(body) < length:
                raise ValueError(f"it is cut short in track {len(bodies) + 1}")
            bodies.append(body)
        at += 8 + length
    return bodies


class _Track:
    """Reads the body of one track from front to back."""

    def __init__(self, body: bytes, number: int) -> None:
        self._body, self._at, self._number = body, 0, number
        self.clipped = 0

    def events(self) -> list[Event]:
        """Channel messages and meta events up to End of Track, or to the end of the body."""
        events: list[Event] = []
        tick = running = 0
        while self._at < len(self._body):
            tick += self._varying()
            status = self._byte()
            if status == META:
                kind, data = self._byte(), self._bytes(self._varying())
                if kind == META_END_OF_TRACK:
                    break
                events.append((tick, bytes((META, kind)) + data))
            elif status in (0xF0, 0xF7):
                self._bytes(self._varying())
            elif status >= 0xF0:
                self._bytes(self._system(status))
            else:
                if status < 0x80:
                    self._at -= 1  # running status: this was the first data byte
                else:
                    running = status
                events.append((tick, self._channel(running)))
        return events

    def _channel(self, status: int) -> bytes:
        if not status:
            raise self._broken("data without a status byte")
        data = self._bytes(CHANNEL_DATA[status & 0xF0])
        if max(data) > 127:
            self.clipped += sum(byte > 127 for byte in data)
            data = bytes(min(byte, 127) for byte in data)
        return bytes((status,)) + data

    def _system(self, status: int) -> int:
        if status not in SYSTEM_DATA:
            raise self._broken(f"status byte {status:02X}, which means nothing")
        return SYSTEM_DATA[status]

    def _varying(self) -> int:
        value = 0
        for _ in range(4):
            byte = self._byte()
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value
        raise self._broken("a number of more than four bytes")

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _bytes(self, count: int) -> bytes:
        data = self._body[self._at : self._at + count]
        if len(data) < count:
            raise self._broken("an event that runs over its end")
        self._at += count
        return data

    def _broken(self, what: str) -> ValueError:
        return ValueError(f"track {self._number} is broken: {what} at byte {self._at}")


def _body(events: Sequence[Event]) -> bytes:
    body, last = bytearray(), 0
    for tick, message in [*events, (events[-1][0] if events else 0, bytes((META, META_END_OF_TRACK)))]:
        body += _varying(tick - last)
        body += message if message[0] != META else message[:2] + _varying(len(message) - 2) + message[2:]
        last = tick
    return bytes(body)


def _varying(value: int) -> bytes:
    if not 0 <= value < 1 << 28:
        raise ValueError(f"{value} ticks cannot stand between two events of a MIDI file")
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))
