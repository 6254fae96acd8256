"""What every child process does alike: leave signals to main, notice that main is gone, and tell it what went wrong."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable
from multiprocessing import parent_process

from jamd.daemon.board import Board
from jamd.daemon.words import Failed, Job
from jamd.errors import JamdError

LOOK_NS = 10_000_000
"""How often a child looks whether main lives: a look costs some 30 microseconds."""


class Orphan:
    """Notices that main is gone."""

    def __init__(self) -> None:
        self._parent, self._next_look, self._gone = parent_process(), 0, False

    def at(self, now: int) -> bool:
        """True once main is gone."""
        if now >= self._next_look and self._parent is not None:
            self._next_look = now + LOOK_NS
            self._gone = not self._parent.is_alive()
        return self._gone


def guarded(process: str, job: Job, body: Callable[[Job, Board], None]) -> None:
    """Runs a child's body on the board; what goes wrong is told to main, never printed over the performer's screen."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: main decides when to stop
    board = Board.join(job.board)
    try:
        body(job, board)
    except JamdError as error:
        board.box(f"{process}_to_main").put(Failed(process, error))
    except Exception:
        text = traceback.format_exc()
        board.box(f"{process}_to_main").put(Failed(process, JamdError(f"the {process} failed:\n{text}", "Please report it.")))
        raise SystemExit(1) from None
