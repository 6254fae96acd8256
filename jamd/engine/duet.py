"""Duet: jamd plays along, each beat made from what was heard up to `commit_beats` before it, and the next with it.

A beat is made on a fork of the stream in which everything certain stands: what was performed, and jamd's notes up to
that beat. What the performer will do meanwhile is made up by the model and forgotten. Its plan replaces the one before
from that beat on, and never yields. The stream itself, log and memory, is woven a little later, when it is known what
both have played. After four bars without the performer jamd waits.
"""

from __future__ import annotations

from dataclasses import dataclass

from jamd.engine.core import MS, Core, is_note_on
from jamd.engine.improviser import Answer, Opening
from jamd.engine.manners import State
from jamd.engine.openings import HALF_SLOT, Group, groups, leading, parted
from jamd.engine.pace import Estimate
from jamd.engine.script import Script
from jamd.engine.turns import STEP_TOKENS
from jamd.engine.weave import Weave
from jamd.music.events import Performed, Turn
from jamd.music.plan import Plan, PlannedNote
from jamd.music.timeline import TICKS_PER_QUARTER, Timeline
from jamd.remi import vocabulary as v

SURE_NS = 50 * MS
"""So long after a note was due it is known whether it was played."""
REST_BARS = 4
"""After so many bars in which the performer strikes no key jamd waits for him."""
LATE_NS = 10 * MS
"""A plan that comes nearer to its first beat than this is not sent: the one before it goes on."""
MAKING_NS = 50 * MS
"""What a beat is taken to need before one was made."""


@dataclass(slots=True)
class _Beat:
    """A beat in the making, with those that follow."""

    tick: int
    answer: Answer
    begun_ns: int


