"""What every child does alike: knows when to leave, and tells main what went wrong."""

from __future__ import annotations

import gc
import signal
import traceback
from collections.abc import Callable
from multiprocessing import parent_process
from types import FrameType

from jamd.daemon.board import Board
from jamd.daemon.words import Crashed, Failed, Job
from jamd.errors import JamdError

LOOK_NS = 50_000_000
"""How often a child looks whether main lives: a look costs some 30 microseconds."""


class Lifeline:
    """Tells a child that it is alone, or was asked by the system to leave. Takes over the signals."""

    def __init__(self) -> None:
        self._parent, self._next_look, self._cut = parent_process(), 0, False
        for number in (signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)):
            signal.signal(number, signal.SIG_IGN)  # they reach the whole group: main decides
        signal.signal(signal.SIGTERM, self._on_term)

    @property
    def alone(self) -> bool:
        """True once main is gone."""
        return self._parent is not None and not self._parent.is_alive()

    def cut(self, now: int) -> bool:
        """True once main is gone or a SIGTERM has come."""
        if now >= self._next_look:
            self._next_look = now + LOOK_NS
            self._cut = self._cut or self.alone
        return self._cut

    def _on_term(self, number: int, frame: FrameType | None) -> None:
        self._cut = True


def guarded(process: str, job: Job, body: Callable[[Job, Board, Lifeline], None]) -> None:
    """Runs a child's body on the board; what goes wrong is told to main, which alone prints."""
    lifeline = Lifeline()
    try:
        board = Board.join(job.board)
    except FileNotFoundError:
        return  # main has left, and taken the board away
    sound = _ran(process, job, body, board, lifeline)
    gc.unfreeze()
    gc.collect()  # what looked at the board's memory goes before it
    board.close(remove=lifeline.alone)
    if not sound:
        raise SystemExit(1)


def _ran(
    process: str, job: Job, body: Callable[[Job, Board, Lifeline], None], board: Board, lifeline: Lifeline
) -> bool:
    """False where it failed, by a fault of ours: then main tries another. No error outlives this: they hold memory."""
    tell = board.box(f"{process}_to_main").put
    try:
        body(job, board, lifeline)
    except Exception as error:
        if isinstance(error, JamdError) and not board.read(f"{process}_beat_ns"):
            tell(Failed(process, error))
            return True
        tell(Crashed(process, traceback.format_exc()))
        return False
    return True
