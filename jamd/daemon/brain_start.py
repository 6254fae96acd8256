"""The first step of the brain process: only there are NumPy and ONNX Runtime loaded, main and wire start without."""

from __future__ import annotations

from functools import partial

from jamd.daemon.bell import Bell
from jamd.daemon.board import Board
from jamd.daemon.child import Lifeline, guarded
from jamd.daemon.words import Job


def run(job: Job, bell: Bell) -> None:
    """The body of the brain process; the wire rings the bell."""
    guarded("brain", job, partial(_play, bell))


def _play(bell: Bell, job: Job, board: Board, lifeline: Lifeline) -> None:
    from jamd.daemon.brain import play  # late: main names `run`, and shall not load what the brain needs

    play(bell, job, board, lifeline)