class Duet:
    """Both play. Its stream is fed here alone."""

    def __init__(self, core: Core) -> None:
        self.core = core
        start = max(core.watermark, core.heard_ns)
        self._weave = Weave(core.encoder, core.turn, start, core.log)
        self._making: _Beat | None = None
        self._next: int | None = None  # the tick of the beat to be made next
        self._struck_ns: int | None = None  # the performer's last key
        self._placed: dict[tuple[int, int], int] = {}  # onsets (ticks) of planned notes by due instant and pitch
        self._sound_ns = 0  # when the last planned note ends
        self._takes = Estimate(MAKING_NS, MAKING_NS // 4)  # to make a beat
        self._leaving: int | None = None  # no beat from this tick on
        if core.begun and core.turn is Turn.CALL and core.phrase.first_ns is not None:
            self._struck_ns = core.phrase.last_ns

    # ---- what comes in ---------------------------------------------------------------------------------------

    def hear(self, entry: Performed | Timeline) -> None:
        """Takes in what the wire has stamped."""
        core = self.core
        if is_note_on(entry):
            self._begin_exchange(entry.time_ns)
            self._struck_ns = entry.time_ns
        if isinstance(entry, Performed):
            core.phrase.hear(entry)
        self._weave.events.append(entry)
        if isinstance(entry, Timeline) and not self._weave.groups:
            self._weave.until(entry.time_ns + 1)

    def reach(self, watermark_ns: int) -> None:
        """The log is complete up to there: what is sure is woven in."""
        core = self.core
        if not core.begun:
            return
        self._flush(self._sure(watermark_ns))

    def miss(self, due_ns: int, pitch: int) -> None:
        """The player has left a note out."""
        if (due_ns, pitch) in self._placed:
            self._weave.left_out.add((self._placed[due_ns, pitch], pitch))

    def interrupt(self, time_ns: int, why: str) -> None:
        """Nothing sounds from here on; with the next beat jamd is there again."""
        if self._drop_beat() or self._weave.groups:
            self.core.tell(time_ns, why)
        self._weave.cut(self._timeline.tick_at(time_ns) if self.core.begun else 0)
        self._sound_ns = min(self._sound_ns, time_ns)

    def forget(self, time_ns: int) -> None:
        """What is being made, or played, ends here and was never begun."""
        self._drop_beat()
        self.core.stop(time_ns)

    def answer(self, time_ns: int, *, anew: bool = False) -> None:
        """Nobody's turn ends where both play."""
        self.core.tell(time_ns, "ignored", action="end_turn", why="in a duet both play all the time")

    def roll(self, time_ns: int, rolling: bool) -> None:
        """When the song stops, so does jamd, until the performer plays again."""
        if not rolling:
            self.core.stop(time_ns)
            self.interrupt(time_ns, "stopped")
            self._struck_ns = self._next = None

    def leave(self, now: int) -> bool:
        """jamd plays on to the next bar line, and is then gone."""
        core = self.core
        self._drop_beat()
        if self._leaving is None:
            self._leaving = core.watermark
            if self._weave.groups:
                tick = self._timeline.next_bar_line(self._timeline.tick_at(max(now, core.watermark)) + 1)
                self._leaving = self._timeline.time_at(tick)
                self._weave.cut(tick)
                core.stop(self._leaving)
        if self._sure(core.watermark) < self._leaving:
            return False
        self._flush(core.watermark)
        if core.begun:
            self._weave.pass_to(Turn.CALL, max(core.watermark, self._weave.last_ns + 1))
            for event in self._weave.events:
                core.encoder.feed(event)
        core.turn = Turn.CALL
        core.phrase.begin()
        core.become(State.LISTENING, now)
        return True

    def stay(self) -> None:
        """jamd plays on: what was to sound behind the bar line is made anew."""
        if self._leaving is not None:
            self._leaving = self._next = None

    @property
    def finished(self) -> bool:
        """True when jamd plays no more, since the performer does not."""
        return self._making is None and not self._weave.groups and self._next is None

    # ---- the work --------------------------------------------------------------------------------------------

    def step(self, now: int) -> bool:
        """Does a piece of what is to do; True where more waits to be done at once."""
        if self.core.improviser.listen():
            return True
        beat = self._making
        if beat is None:
            return self._consider(max(now, self.core.watermark))
        for _ in range(STEP_TOKENS):
            self.core.improviser.step()
        if beat.answer.done:
            self._hand_on(beat, now)
        return self._making is not None

    def _consider(self, now: int) -> bool:
        """Begins the next beat when it is near enough."""
        if self._struck_ns is None or self._leaving is not None:
            return False
        timeline = self._timeline
        tick, soonest, commit = timeline.tick_at(now), *self._reach(timeline)
        if self._rests(now):
            self._next = None
            if not self._weave.groups:
                self.core.become(State.LISTENING, now)
            return False
        if self._next is None or self._next < tick + soonest:  # at first, and after a stall
            self._next = timeline.next_beat(tick + max(soonest, self._asked(timeline)))
        if self._next > tick + commit:
            return False
        self._begin(self._next, timeline, now)
        self._next = timeline.next_beat(self._next + 1)
        return self._making is not None

    def _asked(self, timeline: Timeline) -> int:
        """So many ticks before it a beat becomes certain, by the settings."""
        return int(self.core.manners.commit_beats * timeline.metre.beat_ticks)

    def _reach(self, timeline: Timeline) -> tuple[int, int]:
        """The nearest beat, in ticks, that can still be made; and so near to it a beat becomes certain: as is set, or
        on a slow machine as early as it must be, but within a bar."""
        soonest, safe = (
            (takes_ns + LATE_NS) * TICKS_PER_QUARTER // timeline.ns_per_quarter + HALF_SLOT
            for takes_ns in (self._takes.mean, self._takes.bound())
        )
        return soonest, max(self._asked(timeline), soonest, min(safe, timeline.metre.ticks))

    def _begin(self, tick: int, timeline: Timeline, now: int) -> None:
        """Begins a beat, on a fork of the stream up to it; what the performer does until then is made up with it."""
        core, fork, manners = self.core, self._weave.fork(), self.core.manners
        place, edge_ns = fork.encoder.place, timeline.time_at(tick - HALF_SLOT)
        fork.until(edge_ns)
        ripe_ns = edge_ns + _ns(timeline.metre.beat_ticks, timeline)
        told, place, ours = parted(fork.encoder.advance(ripe_ns), place, timeline.tick_at(now))
        bars, slot = leading(place, timeline.tick_at(now) + v.SLOT_TICKS)
        end = tick + int((1 + manners.lookahead_beats) * timeline.metre.beat_ticks)
        script, changes = Script(ours, tick, joins=self._is_out(now)), core.changes(timeline)
        opening = Opening(place, bars, end, core.turns, earliest=slot, script=script, changes=changes)
        core.turns += 1
        self._making = _Beat(tick, core.improviser.begin(told, opening), now)

    def _hand_on(self, beat: _Beat, now: int) -> None:
        """The beat and those behind it replace what was planned for them."""
        core, timeline = self.core, self._timeline
        self._takes.add(min(now - beat.begun_ns, _ns(timeline.metre.ticks, timeline)))  # more is a disturbance
        said = groups(beat.answer.ids, beat.answer.opening.place)
        once = {group.tick: group for group in reversed(list(said)) if group.tick >= beat.tick}
        made = list(reversed(once.values()))  # a slot that it comes back to stays as it was
        self._drop_beat()
        from_ns = timeline.time_at(beat.tick - HALF_SLOT)
        if from_ns < now + LATE_NS:
            core.tell(now, "beat_left_out", due_ns=from_ns)
            return
        if not made and not any(group.tick >= beat.tick for group in self._weave.groups):
            return
        self._weave.replace_from(beat.tick, made)
        plan = Plan(core.heard, from_ns, self._planned(made, timeline, now), yields=False)
        core.tell(from_ns, "plan", notes=len(plan.notes), until_ns=self._sound_ns, final=False)
        core.play(plan)
        if plan.notes:
            core.become(State.PLAYING, now)

    def _planned(self, made: list[Group], timeline: Timeline, now: int) -> tuple[PlannedNote, ...]:
        at, planned = timeline.time_at, list[PlannedNote]()
        self._placed = {key: tick for key, tick in self._placed.items() if key[0] > now - 1000 * MS}
        for note in (note for group in made for note in group.notes):
            planned.append(PlannedNote(at(note.onset), at(note.onset + note.duration), note.pitch, note.velocity))
            self._placed[planned[-1].due_ns, note.pitch] = note.onset
        self._sound_ns = max([self._sound_ns, *(note.off_ns for note in planned)])
        return tuple(planned)

    def _drop_beat(self) -> bool:
        """What is being made leaves memory; True if there was anything."""
        making, self._making = self._making, None
        if making is not None:
            self.core.improviser.take_back()
        return making is not None

    # ---- the stream ------------------------------------------------------------------------------------------

    def _begin_exchange(self, time_ns: int) -> None:
        """The performer's first note, or the first after a rest: what then follows can be undone."""
        core = self.core
        if core.begun and self._struck_ns is not None and not self._rests(time_ns) and core.last_exchange:
            return
        self._weave.until(time_ns)
        if core.begun:
            core.remember(time_ns)
        else:
            core.struck(time_ns)

    def _is_out(self, now: int) -> bool:
        """Whether jamd has been silent for a bar."""
        timeline = self._timeline
        return now - self._sound_ns > _ns(timeline.metre.ticks, timeline)

    def _rests(self, now: int) -> bool:
        timeline = self._timeline
        bars_ns = _ns(REST_BARS * timeline.metre.ticks, timeline)
        return self._struck_ns is not None and now - self._struck_ns > bars_ns

    def _sure(self, watermark_ns: int) -> int:
        """The instant up to which it is known what jamd has played."""
        if not self._weave.groups:
            return watermark_ns
        return watermark_ns - SURE_NS - _ns(v.SLOT_TICKS, self._timeline)

    def _flush(self, time_ns: int) -> None:
        """Weaves in what stands before an instant, and lets memory have what that makes certain."""
        self._weave.until(time_ns)
        self.core.turn = self._weave.turn
        self.core.advance(time_ns)

    @property
    def _timeline(self) -> Timeline:
        """The last Timeline that came, woven in or not."""
        waiting = [entry for entry in self._weave.events if isinstance(entry, Timeline)]
        return waiting[-1] if waiting else self.core.timeline


def _ns(ticks: int, timeline: Timeline) -> int:
    """How long so many ticks last."""
    return ticks * timeline.ns_per_quarter // TICKS_PER_QUARTER
