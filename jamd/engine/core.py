"""What every mode shares: the log, the encoder, whose turn it is, what was heard of the performer, and the past.

Modes decide when jamd plays; what is told of it goes through here, so that log and memory never part.
"""

from __future__ import annotations

from collections.abc import Callable

from jamd.engine.exchanges import Exchanges, Past
from jamd.engine.guide import Guide
from jamd.engine.improviser import Improviser
from jamd.engine.manners import Manners, State
from jamd.engine.pace import Pace
from jamd.engine.phrase import Phrase
from jamd.music.charts import Changes
from jamd.music.events import Kind, LogEntry, Performed, Turn, TurnChange, Undone
from jamd.music.messages import Report
from jamd.music.plan import Plan
from jamd.music.timeline import Timeline, ns_per_quarter
from jamd.remi.encoder import Encoder

MS = 1_000_000
FREE_BPM = 120.0


class Core:
    """The state that outlives a mode. Owned by the partner; written by the mode that is on."""

    def __init__(
        self,
        improviser: Improviser,
        manners: Manners,
        send: Callable[[Plan | LogEntry], object],
        report: Callable[[Report], object],
        pace: Pace,
    ) -> None:
        self.improviser, self.manners, self.pace = improviser, manners, pace
        self.send, self._report = send, report
        self.phrase = Phrase(manners.rule)
        self.encoder = Encoder()
        self.turn = Turn.CALL
        self.begun = False
        """Whether a Timeline stands."""
        self.clock: Timeline | None = None
        """The last one from somebody who says where the beats are."""
        self.rolling = False
        """Whether a song rolls that the clock counts."""
        self.resumed: Timeline | None = None
        """The last one of this log, before this partner came."""
        self.turns = 0
        self.heard = 0
        """Note-ons of the performer."""
        self.heard_ns = 0
        """The instant of the last that was heard of him."""
        self.watermark = 0
        self.state = State.LISTENING
        self._exchanges = Exchanges()
        self._guide = Guide(manners.chart, manners.split)
        self._chart_waits = False  # people know that there are no beats for it

    @property
    def grid(self) -> bool:
        """True where beats are known: from a clock, or because the performer plays to a fixed tempo."""
        return self.clock is not None or self.manners.bpm > 0

    @property
    def timeline(self) -> Timeline:
        """The Timeline that holds."""
        return self.encoder.timeline

    # what is told

    def play(self, plan: Plan) -> None:
        """To the wire."""
        self.send(plan)

    def stop(self, time_ns: int) -> None:
        """Nothing of jamd's sounds on from an instant; what was planned is forgotten."""
        self.send(Plan(self.heard, time_ns, final=True, yields=False, cuts=True))

    def log(self, entry: LogEntry) -> None:
        """An entry that is decided here: for the log."""
        self._exchanges.note(entry)
        self.send(entry)

    def mark(self, entry: LogEntry) -> None:
        """The same, for the encoder too."""
        self.encoder.feed(entry)
        self.log(entry)

    def tell(self, time_ns: int, what: str, **facts: int | float | str | bool) -> None:
        """To people."""
        self._report(Report(time_ns, what, facts))

    def become(self, state: State, now: int) -> None:
        """Another state, which people see."""
        if state is not self.state:
            self.state = state
            self.tell(now, "state", state=state.value)

    # what is heard

    def note(self, entry: Performed | Timeline) -> None:
        """Counts and keeps what was heard."""
        self._exchanges.note(entry)
        self.heard_ns = max(self.heard_ns, entry.time_ns)
        if isinstance(entry, Timeline):
            self.clock, self.begun = entry, True
        else:
            self._guide.hear(entry)
            self.heard += is_note_on(entry)

    def struck(self, time_ns: int) -> None:
        """A note-on while jamd does not play: the first one ever, one that goes on, or one that begins a call."""
        if not self.begun:
            self.remember(time_ns)
            self.begun = True
            tempo = ns_per_quarter(self.manners.bpm or FREE_BPM)
            self.mark(TurnChange(time_ns, Turn.CALL))
            fresh = Timeline(time_ns, 0, tempo, self.manners.metre, 0)
            self.mark(self.resumed.successor(time_ns) if self.resumed else fresh)
        elif self.turn is Turn.RESPONSE:
            self.remember(time_ns)
            self.pass_back(time_ns)
            if not self.grid:
                self.mark(self.timeline.successor(time_ns, downbeat=self.timeline.tick_at(time_ns)))
        elif self.phrase.first_ns is None:
            self.remember(time_ns)

    def pass_back(self, time_ns: int, *, joins: bool = False) -> None:
        """The turn is the performer's again."""
        self.turn = Turn.CALL
        self.phrase.begin()
        self.mark(TurnChange(time_ns, Turn.CALL, joins))

    def advance(self, time_ns: int) -> None:
        """The log is complete up to an instant: memory will hold what that makes certain."""
        if self.begun:
            self.improviser.hear(self.encoder.advance(time_ns))

    # chords

    def guided(self, watermark_ns: int) -> None:
        """The log is complete up to an instant: it is told of the chords, and an answer follows a left hand at once."""
        entries = self._guide.reach(watermark_ns, self.timeline if self.begun and self.grid else None)
        for entry in entries:
            self.log(entry)
        answer = self.improviser.answer
        if entries and self._guide.live and answer is not None and self.begun:
            answer.follow(self.changes(self.timeline))

    def comps(self, entry: Performed | Timeline) -> bool:
        """Whether this is of a left hand that names chords: it is music, but no phrase of its own, and stops nobody."""
        split = self.manners.split
        if split is None or not isinstance(entry, Performed):
            return False
        return entry.kind in (Kind.NOTE_ON, Kind.NOTE_OFF) and entry.number < split

    def let_go(self, time_ns: int) -> list[Performed]:
        """The events that let go of every key and pedal that is down."""
        return self.phrase.let_go(time_ns) + self._guide.let_go(time_ns)

    def changes(self, timeline: Timeline) -> Changes | None:
        """The chords that an answer says, if there are any."""
        if self._guide.chart is not None and not self.grid and not self._chart_waits:
            self._chart_waits = True
            why = "the chart needs to know where the beats are: start a MIDI clock, or set bpm; jamd plays without it"
            self.tell(self.watermark, "chart_waits", why=why)
        return self._guide.changes(timeline, grid=self.grid)

    # the past

    def past(self, since_ns: int) -> Past:
        """How things stand, without an answer that is being made."""
        return Past(since_ns, self.encoder.fork(), self.improviser.remember(), self.turn)

    def remember(self, time_ns: int) -> None:
        """An exchange begins."""
        self._exchanges.begin(time_ns, lambda: self.past(time_ns))

    def answered(self, past: Past) -> None:
        """An answer is heard, to what stood at that past."""
        self._exchanges.answer(past)

    def play_on(self) -> None:
        """The performer plays on: the last answer is not made anew."""
        self._exchanges.play_on()

    @property
    def last_exchange(self) -> Past | None:
        """How things stood before the last exchange; None where that is not kept."""
        return self._exchanges.last_begun

    @property
    def last_answer(self) -> Past | None:
        """How things stood before the last answer; None where something has come since."""
        return self._exchanges.last_answered

    def forget(self, past: Past) -> None:
        """Memory goes back to a past, which is then no longer kept. No answer may stand."""
        undone = Undone(max(self.watermark, self.heard_ns), past.since_ns)
        self.improviser.recall(past.memory)
        self.encoder, self.turn = past.encoder, past.turn
        for entry in self._exchanges.go_back(past, undone):
            if isinstance(entry, TurnChange):
                self.turn = entry.turn
            self.encoder.feed(entry)
        self.send(undone)


def is_note_on(entry: object) -> bool:
    """Whether somebody has struck a key."""
    return isinstance(entry, Performed) and entry.kind is Kind.NOTE_ON
