"""An answer in time: where it stands in the log, when it begins, and what of it is ready to be played."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from jamd.engine.exchanges import Past
from jamd.engine.improviser import Answer
from jamd.music.events import LogEntry, Performed
from jamd.music.note import Note, Pedal
from jamd.music.plan import Plan, PlannedNote, PlannedPedal
from jamd.music.timeline import Timeline
from jamd.remi import vocabulary as v
from jamd.remi.encoder import Encoder

ENTRY_LEAD_NS = 2_000_000
"""From the plan to its first note at the soonest: the wire looks for plans every half millisecond."""


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
    ends_ns: int | None = None
    """No note sounds longer; None: as long as it says."""
    waiting: list[Note | Pedal] = field(default_factory=list)
    """Made, not yet planned."""
    later: list[Performed | Timeline] = field(default_factory=list)
    """What came in since: it stands after the answer in the log."""
    end_ns: int = 0
    """When all that is planned has ended."""
    placed: dict[tuple[int, int], int] = field(default_factory=dict)
    """Onsets (ticks) of planned notes by due instant and pitch."""
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

    def plan(self, heard: int, known_ns: int, now: int) -> Plan | None:
        """What stands complete, placed in time; None where nothing new does. The first plan fixes the entry.

        It knows of `heard` note-ons, and of all that was performed up to `known_ns`.
        """
        complete = self._complete()
        if not complete:
            return None
        if self.begin_ns is None:
            self.begin_ns = max(self.over_ns, now + ENTRY_LEAD_NS)
            self.timeline = replace(self.timeline, time_ns=self.begin_ns, tick=min(map(tick_of, complete)))
            self.entry_tick = None if self._finished() else self.answer.tick
        self.waiting = [e for e in self.waiting if e not in complete]
        plan = self._placed(complete, heard, now + ENTRY_LEAD_NS)
        self.begin_ns = min(self.begin_ns, plan.from_ns)  # a first note may come a little before its beat
        return replace(plan, over_ns=self.ended_ns, known_ns=known_ns)

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
        if (due_ns, pitch) in self.placed:
            self.left_out.add((self.placed[due_ns, pitch], pitch))

    def stopped(self, time_ns: int) -> int:
        """It ends at an instant, with what is due then left out; the tick that it was heard to."""
        self.left_out |= {(onset, pitch) for (due_ns, pitch), onset in self.placed.items() if due_ns >= time_ns}
        self.left_out |= {(event.onset, event.pitch) for event in self.waiting if isinstance(event, Note)}
        return self.timeline.tick_at(time_ns - 1) + 1

    def _placed(self, events: list[Note | Pedal], heard: int, soonest_ns: int) -> Plan:
        at = self.timeline.time_at
        notes, pedals = [], []
        for event in events:
            due_ns = max(at(tick_of(event)), self.entered_ns + 1)
            if self._enters(event):
                due_ns = max(due_ns, soonest_ns)
            if isinstance(event, Pedal):
                pedals.append(PlannedPedal(due_ns, event.down))
            else:
                off_ns = at(event.onset + event.duration) + due_ns - at(event.onset)
                off_ns = off_ns if self.ends_ns is None else min(off_ns, self.ends_ns)
                notes.append(PlannedNote(due_ns, off_ns, event.pitch, event.velocity))
                self.placed[due_ns, event.pitch] = event.onset
        dues = [n.due_ns for n in notes] + [p.due_ns for p in pedals]
        self.entered_ns = max(dues) if any(map(self._enters, events)) else self.entered_ns
        self.end_ns = max(self.end_ns, *dues, *(n.off_ns for n in notes))
        return Plan(heard, min(dues), tuple(notes), tuple(pedals), self.answer.done, self.yields)


def tick_of(event: Note | Pedal) -> int:
    return event.onset if isinstance(event, Note) else event.tick
