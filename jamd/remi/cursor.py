"""The tick that each token of a sequence speaks of, every bar as long as its metre. Knows no notes."""

from __future__ import annotations

from jamd.music.events import Turn
from jamd.music.timeline import FOUR_FOUR
from jamd.remi import vocabulary as v
from jamd.remi.place import Place


class Cursor:
    """Walks tokens from before BOS (the first bar begins at tick 0), or from a `Place`, and trusts them.

    One thread owns it; its fields are written here, only read elsewhere.
    """

    def __init__(self, place: Place | None = None) -> None:
        place = place or Place(bar_tick=-FOUR_FOUR.ticks, metre=FOUR_FOUR)
        self.metre = place.metre
        self.turn = place.turn
        self.bar_tick = place.bar_tick
        """Tick of the current bar line (before the first Bar: of the bar that would lie before it)."""
        self.position = place.position
        """The current slot, from 0; -1 before the first Position of a bar."""
        self.micro = 0
        """The current Micro in sixtieths of a quarter; 0 outside."""

    @property
    def tick(self) -> int:
        """The tick of what stands here: the bar line before the first Position, even less with a Micro."""
        return self.bar_tick + max(self.position, 0) * v.SLOT_TICKS + self.micro * v.MICRO_TICKS

    @property
    def slots(self) -> int:
        """Number of slots in the current bar."""
        return self.metre.ticks // v.SLOT_TICKS

    @property
    def place(self) -> Place:
        """Where the tokens so far stand."""
        return Place(self.bar_tick, self.metre, self.position, self.turn)

    def feed(self, token: int) -> None:
        """Go on by one token."""
        if token in v.MICRO:
            self.micro = v.MICROS[v.MICRO.index(token)]
        elif token >= v.NOTE_OFF.first:  # all else that moves stands before the items in the table
            return
        elif token in v.POSITION:
            self.position, self.micro = v.POSITION.index(token), 0
        elif token == v.BAR:
            self.bar_tick += self.metre.ticks
            self.position, self.micro = -1, 0
        elif token in v.TIME_SIGNATURE:
            self.metre = v.METRES[v.TIME_SIGNATURE.index(token)]
        elif token in (v.CALL, v.RESPONSE):
            self.turn, self.micro = Turn.CALL if token == v.CALL else Turn.RESPONSE, 0
