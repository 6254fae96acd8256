"""The first step of the brain process: only there are NumPy and ONNX Runtime loaded, main and wire start without."""

from __future__ import annotations

from jamd.daemon.child import guarded
from jamd.daemon.words import Job


def run(job: Job) -> None:
    """The body of the brain process."""
    from jamd.daemon.brain import play  # late: main names this function, and shall not load what it needs

    guarded("brain", job, play)
