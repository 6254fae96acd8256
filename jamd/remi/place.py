"""Where a run of tokens stands: bar, slot, metre and turn. Who starts in mid-stream starts there."""

from __future__ import annotations

from dataclasses import dataclass

from jamd.music.events import Turn
from jamd.music.timeline import FOUR_FOUR, Metre
from jamd.remi.vocabulary import SLOT_TICKS


@dataclass(frozen=True, slots=True)
class Place:
    """The place that a run of tokens has reached: the next Bar begins at `bar_tick + metre.ticks`."""

    bar_tick: int = 0
    """Tick of the bar line of the current bar; before the first Bar, of a bar that would lie before it."""
    metre: Metre = FOUR_FOUR
    """The metre of that bar, as it was last said."""
    position: int = -1
    """The slot in the bar, counted from 0; -1 when no Position has followed the Bar."""
    turn: Turn = Turn.CALL
    """Whose turn it is."""

    @property
    def tick(self) -> int:
        """Tick of the slot's centre; of the bar line when no Position has followed it."""
        return self.bar_tick + SLOT_TICKS * max(self.position, 0)
