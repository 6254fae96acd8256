"""Takes from the grammar's mask what an answer's fences forbid, and has every chord of a chart said at its beat.

Nothing is dropped afterwards: what it lets pass is inside. Where nothing else is left, a Bar always is.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from jamd.music.charts import Changes
from jamd.music.chords import NO_CHORD
from jamd.music.events import Turn
from jamd.music.note import Note
from jamd.music.symbols import Symbol
from jamd.remi import vocabulary as v
from jamd.remi.crowd import Crowd
from jamd.remi.cursor import Cursor
from jamd.remi.fences import ALL, FREE, Fences
from jamd.remi.grammar import Grammar, Mask
from jamd.remi.place import Place

NEAR = 1
"""Slots beside a strong beat that are heard as on it."""
_HALF_SLOT = v.SLOT_TICKS // 2


def _span(family: v.Family) -> slice:
    return slice(family.first, family.first + len(family))


_POSITIONS, _CHORDS, _MICROS = _span(v.POSITION), _span(v.CHORD), _span(v.MICRO)
_VELOCITIES, _NOTE_ONS = _span(v.NOTE_VELOCITY), _span(v.NOTE_ON)


class Guard:
    """Watches one answer, which begins at a Place; of what jamd played `before` it counts what is in its bar."""

    def __init__(
        self, fences: Fences, changes: Changes | None, place: Place, before: Iterable[Note] = ()
    ) -> None:
        self._fences, self._changes = fences, changes
        self._cursor, self._crowd = Cursor(place), Crowd(fences)
        self._loud = np.isin(np.arange(v.VELOCITY_BINS), fences.velocities)
        self._last: v.Family | None = None
        self._due: int | None = None  # the Chord token that this slot must say
        self._pitch = 0
        self._names: list[tuple[int, int]] = []  # of this bar: slots and the Chord tokens that hold from there
        self._pitches: list[Mask] = []  # of this bar: what a slot leaves
        self._free: Mask | None = None  # the grammar's, for which `_playable` was made
        self._playable = np.zeros(v.POSITIONS, np.bool_)
        self._plain = fences == Fences()
        self._crowd.enter_bar(place.bar_tick, place.metre)
        self._read_bar()
        self._crowd.recall(before)

    def follow(self, changes: Changes | None) -> None:
        """Other chords hold, from the next Position on."""
        begun = slice(self._cursor.position + 1)
        kept, self._changes = self._pitches[begun], changes
        self._read_bar()
        self._pitches[begun] = kept  # what this slot has begun to say it can end

    # what is said

    def take(self, token: int, grammar: Grammar) -> None:
        """Goes on by a token that the grammar has taken; of the performer's it only counts the bars."""
        self._last = v.family_of(token)
        self._cursor.feed(token)
        if token == v.BAR:
            self._crowd.enter_bar(self._cursor.bar_tick, self._cursor.metre)
            self._read_bar()
        elif grammar.turn is Turn.CALL:
            return
        elif token in v.NOTE_ON:
            self._pitch, self._due = v.NOTE_ON.index(token), None
        elif token in v.NOTE_DURATION and token != v.DURATION_OPEN:
            self._crowd.strike(self._pitch, v.duration_ticks(token))
        elif token in v.POSITION:
            self._crowd.enter_slot(self._cursor.position)
            said = [name for slot, name in self._names if slot <= self._cursor.position]
            self._due = said[-1] if said and said[-1] != grammar.chord else None
        elif token in v.CHORD:
            self._due = None

    def _read_bar(self) -> None:
        """What chart and fences say of the bar that begins, by slots. A beat stands in the slot nearest to it."""
        cursor, slots = self._cursor, self._cursor.slots
        self._free, self._names, self._pitches = None, [], [_pitch_mask(self._fences, ALL)] * slots
        if self._changes is None:
            return
        first = cursor.bar_tick - _HALF_SLOT
        holds = self._changes.at(first + v.SLOT_TICKS - 1)
        begin, end = first - NEAR * v.SLOT_TICKS, first + (slots + NEAR) * v.SLOT_TICKS
        beats = [((beat.tick - first) // v.SLOT_TICKS, beat) for beat in self._changes.beats(begin, end)]
        chords = [(0, holds), *((slot, beat.symbol) for slot, beat in beats if 0 < slot < slots)]
        self._names = [(slot, v.CHORD.of(symbol.name)) for slot, symbol in chords]
        if self._fences.follow == FREE:
            return
        for slot, symbol in chords:
            self._pitches[slot:] = [self._over(symbol, strong=False)] * (slots - slot)
        for slot, beat in beats:
            if beat.strong:
                for near in range(max(slot - NEAR, 0), min(slot + NEAR + 1, slots)):
                    self._pitches[near] = self._over(beat.symbol, strong=True)

    def _over(self, symbol: Symbol, *, strong: bool) -> Mask:
        return _pitch_mask(self._fences, self._fences.classes(symbol, strong=strong))

    # what may come

    def narrow(self, mask: Mask, grammar: Grammar, earliest: int = 0) -> None:
        """Takes away from `mask`, the grammar's, what fences and chart forbid; something is always left.

        The performer is free, but where there is a chart he names no chords; before the slot `earliest` nobody does.
        """
        last = self._last
        if self._plain and self._changes is None:
            return
        if grammar.turn is Turn.CALL:
            mask[_CHORDS] &= self._changes is None
        elif last is v.NOTE_VELOCITY:
            mask[_NOTE_ONS] &= self._pitches[self._cursor.position]
        elif last is v.MICRO:
            mask[_VELOCITIES] &= self._loud
        elif last is v.NOTE_ON or last is v.TEMPO_CLASS:
            return
        elif self._due is not None:
            pedals = mask[v.PEDAL_OFF], mask[v.PEDAL_ON]
            mask[:] = False
            mask[v.PEDAL_OFF], mask[v.PEDAL_ON] = pedals
            mask[self._due] = True
        else:
            if self._cursor.position >= 0:
                self._narrow_items(mask, grammar)
            if last is not v.POSITION:
                self._narrow_places(mask, grammar, earliest)
            if not mask.any():
                mask[self._any_chord(grammar) if last is v.POSITION else v.BAR] = True

    def _narrow_items(self, mask: Mask, grammar: Grammar) -> None:
        """In a slot: no chord but the chart's, and notes while there is room for them."""
        if self._changes is not None:
            mask[_CHORDS] = False
        open_to = self._pitches[self._cursor.position] & grammar.free
        if self._crowd.full or not open_to.any():
            mask[_VELOCITIES] = mask[_MICROS] = False
        elif open_to[grammar.lowest_on :].any():
            mask[_VELOCITIES] &= self._loud
        else:
            mask[_VELOCITIES] = False

    def _narrow_places(self, mask: Mask, grammar: Grammar, earliest: int) -> None:
        """Positions where a note can be struck, and none behind a beat whose chord is not said yet."""
        positions = mask[_POSITIONS]
        positions &= self._open_slots(grammar.free)
        positions[: self._crowd.room_from()] = False
        floor = grammar.next_slot
        if floor is None:
            return
        for slot, name in self._names:
            if slot >= max(floor, earliest) and name != grammar.chord:
                positions[slot + 1 :] = False
                positions[slot] = True
                mask[v.BAR] = False
                return

    def _open_slots(self, free: Mask) -> Mask:
        """[72] the slots of this bar that leave a pitch."""
        if self._free is not free:
            self._free, slots = free, len(self._pitches)
            leaves = {id(pitches): pitches for pitches in self._pitches}
            left = {key: bool((pitches & free).any()) for key, pitches in leaves.items()}
            self._playable[:slots] = [left[id(pitches)] for pitches in self._pitches]
        return self._playable

    def _any_chord(self, grammar: Grammar) -> int:
        """A Position must say something, and its chord once more is no lie."""
        return v.CHORD.of(NO_CHORD) if grammar.chord is None else grammar.chord


@lru_cache(maxsize=512)
def _pitch_mask(fences: Fences, classes: frozenset[int]) -> Mask:
    """[128] the pitches that are left, read only."""
    mask = np.isin(np.arange(128), fences.pitches(classes))
    mask.flags.writeable = False
    return mask
