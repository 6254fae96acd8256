"""The same again: what came from outside is followed, what jamd decided and played is made again, and compared.

It walks through the recording line by line. The partner takes the looks that its diary tells of; its plans are accepted
where the wire accepted them, and the player plays at the instants at which it played then.
"""

from __future__ import annotations

from collections import deque

from jamd.midi.recorder import entry_record, played_record, to_line
from jamd.midi.recording import Jam
from jamd.music.actions import Action
from jamd.music.events import LogEntry, Performed
from jamd.music.log import TYPES, in_order
from jamd.music.messages import Missed
from jamd.music.plan import Plan
from jamd.music.told import aside_record, told_in
from jamd.replay.brain import BrainAgain, NewPartner
from jamd.replay.hands import Hands
from jamd.replay.source import Record, Source

NOTHING = "nothing"


class Difference(Exception):
    """Something is not the same: the first line that is another, and what stands in its place now."""

    def __init__(self, record: Record, now: str) -> None:
        super().__init__(record.line, now)
        self.record, self.now = record, now


class Followed:
    """One walk. Owner of the partner, the player, and what they have said that is not yet found in the recording."""

    def __init__(self, source: Source, partner: NewPartner) -> None:
        self._source, self._brain = source, BrainAgain(partner, self._take)
        self._hands = Hands(source.how.settings, self._play)
        self._decided: deque[LogEntry] = deque()
        self._plans: deque[Plan] = deque()
        self._made: deque[tuple[str, Performed | None]] = deque()  # lines of what the player did at one instant
        self._entries: list[LogEntry] = []
        self._played: list[Performed] = []
        self._actions: list[Action] = []

    def run(self) -> Jam:
        """The whole jam; Difference where it is not the same again, ValueError or KeyError for a damaged recording."""
        for record in self._source.records:
            self._walk(record)
        return Jam(tuple(in_order(self._entries)), tuple(self._played), tuple(self._actions))

    # ---- what the two say ------------------------------------------------------------------------------------

    def _take(self, message: Plan | LogEntry) -> None:
        if isinstance(message, Plan):
            self._plans.append(message)
        else:
            self._decided.append(message)

    def _play(self, event: Performed, due_ns: int) -> None:
        self._made.append((to_line(played_record(event, due_ns)), event))

    # ---- line by line ----------------------------------------------------------------------------------------

    def _walk(self, record: Record) -> None:
        facts, message = record.facts, told_in(record.facts)
        match record.type:
            case "brain":
                self._brain.look(facts)
            case "plan":
                self._judge(record)
            case "stopped":
                self._hands.player.stop(int(facts["time_ns"]), "")
            case "wire":
                self._hands = Hands(self._source.how.settings, self._play)
                self._made.clear()
            case "played":
                self._again(record)
            case "told" if isinstance(message, Missed):
                self._again(record)
            case "action" if isinstance(message, Action):
                self._actions.append(message)
            case kind if kind in TYPES and isinstance(message, LogEntry):
                self._entries.append(message)
            case kind if kind in TYPES:
                self._entry(record)
        if message is not None and self._brain.tell(message):
            self._decided.clear()  # what a brain decided before it died, and nobody heard
            self._plans.clear()

    def _judge(self, record: Record) -> None:
        if not self._plans:
            raise Difference(record, NOTHING)
        plan = self._plans.popleft()
        if record.facts["accepted"]:
            self._hands.player.accept(plan)

    def _entry(self, record: Record) -> None:
        if not self._decided:
            raise Difference(record, NOTHING)
        entry = self._decided.popleft()
        self._compare(record, to_line(entry_record(entry, record.facts["said"])))
        self._entries.append(entry)

    def _again(self, record: Record) -> None:
        """What the player did: at one instant all that was due."""
        if not self._made:
            self._play_due(int(record.facts["time_ns"]))
        line, event = self._made.popleft() if self._made else (NOTHING, None)
        self._compare(record, line)
        if event is not None:
            self._played.append(event)

    def _play_due(self, now: int) -> None:
        for late in self._hands.late(now):
            self._made.append((to_line(aside_record(late)), None))

    def _compare(self, record: Record, line: str) -> None:
        if line != record.line:
            raise Difference(record, line)
