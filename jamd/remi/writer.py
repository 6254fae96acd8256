"""Writes bars, slots and turns as tokens, and knows what was last said. It decides nothing about time."""

from __future__ import annotations

from collections import deque
from copy import copy

from jamd.music.events import Turn
from jamd.music.timeline import FOUR_FOUR, Metre
from jamd.remi import vocabulary as v
from jamd.remi.bars import Bar
from jamd.remi.cursor import Cursor
from jamd.remi.place import Place
from jamd.remi.slots import Segment, Slot, Struck

SILENT_BARS = 4
"""So many silent bars are said in a row; then nothing until the bar of the next item."""
_MICRO_ORDER = {0: 0, -2: 1, -1: 2, 1: 3, 2: 4}
_MICRO_TOKENS = dict(zip(v.MICROS, range(v.MICRO.first, v.MICRO.first + len(v.MICROS)), strict=True))
_TURNS = {Turn.CALL: v.CALL, Turn.RESPONSE: v.RESPONSE}
_METRES = {metre: v.TIME_SIGNATURE.id(index) for index, metre in enumerate(v.METRES)}
_VELOCITIES = [v.velocity_token(velocity) for velocity in range(128)]
_DURATIONS = [v.duration_token(ticks) for ticks in range(v.MAX_DURATION + 1)]


class Writer:
    """Tokens so far unread, and what they last said. Owned by one encoder."""

    def __init__(self) -> None:
        self._out: list[int] = []
        self._begun = False  # BOS was said
        self._turn = Turn.CALL
        self._turned = False  # a turn token was said since the last Position
        self._bar: int | None = None  # index of the bar last said
        self._line = 0
        self._metre: Metre | None = None
        self._position = -1
        self._silent = 0  # bars said since the last item
        self._pedal = False
        self._chord: str | None = None

    @property
    def bar(self) -> int:
        """The index of the bar last said; -1 before the first."""
        return -1 if self._bar is None else self._bar

    @property
    def paused(self) -> bool:
        """Whether silent bars are no longer said."""
        return self._silent >= SILENT_BARS

    def place(self, first_line: int, metre: Metre) -> Place:
        """Where the tokens stand; before the first bar: one bar of `metre` before `first_line`."""
        if self._bar is None:
            metre = self._metre or metre
            return Place(first_line - metre.ticks, metre, -1, self._turn)
        return Place(self._line, self._metre or FOUR_FOUR, self._position, self._turn)

    def take(self) -> list[int]:
        """The tokens written since the last call."""
        out, self._out = self._out, []
        return out

    def turn(self, turn: Turn) -> None:
        """The turn token, after BOS if it is the first; nothing if in a duet the performer has the word already."""
        if self._begun and turn is self._turn:
            return
        if not self._begun:
            self._out.append(v.BOS)
            self._begun = True
        self._pass_to(turn)

    def _pass_to(self, turn: Turn) -> None:
        self._out.append(_TURNS[turn])
        self._turn, self._turned, self._silent = turn, True, 0

    def silence(self, bars: deque[Bar], upto: int | None = None) -> None:
        """Say the bars that have begun (through index `upto`) while silent ones are said; take them off."""
        while bars and (upto is None or bars[0].index <= upto):
            if bars[0].index > self.bar:
                if self.paused:
                    return
                self.enter(bars[0])
            bars.popleft()

    def enter(self, bar: Bar) -> None:
        """The Bar token, with its metre when that is news; nothing if it was said."""
        if bar.index <= self.bar:
            return
        assert bar.metre is not None, "a bar is said when its metre stands"
        self._out.append(v.BAR)
        if bar.metre != self._metre:
            self._out.append(_METRES[bar.metre])
        self._bar, self._line, self._metre, self._position = bar.index, bar.line, bar.metre, -1
        self._silent += 1

    def slot(self, slot: Slot, bars: deque[Bar], segment: Segment) -> None:
        """The bars up to the slot and what it says, if it says anything.

        In a Response of a duet a Call of its own says which of the performer's notes and pedal moved.
        """
        self.silence(bars, slot.bar.index)
        if segment.hosts:
            self._position_of(slot, Turn.CALL, self._moves(slot))
            self._position_of(slot, Turn.RESPONSE, self._strikes(slot))
        else:
            self._position_of(slot, segment.turn, self._moves(slot) + self._strikes(slot))

    def _position_of(self, slot: Slot, turn: Turn, items: list[int]) -> None:
        if not items:
            return
        self.enter(slot.bar)
        if turn is not self._turn or (slot.position == self._position and not self._turned):
            self._pass_to(turn)
        self._out.append(v.POSITION.first + slot.position)
        self._out += items
        self._position, self._turned, self._silent = slot.position, False, 0

    def answer(self, ids: list[int], index: int, place: Place) -> None:
        """An answer literally, beginning at `place`; it ends in the bar number `index`."""
        cursor = Cursor(place)
        for token in ids:
            cursor.feed(token)
            if token in v.CHORD:
                self._chord = v.CHORD.values[v.CHORD.index(token)]
            elif token in (v.PEDAL_ON, v.PEDAL_OFF):
                self._pedal = token == v.PEDAL_ON
            elif token in v.POSITION:
                self._turned = False
            self._silent = self._silent + 1 if token == v.BAR else 0 if token in v.POSITION else self._silent
        self._out += ids
        if index > self.bar:
            self._bar = index
        if self._bar is not None:
            self._line, self._metre, self._position = cursor.bar_tick, cursor.metre, cursor.position

    def _moves(self, slot: Slot) -> list[int]:
        items = [v.NOTE_OFF.first + pitch for pitch in sorted(slot.offs)]
        return items if slot.pedal is None else items + self._pedals(slot)

    def _strikes(self, slot: Slot) -> list[int]:
        items = list[int]()
        if slot.chord is not None and slot.chord != self._chord:
            items.append(v.CHORD.of(slot.chord))
            self._chord = slot.chord
        if slot.tempo is not None:
            items += slot.tempo
        if slot.notes:
            items += _notes(slot)
        return items

    def _pedals(self, slot: Slot) -> list[int]:
        tokens = []
        if self._pedal and slot.lifted:
            tokens.append(v.PEDAL_OFF)
            self._pedal = False
        if slot.pedal and not self._pedal:
            tokens.append(v.PEDAL_ON)
            self._pedal = True
        return tokens

    def copy(self) -> Writer:
        """An independent copy, with nothing unread."""
        other = copy(self)
        other._out = self._out.copy()
        return other


def _notes(slot: Slot) -> list[int]:
    """Groups of one Micro, zero first; in a group pitches rise."""
    rows = sorted((_MICRO_ORDER[micro], pitch, note) for (micro, pitch), note in slot.notes.items())
    tokens, group = [], 0
    for order, pitch, note in rows:
        if order != group:
            group = order
            tokens.append(v.MICRO.first + order - 1)
        tokens += (_VELOCITIES[note.velocity], v.NOTE_ON.first + pitch, _duration(note))
    return tokens


def _duration(note: Struck) -> int:
    if note.end is None or note.late:
        return v.DURATION_OPEN
    return _DURATIONS[min(note.end - note.onset, v.MAX_DURATION)]
