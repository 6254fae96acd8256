"""Taking turns: an answer is drafted, handed on, heard, and yields; when and how long is for its modes to say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from jamd.engine.core import Core, is_note_on
from jamd.engine.draft import ENTRY_LEAD_NS, Draft
from jamd.engine.exchanges import Past
from jamd.engine.improviser import Opening
from jamd.engine.manners import State
from jamd.engine.openings import groups, steps
from jamd.engine.weave import Weave
from jamd.music.events import Answered, LogEntry, Performed, Turn, TurnChange
from jamd.music.timeline import Timeline
from jamd.remi import vocabulary as v
from jamd.remi.place import Place

STEP_TOKENS = 4
NOTE_TOKENS = 2 * STEP_TOKENS
"""From the choice of a slot until a note in it is handed on: its own, the next Position, and the rest of that step."""


class Turns(ABC):
    """What modes of one answer at a time share. An answer yields as soon as the performer plays."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.draft: Draft | None = None

    # ---- for the modes ---------------------------------------------------------------------------------------

    @abstractmethod
    def consider(self, now: int) -> bool:
        """Begins a draft if it is time; True where more waits."""

    def disturbed(self, draft: Draft, entry: Performed | Timeline) -> None:
        """Something has come while a draft stands."""
        if entry.time_ns < draft.over_ns or (is_note_on(entry) and not self.core.comps(entry)):
            if draft.planned and not draft.yields:
                self.core.stop(entry.time_ns)
            self.interrupt(entry.time_ns, "barge_in")

    def struck(self, time_ns: int) -> None:
        """The performer strikes a key."""
        if self.draft is None:
            self.core.struck(time_ns)

    def wants(self, draft: Draft, now: int) -> bool:
        """Whether more of the answer should be made by now."""
        return True

    def ended(self, draft: Draft, now: int) -> bool:
        """Whether the answer has been heard to its end."""
        return draft.over and self.core.watermark >= draft.end_ns

    def close(self, draft: Draft, now: int) -> None:
        """The answer has been heard to its end."""
        self.settle(draft, None)
        self.core.become(State.LISTENING, now)

    # ---- what comes in ---------------------------------------------------------------------------------------

    def hear(self, entry: Performed | Timeline) -> None:
        """Takes in what the wire has stamped."""
        core = self.core
        if self.draft is not None:
            self.disturbed(self.draft, entry)
        if isinstance(entry, Timeline):
            if self.draft is not None:
                self.draft.move(entry)
        else:
            if is_note_on(entry):
                self.struck(entry.time_ns)
            if not core.comps(entry):
                core.phrase.hear(entry)
        if self.draft is not None and entry.time_ns >= self.draft.over_ns:
            self.draft.later.append(entry)
        else:
            core.encoder.feed(entry)

    def reach(self, watermark_ns: int) -> None:
        """The log is complete up to there."""
        if self.draft is not None:
            watermark_ns = min(watermark_ns, self.draft.over_ns)
        if self.core.turn is Turn.CALL:
            self.core.advance(watermark_ns)

    def miss(self, due_ns: int, pitch: int) -> None:
        """The player has left a note out."""
        if self.draft is not None:
            self.draft.miss(due_ns, pitch)

    def roll(self, time_ns: int, rolling: bool) -> None:  # noqa: B027 - only who counts bars has to do something
        """The song begins or stops: who takes turns by ear goes on."""

    @property
    def finished(self) -> bool:
        """True where nothing is under way, and nothing was left unanswered."""
        return self.draft is None and (self.core.turn is Turn.RESPONSE or self.core.phrase.over_at() is None)

    def leave(self, now: int) -> bool:
        """True when no answer is on its way; one that is only drafted is dropped."""
        if self.draft is not None and not self.draft.planned:
            self.drop()
        return self.draft is None

    def stay(self) -> None:  # noqa: B027 - what was dropped is begun anew
        """The other mode is not wanted any more."""

    # ---- the work --------------------------------------------------------------------------------------------

    def step(self, now: int) -> bool:
        """Does a piece of what is to do; True where more waits to be done at once."""
        core = self.core
        if core.improviser.listen():
            return True
        draft = self.draft
        if draft is None:
            return self.consider(now)
        if not draft.answer.sampled:
            core.tell(now, "first_token", turn=draft.answer.opening.turn)
        draft.by_note = core.pace.by_note
        if core.watermark >= draft.out_ns:  # before any sampling: `now` is the entry's, and it grows old
            self._hand_on(draft, now)
        if core.watermark >= draft.certain_ns:
            self._decide(draft, now)
        if draft.sounds_by(core.watermark):
            self._pass_turn(draft)
        if core.turn is Turn.RESPONSE and self.ended(draft, now):
            self.close(draft, now)
            return False
        if draft.answer.done or not self.wants(draft, now):
            return False
        self._make(draft, now)
        return not draft.answer.done

    def _make(self, draft: Draft, now: int) -> None:
        """A few tokens more, but no note that would be late before it is made: rather fewer notes, on time."""
        core, was_behind = self.core, draft.behind
        soonest_ns, made = now + ENTRY_LEAD_NS + core.pace.time_for(NOTE_TOKENS), 0
        opens = draft.begin_ns is None and not draft.ready
        while made < STEP_TOKENS and not (opens and draft.ready):  # its first note is waited for
            draft.keep_ahead_of(soonest_ns)
            draft.waiting.extend(core.improviser.step())
            made += 1
        if draft.behind and not was_behind:
            core.tell(now, "behind", turn=draft.answer.opening.turn)
        if not draft.answer.done:
            core.pace.begin(now, made)

    def begin(
        self,
        over_ns: int,
        begin_ns: int | None,
        now: int,
        opening: Callable[[Place, Timeline], Opening],
        *,
        bar: bool = False,
        out_ns: int | None = None,
        yields: bool = True,
        ended_ns: int = 0,
    ) -> Draft:
        """Begins the answer to what will be over at `over_ns`, on a copy of the encoder; `bar`: on a bar of its own."""
        core = self.core
        before, encoder = core.encoder.fork(), core.encoder.fork()
        timeline = encoder.timeline
        entries: tuple[LogEntry, ...] = (TurnChange(over_ns, Turn.RESPONSE),)
        if bar:
            timeline = timeline.successor(over_ns, downbeat=timeline.tick_at(over_ns))
            entries = (*entries, timeline)
        for entry in entries:
            encoder.feed(entry)
        tail = encoder.advance(over_ns)
        answer = core.improviser.begin(tail, opening(encoder.place, timeline))
        past = Past(over_ns, before, core.improviser.remember(), Turn.CALL)
        out_ns = over_ns if out_ns is None else out_ns
        draft = Draft(encoder, over_ns, entries, answer, timeline, begin_ns, out_ns, past, yields, ended_ns)
        core.tell(now, "draft", turn=core.turns, over_ns=over_ns, tail=len(tail))
        self.draft = draft
        return draft

    def opening(self, place: Place, tick: int, end_tick: int) -> Opening:
        """Where an answer that begins at a tick stands.

        Bars as the tokens count them: those of a metre that the language cannot say are split or cut short.
        """
        bars, slot = steps(place, tick)
        first, changes = (*(v.BAR,) * bars, v.POSITION.id(slot)), self.core.changes(self.core.timeline)
        return Opening(place, first, end_tick, self.core.turns, changes=changes)

    def _hand_on(self, draft: Draft, now: int) -> None:
        """Plans what stands complete."""
        core = self.core
        plan = draft.plan(core.heard, core.watermark, now)
        if plan is not None:
            core.play(plan)
            core.tell(plan.from_ns, "plan", notes=len(plan.notes), until_ns=draft.end_ns, final=plan.final)

    def _decide(self, draft: Draft, now: int) -> None:
        """The phrase is over, and it is jamd's turn: people see that."""
        core = self.core
        if core.turn is Turn.CALL:
            core.become(State.THINKING, now)
        if draft.planned and not draft.told:
            draft.told = True
            core.tell(now, "phrase_end", over_ns=draft.over_ns, turn=draft.answer.opening.turn)

    def _pass_turn(self, draft: Draft) -> None:
        """The answer sounds: from here on the turn is jamd's."""
        core = self.core
        if core.turn is Turn.CALL:
            core.turn = Turn.RESPONSE
            for entry in draft.turn_entries:
                core.log(entry)
            core.answered(draft.past)
            core.become(State.PLAYING, draft.begin_ns or draft.over_ns)

    # ---- the answer's end ------------------------------------------------------------------------------------

    def interrupt(self, time_ns: int, why: str) -> None:
        """An answer not yet heard was never begun; one that sounds ends here, and memory holds what was heard."""
        draft = self.draft
        if draft is None:
            return
        if draft.sounds_by(time_ns - 1):  # what is due at this very instant is not played any more
            self._pass_turn(draft)
            self.core.tell(time_ns, why, turn=draft.answer.opening.turn)
            self.settle(draft, draft.stopped(time_ns))
        else:
            planned = draft.planned
            self.drop()
            self.core.tell(time_ns, "taken_back", planned=planned)
        self.core.become(State.LISTENING, time_ns)

    def forget(self, time_ns: int) -> None:
        """The answer ends here and was never begun."""
        if self.draft is not None and self.draft.planned:
            self.core.stop(time_ns)
        self.drop()

    def drop(self) -> None:
        """The answer was never begun."""
        draft, self.draft = self.draft, None
        if draft is None:
            return
        self.core.improviser.take_back()
        if self.core.turn is Turn.CALL:  # else the log says that it was heard: whoever drops it has more to forget
            for entry in draft.later:
                self.core.encoder.feed(entry)

    def settle(self, draft: Draft, heard_to: int | None, back_ns: int | None = None) -> None:
        """The answer was heard, whole or up to a tick: it stands where its turn began, what came since behind it.

        At `back_ns` the turn is the performer's again; None: when he plays, or now where his left hand has gone on.
        """
        core, played = self.core, [entry for entry in draft.later if is_note_on(entry)]
        self.draft = None
        core.turns += 1
        if back_ns is None and played:
            back_ns = max(core.heard_ns, core.watermark, draft.over_ns + 1)
        core.encoder = draft.encoder
        place = draft.answer.opening.place
        weave = Weave(core.encoder, Turn.RESPONSE, draft.over_ns, core.log, joined=False, place=place)
        weave.events.extend(draft.later)
        alone = back_ns is None or not any(entry.time_ns < back_ns for entry in played)
        ids = core.improviser.settle(heard_to, draft.left_out, alone=alone)
        if alone:
            core.mark(Answered(draft.over_ns, ids))
            core.encoder.advance(draft.over_ns)  # says the answer's tokens, which memory holds already
        else:
            if played[0].time_ns > draft.over_ns:  # jamd's turn had begun, even if he has joined before its first note
                core.mark(Answered(draft.over_ns, ()))
            weave.groups.extend(groups(ids, place))
        if back_ns is not None:
            weave.until(back_ns)
            core.remember(back_ns)
            core.turn = weave.turn
            core.pass_back(back_ns, joins=weave.joined)
            weave.groups.clear()
        for entry in weave.events if alone or back_ns is not None else ():
            core.encoder.feed(entry)
