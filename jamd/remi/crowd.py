"""How many notes jamd has struck, and from which slot of a bar on there is room for one more. Knows no harmony."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import replace
from math import ceil, floor

from jamd.music.charts import beats_of
from jamd.music.events import Turn
from jamd.music.note import Note
from jamd.music.timeline import FOUR_FOUR, Metre
from jamd.remi import vocabulary as v
from jamd.remi.cursor import Cursor
from jamd.remi.fences import Fences
from jamd.remi.place import Place
from jamd.remi.vocabulary import POSITIONS, SLOT_TICKS


def counted_to(tick: int, duration: int) -> int:
    """The tick up to which a note counts as sounding: less than a bin of its duration, or a slot, is no overlap."""
    return tick + duration - max(SLOT_TICKS, duration // 16)


class Trail:
    """Walks the tokens of a jam, and knows the notes of jamd's that were said of late. Owned by who walks it."""

    def __init__(self) -> None:
        self._cursor = Cursor()
        self._notes: tuple[Note, ...] = ()
        self._pitch = 0

    def feed(self, token: int) -> None:
        """Goes on by a token."""
        cursor = self._cursor
        cursor.feed(token)
        if token in v.NOTE_ON:
            self._pitch = v.NOTE_ON.index(token)
        elif token in v.NOTE_DURATION and cursor.turn is Turn.RESPONSE:
            self._notes += (Note(cursor.place.tick, v.duration_ticks(token), self._pitch, 0),)
        elif token == v.BAR:
            self._notes = tuple(n for n in self._notes if n.onset > cursor.bar_tick - v.MAX_DURATION)

    def notes(self, place: Place) -> list[Note]:
        """Those notes, by their slots, in the ticks of `place`, where these tokens stand."""
        shift = place.bar_tick - self._cursor.bar_tick
        return [replace(note, onset=note.onset + shift) for note in self._notes]

    def copy(self) -> Trail:
        """An independent copy."""
        other = copy(self)
        other._cursor = copy(self._cursor)
        return other


class Crowd:
    """The notes of one answer. Owned by its guard."""

    def __init__(self, fences: Fences) -> None:
        self._voices, self._density = fences.voices, fences.density
        self._most_in_beat = ceil(fences.density)
        self._ends: dict[int, int] = {}  # by pitch: the tick to which its last note counts
        self._new: dict[int, int] = {}  # the same for notes of this slot, which count in any case
        self._struck = 0
        self._tick = 0
        self._beat = -1
        self.enter_bar(0, FOUR_FOUR)

    def enter_bar(self, bar_tick: int, metre: Metre) -> None:
        """A bar begins."""
        self._bar_tick, self._beat_ticks = bar_tick, metre.beat_ticks
        self._in_beat = self._in_bar = 0
        self._most_in_bar = max(floor(self._density * beats_of(metre)), 1)

    def enter_slot(self, position: int) -> None:
        """A Position is said."""
        beat = position * SLOT_TICKS // self._beat_ticks
        if beat != self._beat:
            self._beat, self._in_beat = beat, 0
        self._tick = self._bar_tick + position * SLOT_TICKS
        self._ends = {pitch: end for pitch, end in (self._ends | self._new).items() if end > self._tick}
        self._new, self._struck = {}, 0

    def strike(self, pitch: int, duration: int) -> None:
        """A note is struck in this slot; it ends one of its pitch."""
        self._in_beat += 1
        self._in_bar += 1
        self._struck += 1
        self._ends.pop(pitch, None)
        self._new[pitch] = counted_to(self._tick, duration)

    def recall(self, notes: Iterable[Note]) -> None:
        """Notes of an answer before this one, by their onset: those of the bar that has begun, and what sounds on."""
        for note in notes:
            slot = (note.onset - self._bar_tick + SLOT_TICKS // 2) // SLOT_TICKS
            if slot >= 0:
                self.enter_slot(slot)
                self.strike(note.pitch, note.duration)
            elif counted_to(note.onset, note.duration) > self._bar_tick:
                self._ends[note.pitch] = counted_to(note.onset, note.duration)

    @property
    def full(self) -> bool:
        """Whether this slot takes no more notes."""
        if self._voices and self._struck + len(self._ends) >= self._voices:
            return True
        return bool(self._density) and (
            self._in_bar >= self._most_in_bar or self._in_beat >= self._most_in_beat
        )

    def room_from(self) -> int:
        """The first slot of this bar, of those behind the current one, with room for a note."""
        slot = 0
        if self._density:
            if self._in_bar >= self._most_in_bar:
                return POSITIONS
            if self._in_beat >= self._most_in_beat:
                slot = -(-(self._beat + 1) * self._beat_ticks // SLOT_TICKS)
        if self._voices:
            ends = sorted((*self._ends.values(), *self._new.values()), reverse=True)
            if len(ends) >= self._voices:
                slot = max(slot, -(-(ends[self._voices - 1] - self._bar_tick) // SLOT_TICKS))
        return slot
