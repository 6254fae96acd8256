"""The wire on a fake clock: hears, passes on, yields, plays, writes down, and leaves no note behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.errors import PortError
from jamd.midi.bindings import Bindings
from jamd.midi.conductor import LEAD_NS, Conductor, Tempo
from jamd.midi.file_ports import FileInput
from jamd.midi.ledger import SIZE, Ledger
from jamd.midi.messages import control, note_off, note_on
from jamd.midi.smf import MidiLog
from jamd.midi.wire import (
    IDLE_NS,
    IDLE_POLL_NS,
    IDLE_WATERMARK_NS,
    POLL_NS,
    WATERMARK_NS,
    ToBrain,
    Wire,
    WireSettings,
)
from jamd.music.actions import TABLE, Action
from jamd.music.bindings import parse
from jamd.music.events import Kind, Performed, Turn, TurnChange
from jamd.music.messages import Report, Transport, Watermark, Welcome
from jamd.music.plan import Plan, PlannedNote
from jamd.music.timeline import Timeline
from tests.midi.doubles import MS, WELCOME, Ear, RecordingOutput, RecordingRecorder, ScriptedInput, waited

SECOND = 1000 * MS


@dataclass
class Room:
    """A wire with everything around it in sight."""

    script: list[tuple[int, bytes]] = field(default_factory=list)
    settings: WireSettings = field(default_factory=lambda: WireSettings(thru=True))
    memory: bytearray = field(default_factory=lambda: bytearray(SIZE))
    hears: Callable[[ToBrain], bool] = lambda message: True
    options: dict[str, Any] = field(default_factory=dict)
    brain: list[ToBrain] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.input, self.output, self.recorder = ScriptedInput(self.script), RecordingOutput(), RecordingRecorder()
        self.wire = Wire(
            self.settings,
            self.options.pop("input", self.input),
            self.output,
            Ledger(self.memory),
            self.recorder,
            self._to_brain,
            self.reports.append,
            **self.options,
        )

    def _to_brain(self, message: ToBrain) -> bool:
        if not self.hears(message):
            return False
        self.brain.append(message)
        return True

    def run(self, until_ns: int, from_ns: int = 0) -> None:
        """Steps whenever the wire asks for it."""
        now = from_ns
        while now <= until_ns:
            now = max(waited(self.wire, self.wire.step(now), now), now + 1)

    def performed(self) -> list[Performed]:
        return [message for message in self.brain if isinstance(message, Performed)]

    def watermarks(self) -> list[Watermark]:
        return [message for message in self.brain if isinstance(message, Watermark)]

    def of(self, what: str) -> list[dict[str, Any]]:
        return [report.facts for report in self.reports if report.what == what]

    def ear(self) -> Ear:
        ear = Ear()
        for message in self.output.sent:
            ear.hear(message)
        return ear


def plan(*pitches: int, due_ms: float = 0, off_ms: float = 500, heard: int = 0, final: bool = False) -> Plan:
    notes = tuple(PlannedNote(int(due_ms * MS), int(off_ms * MS), pitch, 64) for pitch in pitches)
    return Plan(heard, int(due_ms * MS), notes, (), final)


# ---- hearing ---------------------------------------------------------------------------------------------


def test_what_is_performed_goes_through_into_the_log_and_to_the_brain_with_one_stamp() -> None:
    room = Room([(3 * MS, note_on(0, 60, 64))])
    room.run(10 * MS)
    (event,) = room.performed()
    assert event.kind is Kind.NOTE_ON and 3 * MS <= event.time_ns <= 3 * MS + IDLE_POLL_NS
    assert room.recorder.entries == [event] and room.output.sent == [note_on(0, 60, 64)]
    assert room.of("note_in") == [{"pitch": 60, "velocity": 64, "channel": 0}]
    assert [r.time_ns for r in room.reports if r.what == "note_in"] == [event.time_ns]


@given(st.lists(st.tuples(st.integers(0, 100), st.sampled_from((note_on(0, 60, 64), note_off(0, 60))))))
def test_nothing_that_is_performed_is_older_than_a_watermark_before_it(script: list[tuple[int, bytes]]) -> None:
    room = Room([(ms * MS, data) for ms, data in script])
    room.run(150 * MS)
    reached = -1
    for message in room.brain:
        assert isinstance(message, Performed | Watermark)
        assert message.time_ns >= reached
        if isinstance(message, Watermark):
            reached = message.time_ns
    assert len(room.performed()) == len(script)
    assert room.watermarks()[-1].heard == room.wire.heard == sum(data[0] == 0x90 for _, data in script)


def test_while_music_is_on_the_brain_has_a_watermark_every_5_ms_and_the_port_is_polled_every_half() -> None:
    room = Room([(0, note_on(0, 60, 64))])
    wakes = []
    now = 0
    while now < 100 * MS:
        wakes.append(room.wire.step(now))
        now = waited(room.wire, wakes[-1], now)
    times = [mark.time_ns for mark in room.watermarks()]
    assert max(b - a for a, b in pairwise(times)) <= WATERMARK_NS
    assert {wake.exact for wake in wakes} == {False}
    assert {wake.look_ns for wake in wakes} == {POLL_NS}


def test_when_nobody_plays_the_wire_rests() -> None:
    room = Room([(0, note_on(0, 60, 64))])
    room.run(IDLE_NS)
    room.brain.clear()
    start = IDLE_NS + IDLE_POLL_NS
    assert room.wire.step(start).look_ns == IDLE_POLL_NS
    room.run(start + 100 * MS, start)
    assert len(room.watermarks()) <= 100 * MS // IDLE_WATERMARK_NS + 2


def test_an_event_is_followed_by_its_watermark_at_once() -> None:
    room = Room([(11 * MS, note_on(0, 60, 64))])
    room.run(20 * MS)
    at = room.brain.index(room.performed()[0])
    assert room.brain[at + 1] == Watermark(room.performed()[0].time_ns, 1)


# ---- playing ---------------------------------------------------------------------------------------------


def test_a_plan_is_played_when_it_is_due_and_written_down() -> None:
    room = Room()
    room.wire.step(0)
    room.wire.take(plan(60, 64, due_ms=10.3, off_ms=20.7, final=True))
    room.run(30 * MS)
    assert [(event.time_ns, event.kind, event.number) for event, _ in room.recorder.played_events] == [
        (10_300_000, Kind.NOTE_ON, 60),
        (10_300_000, Kind.NOTE_ON, 64),
        (20_700_000, Kind.NOTE_OFF, 60),
        (20_700_000, Kind.NOTE_OFF, 64),
    ]
    assert room.of("note_out")[0] == {"pitch": 60, "velocity": 64, "channel": 0, "due_ns": 10_300_000, "late_ms": 0.0}
    assert len(room.of("answer_end")) == 1 and room.ear().silent


def test_a_due_note_is_waited_for_exactly() -> None:
    room = Room()
    room.wire.take(plan(60, due_ms=0.2))
    wake = room.wire.step(0)
    assert wake.exact and wake.at_ns == 200_000


def test_a_performer_who_plays_ends_the_answer_at_once() -> None:
    room = Room([(50 * MS, note_on(0, 72, 99))])
    room.wire.take(plan(60, 64, 67, due_ms=10))
    room.wire.take(plan(71, due_ms=400, off_ms=800))
    room.run(900 * MS)
    heard_at = room.performed()[0].time_ns
    assert room.of("stopped") == [{"why": "barge_in", "cut": 3, "forgotten": 1}]
    assert [r.time_ns for r in room.reports if r.what == "stopped"] == [heard_at]
    assert room.ear().keys == {(0, 72)}


def test_a_plan_that_does_not_know_the_last_note_is_refused_even_if_both_come_in_one_step() -> None:
    room = Room([(5 * MS, note_on(0, 72, 99))])
    room.wire.step(0)
    room.wire.take(plan(60, due_ms=6, heard=0))
    room.run(20 * MS, 5 * MS)
    assert room.of("refused") == [{"plan_heard": 0, "heard": 1, "notes": 1}]
    assert room.output.sent == [note_on(0, 72, 99)]
    room.wire.take(plan(60, due_ms=30, heard=1))
    room.run(40 * MS, 21 * MS)
    assert room.output.sent[1:] == [note_on(0, 60, 64)]


def answer(due_ms: float, over_ms: float, known_ms: float, yields: bool = True) -> Plan:
    """The beginning of an answer to a phrase that will be over at an instant, if nothing comes."""
    note = PlannedNote(int(due_ms * MS), int(900 * MS), 60, 64)
    return Plan(1, note.due_ns, (note,), yields=yields, over_ns=int(over_ms * MS), known_ns=int(known_ms * MS))


def played_on(script: list[tuple[int, bytes]], *plans: Plan) -> Room:
    """A performer who plays a note, and then what stands in the script; plans come when 100 ms have passed."""
    room = Room([(0, note_on(0, 72, 99)), (90 * MS, note_off(0, 72)), *script])
    room.run(100 * MS)
    for one in plans:
        room.wire.take(one)
    room.run(400 * MS, 100 * MS + 1)
    return room


def test_an_answer_that_waits_for_the_end_of_a_phrase_begins_with_it_to_the_nanosecond() -> None:
    room = played_on([], answer(150, 150, 99))
    assert [(event.time_ns, event.number) for event, _ in room.recorder.played_events] == [(150 * MS, 60)]
    assert room.of("response") == [{"after_ns": 0}]


@pytest.mark.parametrize("data", [note_on(0, 73, 99), note_off(0, 73), control(0, 64, 127), b"\xc0\x05"], ids=bytes.hex)
@pytest.mark.parametrize("yields", [True, False])
@pytest.mark.parametrize("at_ms", [101, 149])
def test_whatever_is_performed_before_the_phrase_ends_keeps_the_answer_from_being_heard(
    data: bytes, yields: bool, at_ms: int
) -> None:
    room = played_on([(at_ms * MS, data)], answer(150, 150, 99, yields))
    assert room.recorder.played_events == []
    assert len(room.of("stopped")) + len(room.of("refused")) == 1  # refused where it comes in the step of the plan


@pytest.mark.parametrize("data", [control(0, 1, 99), b"\xe0\x00\x40", b"\xf8"], ids=bytes.hex)
def test_what_the_language_has_no_word_for_does_not(data: bytes) -> None:
    assert len(played_on([(120 * MS, data)], answer(150, 150, 99)).recorder.played_events) == 1


def test_nor_does_a_pedal_that_moves_when_the_phrase_is_over() -> None:
    assert len(played_on([(151 * MS, control(0, 64, 127))], answer(150, 150, 99)).recorder.played_events) == 1


@pytest.mark.parametrize(("known_ms", "accepted"), [(89, False), (91, True)])
def test_an_answer_whose_maker_did_not_know_that_the_key_was_let_go_is_refused(known_ms: int, accepted: bool) -> None:
    room = played_on([], answer(150, 150, known_ms))
    assert bool(room.recorder.played_events) == accepted
    assert [decision["accepted"] for decision in room.recorder.decisions if decision["what"] == "plan"] == [accepted]


def test_a_phrase_that_the_clock_moves_before_its_end_is_not_answered_by_what_was_planned_before() -> None:
    conductor = Conductor(Tempo(125, count_in=1))
    room = Room(options={"conductor": conductor})
    room.wire.greet(0, WELCOME)
    room.wire.take(replace(answer(600, 600, 0), heard=0))
    room.run(700 * MS)  # the fixed tempo begins meanwhile
    assert conductor.timeline is not None and conductor.timeline.time_ns < 600 * MS
    assert room.recorder.played_events == []


def test_an_answer_later_than_the_budget_is_counted_and_written_down_and_only_where_there_is_one() -> None:
    for budget_ms, over in ((0, None), (20, 1), (60, 0)):
        room = Room(settings=WireSettings(budget_ns=budget_ms * MS))
        room.wire.step(0)
        room.wire.take(replace(answer(150, 100, 0), heard=0))
        room.wire.take(replace(answer(170, 100, 0), heard=0))  # more of the same answer
        room.run(200 * MS)
        room.wire.close(200 * MS)
        assert room.of("response") == [{"after_ns": 50 * MS}]
        assert room.of("lateness")[0].get("over_budget") == over
        late = [decision for decision in room.recorder.decisions if decision["what"] == "over_budget"]
        assert [decision["after_ns"] for decision in late] == [50 * MS] * (over or 0)


def test_releasing_a_key_or_moving_the_pedal_does_not_end_the_answer() -> None:
    room = Room([(20 * MS, note_off(0, 50)), (21 * MS, control(0, 64, 127)), (22 * MS, b"\xe0\x00\x40")])
    room.wire.take(plan(60, due_ms=10, off_ms=100))
    room.run(200 * MS)
    assert room.of("stopped") == [] and (0, 60) not in room.ear().keys


def test_when_the_brain_is_gone_its_plan_ends_and_thru_lives_on() -> None:
    room = Room([(1 * MS, note_on(0, 72, 99)), (60 * MS, note_off(0, 72))])
    room.run(3 * MS)
    room.wire.take(plan(60, due_ms=10, heard=1))
    room.run(20 * MS, 4 * MS)
    room.wire.take(plan(62, due_ms=30, heard=1))
    room.wire.end_plan(21 * MS, "the brain is gone")
    assert room.ear().keys == {(0, 72)}
    room.run(100 * MS, 22 * MS)
    assert room.ear().silent and (0, 62) not in {(m[0] & 15, m[1]) for m in room.output.sent}
    room.wire.end_plan(101 * MS, "the brain is gone")
    assert len(room.of("stopped")) == 1  # only when there was something to end


def test_our_own_notes_that_come_back_do_not_stop_the_answer() -> None:
    room = Room(settings=WireSettings(thru=False, same_device=True), script=[(12 * MS, note_on(0, 60, 64))])
    room.wire.take(plan(60, due_ms=10, off_ms=100))
    room.run(50 * MS)
    assert room.performed() == [] and room.of("stopped") == [] and room.wire.heard == 0


def test_a_loop_ends_by_itself_and_is_reported_once() -> None:
    room = Room([(0, note_on(0, 60, 64))], settings=WireSettings(thru=True))
    for now in range(0, 3000 * MS, 5 * MS):  # every message comes straight back, and through, and back
        before = len(room.output.sent)
        room.wire.step(now)
        room.input.script = [(now + 1, message) for message in room.output.sent[before:]]
    assert len(room.of("echo")) == 1
    assert 1 < room.wire.heard < 300 and room.input.script == []


# ---- birth and death -------------------------------------------------------------------------------------


def test_a_new_wire_first_silences_what_its_predecessor_left() -> None:
    memory = bytearray(SIZE)
    old = Room(memory=memory, script=[(0, note_on(2, 50, 64) + control(2, 64, 127))])
    old.wire.take(plan(60))
    old.run(5 * MS)  # and dies
    assert old.ear().keys == {(2, 50)}
    new = Room(memory=memory, options={"heard": old.wire.heard})
    new.wire.start(100 * MS)
    assert {note_off(2, 50), control(2, 64, 0), control(2, 123, 0), control(2, 120, 0)} <= set(new.output.sent)
    assert new.of("silenced") == [{"notes": 1}] and new.wire.heard == 1
    assert Ledger(memory).sounding() == []


def test_a_first_wire_has_nothing_to_silence() -> None:
    room = Room()
    room.wire.start(0)
    assert room.output.sent == [] and room.reports == []


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(60, 62), st.booleans())), st.lists(st.integers(60, 63)))
def test_after_close_nothing_sounds(keys: list[tuple[int, int, bool]], pitches: list[int]) -> None:
    script = [(ms * MS, (note_on(0, p, 64) if on else note_off(0, p)) + control(0, 64, ms)) for ms, p, on in keys]
    room = Room(script)
    room.wire.take(plan(*pitches, due_ms=1, off_ms=1000))
    room.run(40 * MS)
    room.wire.close(41 * MS)
    assert room.ear().silent and room.recorder.closed
    used = {message[0] & 0x0F for message in room.output.sent}
    assert used == {message[0] & 0x0F for message in room.output.sent if message[1:] == bytes((120, 0))}
    assert room.of("lateness")[0]["skipped"] == 0


def test_a_new_brain_is_told_where_the_beats_are_without_writing_it_down_twice() -> None:
    timeline = Timeline(0, 0, 500 * MS)
    file = FileInput(MidiLog((timeline,), MS, 0, 0, 0, 0, 0), "file")
    room = Room(options={"input": file, "conductor": Conductor(file=file)})
    room.wire.greet(0, WELCOME)
    room.wire.step(0)
    assert [type(message) for message in room.brain] == [Welcome, Watermark]
    file.start(7)
    room.run(10 * MS, 7)
    room.brain.clear()
    room.wire.greet(20 * MS, WELCOME)
    room.wire.step(20 * MS)
    assert room.brain == [WELCOME, Timeline(7, 0, 500 * MS), Watermark(20 * MS, 0)]
    assert room.recorder.asides == [WELCOME, *room.brain[:-1]]
    assert room.recorder.entries == [Timeline(7, 0, 500 * MS)]


def test_a_brain_that_greets_is_told_how_far_the_log_reaches_only_when_the_port_was_heard() -> None:
    entries = (Timeline(0, 0, 500 * MS), Performed(9 * MS, Kind.NOTE_ON, 60, 64), Performed(30 * MS, Kind.NOTE_OFF, 60))
    file = FileInput(MidiLog(entries, 31 * MS, 1, 0, 0, 0, 0), "file")
    room = Room(options={"input": file, "conductor": Conductor(file=file)})
    file.start(0)
    room.run(8 * MS)
    room.brain.clear()
    flushes = len(room.recorder.flushes)
    room.wire.greet(20 * MS, WELCOME)  # the wire comes late: the note has been played meanwhile
    assert room.brain == [] and len(room.recorder.flushes) == flushes  # and no disk is waited for before it is heard
    room.wire.step(20 * MS)
    assert [type(message) for message in room.brain] == [Welcome, Timeline, Performed, Watermark]
    assert room.brain[-1] == Watermark(20 * MS, 1)


# ---- trouble ---------------------------------------------------------------------------------------------


def test_a_full_mailbox_is_counted_and_reported_once_a_second_and_loses_nothing_of_the_recording() -> None:
    room = Room([(ms * MS, note_on(0, 60, 64)) for ms in range(100)], hears=lambda message: False)
    room.run(990 * MS)
    assert len(room.of("backlog")) == 1
    room.run(1010 * MS, 1000 * MS)
    assert len(room.of("backlog")) == 2
    assert len(room.recorder.entries) == 100
    room.hears = lambda message: True
    room.wire.step(1020 * MS)
    assert room.of("backlog")[-1] == {"messages": len(room.brain)}  # so many had to wait


def test_what_the_brain_has_no_room_for_waits_and_nothing_of_it_is_lost() -> None:
    keys = [(ms * MS, note_on(0, 60 + ms % 12, 64)) for ms in range(50)]
    room = Room(keys, hears=lambda message: room.wire.heard > 40)
    room.run(60 * MS)
    assert room.performed() == room.recorder.entries and len(room.performed()) == 50
    assert room.watermarks()[-1].heard == 50


def test_the_brain_is_told_nothing_that_the_recording_does_not_hold() -> None:
    room = Room([(1 * MS, note_on(0, 60, 64))])
    room.wire.take(plan(72, due_ms=2.5, heard=1))
    room.wire.step(int(1.5 * MS))
    assert room.recorder.flushes == [True] and room.brain == [] and not room.wire.settled
    room.wire.step(int(2.5 * MS))
    assert [type(message) for message in room.brain] == [Performed, Watermark] and room.wire.settled


def test_a_port_that_refuses_messages_does_not_end_the_jam() -> None:
    room = Room([(1 * MS, note_on(0, 60, 64))])

    def refuse(message: bytes) -> None:
        raise PortError("no")

    room.output.send = refuse  # type: ignore[method-assign]
    room.run(10 * MS)
    assert room.of("send_failed") == [{"messages": 1}] and len(room.performed()) == 1


def test_the_disk_waits_while_a_note_is_near() -> None:
    room = Room()
    room.wire.take(plan(60, due_ms=1))
    room.wire.step(0)
    room.wire.step(int(1.5 * MS))
    assert room.recorder.flushes == [True, False]


def test_a_recording_that_fails_is_reported_once() -> None:
    room = Room()
    room.wire.step(0)
    room.recorder.flush = lambda *, soon: setattr(room.recorder, "failure", "No space left on device")  # type: ignore[method-assign]
    room.run(20 * MS, 1)
    assert room.of("recording_failed") == [{"why": "No space left on device"}]


def test_log_entries_of_the_brain_are_written_down() -> None:
    room = Room()
    room.wire.take(TurnChange(5, Turn.RESPONSE))
    assert room.recorder.entries == [TurnChange(5, Turn.RESPONSE)]


def test_a_file_is_heard_at_its_own_instants_with_its_tempo_before_its_notes() -> None:
    second = Timeline(10_000_100, 10, 600 * MS)
    entries = (
        Timeline(0, 0, 500 * MS),
        Performed(10_000_000, Kind.NOTE_ON, 60, 64),
        second,
        Performed(10_000_100, Kind.NOTE_ON, 62, 64),
    )
    file = FileInput(MidiLog(entries, 11 * MS, 2, 0, 0, 0, 0), "file")
    room = Room(options={"input": file, "conductor": Conductor(file=file)})
    file.start(3)
    room.run(30 * MS, 3)
    told = [message for message in room.brain if not isinstance(message, Watermark)]
    assert [message.time_ns for message in told] == [3, 10_000_003, 10_000_103, 10_000_103]
    assert isinstance(told[2], Timeline) and room.recorder.entries == told


# ---- what people ask for ---------------------------------------------------------------------------------


def bound(**rows: str) -> Bindings:
    """Bindings as they stand in jamd.toml."""
    return Bindings([(name, binding) for name, text in rows.items() for binding in parse(text, TABLE[name])])


def test_panic_by_a_controller_silences_everything_within_the_same_step_and_what_was_planned_is_out_of_date() -> None:
    script = [(2 * MS, note_on(0, 48, 64)), (20 * MS, control(0, 22, 127))]
    room = Room(script, options={"bindings": bound(panic="cc 22")})
    room.run(10 * MS)
    room.wire.take(plan(60, due_ms=12, heard=1))
    room.run(19 * MS, 11 * MS)
    assert room.ear().keys == {(0, 48), (0, 60)}
    room.wire.take(plan(61, due_ms=21, heard=1))  # made before anybody knew
    room.wire.take(replace(plan(61, due_ms=21, heard=1), yields=False))
    room.wire.step(20 * MS)
    assert room.ear().silent and control(0, 120, 0) in room.output.sent and room.of("refused")
    room.wire.take(plan(62, due_ms=25, heard=room.wire.heard))  # made since
    room.run(30 * MS, 21 * MS)
    assert room.ear().keys == {(0, 62)}


def test_actions_reach_the_brain_the_recording_and_the_screen_in_the_order_of_time_and_are_no_music() -> None:
    script = [(1 * MS, note_on(0, 60, 64)), (2 * MS, note_on(0, 24, 64)), (3 * MS, note_off(0, 24))]
    script += [(4 * MS, note_off(0, 60)), (5 * MS, control(0, 20, 127))]
    room = Room(script, options={"bindings": bound(keep="note 24", temperature="cc 20")})
    room.run(3 * MS)
    room.wire.take(Action(0, "mode", "duet"))  # asked for by main, some time ago
    room.run(10 * MS, 4 * MS)
    told = [m for m in room.brain if isinstance(m, Performed | Action)]
    names = [m.kind.value if isinstance(m, Performed) else m.name for m in told]
    assert names == ["note_on", "keep", "note_off", "mode", "temperature"]
    assert [m.time_ns for m in told] == sorted(m.time_ns for m in told)
    assert room.recorder.actions == [m for m in told if isinstance(m, Action)]
    assert room.recorder.entries == [m for m in told if isinstance(m, Performed)]
    valued = [{"name": "mode", "value": "duet"}, {"name": "temperature", "value": 2.0}]
    assert room.of("action") == [{"name": "keep"}, *valued]
    assert room.output.sent == [note_on(0, 60, 64), note_off(0, 60)]


def test_the_state_is_shown_where_it_was_asked_for_and_a_brain_that_is_gone_listens_no_more() -> None:
    room = Room(settings=WireSettings(state_out=(15, 119), late_out=(15, 118)))
    room.wire.greet(0, WELCOME)
    room.wire.take(Report(1, "state", {"state": "playing"}))
    room.wire.take(plan(60, due_ms=0))
    room.wire.step(100 * MS)
    room.wire.end_plan(101 * MS, "brain_gone")
    shown = [control(15, 119, 0), control(15, 119, 127), control(15, 118, 1), control(15, 119, 0)]
    assert room.output.sent == shown


# ---- in time ---------------------------------------------------------------------------------------------


def clock_script(quarters: int) -> list[tuple[int, bytes]]:
    """Start, and clock at 125 quarters a minute: 20 ms each."""
    return [(SECOND, b"\xfa"), *((SECOND + n * 20 * MS, b"\xf8") for n in range(24 * quarters))]


def test_a_clock_that_comes_with_the_playing_gives_timelines_in_the_order_of_time_into_brain_and_log() -> None:
    room = Room([*clock_script(8), (3 * SECOND, note_on(0, 60, 64))])
    room.wire.greet(0, WELCOME)
    room.run(5 * SECOND)
    told = [m for m in room.brain if not isinstance(m, Watermark | Welcome)]
    assert [m.time_ns for m in told] == sorted(m.time_ns for m in told)
    assert {type(m) for m in told} == {Timeline, Transport, Performed}
    timelines = [m for m in told if isinstance(m, Timeline)]
    assert room.recorder.entries == [m for m in told if not isinstance(m, Transport)]
    assert all(abs(t.bpm - 125) < 2 for t in timelines)
    reached = 0
    for message in room.brain[1:]:  # behind its welcome
        assert message.time_ns >= reached
        reached = message.time_ns if isinstance(message, Watermark) else reached
    assert room.output.sent == [note_on(0, 60, 64)]  # clock is not passed on


def test_clock_goes_out_exactly_when_it_is_due_behind_the_notes_of_that_instant() -> None:
    conductor = Conductor(Tempo(125, send=True))
    room = Room(settings=WireSettings(sends_clock=True), options={"conductor": conductor})
    room.wire.greet(0, WELCOME)
    sent: list[tuple[int, bytes]] = []
    room.output.send = lambda message: sent.append((now, message))  # type: ignore[method-assign]
    now = 0
    while now <= 3 * SECOND:
        wake = room.wire.step(now)
        if now == 600 * MS:
            start = conductor.timeline.time_ns if conductor.timeline else 0
            room.wire.take(plan(60, due_ms=(start + SECOND) / MS, off_ms=(start + SECOND + 20 * MS) / MS))
        now = max(waited(room.wire, wake, now), now + 1)
    clocks = [at for at, message in sent if message == b"\xf8"]
    assert {b - a for a, b in pairwise(clocks)} == {20 * MS}
    assert [at for at, message in sent if message == b"\xfa"] == [clocks[0]]
    at = [message for _, message in sent].index(note_on(0, 60, 64))
    assert sent[at + 1] == (sent[at][0], b"\xf8")
    assert sent[at + 2 : at + 4] == [(sent[at][0] + 20 * MS, note_off(0, 60)), (sent[at][0] + 20 * MS, b"\xf8")]
    room.wire.close(now)
    assert b"\xfc" in [message for at, message in sent if at == now]


def test_a_count_in_is_heard_before_bar_1_is_no_music_and_a_performer_does_not_end_it() -> None:
    conductor = Conductor(Tempo(125, count_in=2))
    room = Room([(SECOND, note_on(0, 60, 64)), (SECOND + 9 * MS, note_off(0, 60))], options={"conductor": conductor})
    room.wire.greet(0, WELCOME)
    room.run(6 * SECOND)
    assert [m[1] for m in room.output.sent if m[0] == 0x99] == [76, 77, 77, 77] * 2
    assert room.ear().silent and room.recorder.played_events == [] and len(room.performed()) == 2
    assert [m.rolling for m in room.brain if isinstance(m, Transport)] == [True]


def test_a_count_in_that_is_closed_in_its_midst_leaves_nothing_sounding() -> None:
    room = Room(options={"conductor": Conductor(Tempo(125, count_in=2))})
    room.wire.greet(0, WELCOME)
    room.run(LEAD_NS + 20 * MS)
    assert not room.ear().silent
    room.wire.close(LEAD_NS + 21 * MS)
    assert room.ear().silent


def test_tapping_a_bound_control_makes_a_timeline() -> None:
    presses = [(SECOND + n * 500 * MS, control(0, 20, 127)) for n in range(4)]
    releases = [(SECOND + 90 * MS + n * 500 * MS, control(0, 20, 0)) for n in range(4)]
    room = Room([*presses, *releases], options={"bindings": bound(tap="cc 20")})
    room.wire.greet(0, WELCOME)
    room.run(4 * SECOND)
    timelines = [m for m in room.brain if isinstance(m, Timeline)]
    assert timelines and timelines[-1].bpm == pytest.approx(120, rel=0.01)
    told = [m for m in room.brain if not isinstance(m, Watermark | Welcome)]
    assert [m.time_ns for m in told] == sorted(m.time_ns for m in told)


def test_a_brain_that_comes_later_is_told_what_was_set_before_it_and_nothing_that_was_done() -> None:
    room = Room()
    asked = (("mode", "duet"), ("temperature", 0.5), ("undo", None), ("temperature", 1.5), ("hand_over", 1.0))
    for name, value in asked:
        room.wire.take(Action(0, name, value))
    room.wire.step(1)
    room.brain.clear()
    room.wire.greet(9, WELCOME)
    room.wire.step(9)
    told = [message for message in room.brain if isinstance(message, Action)]
    assert told == [Action(9, "mode", "duet"), Action(9, "temperature", 1.5)]
    assert len(room.of("action")) == 5


def test_a_successor_tells_the_next_brain_what_was_set_before_it() -> None:
    room = Room(options={"bindings": Bindings(holds={"mode": "duet", "temperature": 1.5})})
    room.wire.take(Action(0, "temperature", 0.5))
    room.wire.step(1)
    room.brain.clear()
    room.wire.greet(9, WELCOME)
    room.wire.step(9)
    told = [message for message in room.brain if isinstance(message, Action)]
    assert told == [Action(9, "mode", "duet"), Action(9, "temperature", 0.5)]


def test_a_plan_that_does_not_yield_is_played_however_much_the_performer_plays() -> None:
    room = Room([(5 * MS, note_on(0, 72, 99)), (20 * MS, note_on(0, 74, 99)), (30 * MS, note_off(0, 72))])
    room.wire.step(0)
    room.run(10 * MS, 5 * MS)
    room.wire.take(replace(plan(60, due_ms=15, off_ms=25, heard=0), yields=False))
    room.run(60 * MS, 11 * MS)
    assert room.of("refused") == room.of("stopped") == []
    assert note_on(0, 60, 64) in room.output.sent and (0, 60) not in room.ear().keys
