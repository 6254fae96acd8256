"""An answer in time: where it stands in the log, when it begins, and what of it is ready to be played."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from jamd.engine.exchanges import Past
from jamd.engine.improviser import Answer
from jamd.engine.pace import LEAST_NS
from jamd.music.events import LogEntry, Performed
from jamd.music.note import Note, Pedal
from jamd.music.plan import Plan, PlannedNote, PlannedPedal
from jamd.music.timeline import Timeline
from jamd.remi import vocabulary as v
from jamd.remi.encoder import Encoder

ENTRY_LEAD_NS = 2_000_000
"""From the plan to its first note at the soonest: the wire looks for plans every half millisecond."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A note or pedal that was planned."""

    due_ns: int
    off_ns: int
    event: Note | Pedal

    def planned(self) -> PlannedNote | PlannedPedal:
        """As the wire is told."""
        if isinstance(self.event, Pedal):
            return PlannedPedal(self.due_ns, self.event.down)
        return PlannedNote(self.due_ns, self.off_ns, self.event.pitch, self.event.velocity)


@dataclass(slots=True)
class Draft:
    """An answer that is begun. Owned by the partner; nothing of it is heard before `begin_ns`."""

    encoder: Encoder
    """The encoder as it is after the turn has passed."""
    over_ns: int
    """The end of the phrase that this draft assumes: nothing is planned before the log has reached it."""
    turn_entries: tuple[LogEntry, ...]
    """What the log says when the turn passes."""
    answer: Answer
    timeline: Timeline
    """Places the answer in time."""
    begin_ns: int | None
    """When it begins; None: as soon as its first note stands."""
    out_ns: int
    """Its plan goes out when the log has reached this."""
    past: Past
    """How things stood before it."""
    yields: bool = True
    """Whether it stops when the performer plays."""
    ended_ns: int = 0
    """The end of the phrase, where the answer begins then or as soon as it can; 0: it begins where beats say."""
    ends_tick: int | None = None
    """No note sounds longer; None: as long as it says."""
    waiting: list[Note | Pedal] = field(default_factory=list)
    """Made, not yet planned."""
    later: list[Performed | Timeline] = field(default_factory=list)
    """What came in since: it stands after the answer in the log."""
    end_ns: int = 0
    """When all that is planned has ended."""
    placed: list[Placed] = field(default_factory=list)
    """What is planned, and what was."""
    moved: bool = False
    """Whether the beats have moved since: what is planned is placed anew."""
    left_out: set[tuple[int, int]] = field(default_factory=set)
    """Onset and pitch of notes that were not played: they would have come too late, or were cut off."""
    by_note: bool = False
    """Whether it may enter on a slot's first note, the others following as they are made."""
    entry_tick: int | None = None
    """The slot that it has entered on in the midst of writing it; None: on a whole one."""
    entered_ns: int = 0
    """When the last of what was planned of that slot is due."""
    told: bool = False
    """Whether people know that the phrase is over, and an answer on its way."""
    behind: bool = False
    """True once the music has overtaken its making, and a part of it was not made."""

    @property
    def planned(self) -> bool:
        """True once some of it is on its way to the wire."""
        return self.end_ns > 0

    @property
    def certain_ns(self) -> int:
        """When nothing can keep it from being heard any more, but a key that is struck."""
        return max(self.out_ns, self.ended_ns)

    @property
    def ready(self) -> bool:
        """True where something stands complete that is not yet planned."""
        return bool(self._complete())

    @property
    def over(self) -> bool:
        """True when all of it has been made and planned."""
        return self.answer.done and not self.waiting

    def sounds_by(self, time_ns: int) -> bool:
        """True if its first note has been due by then."""
        return self.planned and self.begin_ns is not None and self.begin_ns <= time_ns

    def move(self, timeline: Timeline) -> None:
        """The beats are elsewhere from now on."""
        self.timeline, self.moved = timeline, self.planned

    def plan(self, heard: int, known_ns: int, now: int) -> Plan | None:
        """What stands complete, placed in time; None where nothing new does. The first plan fixes the entry.

        It knows of `heard` note-ons, and of all that was performed up to `known_ns`.
        """
        anew_ns = self._recalled(now + LEAST_NS) if self.moved else None
        complete = self._complete()
        if not complete and anew_ns is None:
            return None
        if self.begin_ns is None:
            self._enter(complete, now)
        self.waiting = [e for e in self.waiting if e not in complete]
        placed = [self._place(event, now + ENTRY_LEAD_NS, anew_ns or 0) for event in complete]
        self.placed += placed
        self.end_ns = max([self.end_ns, *(p.off_ns for p in placed)])
        self.entered_ns = max([self.entered_ns, *(p.due_ns for p in placed if self._enters(p.event))])
        from_ns = min(p.due_ns for p in placed) if anew_ns is None else anew_ns
        if self.begin_ns is not None and self.begin_ns >= from_ns:  # a first note may come a little before its beat
            self.begin_ns = min((p.due_ns for p in self.placed), default=from_ns)
        told = [p.planned() for p in placed]
        return Plan(
            heard,
            from_ns,
            tuple(note for note in told if isinstance(note, PlannedNote)),
            tuple(pedal for pedal in told if isinstance(pedal, PlannedPedal)),
            final=self.answer.done,
            yields=self.yields,
            over_ns=self.ended_ns,
            known_ns=known_ns,
        )

    def _enter(self, first: list[Note | Pedal], now: int) -> None:
        """The answer begins, as the phrase ends or as soon as it can."""
        self.begin_ns = max(self.over_ns, now + ENTRY_LEAD_NS)
        self.timeline = replace(self.timeline, time_ns=self.begin_ns, tick=min(map(tick_of, first)))
        self.entry_tick = None if self._finished() else self.answer.tick

    def _recalled(self, from_ns: int) -> int | None:
        """What is due from an instant on waits again; the instant, or None where nothing does."""
        self.moved = False
        back = [placed for placed in self.placed if placed.due_ns >= from_ns]
        self.placed = [placed for placed in self.placed if placed.due_ns < from_ns]
        self.waiting[:0] = [placed.event for placed in back]
        self.end_ns = max((placed.off_ns for placed in self.placed), default=from_ns)
        return from_ns if back else None

    def _complete(self) -> list[Note | Pedal]:
        """What can be planned; of the slot that is being written only what the performer waits for."""
        enters = self.by_note and self.ended_ns > 0 and self.begin_ns is None
        if (enters or self.answer.tick == self.entry_tick) and any(isinstance(event, Note) for event in self.waiting):
            return self._finished() or list(self.waiting)
        return self._finished()

    def _finished(self) -> list[Note | Pedal]:
        complete_to = self.answer.tick - v.SLOT_TICKS // 2
        return [e for e in self.waiting if self.answer.done or tick_of(e) < complete_to]

    def _enters(self, event: Note | Pedal) -> bool:
        return self.entry_tick is not None and tick_of(event) < self.entry_tick + v.SLOT_TICKS // 2

    def keep_ahead_of(self, time_ns: int) -> None:
        """Begins no slot that is due before an instant, once it is known when the answer begins."""
        if self.begin_ns is not None:
            tick = self.timeline.tick_at(time_ns)
            self.behind = self.behind or tick - self.answer.tick > v.SLOT_TICKS
            self.answer.skip_to(tick)

    def miss(self, due_ns: int, pitch: int) -> None:
        """A planned note was left out by the player."""
        due = [p.event for p in self.placed if p.due_ns == due_ns]
        self._leave_out(event for event in due if isinstance(event, Note) and event.pitch == pitch)

    def stopped(self, time_ns: int) -> int:
        """It ends at an instant, with what is due then left out; the tick that it was heard to."""
        self._leave_out(p.event for p in self.placed if p.due_ns >= time_ns)
        self._leave_out(self.waiting)
        return self.timeline.tick_at(time_ns - 1) + 1

    def _leave_out(self, events: Iterable[Note | Pedal]) -> None:
        self.left_out |= {(event.onset, event.pitch) for event in events if isinstance(event, Note)}

    def _place(self, event: Note | Pedal, soonest_ns: int, anew_ns: int) -> Placed:
        at = self.timeline.time_at
        due_ns = max(at(tick_of(event)), self.entered_ns + 1, anew_ns)
        if self._enters(event):
            due_ns = max(due_ns, soonest_ns)
        if isinstance(event, Pedal):
            return Placed(due_ns, due_ns, event)
        off_ns = due_ns + at(event.onset + event.duration) - at(event.onset)
        return Placed(due_ns, off_ns if self.ends_tick is None else min(off_ns, at(self.ends_tick)), event)


def tick_of(event: Note | Pedal) -> int:
    return event.onset if isinstance(event, Note) else event.tick
