"""The same gig with another model: the performer plays what he played, jamd's turns begin where they began.

Its partner looks when the first one did, but finds time for all that it has to do; its player is never late. When the
recording ends, it plays its last answer to the end.
"""

from __future__ import annotations

from collections import deque

from jamd.engine.partner import MS, State
from jamd.midi.judge import Judge
from jamd.midi.recording import Jam
from jamd.music.actions import Action
from jamd.music.events import Kind, LogEntry, Performed
from jamd.music.log import TYPES, in_order
from jamd.music.messages import PlanEnded
from jamd.music.plan import Plan
from jamd.music.timeline import Timeline
from jamd.music.told import Told, told_in
from jamd.replay.brain import BrainAgain, NewPartner
from jamd.replay.hands import Hands
from jamd.replay.source import Source

MARK_NS = 5 * MS
"""So often the partner looks once the recording has ended."""
LONGEST_NS = 60_000 * MS
"""An answer that has no end ends so long after the recording."""


class Free:
    """One gig. Owner of the partner and the player; a wire that hears and plays to the nanosecond."""

    def __init__(self, source: Source, partner: NewPartner) -> None:
        self._source, self._brain = source, BrainAgain(partner, self._take, whole=True)
        self._hands = Hands(source.how.settings, self._play)
        self._happenings = self._by_time()
        self._judge = Judge()
        self._now = self._heard = 0
        self._entries: list[LogEntry] = []
        self._played: list[Performed] = []

    def run(self) -> Jam:
        """The whole gig."""
        actions = []
        for record in self._source.records:
            message = told_in(record.facts)
            if record.type == "brain":
                self._brain.look(record.facts, self._until)
            if isinstance(message, Performed | Timeline) and record.type in TYPES:
                self._entries.append(message)
            if isinstance(message, Action) and record.type == "action":
                actions.append(message)
            if message is not None:
                self._brain.tell(message)
        self._play_out()
        return Jam(tuple(in_order(self._entries)), tuple(self._played), tuple(actions))

    # ---- what the two say ------------------------------------------------------------------------------------

    def _take(self, message: Plan | LogEntry) -> None:
        if not isinstance(message, Plan):
            self._entries.append(message)
        elif self._judge.accepts(message, self._heard):
            self._hands.player.accept(message)

    def _play(self, event: Performed, due_ns: int) -> None:
        self._played.append(event)

    # ---- the wire ----------------------------------------------------------------------------------------------

    def _by_time(self) -> deque[tuple[int, int | None, Told]]:
        """What the wire reacts to by itself: when, how many note-ons it had then heard if that is said, and what."""
        happenings: list[tuple[int, int | None, Told]] = []
        heard = None
        for record in self._source.records:
            message = told_in(record.facts)
            if record.type == "wire":
                heard = int(record.facts["heard"])
            if isinstance(message, Performed | Timeline | Action | PlanEnded) and (
                isinstance(message, PlanEnded) or record.type != "told"
            ):
                happenings.append((message.time_ns, heard, message))
                heard = None
        return deque(sorted(happenings, key=lambda happening: happening[0]))

    def _until(self, now: int) -> None:
        """Time passes."""
        while self._happenings and self._happenings[0][0] <= now:
            at, heard, message = self._happenings.popleft()
            self._heard = self._heard if heard is None else heard
            self._sound(at - 1)  # the wire listens before it plays
            self._now = max(self._now, at)
            self._react(message)
        self._sound(now)

    def _react(self, message: Told) -> None:
        player = self._hands.player
        match message:
            case Performed() | Timeline():
                self._heard += isinstance(message, Performed) and message.kind is Kind.NOTE_ON
                self._judge.hear(message)
                if player.gives_way(message):
                    player.stop(self._now, "barge_in")
            case Action(name="panic"):
                self._heard += 1
                self._judge.silence(self._heard)
                player.stop(self._now, "panic")
            case PlanEnded():
                player.stop(self._now, "ended")

    def _sound(self, now: int) -> None:
        while (due := self._hands.player.due) is not None and due <= now:
            for late in self._hands.late(max(due, self._now)):
                if self._brain.partner is not None:
                    self._brain.partner.miss(late.due_ns, late.pitch)
        self._now = max(self._now, now)

    # ---- the end -----------------------------------------------------------------------------------------------

    def _play_out(self) -> None:
        """What the diary no longer tells of; then the last answer."""
        last_ns = max((at for at, _, _ in self._happenings), default=self._now)
        until_ns = max(last_ns, self._now) + LONGEST_NS
        while self._brain.partner is not None and self._now < until_ns and not (self._now > last_ns and self._silent):
            now = self._now + MARK_NS
            self._until(now)
            self._brain.rest(now, self._heard)
        self._hands.player.stop(self._now, "close")

    @property
    def _silent(self) -> bool:
        partner = self._brain.partner
        return partner is None or (partner.state is State.LISTENING and not self._hands.player.busy)
