"""Which token may come next, as a mask over the vocabulary: what is sampled under it decodes. Knows no model.

BOS, then Call | Response
Call | Response, then Bar | Position, not before the last (only here it may repeat) | Call | Response
Bar [Time Signature], then Position | Bar | Call | Response; the first Bar needs its Time Signature
Position Note Off* Pedal Off? Pedal On? Chord? (Tempo Class, Tempo Value)? NOTE* (Micro NOTE+)*,
    where NOTE is Note Velocity, Note On, Note Duration; at least one item,
    then Position, later | Bar | Call | Response
A Response opens no note and ends none; what stays open through it is the performer's, and so is a pedal that is
down when it begins, which it cannot move. A pedal of its own it must lift before the turn passes.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jamd.music.events import Turn
from jamd.music.timeline import Metre
from jamd.remi import vocabulary as v
from jamd.remi.place import Place

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a sampler may not do although the language has it; never applied to what was performed."""

    silent_bars: int = 4
    """Bars without a Position in a row."""
    notes: int = 12
    """Notes in one Position."""
    turns: bool = False
    """Whether Call and Response may be sampled; False: the length of an answer comes from elsewhere."""
    metre: bool = True
    """Whether the metre may change; False where somebody else owns it."""
    tempo: bool = True
    """Whether a tempo may be said; False live: the clock belongs to the performer."""


_START = "the start"
_NAMES = tuple(v.family_of(token).name for token in range(v.SIZE))
_BETWEEN = ("Bar", "Call", "Response")
_ITEMS = ("Pedal Off", "Pedal On", "Chord", "Tempo Class", "Micro", "Note Velocity")
_FOLLOWERS: dict[str, tuple[str, ...]] = {
    _START: ("BOS",),
    "BOS": ("Call", "Response"),
    "Call": _BETWEEN,
    "Response": _BETWEEN,
    "Bar": (*_BETWEEN, "Time Signature"),
    "Time Signature": _BETWEEN,
    "Position": _ITEMS,
    "Note Off": (*_ITEMS, *_BETWEEN),
    "Pedal Off": (*_ITEMS[1:], *_BETWEEN),
    "Pedal On": (*_ITEMS[2:], *_BETWEEN),
    "Chord": (*_ITEMS[3:], *_BETWEEN),
    "Tempo Class": ("Tempo Value",),
    "Tempo Value": (*_ITEMS[4:], *_BETWEEN),
    "Micro": ("Note Velocity",),
    "Note Velocity": (),
    "Note On": ("Note Duration",),
    "Note Duration": (*_ITEMS[4:], *_BETWEEN),
}
"""What may follow whatever came before; Position, Note Off and Note On are ranges that depend on it."""


def _family_mask(names: Iterable[str]) -> Mask:
    wanted = frozenset(names)
    mask = np.array([name in wanted for name in _NAMES], dtype=np.bool_)
    mask.flags.writeable = False
    return mask


_MASKS = {name: _family_mask(followers) for name, followers in _FOLLOWERS.items()}
_ONLY_TIME_SIGNATURE = _family_mask(["Time Signature"])
_INSIDE = frozenset({_START, "BOS", "Tempo Class", "Micro", "Note Velocity", "Note On"})
"""After these something is unfinished, and what comes next is all in the table above."""
_UNFINISHED = _INSIDE | {"Position"}
_BEFORE_ITEMS = frozenset({"Position", "Note Off"})
_TURN_NAMES = {Turn.CALL: "Call", Turn.RESPONSE: "Response"}
_TIME_SIGNATURES = slice(v.TIME_SIGNATURE.first, v.TIME_SIGNATURE.first + len(v.TIME_SIGNATURE))
_TEMPO_CLASSES = slice(v.TEMPO_CLASS.first, v.TEMPO_CLASS.first + len(v.TEMPO_CLASS))
_MICROS = slice(v.MICRO.first, v.MICRO.first + len(v.MICRO))
_LATE_MICROS = slice(v.MICRO.of("+1"), _MICROS.stop)
_VELOCITIES = slice(v.NOTE_VELOCITY.first, v.NOTE_VELOCITY.first + len(v.NOTE_VELOCITY))
_NOTE_OFFS = slice(v.NOTE_OFF.first, v.NOTE_OFF.first + len(v.NOTE_OFF))
_NOTE_ONS = slice(v.NOTE_ON.first, v.NOTE_ON.first + len(v.NOTE_ON))
_TURNS = slice(v.CALL, v.RESPONSE + 1)
_PITCHES = 128


