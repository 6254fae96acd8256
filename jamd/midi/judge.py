"""Whether a plan may be played: it must know all that was performed. Knows no clock, no port and no player."""

from __future__ import annotations

from collections import deque

from jamd.music.events import Performed, says_something
from jamd.music.plan import Plan
from jamd.music.timeline import Timeline

RECENT = 64
"""More is not performed while a plan is on its way."""


class Judge:
    """Remembers what may have come while a plan was made. Owned by the wire."""

    def __init__(self) -> None:
        self._recent: deque[int] = deque(maxlen=RECENT)
        self._silenced = 0

    def hear(self, entry: Performed | Timeline) -> None:
        """Something was performed."""
        if isinstance(entry, Timeline) or says_something(entry):
            self._recent.append(entry.time_ns)

    def silence(self, heard: int) -> None:
        """No plan is played that knows of fewer note-ons than so many."""
        self._silenced = heard

    def accepts(self, plan: Plan, heard: int) -> bool:
        """Whether it may be played, now that so many note-ons were heard."""
        if plan.heard < self._silenced or (plan.yields and plan.heard != heard):
            return False
        return not any(plan.known_ns < at < plan.over_ns for at in self._recent)
