"""The wire and the brain: a plan is only for the wire that its brain knows, and a silent brain's plan ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jamd.config import Settings
from jamd.daemon.bell import Bell
from jamd.daemon.board import Board
from jamd.daemon.wire import BRAIN_SILENT_NS, MS, Joint, make_recorder
from jamd.daemon.words import BrainGone, Hello, Job, Stop
from jamd.errors import ConfigError
from jamd.midi.ledger import Ledger
from jamd.midi.port_types import NullInput, NullOutput
from jamd.midi.recorder import NullRecorder
from jamd.midi.wire import Wire, WireSettings
from jamd.music.messages import PlanEnded, Report
from jamd.music.plan import Plan, PlannedNote
from tests.midi.doubles import WELCOME, RecordingRecorder

NOW = 10_000 * MS
PLAN = Plan(0, NOW, (PlannedNote(NOW + 5 * MS, NOW + 900 * MS, 60, 80),))


class Desk:
    """A wire without ports, its joint, and the board between it and the others."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.reports: list[Report] = []
        out, to_brain = NullOutput(), board.box("wire_to_brain").put
        self.ledger = Ledger(bytearray(len(board.ledger)))
        self.recorder = RecordingRecorder()
        self.wire = Wire(WireSettings(), NullInput(), out, self.ledger, self.recorder, to_brain, self.reports.append)
        self.bell = Bell()
        self.joint = Joint(board, self.wire, NullInput(), self.bell)

    def run(self, ms: int, beats: bool = True) -> bool:
        """One turn of the wire's loop, so many milliseconds after NOW; False when it is asked to leave."""
        if beats:
            self.board.write("brain_beat_ns", NOW + ms * MS)
        stays = self.joint.step(NOW + ms * MS)
        self.wire.step(NOW + ms * MS)
        self.joint.done()
        return stays

    def tell(self, *messages: object) -> None:
        """The brain says something."""
        for message in messages:
            assert self.board.box("brain_to_wire").put(message)

    def told(self) -> list[PlanEnded]:
        """What the brain was told of its plan's end."""
        return [m for m in self.board.box("wire_to_brain").take() if isinstance(m, PlanEnded)]


@pytest.fixture
def desk() -> Iterator[Desk]:
    board = Board.create()
    desk = Desk(board)
    yield desk
    desk.bell.close()
    board.close()


def test_a_plan_is_played_by_the_wire_that_its_brain_has_greeted(desk: Desk) -> None:
    desk.tell(Hello(WELCOME), PLAN)
    for ms in (0, 6):
        desk.run(ms)
    assert desk.ledger.sounding() == [(0, 60)]


def test_a_plan_made_for_a_predecessor_is_not_played(desk: Desk) -> None:
    desk.tell(PLAN)
    for ms in (0, 6):
        desk.run(ms)
    assert desk.ledger.sounding() == []


def test_a_silent_brain_loses_its_plan_is_told_and_must_greet_again(desk: Desk) -> None:
    desk.tell(Hello(WELCOME), PLAN)
    for ms in (0, 6):
        desk.run(ms)
    last_ms = 6 + BRAIN_SILENT_NS // MS
    desk.run(last_ms, beats=False)
    assert desk.ledger.sounding() == [(0, 60)]
    desk.run(last_ms + 1, beats=False)
    assert desk.ledger.sounding() == []
    assert desk.told() == [PlanEnded(NOW + (last_ms + 1) * MS)]
    later = Plan(0, NOW, (PlannedNote(NOW + 300 * MS, NOW + 900 * MS, 64, 80),))
    desk.tell(later)
    desk.run(301)
    assert desk.ledger.sounding() == []
    desk.tell(Hello(WELCOME), Plan(0, NOW, (PlannedNote(NOW + 310 * MS, NOW + 900 * MS, 67, 80),)))
    for ms in (302, 311):
        desk.run(ms)
    assert desk.ledger.sounding() == [(0, 67)]


def test_a_brain_that_is_gone_leaves_no_note(desk: Desk) -> None:
    desk.tell(Hello(WELCOME), PLAN)
    for ms in (0, 6):
        desk.run(ms)
    desk.board.box("main_to_wire").put(BrainGone())
    assert desk.run(7)
    assert desk.ledger.sounding() == []


def test_the_wire_is_called_by_whatever_it_was_not_yet_told(desk: Desk) -> None:
    desk.run(0)
    assert not desk.joint.called(NOW)
    desk.tell(Hello(WELCOME))
    assert desk.joint.called(NOW)
    desk.run(1)
    assert not desk.joint.called(NOW + MS)
    desk.board.box("main_to_wire").put(BrainGone())
    assert desk.joint.called(NOW + MS)


def test_the_brain_is_woken_when_it_is_told_something_and_else_it_sleeps_on(desk: Desk) -> None:
    desk.run(0)
    assert desk.bell.wait(0)  # how far the log reaches
    desk.run(1)
    assert not desk.bell.wait(0)
    desk.tell(Hello(WELCOME))
    desk.run(2)
    assert desk.bell.wait(0)


def test_main_says_when_to_leave(desk: Desk) -> None:
    assert desk.run(0)
    desk.board.box("main_to_wire").put(Stop())
    assert not desk.run(1)


def job(log: Path | None, **options: str) -> Job:
    return Job("board", Settings().with_options(**options), 7, log)


def test_a_jam_does_not_begin_where_it_cannot_be_recorded_but_goes_on_without(tmp_path: Path) -> None:
    reports = list[Report]()
    gone = job(tmp_path / "gone" / "jam.jsonl")
    with pytest.raises(ConfigError, match="cannot record"):
        make_recorder(gone, 0, reports.append, goes_on=False)
    assert isinstance(make_recorder(gone, 3, reports.append, goes_on=True), NullRecorder)
    assert [(report.what, report.facts) for report in reports] == [
        ("recording_failed", {"why": "No such file or directory"})
    ]


def test_a_recording_goes_on_though_what_was_asked_for_at_first_is_there_no_more(tmp_path: Path) -> None:
    chart, log = tmp_path / "chart.txt", tmp_path / "jam.jsonl"
    chart.write_text("Am7 | D7", encoding="utf-8")
    asked = job(log, harmony_chart=str(chart), engine_model=str(tmp_path / "gone.onnx"))
    make_recorder(asked, 0, print, goes_on=False).close()
    first = log.read_bytes()
    chart.write_bytes(b"\xff")
    make_recorder(asked, 3, print, goes_on=True).close()
    assert log.read_bytes().startswith(first) and len(log.read_bytes().splitlines()) == 2


def test_the_recording_is_told_which_model_plays(desk: Desk) -> None:
    desk.tell(Hello(WELCOME))
    desk.run(0)
    assert desk.recorder.asides == [WELCOME]
