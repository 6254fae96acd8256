"""The partner: laws of call and response on a fake clock, with a session whose memory can be read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.engine.improviser import Improviser, answer_ticks
from jamd.engine.openings import HALF_SLOT
from jamd.engine.pace import LEAST_NS
from jamd.engine.partner import MS, Manners, Partner, State
from jamd.engine.sampling import Sampler
from jamd.music.events import SUSTAIN, Answered, Kind, LogEntry, Performed
from jamd.music.log import in_order
from jamd.music.messages import Report
from jamd.music.plan import Plan, PlannedNote
from jamd.music.timeline import Metre, Timeline, ns_per_quarter
from jamd.remi import vocabulary as v
from jamd.remi.encoder import Encoder, tokenize
from jamd.remi.grammar import Bounds, Grammar
from tests.engine.fakes import FakeSession

TICK_NS = 5 * MS
START = 1_000_000 * MS


class Stage:
    """A performer, a wire and a partner on one fake clock."""

    def __init__(self, manners: Manners | None = None, seed: int = 1) -> None:
        self.session = FakeSession()
        improviser = Improviser(self.session, Sampler(1.0, 1.0, 0.0, seed), Bounds(metre=False, tempo=False))
        self.partner = Partner(improviser, manners or Manners(), self._take, self._report)
        self.now = START
        self.heard = 0
        self.log: list[LogEntry] = []
        self.plans: list[tuple[int, Plan]] = []
        self.reports: list[Report] = []
        self._script: list[LogEntry] = []

    def _take(self, message: Plan | LogEntry) -> None:
        if isinstance(message, Plan):
            self.plans.append((self.now, message))
        else:
            self.log.append(message)

    def _report(self, report: Report) -> None:
        self.reports.append(report)

    def give(self, *events: Performed | Timeline) -> None:
        """What will happen."""
        self._script = in_order([*self._script, *events])

    def run(self, until_ms: int) -> None:
        """Lets time pass, in the wire's watermarks."""
        while self.now < START + until_ms * MS:
            self.now += TICK_NS
            while self._script and self._script[0].time_ns <= self.now:
                event = self._script.pop(0)
                self.log.append(event)
                self.heard += isinstance(event, Performed) and event.kind is Kind.NOTE_ON
                self.partner.hear(event)
            self.partner.reach(self.now, self.heard)
            self.partner.step(self.now)

    def whats(self, what: str) -> list[Report]:
        return [report for report in self.reports if report.what == what]

    @property
    def planned(self) -> list[PlannedNote]:
        return [note for _, plan in self.plans for note in plan.notes]


def on(at_ms: int, pitch: int = 60, velocity: int = 80) -> Performed:
    return Performed(START + at_ms * MS, Kind.NOTE_ON, pitch, velocity)


def off(at_ms: int, pitch: int = 60) -> Performed:
    return Performed(START + at_ms * MS, Kind.NOTE_OFF, pitch)


def pedal(at_ms: int, down: bool) -> Performed:
    return Performed(START + at_ms * MS, Kind.CONTROL, SUSTAIN, 127 * down)


def phrase(at_ms: int, notes: int = 8, gap_ms: int = 200) -> list[Performed]:
    """An even run upwards."""
    return [e for i in range(notes) for e in (on(at_ms + i * gap_ms, 60 + i), off(at_ms + i * gap_ms + 150, 60 + i))]


def test_a_phrase_is_answered_after_its_end_and_not_before() -> None:
    stage = Stage()
    stage.give(*phrase(0))
    stage.run(1900)
    assert not stage.plans
    stage.run(4000)
    over = START + (1400 + 150 + 400) * MS
    assert stage.planned
    assert min(note.due_ns for note in stage.planned) >= over
    assert [r.facts["over_ns"] for r in stage.whats("phrase_end")] == [over]


