"""A duet's beat before it begins: jamd's notes up to it are certain, and the model says what the performer may do.

Where it is left to guess silence instead, it hears a performer who has stopped, and plays for two.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable

import numpy as np

from jamd.engine.openings import Group, spelled
from jamd.music.events import Turn
from jamd.remi import vocabulary as v
from jamd.remi.grammar import Mask
from jamd.remi.place import Place

_POSITIONS = slice(v.POSITION.first, v.POSITION.first + len(v.POSITION))
_MOVES = np.isin(np.arange(v.SIZE), [v.BAR, v.CALL, *range(_POSITIONS.start, _POSITIONS.stop)])


class Script:
    """Jamd's certain groups, in order; from the tick `begin` on it is free, or it `joins`. Owned by one answer."""

    def __init__(self, groups: Iterable[Group], begin: int, *, joins: bool = False) -> None:
        self._groups, self._joins = deque(groups), joins
        self.begin = begin
        """The tick from which jamd is free."""

    def narrow(self, mask: Mask, place: Place) -> int:
        """Takes away what jamd would play before it is free; the performer may do anything.

        Returns the first slot of this bar in which jamd is free.
        """
        first = -(-(self.begin - place.bar_tick) // v.SLOT_TICKS)
        if place.turn is Turn.RESPONSE and place.tick < self.begin:
            mask &= _MOVES
            mask[_POSITIONS][:first] = False
            mask[v.BAR] |= not mask.any()
        return first

    def instead(self, token: int, place: Place, held: Collection[int]) -> tuple[int, ...]:
        """The tokens of jamd's next group, where `token` would leave it behind; nothing while it would not.

        Keys that the performer holds (`held`) are not struck.
        """
        if not self._groups:
            return self._join(token, place)
        if not self._passes(token, place, self._groups[0].tick):
            return ()
        group = self._groups.popleft().left(frozenset(held))
        if not group.items:
            return self.instead(token, place, held)
        turn = () if place.turn is Turn.RESPONSE else (v.RESPONSE,)
        return (*turn, *spelled(place, [group])[0])

    def _join(self, token: int, place: Place) -> tuple[int, ...]:
        """Where jamd is to come in, it has the word at `begin`: what a model has heard alone it takes for a solo."""
        if not self._joins or not self._passes(token, place, self.begin - 1):
            return ()
        self._joins = False
        return () if place.turn is Turn.RESPONSE else (v.RESPONSE,)

    @staticmethod
    def _passes(token: int, place: Place, tick: int) -> bool:
        """Whether jamd's next note, or something behind `tick`, would come with `token`."""
        if place.turn is Turn.RESPONSE:
            return token != v.CALL
        if token == v.BAR:
            return place.bar_tick + place.metre.ticks > tick
        return token == v.RESPONSE or (
            token in v.POSITION and place.bar_tick + v.POSITION.index(token) * v.SLOT_TICKS > tick
        )
