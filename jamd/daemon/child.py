"""What every child does alike: knows when to leave, and tells main what went wrong."""

from __future__ import annotations

import gc
import signal
import traceback
from collections.abc import Callable
from multiprocessing import parent_process
from types import FrameType

from jamd.daemon.board import Board
from jamd.daemon.words import Failed, Job
from jamd.errors import JamdError

LOOK_NS = 10_000_000
"""How often a child looks whether main lives: a look costs some 30 microseconds."""


class Lifeline:
    """Tells a child that it is alone, or was asked by the system to leave. Takes over the signals."""

    def __init__(self) -> None:
        self._parent, self._next_look, self._cut = parent_process(), 0, False
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: main decides
        signal.signal(signal.SIGTERM, self._on_term)

    def cut(self, now: int) -> bool:
        """True once main is gone or a SIGTERM has come."""
        if now >= self._next_look and self._parent is not None:
            self._next_look = now + LOOK_NS
            self._cut = self._cut or not self._parent.is_alive()
        return self._cut

    def _on_term(self, number: int, frame: FrameType | None) -> None:
        self._cut = True


def guarded(process: str, job: Job, body: Callable[[Job, Board, Lifeline], None]) -> None:
    """Runs a child's body on the board; what goes wrong is told to main, which alone prints."""
    lifeline = Lifeline()
    board = Board.join(job.board)
    try:
        body(job, board, lifeline)
    except JamdError as error:
        board.box(f"{process}_to_main").put(Failed(process, error))
    except Exception:
        bug = JamdError(f"the {process} failed:\n{traceback.format_exc()}", "Please report it.")
        board.box(f"{process}_to_main").put(Failed(process, bug))
        raise SystemExit(1) from None
    finally:
        gc.unfreeze()
        gc.collect()  # what looked at the board's memory goes before it
        board.close()