def test_the_answer_enters_at_once_when_the_performer_is_free() -> None:
    stage = Stage()
    stage.give(*phrase(0))
    stage.run(4000)
    first = min(note.due_ns for note in stage.planned)
    assert first - (START + 1950 * MS) <= 15 * MS


@pytest.mark.parametrize("entry", ["beat", "bar"])
def test_with_a_tempo_the_answer_enters_on_the_beat_or_the_bar(entry: str) -> None:
    stage = Stage(Manners(bpm=100.0, entry=entry))
    stage.give(*phrase(0))
    stage.run(6000)
    timeline = Timeline(START, 0, ns_per_quarter(100))
    first = min(note.due_ns for note in stage.planned)
    grid = 480 if entry == "beat" else 1920
    assert timeline.tick_at(first) % grid in (0, grid - 16, grid - 8, 8, 16)
    assert first > START + 1950 * MS


def test_a_clock_from_outside_sets_the_beat() -> None:
    stage = Stage()
    timeline = Timeline(START, 0, ns_per_quarter(90))
    stage.give(timeline, *phrase(10))
    stage.run(6000)
    first = min(note.due_ns for note in stage.planned)
    assert timeline.tick_at(first) % 480 in (0, 464, 472, 8, 16)


@pytest.mark.parametrize("entry", ["beat", "bar"])
@pytest.mark.parametrize("metre", [Metre(7, 4), Metre(5, 8), Metre(15, 8)], ids=str)
def test_in_a_metre_that_the_language_cannot_say_the_answer_enters_in_time_too(metre: Metre, entry: str) -> None:
    stage = Stage(Manners(entry=entry, bars=2))
    timeline = Timeline(START, 0, ns_per_quarter(90), metre)
    stage.give(timeline, *phrase(10))
    stage.run(9000)
    (over,) = (report.facts["over_ns"] for report in stage.whats("phrase_end"))
    after = timeline.tick_at(over + LEAST_NS) + HALF_SLOT
    line = timeline.next_beat(after) if entry == "beat" else timeline.next_bar_line(after)
    assert abs(timeline.tick_at(min(note.due_ns for note in stage.planned)) - line) <= v.SLOT_TICKS // 2
    grammar = Grammar()
    for token in stage.session.ids:
        grammar.advance(token)


@pytest.mark.parametrize("seed", range(1, 61))
def test_no_note_is_planned_for_the_past(seed: int) -> None:
    stage = Stage(seed=seed)
    stage.give(*phrase(0), *phrase(6000))
    stage.run(8500)
    assert len({plan.heard for _, plan in stage.plans}) == 2
    assert all(note.due_ns > at for at, plan in stage.plans for note in plan.notes)


def test_a_plan_says_what_it_has_heard() -> None:
    stage = Stage()
    stage.give(*phrase(0, notes=5))
    stage.run(4000)
    assert {plan.heard for _, plan in stage.plans} == {5}


@given(bars=st.integers(1, 4))
@settings(max_examples=4, deadline=None)
def test_an_answer_is_as_long_as_it_was_asked_to_be(bars: int) -> None:
    stage = Stage(Manners(bars=bars))
    stage.give(*phrase(0))
    stage.run(16000)
    first, last = min(n.due_ns for n in stage.planned), max(n.due_ns for n in stage.planned)
    end = max(note.off_ns for note in stage.planned)
    assert last - first <= bars * 4 * 500 * MS
    assert end - first <= (bars * 4 + 1.1) * 500 * MS  # what sounds last may ring on for a beat, to its nearest bin
    assert stage.partner.state is State.LISTENING


def test_a_performer_who_goes_on_takes_the_answer_back_unheard() -> None:
    stage = Stage()
    stage.give(*phrase(0), *phrase(1800))
    stage.run(3400)
    assert stage.whats("taken_back")
    assert not stage.plans
    assert not any(isinstance(entry, Answered) for entry in stage.log)
    stage.run(8000)
    assert {plan.heard for _, plan in stage.plans} == {16}


