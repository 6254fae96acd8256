"""The sustain pedal as turns say it: it goes up with a turn, and what stays down is said with the next note."""

from __future__ import annotations

from jamd.music.events import Turn
from jamd.remi.held import Sustain
from jamd.remi.pending import Pending
from jamd.remi.slots import Slot


class Pedal:
    """The performer's pedal, and how much of it the tokens have told. Owned by one encoder."""

    def __init__(self) -> None:
        self.sustain = Sustain()
        self.said = False
        """As the current turn says it."""
        self._carried = False  # down since before this turn: said with its first note

    def move(self, value: int, channel: int, pending: Pending | None, tick: int) -> None:
        """Controller 64 takes `value`: a movement is said at once, but while an answer is heard or a pedal carried."""
        if not self.sustain.move(value, channel):
            return
        down = self.sustain.down
        if self._carried or pending is None or pending.turn.answer is not None:
            self._carried = down
        elif down != self.said:
            self._say(pending.slot_at(tick), down)

    def struck(self, slot: Slot) -> None:
        """A note begins in `slot`: a pedal that is down since before the turn is said with it."""
        if self._carried:
            self._carried = False
            self._say(slot, down=True)

    def lift(self, pending: Pending, tick: int) -> None:
        """The turn ends, and with it the pedal."""
        if self.said:
            self._say(pending.last_slot(tick), down=False)
        self._carried = self.sustain.down

    def leave(self, pending: Pending, tick: int) -> None:
        """Another joins the turn: the pedal stays, but that of a Response that began alone."""
        if pending.turn.turn is Turn.RESPONSE and not pending.turn.joined:
            self.lift(pending, tick)

    def settle(self, pending: Pending, tick: int) -> None:
        """An answer within a duet has been heard: what the performer's pedal did meanwhile."""
        if self.said and not self.sustain.down:
            self._say(pending.last_slot(tick), down=False)
        self._carry()

    def overrule(self, before: bool) -> None:
        """What the turn has told is not said: the pedal is as it was `before`."""
        self.said = before
        self._carry()

    def copy(self) -> Pedal:
        """An independent copy."""
        other = Pedal()
        other.sustain, other.said, other._carried = self.sustain.copy(), self.said, self._carried
        return other

    def _carry(self) -> None:
        self._carried = self.sustain.down and not self.said

    def _say(self, slot: Slot, down: bool) -> None:
        self.said = slot.pedal = down
        slot.lifted |= not down
