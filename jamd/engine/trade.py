"""Trade: so many bars for the performer, as many for jamd, and so on, exactly; an answer begins on the downbeat.

It is drafted a beat before, begun anew while notes come in, handed on shortly before the bar line, and mended behind
what is then certain. Who plays over jamd's bars is heard as a second voice; he is given way only when he insists.
His silent turns are turns, which jamd answers from what it remembers; after two in a row it waits for him.
"""

from __future__ import annotations

from dataclasses import replace

from jamd.engine.core import MS, Core, is_note_on
from jamd.engine.draft import Draft, tick_of
from jamd.engine.improviser import Opening
from jamd.engine.manners import State
from jamd.engine.openings import HALF_SLOT, kept, leading, spelled
from jamd.engine.phrase import CHORD_NS
from jamd.engine.turns import Turns
from jamd.music.events import Performed, Turn
from jamd.music.plan import Plan
from jamd.music.timeline import Timeline
from jamd.remi import vocabulary as v
from jamd.remi.place import Place

OUT_NS = 120 * MS
"""So long before its downbeat an answer is handed on: the wire must have it, whatever holds it up."""
LEAST_DRAFT_NS = 400 * MS
"""An answer is begun a beat before its downbeat, in a fast tempo or on a slow machine earlier."""
MEND_NS = 300 * MS
"""What is due within this is not mended: more takes its time to be made, on a slow machine still more."""
INSISTS = 6
"""Onsets within one of jamd's turns (chords count once, pick-ups do not) by which the performer takes it."""
SILENT_TURNS = 2
"""After so many turns without a note jamd waits until the performer plays."""


