"""Continue: a pedal hands over, and jamd goes on from what is being played, until it is let go or the performer plays.

What the performer still holds ends in the tokens where jamd takes over; its sound is his own. No phrase has to end,
no bar begins: jamd goes on in the same bar, on the next sixteenth where the beats are known, else at once.
"""

from __future__ import annotations

from jamd.engine.core import MS, Core
from jamd.engine.draft import Draft
from jamd.engine.improviser import WHOLE
from jamd.engine.manners import State
from jamd.engine.openings import HALF_SLOT
from jamd.engine.turns import Turns
from jamd.music.events import Turn

AHEAD_NS = 3000 * MS
"""An answer without an end is made so far ahead."""


class CarryOn(Turns):
    """The performer decides when, and when it is enough."""

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self._asked_ns: int | None = None

    def hand_over(self, time_ns: int) -> None:
        """jamd goes on from here, unless it does so already."""
        if not self.core.begun:
            self.core.tell(time_ns, "ignored", action="hand_over", why="nothing was played yet")
        elif self.draft is None:
            self._asked_ns = time_ns

    def hand_back(self, time_ns: int) -> None:
        """jamd stops here."""
        self._asked_ns = None
        if self.draft is not None:
            if self.draft.planned:
                self.core.stop(time_ns)
            self.interrupt(time_ns, "handed_back")

    def answer(self, time_ns: int, *, anew: bool = False) -> None:
        """The same as to hand over."""
        self.hand_over(time_ns)

    @property
    def goes_on(self) -> bool:
        """Whether jamd has the word, or was given it."""
        return self._asked_ns is not None or self.draft is not None

    def roll(self, time_ns: int, rolling: bool) -> None:
        """When the song stops, so does jamd."""
        if not rolling:
            self.hand_back(time_ns)

    def leave(self, now: int) -> bool:
        """It has no end of its own: jamd stops at once."""
        self.hand_back(max(self.core.watermark, self.core.heard_ns))
        return True

    def consider(self, now: int) -> bool:
        """Begins a draft as soon as it is asked to."""
        core = self.core
        if self._asked_ns is None:
            return False
        over, self._asked_ns = max(self._asked_ns, core.watermark, core.heard_ns + 1), None
        if core.turn is Turn.RESPONSE:  # he has let it rest, and played nothing since
            core.remember(over)
            core.pass_back(over)
            over += 1
        begin_ns = self._entry(max(over, now)) if core.grid else None
        self.begin(over, begin_ns, now, lambda place, t: self.opening(place, t.tick_at(begin_ns or over), WHOLE))
        return True

    def wants(self, draft: Draft, now: int) -> bool:
        """Whether it is not far enough ahead."""
        return draft.timeline.time_at(draft.answer.tick) < now + AHEAD_NS

    @property
    def finished(self) -> bool:
        """True when nothing is asked for; at the end of a file jamd stops when it has played for a while."""
        return self._asked_ns is None and (self.draft is None or self.core.state is State.PLAYING)

    def _entry(self, after_ns: int) -> int:
        """The next sixteenth that is not too near."""
        timeline = self.core.timeline
        step = timeline.metre.beat_ticks // 4
        tick = timeline.tick_at(after_ns + self.core.pace.margin_ns) + HALF_SLOT
        return timeline.time_at(tick + (timeline.downbeat - tick) % step)
