"""A performer, a wire with a real player, and a partner, on one fake clock; and what must hold whatever they do."""

from __future__ import annotations

from jamd.engine.improviser import Improviser
from jamd.engine.partner import MS, Manners, Partner
from jamd.engine.sampling import Sampler
from jamd.midi.judge import Judge
from jamd.midi.keyboard import Keyboard
from jamd.midi.ledger import SIZE, Ledger
from jamd.midi.player import Player
from jamd.music.actions import Action
from jamd.music.events import Answered, Kind, LogEntry, Performed, Turn, TurnChange
from jamd.music.log import in_order, remembered
from jamd.music.messages import Report, Transport
from jamd.music.plan import Plan
from jamd.music.timeline import Timeline
from jamd.remi import vocabulary as v
from jamd.remi.encoder import Encoder
from jamd.remi.grammar import Bounds, Grammar
from tests.engine.fakes import FakeSession
from tests.midi.doubles import Ear

TICK_NS = 5 * MS
START = 1_000_000 * MS


def on(at_ms: int, pitch: int = 60, velocity: int = 80) -> Performed:
    return Performed(START + at_ms * MS, Kind.NOTE_ON, pitch, velocity)


def off(at_ms: int, pitch: int = 60) -> Performed:
    return Performed(START + at_ms * MS, Kind.NOTE_OFF, pitch)


def control(at_ms: int, number: int, value: int) -> Performed:
    return Performed(START + at_ms * MS, Kind.CONTROL, number, value)


def run(at_ms: int, notes: int = 8, gap_ms: int = 250) -> list[Performed]:
    """An even run upwards."""
    times = [(at_ms + i * gap_ms, 60 + i % 12) for i in range(notes)]
    return [e for at, pitch in times for e in (on(at, pitch), off(at + gap_ms * 3 // 4, pitch))]


def act(at_ms: int, name: str, value: float | str | None = None) -> Action:
    return Action(START + at_ms * MS, name, value)


class Band:
    """Time passes in the wire's watermarks; the player plays to the nanosecond."""

    def __init__(self, manners: Manners, seed: int = 1) -> None:
        self.session = FakeSession()
        self.improviser = Improviser(self.session, Sampler(1.0, 1.0, 0.0, seed), Bounds(metre=False, tempo=False))
        self.partner = Partner(self.improviser, manners, self._take, self.reports_of)
        self.now, self.heard = START, 0
        self.log: list[LogEntry] = []
        self.reports: list[Report] = []
        self.ear = Ear()
        self.player = Player(Keyboard(self.ear.hear, Ledger(bytearray(SIZE))), self._played)
        self.played: list[tuple[Performed, int]] = []
        """What jamd has played, and when it was due."""
        self.stops = 0
        self.judge = Judge()
        self.slowness = 1
        """Of so many ticks the partner has one to work in."""
        self.tick_ns = TICK_NS
        """How often wire and partner hear of each other."""
        self._plans: list[Plan] = []
        self._script: list[Performed | Timeline | Transport | Action] = []

    # the wire

    def _take(self, message: Plan | LogEntry) -> None:
        if isinstance(message, Plan):
            self._plans.append(message)
        else:
            self.log.append(message)

    def reports_of(self, report: Report) -> None:
        self.reports.append(report)

    def _played(self, event: Performed, due_ns: int) -> None:
        self.played.append((event, due_ns))

    def give(self, *happenings: Performed | Timeline | Transport | Action) -> None:
        """What will happen."""
        self._script = sorted([*self._script, *happenings], key=lambda h: h.time_ns)

    def run(self, until_ms: int) -> None:
        """Lets time pass."""
        while self.now < START + until_ms * MS:
            before, self.now = self.now, self.now + self.tick_ns
            while self._script and self._script[0].time_ns <= self.now:
                self._happen(self._script.pop(0), before)
            for plan in self._plans:
                if self.judge.accepts(plan, self.heard):
                    self.player.accept(plan)
            self._plans.clear()
            self._play(self.now, before)
            self.partner.reach(self.now, self.heard)
            if (self.now - START) // self.tick_ns % self.slowness == 0:
                self.partner.step(self.now)

    def _happen(self, what: Performed | Timeline | Transport | Action, since: int) -> None:
        self._play(what.time_ns - 1, since)  # the wire listens before it plays
        if isinstance(what, Action) and what.name == "panic":
            self.panic(what.time_ns)
        elif isinstance(what, Action):
            self.partner.act(what)
        elif isinstance(what, Transport):
            self.partner.transport(what)
        else:
            self.log.append(what)
            self.heard += isinstance(what, Performed) and what.kind is Kind.NOTE_ON
            self.judge.hear(what)
            if self.player.gives_way(what):
                self.player.stop(what.time_ns, "barge_in")
                self.stops += 1
            self.partner.hear(what)

    def panic(self, time_ns: int) -> None:
        """Silence: what the wire does for it, and the partner."""
        if self.player.busy:
            self.player.stop(time_ns, "panic")
        self.heard += 1  # so that what was planned before is out of date
        self.judge.silence(self.heard)
        self.partner.panic(time_ns)

    def _play(self, until: int, since: int) -> None:
        while (due := self.player.due) is not None and due <= until:
            for report in self.player.play(max(due, since)):
                if report.what == "late":
                    self.partner.miss(int(report.facts["due_ns"]), int(report.facts["pitch"]))

    # what is asked

    def whats(self, what: str) -> list[Report]:
        return [report for report in self.reports if report.what == what]

    @property
    def note_ons(self) -> list[Performed]:
        """What jamd has struck."""
        return [event for event, _ in self.played if event.kind is Kind.NOTE_ON]

    def turns(self) -> list[tuple[int, Turn]]:
        """The turns that did not join, with their milliseconds."""
        changes = [e for e in in_order(remembered(self.log)) if isinstance(e, TurnChange) and not e.joins]
        return [((e.time_ns - START) // MS, e.turn) for e in changes]

    def answered(self) -> list[int]:
        """All tokens that the log says were heard of jamd."""
        return [t for e in in_order(remembered(self.log)) if isinstance(e, Answered) for t in e.ids]

    # what must hold

    def check(self) -> None:
        """Memory is the offline tokenization of the recorded log, within the grammar."""
        until = self.now + 60_000 * MS
        settled = False  # an answer that ends is in memory with the next watermark
        while not settled and self.now < until:
            settled = self.improviser.answer is None
            self.run((self.now - START) // MS + 5)
            settled = settled and self.improviser.answer is None
        while self.improviser.listen():
            pass
        assert self.improviser.answer is None
        told = self.session.ids + self.improviser._waiting
        assert told == self.offline(self.now)[: len(told)]
        sure = self.offline(self.now - 1000 * MS)
        assert told[: len(sure)] == sure
        grammar = Grammar()
        for token in told:
            grammar.advance(token)

    def check_heard(self) -> None:
        """What jamd has played is what the log says was heard."""
        told = sorted(v.NOTE_ON.index(token) for token in self.answered() if token in v.NOTE_ON)
        assert told == sorted(note.number for note in self.note_ons)

    def offline(self, until_ns: int) -> list[int]:
        """The tokens of the log, read whole, up to an instant."""
        encoder = Encoder()
        for entry in remembered(in_order(self.log)):
            if entry.time_ns < until_ns:
                encoder.feed(entry)
        return encoder.advance(until_ns)

    def check_silence(self) -> None:
        """After a while without plans nothing sounds."""
        self.run((self.now - START) // MS + 14_000)
        assert self.ear.silent
