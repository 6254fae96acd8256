"""Two voices become one stream: what jamd plays and what is performed, in the order of time. Knows no clock.

A group of jamd's stands at the first instant of its slot, so that no position goes back. Each voice joins the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from jamd.engine.openings import Group, spelled
from jamd.music.events import Answered, Charted, Kind, LogEntry, Performed, Turn, TurnChange
from jamd.music.timeline import Timeline
from jamd.remi.encoder import Encoder
from jamd.remi.place import Place

Event = Performed | Timeline | Charted


def _nobody(entry: LogEntry) -> None:
    """Tells nobody."""


@dataclass(slots=True)
class Weave:
    """Feeds an encoder with both voices, and tells what it decides. Owned by a partner's mode."""

    encoder: Encoder
    turn: Turn
    last_ns: int
    """The instant of the last entry: what is decided next stands after it."""
    tell: Callable[[LogEntry], None] = _nobody
    joined: bool = True
    """False until somebody joins a turn that began alone: then no key that is held is open in its tokens."""
    place: Place | None = None
    """Where jamd's tokens stand, within a Response; None: where the encoder has come to."""
    groups: deque[Group] = field(default_factory=deque)
    """What jamd plays, not yet woven in."""
    events: deque[Event] = field(default_factory=deque)
    """What was performed, not yet woven in."""
    left_out: set[tuple[int, int]] = field(default_factory=set)
    """Onset and pitch of notes that the player has left out."""
    _blocked: frozenset[int] = frozenset()  # pitches that the performer held when it began

    def fork(self) -> Weave:
        """An independent copy, with an encoder of its own, that tells nobody: for what may come."""
        return Weave(
            self.encoder.fork(), self.turn, self.last_ns, _nobody, self.joined, self.place,
            self.groups.copy(), self.events.copy(), self.left_out, self._blocked,
        )  # fmt: skip

    def until(self, time_ns: int) -> None:
        """Weaves in all that stands before an instant; nothing earlier may come after this."""
        while True:
            event = self.events[0] if self.events and self.events[0].time_ns < time_ns else None
            limit = event.time_ns if event else time_ns
            if self.groups and (at := self._instant(self.groups[0])) < limit:
                self._say(at, self.groups.popleft())
            elif event:
                self._take(self.events.popleft())
            else:
                break
        self.last_ns = max(self.last_ns, time_ns - 1)

    def pass_to(self, turn: Turn, time_ns: int) -> None:
        """The word passes, unless they have it already."""
        if turn is not self.turn:
            self.turn, self.joined, self.place = turn, True, None
            self._mark(TurnChange(time_ns, turn, joins=True))

    def cut(self, tick: int) -> None:
        """What jamd would play from a tick on is not played, and what sounds there ends."""
        self.groups = deque(group.shortened(tick) for group in self.groups if group.tick < tick)

    def replace_from(self, tick: int, groups: Iterable[Group]) -> None:
        """Other groups stand from a tick on."""
        self.groups = deque([*(group for group in self.groups if group.tick < tick), *groups])

    def _instant(self, group: Group) -> int:
        return max(self.encoder.timeline.time_at(group.edge), self.last_ns + 1)

    def _take(self, event: Event) -> None:
        if isinstance(event, Performed) and event.kind is Kind.NOTE_ON:
            self.pass_to(Turn.CALL, event.time_ns)
        self.encoder.feed(event)
        self.last_ns = max(self.last_ns, event.time_ns)

    def _say(self, at: int, group: Group) -> None:
        begins = self.place is None or self.turn is Turn.CALL
        if begins:
            self._blocked = self.encoder.held() if self.joined or self.turn is Turn.CALL else frozenset()
        group = group.left(self._blocked, frozenset(self.left_out))
        if not group.items:
            return
        self.pass_to(Turn.RESPONSE, at)
        place = self.place or self.encoder.reached
        if not begins and group.tick <= place.tick:
            return
        ids, self.place = spelled(place, [group])
        self._mark(Answered(at, ids))

    def _mark(self, entry: LogEntry) -> None:
        self.last_ns = max(self.last_ns, entry.time_ns)
        self.encoder.feed(entry)
        self.tell(entry)
