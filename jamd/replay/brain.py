"""The brain once more: told the same messages, it takes the looks that the first one's diary tells of."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from jamd.daemon.hearing import hear
from jamd.daemon.looks import read_looks
from jamd.engine.partner import Partner
from jamd.music.events import LogEntry
from jamd.music.messages import Missed, PlanEnded, Welcome
from jamd.music.plan import Plan
from jamd.music.told import Told

Send = Callable[[Plan | LogEntry], object]
NewPartner = Callable[[Send, Welcome], Partner]
"""Makes the partner of a brain that was welcomed so, with an empty memory, and lets go of the one before."""


class BrainAgain:
    """Follows a diary. `send` takes what the partner says; a new brain begins with an empty memory, as it did live.

    `whole`: what a partner has to do is done at its first look, however long it took live; and notes that came too late
    then did not now.
    """

    def __init__(self, partner: NewPartner, send: Send, *, whole: bool = False) -> None:
        self._new, self._send, self._whole = partner, send, whole
        self.partner: Partner | None = None
        """None before the first brain is there."""
        self._told: deque[Told] = deque()
        self._number = -1  # of the brain
        self._page = -1  # of its diary
        self._heard = 0

    def tell(self, message: Told) -> bool:
        """Tells the brain something, which it looks at in its time; True where another brain begins with it."""
        if isinstance(message, Welcome) and message.brain != self._number:
            self._number, self._page, self._heard = message.brain, -1, 0
            self._told.clear()
            self.partner = self._new(self._send, message)
            return True
        self._told.append(message)
        return False

    def look(self, record: Mapping[str, Any], before_step: Callable[[int], object] = lambda now: None) -> None:
        """Takes the looks of a record of the diary."""
        if self.partner is None:
            return
        self._page += 1
        if record["number"] != self._page:
            raise ValueError(f"page {self._page} of the brain's diary is missing")
        for kind, value in read_looks(int(record["from_ns"]), str(record["looks"])):
            match kind:
                case "m":
                    self._hear(self._next())
                case "d":
                    self._hear(self._next_deaf(value))
                case "h":
                    self._heard = value
                case "w":
                    self.partner.reach(value, self._heard)
                case _:
                    before_step(value)
                    self.step(value)

    def step(self, now: int) -> None:
        """A step of the partner, or where it is to do the whole so many as it wants."""
        while self.partner is not None and self.partner.step(now) and self._whole:
            pass

    def rest(self, now: int, heard: int) -> None:
        """Looks at what the diary no longer tells of: all up to now."""
        while self._told and getattr(self._told[0], "time_ns", now) <= now:
            self._hear(self._told.popleft())
        if self.partner is not None:
            self.partner.reach(now, heard)
        self.step(now)

    def _hear(self, message: Told) -> None:
        if self.partner is not None and not (self._whole and isinstance(message, Missed)):
            hear(self.partner, message)

    def _next(self) -> Told:
        if not self._told:
            raise ValueError("the brain's diary tells of a message that is missing")
        return self._told.popleft()

    def _next_deaf(self, since_ns: int) -> Told:
        """What wires wrote down and did not live to tell is passed over."""
        ended = PlanEnded(since_ns, deaf=True)
        while (message := self._next()) != ended:
            pass
        return message
