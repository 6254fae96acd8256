"""Bytes of a MIDI port as messages, and messages as performed events. Knows no port."""

from __future__ import annotations

from jamd.music.events import Kind, Performed

NOTE_OFF, NOTE_ON, CONTROL, PROGRAM = 0x80, 0x90, 0xB0, 0xC0
CHANNEL_DATA = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
"""Data bytes behind the status byte of a channel message."""
SYSTEM_DATA = {0xF1: 1, 0xF2: 2, 0xF3: 1, 0xF6: 0, 0xF8: 0, 0xFA: 0, 0xFB: 0, 0xFC: 0, 0xFE: 0, 0xFF: 0}
"""Data bytes behind a system message. System exclusive has any length; what is not here means nothing."""
SYSEX, SYSEX_END, FIRST_REALTIME = 0xF0, 0xF7, 0xF8
SONG_POSITION, CLOCK, START, CONTINUE, STOP = 0xF2, 0xF8, 0xFA, 0xFB, 0xFC

_KINDS = {NOTE_OFF: Kind.NOTE_OFF, NOTE_ON: Kind.NOTE_ON, CONTROL: Kind.CONTROL, PROGRAM: Kind.PROGRAM}
_STATUS = {kind: status for status, kind in _KINDS.items()}


def note_on(channel: int, pitch: int, velocity: int) -> bytes:
    """The message that begins a note."""
    return bytes((NOTE_ON | channel, pitch, velocity))


def note_off(channel: int, pitch: int, velocity: int = 0) -> bytes:
    """The message that ends a note; few synths hear its release velocity."""
    return bytes((NOTE_OFF | channel, pitch, velocity))


def control(channel: int, number: int, value: int) -> bytes:
    """A control change."""
    return bytes((CONTROL | channel, number, value))


def parse(message: bytes, time_ns: int) -> Performed | None:
    """A whole message as an event at `time_ns`; None for what no log holds (bend, aftertouch, system)."""
    kind = _KINDS.get(message[0] & 0xF0)
    if kind is None:
        return None
    value = message[2] if len(message) > 2 else 0
    if kind is Kind.NOTE_ON and value == 0:
        kind = Kind.NOTE_OFF
    return Performed(time_ns, kind, message[1], value, message[0] & 0x0F)


def to_bytes(event: Performed) -> bytes:
    """The message that `parse` reads as this event."""
    message = bytes((_STATUS[event.kind] | event.channel, event.number, event.value))
    return message[:2] if event.kind is Kind.PROGRAM else message


class MessageReader:
    """Takes whole messages out of what a port delivers; rubbish is counted and left out.

    Data bytes alone mean running status, as the MIDI standard has it, also from one delivery to the next. But
    a message is never put together from two deliveries: what one ends with unfinished is rubbish.
    """

    def __init__(self) -> None:
        self._running = 0
        self.stray = 0
        """Pieces of rubbish: bytes that belong to nothing, unfinished messages."""

    def feed(self, data: bytes) -> list[bytes]:
        """The whole messages in a delivery; system exclusive is left out."""
        messages: list[bytes] = []
        at = 0
        while at < len(data):
            status = data[at]
            if status == SYSEX:
                at = self._behind_sysex(data, at)
                continue
            if status >= 0x80:
                at += 1
            else:
                status = self._running
            whole, used = self._message(status, data[at:])
            messages += whole
            at += used
        return messages

    def _message(self, status: int, data: bytes) -> tuple[list[bytes], int]:
        """What `data` holds behind a status byte: the message if it is whole, and the number of bytes used.

        Realtime bytes may stand in its midst; they come out before it.
        """
        if status < FIRST_REALTIME:
            self._running = status if status < SYSEX else 0
        wanted = CHANNEL_DATA.get(status & 0xF0, SYSTEM_DATA.get(status))
        if wanted is None:
            self.stray += 1
            return [], 0 if status else 1
        body, realtime, used = bytearray((status,)), [], 0
        while len(body) <= wanted and used < len(data) and _inside(data[used]):
            byte = data[used]
            used += 1
            if byte < 0x80:
                body.append(byte)
            elif byte in SYSTEM_DATA:
                realtime.append(bytes((byte,)))
        if len(body) <= wanted:
            self.stray += 1
            return realtime, used
        return [*realtime, bytes(body)], used

    def _behind_sysex(self, data: bytes, at: int) -> int:
        """Where to go on behind a system exclusive message."""
        self._running = 0
        at += 1
        while at < len(data) and _inside(data[at]):
            at += 1
        return at + (at < len(data) and data[at] == SYSEX_END)


def _inside(byte: int) -> bool:
    """True for what may stand inside a message: data, and realtime bytes, which may stand anywhere."""
    return byte < 0x80 or byte >= FIRST_REALTIME
