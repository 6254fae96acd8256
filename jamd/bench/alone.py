"""A real wire process whose brain is this process: it is given plans, and says what it plays and hears."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess

from jamd.bench.figures import Unavailable
from jamd.config import Settings
from jamd.daemon import wire
from jamd.daemon.bell import Bell
from jamd.daemon.board import Board
from jamd.daemon.words import Failed, Go, Hello, Job, Stop, Up
from jamd.midi.port_types import OutputPort, PortSpec
from jamd.midi.ports import open_output
from jamd.music.messages import Report, Welcome
from jamd.music.plan import Plan

HOUR_NS = 3_600_000_000_000
START_S, STOP_S = 20.0, 5.0
NOBODY = Welcome(0, "", "", 0, "", "")
"""A brain that is none."""


class WireAlone:
    """A wire that is up, and has been greeted."""

    def __init__(self, board: Board, bell: Bell, process: BaseProcess) -> None:
        self._board, self._bell, self._process = board, bell, process
        self.realtime = bool(self._up().facts["realtime"])
        """Whether it has real-time priority."""
        board.write("brain_beat_ns", time.monotonic_ns() + HOUR_NS)  # this brain is not going to die
        board.box("brain_to_wire").put(Hello(NOBODY))

    def play(self, plan: Plan) -> None:
        """Hands it a plan."""
        self._board.box("brain_to_wire").put(plan)

    def told(self, seconds: float) -> list[object]:
        """What it tells its brain, as soon as it does, or after a while."""
        self._bell.wait(seconds)
        return self._board.box("wire_to_brain").take()

    def reports(self) -> list[Report]:
        """What it has told people since the last call."""
        return [message for message in self._board.box("wire_to_main").take() if isinstance(message, Report)]

    def stop(self) -> None:
        """It closes its ports and leaves."""
        self._board.box("main_to_wire").put(Stop())
        self._process.join(STOP_S)

    def _up(self) -> Up:
        """What it says when it is up; its own error where it fails."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.is_alive():
            for message in self._board.box("wire_to_main").take():
                if isinstance(message, Failed):
                    raise message.error
                if isinstance(message, Up):
                    return message
            time.sleep(0.01)
        raise Unavailable("the wire process does not start")


@contextlib.contextmanager
def wire_alone(settings: Settings, opener: Callable[[PortSpec, str], OutputPort] = open_output) -> Iterator[WireAlone]:
    """The wire that the settings ask for; it is gone after this. `opener`, for another process, opens its output."""
    context, board, bell = multiprocessing.get_context("spawn"), Board.create(), Bell()
    theirs, ours = context.Pipe(duplex=False)
    job = Job(board.name, settings, 1, None)
    process = context.Process(target=wire.run, args=(job, theirs, bell, opener), name="jamd-wire", daemon=True)
    process.start()
    theirs.close()
    ours.send(Go())
    try:
        yield WireAlone(board, bell, process)
    finally:
        process.kill()
        process.join()
        ours.close()
        bell.close()
        board.close()
