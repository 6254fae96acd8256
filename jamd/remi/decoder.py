"""Tokens back to notes and pedal, in ticks: streaming, or all at once. Trusts its tokens."""

from __future__ import annotations

from collections.abc import Iterable

from jamd.music.note import Note, Pedal
from jamd.remi import vocabulary as v
from jamd.remi.cursor import Cursor
from jamd.remi.place import Place


class Decoder:
    """Gives each Note when its own tokens say where it ends: at its Note Duration, open ones at Note Off.

    A note that is struck again before it ends is given whole all the same: `settled` shortens it.
    It starts before BOS, or at `place`; a Note Off of a note that began before is passed over.
    One thread owns it.
    """

    def __init__(self, place: Place | None = None) -> None:
        self._cursor = Cursor(place)
        self._velocity = 0
        self._pitch = 0
        self._open: dict[int, tuple[int, int]] = {}  # pitch -> onset, velocity

    @property
    def place(self) -> Place:
        """Where the tokens so far stand."""
        return self._cursor.place

    def feed(self, token: int) -> list[Note | Pedal]:
        """Take one token; what it completes (a Micro may put an onset before the first bar line)."""
        self._cursor.feed(token)
        if token in v.NOTE_VELOCITY:
            self._velocity = v.velocity_value(token)
        elif token in v.NOTE_ON:
            self._pitch = v.NOTE_ON.index(token)
        elif token == v.DURATION_OPEN:
            self._open[self._pitch] = self._cursor.tick, self._velocity
        elif token in v.NOTE_DURATION:
            return [Note(self._cursor.tick, v.duration_ticks(token), self._pitch, self._velocity)]
        elif token in v.NOTE_OFF and v.NOTE_OFF.index(token) in self._open:
            return [self._close(v.NOTE_OFF.index(token))]
        elif token in (v.PEDAL_ON, v.PEDAL_OFF):
            return [Pedal(self._cursor.tick, token == v.PEDAL_ON)]
        return []

    def finish(self) -> list[Note]:
        """The tokens have ended: the notes still open, which end where the tokens stand."""
        return [self._close(pitch) for pitch in sorted(self._open)]

    def _close(self, pitch: int) -> Note:
        onset, velocity = self._open.pop(pitch)
        return Note(onset, max(self._cursor.tick - onset, v.MICRO_TICKS), pitch, velocity)


def decode(ids: Iterable[int], place: Place | None = None) -> tuple[list[Note], list[Pedal]]:
    """Notes (settled, by onset) and pedal movements of tokens that start before BOS, or at `place`."""
    decoder = Decoder(place)
    heard = [event for token in ids for event in decoder.feed(token)]
    notes = [event for event in heard if isinstance(event, Note)] + decoder.finish()
    return settled(notes), [event for event in heard if isinstance(event, Pedal)]


def settled(notes: Iterable[Note]) -> list[Note]:
    """The notes by onset, none sounding into the next of its pitch: it ends where its pitch is struck again.

    Notes of one pitch and onset become one, the loudest and longest.
    """
    kept: dict[tuple[int, int], Note] = {}
    last: dict[int, Note] = {}  # pitch -> its latest note
    for note in sorted(notes):
        before = last.get(note.pitch)
        if before and before.onset == note.onset:
            longest, loudest = max(before.duration, note.duration), max(before.velocity, note.velocity)
            note = Note(note.onset, longest, note.pitch, loudest)
        elif before and before.onset + before.duration > note.onset:
            cut_short = Note(before.onset, note.onset - before.onset, before.pitch, before.velocity)
            kept[before.onset, before.pitch] = cut_short
        kept[note.onset, note.pitch] = last[note.pitch] = note
    return sorted(kept.values())