def test_a_barge_in_ends_the_answer_and_memory_holds_what_was_heard() -> None:
    stage = Stage(Manners(bars=4))
    stage.give(*phrase(0), on(3500, 72), off(3650, 72))
    stage.run(3600)
    assert [report.time_ns for report in stage.whats("barge_in")] == [START + 3500 * MS]
    answered = [entry for entry in stage.log if isinstance(entry, Answered)]
    assert len(answered) == 1
    heard = sorted(note.pitch for note in stage.planned if note.due_ns < START + 3500 * MS)
    told = sorted(v.NOTE_ON.index(token) for token in answered[0].ids if token in v.NOTE_ON)
    assert told == heard != []
    assert stage.partner.state is State.LISTENING


def test_a_note_that_the_player_left_out_is_not_remembered() -> None:
    stage = Stage()
    stage.give(*phrase(0))
    stage.run(2100)
    missed = stage.planned[0]
    stage.partner.miss(missed.due_ns, missed.pitch)
    stage.run(12000)
    (answered,) = (entry for entry in stage.log if isinstance(entry, Answered))
    told = sorted(v.NOTE_ON.index(token) for token in answered.ids if token in v.NOTE_ON)
    assert told == sorted(note.pitch for note in stage.planned if note is not missed)
    assert stage.session.ids == tokenize(in_order(stage.log))[: len(stage.session.ids)]


def test_a_timeline_that_is_told_again_changes_nothing() -> None:
    """A wire that greets, or a new one, says again where the beats are, long after it was first said."""
    stage, timeline = Stage(), Timeline(START, 0, ns_per_quarter(90))
    stage.give(timeline, *phrase(10))
    stage.run(1500)
    stage.partner.hear(timeline)
    stage.run(6000)
    assert stage.planned


def test_a_new_partner_goes_on_with_the_ticks_of_the_log() -> None:
    first = Stage()
    first.give(*phrase(0))
    first.run(8000)
    last = [entry for entry in first.log if isinstance(entry, Timeline)][-1]
    second = Stage()
    second.log = first.log
    second.partner.resume(last)
    second.now = first.now
    second.give(*phrase(9000))
    second.run(15000)
    assert second.planned
    assert len(tokenize(in_order(second.log))) > len(first.session.ids)


@pytest.mark.parametrize(
    ("call", "bars", "ticks"),
    [(100, 0, 1920), (1920, 0, 1920), (2500, 0, 2880), (9000, 0, 9120), (10**6, 0, 16 * 1920), (100, 3, 3 * 1920)],
)
def test_an_answer_is_about_as_long_as_its_call_or_has_the_bars_asked_for(call: int, bars: int, ticks: int) -> None:
    assert answer_ticks(call, Metre(4, 4), bars, max_bars=16) == ticks


def test_a_replaced_wire_ends_the_answer_and_the_jam_goes_on() -> None:
    stage = Stage(Manners(bars=4))
    stage.give(*phrase(0))
    stage.run(3000)
    stage.partner.interrupt(stage.now)
    assert stage.partner.state is State.LISTENING
    stage.give(*phrase(3500))
    stage.run(8000)
    assert stage.plans[-1][1].heard == 16


def test_keys_and_pedal_that_nobody_heard_come_up_do_not_hold_the_phrase_open() -> None:
    stage = Stage()
    stage.give(Performed(START, Kind.CONTROL, SUSTAIN, 127), on(10, 60), on(300, 64), off(500, 64))
    stage.run(9000)
    assert not stage.plans
    stage.partner.interrupt(stage.now, deaf=True)
    assert [(e.kind, e.number, e.value) for e in stage.log[-2:]] == [
        (Kind.NOTE_OFF, 60, 0),
        (Kind.CONTROL, SUSTAIN, 0),
    ]
    stage.run(12000)
    assert stage.plans


