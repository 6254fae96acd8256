"""What can be undone: memory as it was before the last few exchanges, and the log since. Knows no mode."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from jamd.engine.improviser import Memory
from jamd.music.events import LogEntry, Turn, Undone
from jamd.music.log import forgets, in_order
from jamd.remi.encoder import Encoder

KEPT = 4
"""So many exchanges can be undone, one after the other: each keeps a memory of the model, 13 MB of size S."""

RECENT = 256
"""More entries do not come between the beginning of an exchange and the moment when that is known."""


@dataclass(frozen=True, slots=True)
class Past:
    """How things stood at an instant, before what then began."""

    since_ns: int
    encoder: Encoder
    memory: Memory
    turn: Turn


class Exchanges:
    """The past of a jam, as far as it is kept. Owned by the core."""

    def __init__(self) -> None:
        self._begun: deque[Past] = deque()
        self.last_answered: Past | None = None
        """Before the last answer, while nothing has come since."""
        self._entries: list[LogEntry] = []  # since the oldest of those began

    def begin(self, since_ns: int, take: Callable[[], Past]) -> None:
        """An exchange begins: the performer's turn, and the answer to it; `take` tells how things stand.

        One that began at this instant already is the same. What it takes the place of goes first: its memory serves
        this one.
        """
        self.last_answered = None
        if self._begun and self._begun[-1].since_ns >= since_ns:
            return
        if len(self._begun) == KEPT:
            self._begun.popleft()
        self._begun.append(take())
        oldest = self._begun[0].since_ns
        self._entries = [entry for entry in self._entries if entry.time_ns >= oldest]

    def answer(self, past: Past) -> None:
        """An answer is heard: what is before it, is a call that may be answered anew; one to silence is an exchange."""
        self.last_answered = past
        if not self._begun:
            self._begun.append(past)

    def play_on(self) -> None:
        """Something has come since the last answer."""
        self.last_answered = None

    def note(self, entry: LogEntry) -> None:
        """An entry of the log, heard or decided."""
        if not self._begun:  # one that is found to have begun takes in what has come since
            del self._entries[:-RECENT]
        self._entries.append(entry)

    @property
    def last_begun(self) -> Past | None:
        """Before the last exchange of those kept."""
        return self._begun[-1] if self._begun else None

    def go_back(self, past: Past, undone: Undone) -> list[LogEntry]:
        """Forgets that past and what came behind it; the entries since that are to be told again."""
        self.last_answered = None
        while self._begun and self._begun[-1].since_ns >= past.since_ns:
            self._begun.pop()
        again = [entry for entry in self._entries if not forgets(undone, entry)]
        self._entries = again if self._begun else []
        return in_order(entry for entry in again if entry.time_ns >= past.since_ns)
