"""A child that fails says so on the board, lets it go, and leaves."""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from jamd.config import Settings
from jamd.daemon.board import Board
from jamd.daemon.child import Lifeline, guarded
from jamd.daemon.words import Crashed, Failed, Job
from jamd.errors import PortError
from jamd.midi.ledger import Ledger
from tests.daemon.live import LONG_S, jamd

CONTEXT = get_context("spawn")


def bug(job: Job, board: Board, lifeline: Lifeline) -> None:
    """Fails while something of its own looks at the board."""
    ledger = Ledger(board.ledger)
    ledger.mark(0, 60)
    raise ZeroDivisionError("a bug")


def refusal(job: Job, board: Board, lifeline: Lifeline) -> None:
    """Cannot go on."""
    ledger = Ledger(board.ledger)
    ledger.mark(0, 60)
    raise PortError("no such port", "Name another.")


@pytest.fixture
def board() -> Iterator[Board]:
    board = Board.create()
    yield board
    board.close()


def left(board: str, body: object) -> BaseProcess:
    """A child that has run the body."""
    process = CONTEXT.Process(target=guarded, args=("wire", Job(board, Settings(), 1, None), body))
    process.start()
    process.join(LONG_S)
    return process


def test_a_bug_is_told_with_its_traceback_and_nothing_is_printed(
    board: Board, capfd: pytest.CaptureFixture[str]
) -> None:
    assert left(board.name, bug).exitcode == 1
    (message,) = board.box("wire_to_main").take()
    assert isinstance(message, Crashed)
    assert "ZeroDivisionError: a bug" in message.why
    assert capfd.readouterr().err == ""
    assert Ledger(board.ledger).sounding() == [(0, 60)]


def test_a_refusal_is_told_whole(board: Board, capfd: pytest.CaptureFixture[str]) -> None:
    assert left(board.name, refusal).exitcode == 0
    (message,) = board.box("wire_to_main").take()
    assert isinstance(message, Failed)
    assert (message.error.message, message.error.hint) == ("no such port", "Name another.")
    assert capfd.readouterr().err == ""


def test_a_child_that_comes_when_main_has_gone_leaves_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    board = Board.create()
    name = board.name
    board.close()
    assert left(name, bug).exitcode == 0
    assert capfd.readouterr().err == ""


def test_a_brain_that_can_never_start_ends_the_jam_with_one_complaint(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime/__init__.py").write_text("raise ImportError('libgone.so.1 is missing')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    files = ("--in", "file:jamd/models/call.mid", "--out", f"file:{tmp_path / 'jam.mid'}", "--no-record")
    with jamd(tmp_path, *files, model=model, clean=False) as daemon:
        assert daemon.process.wait(LONG_S) == 1
    assert daemon.printed.count("libgone.so.1 is missing") <= 2
    assert "the brain cannot start" in daemon.printed
    assert not daemon.events("replaced")