class Trade(Turns):
    """The bars decide when. `N` is `trade_bars`."""

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self._boundary: int | None = None  # the tick at which jamd begins next, or has begun
        self._notes = self._pick_ups = 0  # of the performer, in his turn, and at the end of jamd's
        self._silent = 0  # turns in a row
        self._onsets: list[int] = []  # of his notes in jamd's turn
        self._mending = False
        if core.begun and core.phrase.first_ns is not None and core.turn is Turn.CALL:
            self._count_from(core.phrase.first_ns)
            self._notes = 1
        elif core.begun and core.rolling:
            self._count_from(max(core.watermark, core.heard_ns))

    # ---- what comes in ---------------------------------------------------------------------------------------

    def struck(self, time_ns: int) -> None:
        """A note of his own turn; in jamd's it counts as a pick-up, or to insist."""
        core, draft = self.core, self.draft
        if draft is not None and time_ns >= draft.over_ns:
            self._pick_ups += time_ns >= self._pick_up_ns(draft)
            return
        if not core.begun or core.turn is Turn.RESPONSE:
            core.struck(time_ns)
        elif core.last_exchange is None:
            core.remember(time_ns)
        else:
            core.play_on()
        self._notes += 1
        if self._boundary is None or core.timeline.time_at(self._boundary) <= time_ns:
            self._count_from(time_ns)

    def disturbed(self, draft: Draft, entry: Performed | Timeline) -> None:
        """What comes before the downbeat belongs to the call: it is drafted anew, or mended."""
        if entry.time_ns < draft.over_ns:
            if self.core.turn is Turn.CALL and self._moves_bars(draft, entry):
                self.forget(entry.time_ns)
            elif draft.planned:
                self._mending = True
            else:
                self.drop()
        elif is_note_on(entry) and not self.core.comps(entry) and self._insists(draft, entry.time_ns):
            self.core.stop(entry.time_ns)
            self.interrupt(entry.time_ns, "barge_in")

    def interrupt(self, time_ns: int, why: str) -> None:
        """jamd's turn ends here: the rest of its bars is the performer's, and then those of his own turn."""
        draft = self.draft
        if draft is not None and draft.sounds_by(time_ns):
            self._pass_turn(draft)
            self.core.tell(time_ns, why, turn=draft.answer.opening.turn)
            self._back(draft, time_ns, draft.timeline.tick_at(time_ns))
        else:
            super().interrupt(time_ns, why)

    def answer(self, time_ns: int, *, anew: bool = False) -> None:
        """The turn passes at the next bar line that is not too near."""
        core = self.core
        if self.draft is None and core.begun and core.turn is Turn.CALL:
            near = core.timeline.tick_at(time_ns + self._lead_ns(core.timeline)) + 1
            self._boundary = core.timeline.next_bar_line(near)
            self._notes = max(self._notes, 1)

    def roll(self, time_ns: int, rolling: bool) -> None:
        """The song begins with the performer's turn; when it stops, so does jamd."""
        if not rolling:
            if self.draft is not None and self.draft.planned:
                self.core.stop(time_ns)
            self.interrupt(time_ns, "stopped")
            self._boundary = None
        elif self.core.begun and self.draft is None:
            self._count_from(time_ns)

    @property
    def finished(self) -> bool:
        """True where nothing is under way, and nothing was left unanswered."""
        return self.draft is None and (self.core.turn is Turn.RESPONSE or not self._notes)

    # ---- the work --------------------------------------------------------------------------------------------

    def step(self, now: int) -> bool:
        """Does a piece of what is to do; True where more waits to be done at once."""
        draft = self.draft
        if self._mending and draft is not None and not self.core.improviser.listen():
            self._mending = False
            self._mend(draft, now)
        return super().step(now)

    def consider(self, now: int) -> bool:
        """Begins a draft when the bar line is near."""
        core = self.core
        if self._boundary is None or core.turn is not Turn.CALL or not core.begun:
            return False
        if not _is_bar_line(self._boundary, core.timeline):  # a clock has moved them: his turn begins with them
            self._count_from(core.watermark)
        begin_ns = core.timeline.time_at(self._boundary)
        lead_ns = self._lead_ns(core.timeline)
        if begin_ns - lead_ns > core.watermark:
            return False
        if self._silent + (not self._notes) > SILENT_TURNS:
            return False
        if begin_ns - OUT_NS // 2 < max(now, core.watermark):  # too late: it is still the performer's turn
            core.tell(now, "turn_left_out", due_ns=begin_ns)
            self._boundary += core.manners.trade_bars * core.timeline.metre.ticks
            return False
        tick, end = self._boundary, self._boundary + core.manners.trade_bars * core.timeline.metre.ticks
        draft = self.begin(
            begin_ns,
            begin_ns,
            now,
            lambda place, _: self._opening(place, tick, end),
            out_ns=begin_ns - OUT_NS,
            yields=False,
        )
        draft.ends_tick = end
        self._onsets.clear()
        return True

    def ended(self, draft: Draft, now: int) -> bool:
        """Whether its last bar has gone by."""
        return self.core.watermark >= draft.timeline.time_at(draft.answer.opening.end_tick)

    def close(self, draft: Draft, now: int) -> None:
        """The turn is the performer's on the bar line, whether he plays or not."""
        end = draft.answer.opening.end_tick
        self._back(draft, draft.timeline.time_at(end), None if draft.over else end)

    def _back(self, draft: Draft, time_ns: int, heard_to: int | None) -> None:
        """The performer's turn begins, with the rest of jamd's bars if it is early."""
        end = draft.answer.opening.end_tick
        self.settle(draft, heard_to, max(time_ns, draft.over_ns + 1))
        self.core.become(State.LISTENING, time_ns)
        self._boundary = end + self.core.manners.trade_bars * self.core.timeline.metre.ticks
        self._silent = 0 if self._notes else self._silent + 1
        if not self._pick_ups:
            self.core.answered(draft.past)  # until he plays on it may be answered anew
        self._notes, self._pick_ups = self._pick_ups, 0

    def _pick_up_ns(self, draft: Draft) -> int:
        return draft.timeline.time_at(draft.answer.opening.end_tick - draft.timeline.metre.beat_ticks)

    def _moves_bars(self, draft: Draft, entry: Performed | Timeline) -> bool:
        return isinstance(entry, Timeline) and not _is_bar_line(draft.answer.opening.downbeat or 0, entry)

    def _insists(self, draft: Draft, time_ns: int) -> bool:
        """Whether he has played so much over jamd that the rest is his; pick-ups are of his own turn."""
        if time_ns < self._pick_up_ns(draft) and (not self._onsets or time_ns - self._onsets[-1] > CHORD_NS):
            self._onsets.append(time_ns)
            return len(self._onsets) >= INSISTS
        return False

    def _count_from(self, time_ns: int) -> None:
        """His bars are counted from the bar of his first note, or from the next one if that is a pick-up."""
        timeline = self.core.timeline
        tick, metre = timeline.tick_at(time_ns), timeline.metre
        line = timeline.next_bar_line(tick + 1)
        first = line if line - tick <= metre.beat_ticks < metre.ticks else line - metre.ticks
        self._boundary = first + self.core.manners.trade_bars * metre.ticks

    def _lead_ns(self, timeline: Timeline) -> int:
        beat = timeline.metre.beat_ticks * timeline.ns_per_quarter // 480
        return max(beat, LEAST_DRAFT_NS, OUT_NS + self.core.pace.margin_ns)

    def _mend(self, draft: Draft, now: int) -> None:
        """The call has gone on after its answer was handed on: what is far enough ahead is made anew."""
        core, old, begin = self.core, draft.answer, draft.answer.opening.downbeat or 0
        mend_ns = max(MEND_NS, OUT_NS + core.pace.margin_ns)
        tick = -(-(draft.timeline.tick_at(now + mend_ns) - begin) // v.SLOT_TICKS) * v.SLOT_TICKS + begin
        tick = max(min(tick, old.opening.end_tick if old.done else old.tick), begin)
        groups = kept(old.ids, old.opening.place, tick)
        core.improviser.take_back()
        from_ns = draft.timeline.time_at(tick - HALF_SLOT)
        core.play(Plan(core.heard, from_ns, yields=False))
        core.tell(now, "mended", from_ns=draft.timeline.time_at(tick))

        def opening(place: Place, _: Timeline) -> Opening:
            if not groups:
                return self._opening(place, begin, old.opening.end_tick)
            ids, reached = spelled(place, groups)
            bars, slot = leading(reached, tick) if tick < old.opening.end_tick else ((), v.POSITIONS)
            return replace(old.opening, place=place, first=(*ids, *bars), earliest=slot)

        new = self.begin(draft.over_ns, draft.begin_ns, now, opening, out_ns=draft.out_ns, yields=False)
        new.waiting = [event for event in draft.waiting if tick_of(event) < tick]
        new.later, new.ends_tick, new.end_ns = draft.later, draft.ends_tick, draft.end_ns
        new.placed, new.moved = [placed for placed in draft.placed if placed.due_ns < from_ns], draft.moved
        new.left_out = draft.left_out

    def _opening(self, place: Place, tick: int, end_tick: int) -> Opening:
        return replace(self.opening(place, tick, end_tick), ring=0, downbeat=tick)


def _is_bar_line(tick: int, timeline: Timeline) -> bool:
    return timeline.next_bar_line(tick) == tick