def test_the_same_seed_and_playing_give_the_same_answer() -> None:
    answers = []
    for _ in range(2):
        stage = Stage(seed=7)
        stage.give(*phrase(0))
        stage.run(8000)
        answers.append([replace(note, due_ns=note.due_ns - START) for note in stage.planned])
    assert answers[0] == answers[1]


def test_the_end_of_the_input_is_answered_and_then_it_is_finished() -> None:
    stage = Stage()
    stage.give(*phrase(0))
    stage.run(1600)
    stage.partner.end_of_input()
    assert not stage.partner.finished
    stage.run(1700)
    assert not stage.partner.finished
    stage.run(12000)
    assert stage.planned
    assert stage.partner.finished


def test_an_input_without_notes_is_finished_when_it_ends() -> None:
    stage = Stage()
    stage.run(100)
    stage.partner.end_of_input()
    assert stage.partner.finished


def test_people_see_a_change_of_state_only_when_the_phrase_is_over() -> None:
    """Drafts come and go at every short gap; nobody wants to read that."""
    stage = Stage(Manners(bars=1))
    stage.give(*phrase(0, notes=4, gap_ms=380))
    stage.run(9000)
    assert len(stage.whats("draft")) > 1
    assert [report.facts["state"] for report in stage.whats("state")] == ["thinking", "playing", "listening"]


def test_a_plan_is_handed_on_before_more_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sampling takes milliseconds: an entry reckoned from a `now` before it would be late by as many."""
    order: list[str] = []

    class Watched(Stage):
        def _take(self, message: Plan | LogEntry) -> None:
            if isinstance(message, Plan):
                order.append("plan")
            super()._take(message)

    turn, sample = Partner.step, Improviser.step
    monkeypatch.setattr(Partner, "step", lambda self, now: (order.append("turn"), turn(self, now))[1])
    monkeypatch.setattr(Improviser, "step", lambda self: (order.append("sample"), sample(self))[1])
    stage = Watched(Manners(bars=1))
    stage.give(*phrase(0))
    stage.run(6000)
    before = [order[at - 1] for at, what in enumerate(order) if what == "plan"]
    assert before
    assert set(before) == {"turn"}
    assert "sample" in order


def test_a_wheel_or_a_controller_costs_no_draft() -> None:
    stage = Stage()
    wheel = [Performed(START + ms * MS, Kind.CONTROL, 1, ms % 128) for ms in range(1500, 2100, 7)]
    stage.give(*phrase(0), *wheel)
    stage.run(4000)
    assert not stage.whats("taken_back")
    assert stage.planned


performers = st.lists(
    st.tuples(
        st.integers(5, 900),  # ms since the last event
        st.sampled_from(["note", "note", "note", "note", "pedal", "rest"]),
        st.integers(48, 72),
        st.integers(20, 1200),  # length of a note
    ),
    min_size=3,
    max_size=30,
)


MANNERS = [Manners(), Manners(bpm=110.0), Manners(bars=2, entry="bar"), Manners(bpm=110.0, metre=Metre(5, 8))]


@given(performers, st.sampled_from(MANNERS))
@settings(max_examples=40, deadline=None)
def test_memory_is_the_offline_tokenization_of_the_recorded_log(
    playing: list[tuple[int, str, int, int]], manners: Manners
) -> None:
    """Whatever is played, taken back and cut short: the model has seen just what the log tells."""
    stage, at, down = Stage(manners), 0, False
    for gap, what, pitch, length in playing:
        at += gap
        if what == "note":
            stage.give(on(at, pitch), off(at + length, pitch))
        elif what == "pedal":
            down = not down
            stage.give(pedal(at, down))
        else:
            at += 2500
    stage.give(pedal(at + 1300, False), on(at + 9000), off(at + 9100))
    stage.run(at + 9200)
    told, offline = stage.session.ids, Encoder()
    for entry in in_order(stage.log):
        offline.feed(entry)
    assert told == offline.advance(stage.now)
    grammar = Grammar()
    for token in told:
        grammar.advance(token)