class Grammar:
    """A walk over tokens that knows what may come next, from before BOS, or from a Place with `Grammar.at`.

    Accepting (`bounds` None) is for what was performed; for sampling, `Bounds` take some more away.
    One thread owns it.
    """

    def __init__(self, bounds: Bounds | None = None) -> None:
        self.bounds = bounds
        self.turn: Turn | None = None
        self.metre: Metre | None = None
        self.position = -1
        """The slot of the last Position in this bar, from 0; -1 when it has none yet."""
        self.pedal_down = False
        self.chord: int | None = None
        """The Chord token last said."""
        self._lent = False  # the pedal has been down since before this Response: it is the performer's
        self._last = _START
        self._slots = 0  # of this bar; 0 before the first
        self._floor = 0  # the earliest slot that may come next
        self._silent = 0  # bars since the last Position or turn token, this one counted
        # False where an open note forbids another; shared with copies: replaced, never changed in place
        self._free = np.ones(_PITCHES, np.bool_)
        self._fresh: tuple[int, ...] = ()  # open since this slot's centre: what Micro puts before may still come
        self._top = _PITCHES - 1  # the highest free pitch, -1 when there is none
        self._lowest_off = 0  # Note Offs of a slot rise
        self._lowest_on = 0  # so do the notes of a micro group
        self._micros = 0  # Micros already passed in this slot
        self._notes = 0  # notes in this slot
        self._mask = np.zeros(v.SIZE, np.bool_)
        self._scratch = np.zeros(v.SIZE, np.bool_)

    @classmethod
    def at(
        cls,
        place: Place,
        *,
        open_pitches: Iterable[int] = (),
        pedal_down: bool = False,
        earliest: int = 0,
        bounds: Bounds | None = None,
    ) -> Grammar:
        """A grammar that stands inside the bar of `place`, just behind the turn token of `place.turn`.

        `open_pitches` are those whose Note Off is still to come; for `earliest` see `not_before`.
        """
        self = cls(bounds)
        self.turn, self.metre, self.position = place.turn, place.metre, place.position
        self.pedal_down = pedal_down
        self._lent = pedal_down and place.turn is Turn.RESPONSE
        self._last = _TURN_NAMES[place.turn]
        self._slots = place.metre.ticks // v.SLOT_TICKS
        self._floor = max(place.position, 0)
        self._hold(open_pitches, free=False)
        self.not_before(earliest)
        return self

    def not_before(self, slot: int) -> None:
        """No Position of this bar before `slot`; a slot behind the bar means: only the next Bar."""
        self._floor = max(self._floor, slot)

    @property
    def open_pitches(self) -> tuple[int, ...]:
        """Pitches of open notes, rising."""
        return tuple(sorted([*np.flatnonzero(~self._free).tolist(), *self._fresh]))

    @property
    def pedal_is_lent(self) -> bool:
        """Whether the pedal that is down in this Response is the performer's."""
        return self._lent

    @property
    def complete(self) -> bool:
        """Whether the music may end here: no item, and no opening of a bar, is unfinished."""
        return self._last not in _UNFINISHED and not self._needs_metre

    @property
    def next_slot(self) -> int | None:
        """The earliest slot of this bar that a Position may name next; None where the bar has no more."""
        return self._floor if self._floor < self._slots else None

    @property
    def free(self) -> Mask:
        """[128] the pitches that no open note forbids; read only, and another array once they change."""
        return self._free

    @property
    def lowest_on(self) -> int:
        """The lowest pitch that may come next in this group of notes."""
        return self._lowest_on

    def allowed(self) -> Mask:
        """What may come next under the bounds: bool (SIZE,), never empty. Valid until the next call."""
        return self._fill(self._mask, self.bounds)

    def accepts(self, token: int) -> bool:
        """Whether the language lets `token` come next, bounds aside."""
        return 0 <= token < v.SIZE and bool(self._fill(self._scratch, None)[token])

    def advance(self, token: int) -> None:
        """Take `token`; ValueError, naming it and what was expected, if the language does not let it come."""
        if not self.accepts(token):
            raise ValueError(self._refusal(token))
        self._take(_NAMES[token], token)
        self._last = _NAMES[token]

    def sampling(self, bounds: Bounds, *, earliest: int = 0) -> Grammar:
        """An independent grammar that goes on from here under `bounds`; for `earliest` see `not_before`."""
        other = self.copy()
        other.bounds = bounds
        other.not_before(earliest)
        return other

    def copy(self) -> Grammar:
        """An independent grammar in the same state."""
        other = copy(self)
        other._mask, other._scratch = self._mask.copy(), self._scratch.copy()
        return other

    @property
    def _needs_metre(self) -> bool:
        return self._last == "Bar" and self.metre is None

    def _fill(self, mask: Mask, bounds: Bounds | None) -> Mask:
        if self._needs_metre:
            np.copyto(mask, _ONLY_TIME_SIGNATURE)
            return mask
        last = self._last
        np.copyto(mask, _MASKS[last])
        if last == "Note Velocity":
            mask[_NOTE_ONS][self._lowest_on :] = self._free[self._lowest_on :]
        elif last == "Note On":
            mask[v.DURATION_OPEN] = self.turn is not Turn.RESPONSE and self._lowest_on - 1 not in self._fresh
        elif last not in _INSIDE:
            self._narrow_items(mask, last)
            if last != "Position":
                mask[v.POSITION.first + self._floor : v.POSITION.first + self._slots] = True
            if self.pedal_down and not self._lent and self.turn is Turn.RESPONSE:
                mask[_TURNS] = False
            if bounds is not None:
                self._bound(mask, bounds)
        return mask

    def _narrow_items(self, mask: Mask, last: str) -> None:
        """In a slot: open pitches end, the pedal turns over, groups rise, and a note needs a free pitch."""
        if last in _BEFORE_ITEMS and self.turn is not Turn.RESPONSE:
            mask[_NOTE_OFFS][self._lowest_off :] = ~self._free[self._lowest_off :]
        mask[v.PEDAL_ON if self.pedal_down else v.PEDAL_OFF] = False
        if self._lent:
            mask[v.PEDAL_OFF] = False
        passed = self._micros if self._top >= 0 else len(v.MICRO)
        mask[v.MICRO.first : v.MICRO.first + passed] = False
        if self._lowest_on > self._top:
            mask[_VELOCITIES] = False
        if self._fresh and len(self._fresh) == self._free.sum():
            mask[_LATE_MICROS] = False

    def _bound(self, mask: Mask, bounds: Bounds) -> None:
        if self._silent > bounds.silent_bars and self.next_slot is not None:
            mask[v.BAR] = False
        if self._notes >= bounds.notes:
            mask[_MICROS] = False
            mask[_VELOCITIES] = False
        if not bounds.turns:
            mask[_TURNS] = False
        if not bounds.metre:
            mask[_TIME_SIGNATURES] = False
        if not bounds.tempo:
            mask[_TEMPO_CLASSES] = False

    def _take(self, name: str, token: int) -> None:
        match name:
            case "Note On":
                self._lowest_on = v.NOTE_ON.index(token) + 1
            case "Note Duration":
                self._notes += 1
                if token == v.DURATION_OPEN and not self._micros:
                    self._fresh += (self._lowest_on - 1,)
                elif token == v.DURATION_OPEN:
                    self._hold([self._lowest_on - 1], free=False)
            case "Micro":
                self._micros, self._lowest_on = v.MICRO.index(token) + 1, 0
                if token >= _LATE_MICROS.start:
                    self._hold_fresh()
            case "Position":
                self.position = v.POSITION.index(token)
                self._floor = self.position + 1
                self._silent = self._notes = self._micros = self._lowest_on = self._lowest_off = 0
                self._hold_fresh()
            case "Note Off":
                self._lowest_off = v.NOTE_OFF.index(token) + 1
                self._hold([self._lowest_off - 1], free=True)
            case "Pedal On" | "Pedal Off":
                self.pedal_down = name == "Pedal On"
            case "Chord":
                self.chord = token
            case "Bar":
                self.position, self._floor = -1, 0
                self._silent += 1
            case "Time Signature":
                self.metre = v.METRES[v.TIME_SIGNATURE.index(token)]
                self._slots = self.metre.ticks // v.SLOT_TICKS
            case "Call" | "Response":
                self.turn = Turn.CALL if name == "Call" else Turn.RESPONSE
                self._lent = self.pedal_down and self.turn is Turn.RESPONSE
                self._floor, self._silent = max(self.position, 0), 0

    def _hold_fresh(self) -> None:
        if self._fresh:
            self._hold(self._fresh, free=False)
            self._fresh = ()

    def _hold(self, pitches: Iterable[int], *, free: bool) -> None:
        changed = self._free.copy()
        changed[list(pitches)] = free
        self._free = changed
        self._top = int(np.flatnonzero(changed)[-1]) if changed.any() else -1

    def _refusal(self, token: int) -> str:
        name = v.name_of(token) if 0 <= token < v.SIZE else f"the id {token}"
        mask = self._fill(self._scratch, None)
        expected = [_span(family, mask) for family in v.TABLE]
        return f"{name} cannot follow {self._last}: expected {', '.join(filter(None, expected))}"


