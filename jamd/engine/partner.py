"""The partner: hears the performer, notices the end of the phrase, answers, yields when the performer plays.

Pure logic on the log's time: it is told what was performed and how far the log reaches, and hands plans to
`send`. It never waits and owns no clock. One call of `step` does at most a few tokens' work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum

from jamd.engine.draft import Draft
from jamd.engine.improviser import Improviser, Opening, answer_ticks
from jamd.engine.phrase import Phrase, PhraseRule
from jamd.music.events import (
    ALL_NOTES_OFF,
    ALL_SOUND_OFF,
    RESET_CONTROLLERS,
    SUSTAIN,
    Answered,
    Kind,
    LogEntry,
    Performed,
    Turn,
    TurnChange,
)
from jamd.music.messages import Report
from jamd.music.plan import Plan
from jamd.music.timeline import FOUR_FOUR, Metre, Timeline, ns_per_quarter
from jamd.remi import vocabulary as v
from jamd.remi.encoder import Encoder
from jamd.remi.place import Place

MS = 1_000_000
DRAFT_AFTER_NS = 150 * MS
"""An answer is begun at this much silence: people plan before the other has ended (Levinson & Torreira 2015)."""
BEAT_LEAD_NS = 60 * MS
"""A beat nearer than this is too near to enter on."""
STEP_TOKENS = 4
FREE_BPM = 120.0
_CONTROLLERS = frozenset({SUSTAIN, ALL_SOUND_OFF, RESET_CONTROLLERS, ALL_NOTES_OFF})
"""Controllers that move the pedal or end notes."""


class State(Enum):
    """What the partner is doing."""

    LISTENING = "listening"
    THINKING = "thinking"
    PLAYING = "playing"


@dataclass(frozen=True, slots=True)
class Manners:
    """How the partner takes turns. `bpm` 0: the performer is free, each phrase begins a bar of its own."""

    rule: PhraseRule = field(default_factory=PhraseRule)
    entry: str = "auto"
    """`immediate`, `beat`, `bar`; `auto`: the next beat where the tempo is known, else at once."""
    bars: int = 0
    """Length of an answer in bars; 0: about as long as the call."""
    max_bars: int = 16
    bpm: float = 0.0
    metre: Metre = FOUR_FOUR


class Partner:
    """Call and response with one performer. `send` takes what the wire needs, `report` what people may see."""

    def __init__(
        self,
        improviser: Improviser,
        manners: Manners,
        send: Callable[[Plan | LogEntry], object],
        report: Callable[[Report], object],
    ) -> None:
        self._improviser, self._manners = improviser, manners
        self._send, self._report = send, report
        self._phrase = Phrase(manners.rule)
        self._encoder = Encoder()
        self._turn = Turn.CALL
        self._begun = False  # a Timeline stands
        self._clock: Timeline | None = None  # from somebody who says where the beats are
        self._resumed: Timeline | None = None  # the last one of this log, before this partner came
        self._draft: Draft | None = None
        self._turns = 0
        self._heard = 0
        self._watermark = 0
        self._ended = False
        self.state = State.LISTENING

    # what comes in

    def hear(self, entry: Performed | Timeline) -> None:
        """Takes in what the wire has stamped: performed events and, where there is a clock, Timelines."""
        if isinstance(entry, Performed) and entry.kind is Kind.CONTROL and entry.number not in _CONTROLLERS:
            return  # says nothing in the language: a wheel must not cost a draft
        if entry == self._clock:
            return  # told once more, because this or the wire is new
        draft = self._draft
        if draft is not None and (entry.time_ns < draft.over_ns or _is_note_on(entry)):
            self._yield(entry.time_ns)
        if isinstance(entry, Timeline):
            self._clock, self._begun = entry, True
            if self._draft is not None:
                self._draft.timeline = entry
        else:
            if _is_note_on(entry):
                self._heard += 1
                self._performer_plays(entry.time_ns)
            self._phrase.hear(entry)
        if self._draft is not None:
            self._draft.later.append(entry)
        if self._draft is None or self._turn is Turn.CALL:
            self._encoder.feed(entry)

    def reach(self, watermark_ns: int, heard: int) -> None:
        """The log is complete up to `watermark_ns`, and `heard` note-ons were performed in all."""
        self._watermark, self._heard = watermark_ns, heard
        if self._turn is Turn.CALL and self._begun:
            self._improviser.hear(self._encoder.advance(watermark_ns))

    def resume(self, timeline: Timeline) -> None:
        """This log was begun by another partner, who is gone; `timeline` was its last: ticks go on from there."""
        self._resumed = timeline

    def miss(self, due_ns: int, pitch: int) -> None:
        """The player has left a note out, since it would have come too late."""
        if self._draft is not None:
            self._draft.miss(due_ns, pitch)

    def end_of_input(self) -> None:
        """The performer will play no more: once what was played is answered, `finished` is true."""
        self._ended = True

    def interrupt(self, time_ns: int, *, deaf: bool = False) -> None:
        """What was being played has stopped (it came too late, or the wire died): the answer is what was heard of it.

        `deaf`: nobody listened for a while from then on, so keys and pedal that were down count as let go.
        """
        self._yield(time_ns, "interrupted")
        if deaf:
            for event in self._phrase.let_go(time_ns):
                self._send(event)
                self.hear(event)

    @property
    def finished(self) -> bool:
        """True when the input has ended and everything was answered."""
        nothing_to_answer = self._turn is Turn.RESPONSE or self._phrase.over_at() is None
        return self._ended and self._draft is None and nothing_to_answer

    # the work

    def step(self, now: int) -> bool:
        """Does a piece of what is to do; True where more waits to be done at once."""
        if self._improviser.listen():
            return True
        draft = self._draft
        if draft is None:
            return self._consider(now)
        if not draft.answer.sampled:
            self._report(Report(now, "first_token", {"turn": draft.answer.opening.turn}))
        if self._watermark >= draft.over_ns:  # before any sampling: `now` is the entry's, and it grows old
            if self._turn is Turn.CALL:
                self._become(State.THINKING, now)
            self._hand_on(draft, now)
        if draft.sounds_by(self._watermark):
            self._pass_turn(draft)
        if self._turn is Turn.RESPONSE and draft.over and now >= draft.end_ns:
            self._settle(None)
            self._become(State.LISTENING, now)
            return False
        for _ in range(STEP_TOKENS):
            draft.waiting.extend(self._improviser.step())
        return not draft.answer.done

    def _consider(self, now: int) -> bool:
        over = self._phrase.over_at()
        if over is None or not self._begun or self._turn is not Turn.CALL:
            return False
        if self._watermark < min(over, self._phrase.last_ns + DRAFT_AFTER_NS):
            return False
        self._begin(max(over, self._watermark), now)
        return True

    def _begin(self, over_ns: int, now: int) -> None:
        """Begins the answer to a phrase that will be over at `over_ns`, on a copy of the encoder."""
        encoder = self._encoder.fork()
        timeline = encoder.timeline
        begin_ns = self._entry(timeline, max(over_ns, now))
        entries: list[LogEntry] = [TurnChange(over_ns, Turn.RESPONSE)]
        if not self._grid:
            timeline = timeline.successor(over_ns, downbeat=timeline.tick_at(over_ns))
            entries.append(timeline)
        for entry in entries:
            encoder.feed(entry)
        tail = encoder.advance(over_ns)
        answer = self._improviser.begin(tail, self._opening(encoder.place, timeline, begin_ns or over_ns))
        self._draft = Draft(encoder, over_ns, tuple(entries), answer, timeline, begin_ns)
        self._report(Report(now, "draft", {"turn": self._turns, "over_ns": over_ns, "tail": len(tail)}))

    @property
    def _grid(self) -> bool:
        """True where beats are known: from a clock, or because the performer plays to a fixed tempo."""
        return self._clock is not None or self._manners.bpm > 0

    def _entry(self, timeline: Timeline, after_ns: int) -> int | None:
        """The instant of the next beat or bar to enter on; None: at once."""
        entry = self._manners.entry
        if entry == "auto":
            entry = "beat" if self._grid else "immediate"
        if entry == "immediate":
            return None
        tick = timeline.tick_at(after_ns + BEAT_LEAD_NS) + 1
        return timeline.time_at(timeline.next_bar_line(tick) if entry == "bar" else timeline.next_beat(tick))

    def _opening(self, place: Place, timeline: Timeline, begin_ns: int) -> Opening:
        """Where the answer that begins at an instant stands, and how long it is."""
        metre, tick = timeline.metre, timeline.tick_at(begin_ns)
        if not self._grid:  # the answer begins a bar of its own
            place = replace(place, bar_tick=tick - place.metre.ticks)
        # Bars as the tokens count them: those of a metre that the language cannot say are split or cut short.
        bars, into_bar = divmod(max(tick, place.tick) - place.bar_tick, place.metre.ticks)
        first = (*(v.BAR for _ in range(bars)), v.POSITION.id(into_bar // v.SLOT_TICKS))
        call = timeline.tick_at(self._phrase.last_ns) - timeline.tick_at(self._phrase.first_ns or 0)
        length = answer_ticks(call, metre, self._manners.bars, self._manners.max_bars)
        return Opening(place, first, tick + length, self._turns)

    def _hand_on(self, draft: Draft, now: int) -> None:
        """Plans what stands complete; the first time, this is the end of the phrase."""
        begun = draft.planned
        plan = draft.plan(self._heard, now)
        if plan is None:
            return
        if not begun:
            self._report(Report(now, "phrase_end", {"over_ns": draft.over_ns, "turn": draft.answer.opening.turn}))
        facts = {"notes": len(plan.notes), "until_ns": draft.end_ns, "final": plan.final}
        self._report(Report(plan.from_ns, "plan", {**facts}))
        self._send(plan)

    # the turn passes back

    def _performer_plays(self, time_ns: int) -> None:
        """A note-on: the first one ever, one that goes on, or one that begins a call."""
        if not self._begun:
            self._begun = True
            tempo = ns_per_quarter(self._manners.bpm or FREE_BPM)
            self._mark(TurnChange(time_ns, Turn.CALL))
            fresh = Timeline(time_ns, 0, tempo, self._manners.metre, 0)
            self._mark(self._resumed.successor(time_ns) if self._resumed else fresh)
        elif self._turn is Turn.RESPONSE:
            self._turn = Turn.CALL
            self._phrase.begin()
            self._mark(TurnChange(time_ns, Turn.CALL))
            if not self._grid:
                timeline = self._encoder.timeline
                self._mark(timeline.successor(time_ns, downbeat=timeline.tick_at(time_ns)))

    def _yield(self, time_ns: int, why: str = "barge_in") -> None:
        """An answer not yet heard was never begun; one that sounds ends here, and memory holds what was heard."""
        draft = self._draft
        if draft is None:
            return
        if draft.sounds_by(time_ns):
            self._pass_turn(draft)
            self._report(Report(time_ns, why, {"turn": draft.answer.opening.turn}))
            self._settle(draft.timeline.tick_at(time_ns))
        else:
            self._draft = None
            self._improviser.take_back()
            self._report(Report(time_ns, "taken_back", {"planned": draft.planned}))
        self._become(State.LISTENING, time_ns)

    def _pass_turn(self, draft: Draft) -> None:
        """The answer sounds: from here on the turn is jamd's."""
        if self._turn is Turn.CALL:
            self._turn = Turn.RESPONSE
            for entry in draft.turn_entries:
                self._send(entry)
            self._become(State.PLAYING, draft.begin_ns or draft.over_ns)

    def _settle(self, heard_to: int | None) -> None:
        """The answer was heard, whole or up to a tick: it stands where its turn began, what came since behind it."""
        draft = self._draft
        if draft is None:
            return
        self._draft = None
        self._turns += 1
        self._encoder = draft.encoder
        self._mark(Answered(draft.over_ns, self._improviser.settle(heard_to, draft.left_out)))
        self._encoder.advance(draft.over_ns)  # says the answer's tokens, which memory holds already
        for entry in draft.later:
            self._encoder.feed(entry)

    def _mark(self, entry: LogEntry) -> None:
        """An entry that the partner itself decides: for its own encoder and for the log."""
        self._encoder.feed(entry)
        self._send(entry)

    def _become(self, state: State, now: int) -> None:
        if state is not self.state:
            self.state = state
            self._report(Report(now, "state", {"state": state.value}))


def _is_note_on(entry: Performed | Timeline) -> bool:
    return isinstance(entry, Performed) and entry.kind is Kind.NOTE_ON
