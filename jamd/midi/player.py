"""The player: sends what is planned when it is due, and nothing late. Its time is what its caller says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from itertools import count

from jamd.midi.keyboard import Keyboard
from jamd.midi.lateness import Lateness
from jamd.music.events import SUSTAIN, Kind, Performed, says_something
from jamd.music.messages import Report
from jamd.music.plan import Plan, PlannedNote
from jamd.music.timeline import Timeline

MS = 1_000_000
TOLERANCE_NS = 30 * MS
"""A note that comes later than this is heard as a wrong one: it is left out."""
SHORTEST_NS = 10 * MS
"""A note that began late sounds at least this long, or as long as it was planned."""
_END, _PEDAL_UP, _PEDAL_DOWN, _BEGIN = range(4)
"""What comes first at one instant."""


@dataclass(frozen=True, slots=True, order=True)
class _Due:
    """Something to be sent."""

    due_ns: int
    order: int
    number: int
    """Counts up, so that no two are equal; for an _END it is the number of the note that it ends."""
    note: PlannedNote | None = None


class Player:
    """Plays plans on one channel. Owned by the wire; its hand ends only what it began itself.

    `played` is told of each event that went out (its `time_ns` is when), and when it was due: that follows from plans
    and instants alone, never from what goes through on the same keyboard.
    """

    def __init__(
        self,
        keyboard: Keyboard,
        played: Callable[[Performed, int], None],
        channel: int = 0,
        tolerance_ns: int = TOLERANCE_NS,
    ) -> None:
        self._hand, self._played, self._channel = keyboard.hand(), played, channel
        self._tolerance_ns = tolerance_ns
        self._heap: list[_Due] = []
        self._numbers = count()
        self._sounding: dict[int, int] = {}  # pitch -> number of the note that sounds
        self._pedal_down = False
        self._final = False
        self._yields, self._over_ns = True, 0  # as the last plan said
        self._opens = False  # nothing of an answer to a phrase's end was played yet
        self.lateness = Lateness()

    def accept(self, plan: Plan) -> None:
        """Takes a plan: what an older one had not begun and would begin from `plan.from_ns` on is forgotten.

        Notes that sound keep their ends, unless the plan `cuts`. What a plan would begin before its own `from_ns`
        is not played.
        """
        kept = (due for due in self._heap if due.order == _END or due.due_ns < plan.from_ns)
        self._heap = [_cut(due, plan.from_ns) for due in kept] if plan.cuts else list(kept)
        heapify(self._heap)
        pedal_moves = self._pedal_down or any(due.order == _PEDAL_DOWN for due in self._heap)
        if plan.cuts and pedal_moves:
            heappush(self._heap, _Due(plan.from_ns, _PEDAL_UP, next(self._numbers)))
        self._opens = plan.over_ns > 0 and (self._opens or plan.over_ns != self._over_ns)
        self._yields, self._over_ns = plan.yields, plan.over_ns
        for note in plan.notes:
            if note.due_ns >= plan.from_ns:
                heappush(self._heap, _Due(note.due_ns, _BEGIN, next(self._numbers), note))
        for pedal in plan.pedals:
            if pedal.due_ns >= plan.from_ns:
                order = _PEDAL_DOWN if pedal.down else _PEDAL_UP
                heappush(self._heap, _Due(pedal.due_ns, order, next(self._numbers)))
        self._final = plan.final

    @property
    def due(self) -> int | None:
        """The instant at which `play` has something to do; None: never."""
        return self._heap[0].due_ns if self._heap else None

    @property
    def busy(self) -> bool:
        """True while something sounds, is owed or is planned."""
        return bool(self._heap) or self._pedal_down

    def gives_way(self, entry: Performed | Timeline) -> bool:
        """Whether what is played, or was planned in case nothing came, ends with what somebody has performed."""
        if isinstance(entry, Timeline):
            return self.busy and entry.time_ns < self._over_ns
        goes_on = entry.time_ns < self._over_ns and says_something(entry)
        return self.busy and (goes_on or (self._yields and entry.kind is Kind.NOTE_ON))

    def play(self, now: int) -> list[Report]:
        """Sends all that is due.

        Reports `response` (the first note of what begins as a phrase ends), `late` (a note left out) and `answer_end`
        (a final plan is done).
        """
        reports: list[Report] = []
        while self._heap and self._heap[0].due_ns <= now:
            due = heappop(self._heap)
            if due.note is None:
                self._pedal(due.order == _PEDAL_DOWN, due.due_ns, now)
            elif due.order == _END:
                if self._sounding.get(due.note.pitch) == due.number:  # else the key was struck again since
                    self._end(due.note.pitch, due.due_ns, now)
            elif now - due.due_ns > self._tolerance_ns:
                reports.append(self._leave_out(due.note, now))
            else:
                self._begin(due, due.note, now)
                if self._opens:
                    self._opens = False
                    reports.append(Report(now, "response", {"after_ns": now - self._over_ns}))
        if self._final and not self._heap:
            self._final = False
            if self._pedal_down:
                self._pedal(False, now, now)  # the answer forgot it
            reports.append(Report(now, "answer_end"))
        return reports

    def stop(self, now: int, why: str) -> Report:
        """Ends all that sounds at once, pedal up, and forgets every plan; reports how much that was."""
        forgotten = sum(due.order == _BEGIN for due in self._heap)
        cut = sorted(self._sounding)
        for pitch in cut:
            self._end(pitch, now, now)
        if self._pedal_down:
            self._pedal(False, now, now)
        self._heap.clear()
        self._final = False
        return Report(now, "stopped", {"why": why, "cut": len(cut), "forgotten": forgotten})

    def _begin(self, due: _Due, note: PlannedNote, now: int) -> None:
        if note.pitch in self._sounding:
            self._end(note.pitch, due.due_ns, now)
        self._hand.press(self._channel, note.pitch, note.velocity)
        self._sounding[note.pitch] = due.number
        length = max(min(note.off_ns - note.due_ns, SHORTEST_NS), 0)
        heappush(self._heap, _Due(max(note.off_ns, now + length), _END, due.number, note))
        self.lateness.add(now - note.due_ns)
        self._tell(now, Kind.NOTE_ON, note.pitch, note.velocity, due.due_ns)

    def _end(self, pitch: int, due_ns: int, now: int) -> None:
        del self._sounding[pitch]
        self._hand.release(self._channel, pitch)
        self._tell(now, Kind.NOTE_OFF, pitch, 0, due_ns)

    def _pedal(self, down: bool, due_ns: int, now: int) -> None:
        self._pedal_down = down
        self._hand.pedal(self._channel, 127 * down)
        self._tell(now, Kind.CONTROL, SUSTAIN, 127 * down, due_ns)

    def _leave_out(self, note: PlannedNote, now: int) -> Report:
        self.lateness.skip()
        late_ms = (now - note.due_ns) / MS
        return Report(now, "late", {"due_ns": note.due_ns, "late_ms": late_ms, "pitch": note.pitch})

    def _tell(self, now: int, kind: Kind, number: int, value: int, due_ns: int) -> None:
        self._played(Performed(now, kind, number, value, self._channel), due_ns)


def _cut(due: _Due, at_ns: int) -> _Due:
    """What is due, no note sounding beyond an instant."""
    if due.note is None or due.note.off_ns <= at_ns:
        return due
    note = replace(due.note, off_ns=max(at_ns, due.note.due_ns))
    return replace(due, note=note, due_ns=min(due.due_ns, at_ns) if due.order == _END else due.due_ns)