def _span(family: v.Family, mask: Mask) -> str:
    """The part of a family that a mask allows, for people: `Chord`, `Position_3`, `Position_5 to _48`."""
    ids = np.flatnonzero(mask[family.first : family.first + len(family)])
    if len(ids) == 0:
        return ""
    if len(ids) == len(family):
        return family.name
    first, last = family.values[ids[0]], family.values[ids[-1]]
    return f"{family.name}_{first}" + (f" to _{last}" if len(ids) > 1 else "")


def closing(grammar: Grammar) -> tuple[int, ...]:
    """The tokens that end the music legally where `grammar` stands: Note Off for what is open, and Pedal Off.

    In a Response the Call comes back for what is the performer's. Empty when nothing sounds on; ValueError unless
    `grammar.complete`. The grammar itself is left as it is.
    """
    if not grammar.complete:
        raise ValueError("music can end only behind a whole item")
    offs = [v.NOTE_OFF.id(pitch) for pitch in grammar.open_pitches]
    lift = [v.PEDAL_OFF] if grammar.pedal_down else []
    slot = grammar.next_slot
    bar, position = ([], v.POSITION.id(slot)) if slot is not None else ([v.BAR], v.POSITION.id(0))
    ending = list[int]()
    if lift and grammar.turn is Turn.RESPONSE and not grammar.pedal_is_lent:
        ending, bar, lift = [*bar, position, *lift], [], []
    if offs or lift:
        back = [v.CALL] if grammar.turn is Turn.RESPONSE else []
        ending += [*back, *bar, position, *offs, *lift]
    return tuple(ending)
