"""What the encoder holds back until its time has come: notes in slots, slots in turns. Plain state."""

from __future__ import annotations

from collections import deque
from copy import copy
from dataclasses import dataclass, field

from jamd.music.events import Turn
from jamd.music.timeline import Metre
from jamd.remi.bars import Bar
from jamd.remi.vocabulary import MICRO_TICKS, SLOT_TICKS

DELAY = 240
"""Ticks (half a beat) that a slot stays open after its end, so that short notes get their duration."""
COMMIT = SLOT_TICKS // 2 + DELAY
_HALF_MICRO = MICRO_TICKS // 2
Key = tuple[int, int]
"""The order of slots: index of the bar, position in it."""


@dataclass(slots=True, eq=False)
class Struck:
    """A note that was struck, in ticks as performed."""

    onset: int
    pitch: int
    velocity: int
    slot: Slot
    closes: bool
    """True in a Response: its duration is always closed, and its slot waits for it."""
    end: int | None = None
    """When its key was released, its turn ended or it was struck off."""
    late: bool = False
    """True when that was after its slot's deadline: the note stays `open` and a Note Off ends it."""

    def copy(self, slot: Slot) -> Struck:
        """A copy that belongs to `slot`."""
        return Struck(self.onset, self.pitch, self.velocity, slot, self.closes, self.end, self.late)


@dataclass(slots=True, eq=False)
class Slot:
    """What one Position will say."""

    bar: Bar
    position: int
    notes: dict[tuple[int, int], Struck] = field(default_factory=dict)
    """By micro and pitch."""
    offs: set[int] = field(default_factory=set)
    """Pitches of open notes that end here."""
    pedal: bool | None = None
    """Where the pedal is at the end of the slot, if it moved."""
    lifted: bool = False
    """Whether the pedal went up on the way."""
    chord: str | None = None
    tempo: tuple[int, int] | None = None

    @property
    def may_hand_over(self) -> bool:
        """Whether something of the performer's moves here, and no note is struck on a key that it lets go."""
        return (bool(self.offs) or self.pedal is not None) and not any(p in self.offs for _, p in self.notes)

    def hand_over(self, other: Slot) -> None:
        """What is the performer's here moves to `other`, a slot of the same place in the Call that follows."""
        other.offs |= self.offs
        other.pedal, other.lifted = self.pedal, self.lifted
        self.offs, self.pedal, self.lifted = set(), None, False

    @property
    def key(self) -> Key:
        """Where it stands in the order of slots."""
        return self.bar.index, self.position

    @property
    def deadline(self) -> int:
        """The tick at which the slot commits: a note released before gets its duration, others are open."""
        return self.bar.line + SLOT_TICKS * self.position + COMMIT

    @property
    def waits(self) -> bool:
        """Whether a note of a Response still sounds, whose duration is to be closed."""
        return any(note.closes and note.end is None for note in self.notes.values())

    def micro_of(self, tick: int) -> int:
        """The Micro (-2 to 2) of an onset in this slot."""
        offset = tick - self.bar.line - SLOT_TICKS * self.position
        return min(max((offset + _HALF_MICRO) // MICRO_TICKS, -2), 2)

    def copy(self, bars: dict[Bar, Bar], notes: dict[Struck, Struck]) -> Slot:
        """An independent copy; the maps lead from old to new and are filled."""
        other = Slot(self.bar.copy(bars), self.position, {}, self.offs.copy(), self.pedal, self.lifted)
        other.chord, other.tempo = self.chord, self.tempo
        for at, note in self.notes.items():
            notes[note] = other.notes[at] = note.copy(other)
        return other


@dataclass(slots=True, eq=False)
class Segment:
    """One turn: its slots in order, and how it ends."""

    turn: Turn
    start: int
    """The tick from which it holds."""
    origin: Key = (-1, -1)
    """The key of the slot that the turn before it ended in (its bar and -1, if that bar has none)."""
    metre: Metre | None = None
    """The metre of the bar in which it begins, or that an answer has reached."""
    bpm_before: int | None = None
    chord_before: str | None = None
    floor: Key = (-1, -1)
    """The key of the last slot so far, or what an answer has reached: nothing more stands earlier."""
    slots: deque[Slot] = field(default_factory=deque)
    """Not yet said."""
    answer: list[int] | None = None
    """What of the answer that was heard is not yet said; None if the log tells none. It excludes all else."""
    answer_bar: int = -1
    """The index of the bar in which the answer ends so far."""
    settled: bool = False
    """True once this turn was called for, so that no other can take its place."""
    said: bool = False
    """Whether the turn token was said."""
    closed: bool = False
    """True when the next turn has begun or the log has ended: no slot will be added."""
    over: bool = False
    """True when besides nothing of it sounds on: its slots need not wait for their deadlines."""
    joined: bool = False
    """Whether it began beside the turn before it (a duet), which nothing ended."""
    sounds_from: int = 0
    """The tick from which what sounds in it was struck: that of its own start, or of the duet's."""
    pedal_before: bool = False
    """Where the pedal was when it began."""
    last_bar: Bar | None = None
    """The bar in which it was closed."""

    @property
    def hosts(self) -> bool:
        """Whether it is a Response in a duet: keys and pedal that move in it may be the performer's."""
        return self.joined and self.turn is Turn.RESPONSE

    @property
    def waits(self) -> bool:
        """Whether its first slot waits for its deadline: a Call that is under way, or was left in a duet."""
        return not (self.over or (self.closed and self.turn is Turn.RESPONSE))

    def copy(self, bars: dict[Bar, Bar], notes: dict[Struck, Struck]) -> Segment:
        """An independent copy; the maps lead from old to new and are filled."""
        other = copy(self)
        other.slots = deque(slot.copy(bars, notes) for slot in self.slots)
        other.last_bar = self.last_bar and self.last_bar.copy(bars)
        other.answer = None if self.answer is None else self.answer.copy()
        return other
