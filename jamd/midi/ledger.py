"""The ledger of sounding notes: what to silence when whoever sounds them has died."""

from __future__ import annotations

from jamd.midi.messages import control, note_off
from jamd.music.events import ALL_NOTES_OFF, ALL_SOUND_OFF, SUSTAIN

CHANNELS, PITCHES = 16, 128
SIZE = CHANNELS * PITCHES + CHANNELS
"""Bytes of a ledger: a count for each key of each channel, then a mark for each channel that was used."""
SOSTENUTO, SOFT = 66, 67
_QUIET = ((SUSTAIN, 0), (SOSTENUTO, 0), (SOFT, 0), (ALL_NOTES_OFF, 0), (ALL_SOUND_OFF, 0))


class Ledger:
    """How many hold each key, in a buffer that outlives its writer (shared memory): a successor reads it.

    Written by one `Keyboard` only. A key is marked before its note-on is sent and cleared after its note-off
    was: whoever dies between the two leaves a note-off too many, never a note too long.
    """

    def __init__(self, buffer: bytearray | memoryview) -> None:
        """Over the first SIZE bytes of a writable buffer, as they stand; ValueError if it is shorter."""
        if len(buffer) < SIZE:
            raise ValueError(f"a ledger needs {SIZE} bytes, not {len(buffer)}")
        self._cells = memoryview(buffer)[:SIZE]

    def mark(self, channel: int, pitch: int) -> None:
        """One more holds the key."""
        self.use(channel)
        at = channel * PITCHES + pitch
        self._cells[at] = min(self._cells[at] + 1, 255)

    def clear(self, channel: int, pitch: int) -> None:
        """One fewer holds the key."""
        at = channel * PITCHES + pitch
        self._cells[at] = max(self._cells[at] - 1, 0)

    def use(self, channel: int) -> None:
        """Something was sent on the channel."""
        self._cells[CHANNELS * PITCHES + channel] = 1

    def count(self, channel: int, pitch: int) -> int:
        """How many hold the key."""
        return self._cells[channel * PITCHES + pitch]

    def sounding(self) -> list[tuple[int, int]]:
        """The keys that are held, as (channel, pitch)."""
        keys = bytes(self._cells[: CHANNELS * PITCHES])
        return [divmod(at, PITCHES) for at, count in enumerate(keys) if count]

    def channels(self) -> list[int]:
        """The channels that were used."""
        return [channel for channel, used in enumerate(self._cells[CHANNELS * PITCHES :]) if used]

    def wipe(self) -> None:
        """Forgets all: to be called when silence was sent."""
        self._cells[:] = bytes(SIZE)

    def close(self) -> None:
        """Lets go of the buffer."""
        self._cells.release()


def panic_messages(ledger: Ledger) -> list[bytes]:
    """Note-offs for what sounds; then, on the channels used, pedals up, all notes off, all sound off."""
    offs = [note_off(channel, pitch) for channel, pitch in ledger.sounding()]
    return offs + [control(channel, *quiet) for channel in ledger.channels() for quiet in _QUIET]


def panic_everything() -> list[bytes]:
    """Silence for a port of which nothing is known: the same for every channel, and a note-off for every key.

    2128 messages: they fit into a JACK port's ring of 16 KB even if nobody empties it.
    """
    quiet = [control(channel, *quiet) for channel in range(CHANNELS) for quiet in _QUIET]
    return quiet + [note_off(channel, pitch) for channel in range(CHANNELS) for pitch in range(PITCHES)]
