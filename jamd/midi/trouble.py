"""Trouble that lasts: counted as it happens, told now and then. Its time is what its caller says."""

from __future__ import annotations

from collections.abc import Callable

from jamd.music.messages import Report

TROUBLE_NS = 1_000_000_000
"""It is told no more often."""


class Trouble:
    """So many messages of each kind of trouble, since it was last told. Owned by the wire."""

    def __init__(self, report: Callable[[Report], object]) -> None:
        self._report = report
        self._messages: dict[str, int] = {}
        self._next_ns = 0

    def another(self, what: str) -> None:
        """One message more."""
        self._messages[what] = self._messages.get(what, 0) + 1

    def waits(self, what: str, messages: int) -> None:
        """So many messages now."""
        self._messages[what] = messages

    def tell(self, now: int) -> None:
        """Tells people, if it is time."""
        if self._messages and now >= self._next_ns:
            self._next_ns = now + TROUBLE_NS
            for what, messages in self._messages.items():
                self._report(Report(now, what, {"messages": messages}))
            self._messages.clear()
