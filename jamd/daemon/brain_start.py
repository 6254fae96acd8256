"""The first step of the brain process: only there are NumPy and ONNX Runtime loaded, main and wire start without."""

from __future__ import annotations

from jamd.daemon.board import Board
from jamd.daemon.child import Lifeline, guarded
from jamd.daemon.words import Job


def run(job: Job) -> None:
    """The body of the brain process."""
    guarded("brain", job, _play)


def _play(job: Job, board: Board, lifeline: Lifeline) -> None:
    from jamd.daemon.brain import play  # late: main names `run`, and shall not load what the brain needs

    play(job, board, lifeline)
