"""The brain process: joins the partner to its mailboxes, beats, and gives way to nothing but its work."""

from __future__ import annotations

import contextlib
import ctypes
import time
from collections.abc import Callable, Sequence

from jamd.daemon.bell import Bell
from jamd.daemon.board import Board
from jamd.daemon.child import Lifeline
from jamd.daemon.choosing import load_model
from jamd.daemon.hearing import hear
from jamd.daemon.looks import Looks
from jamd.daemon.rooms import make_improviser, manners
from jamd.daemon.words import Finished, Hello, Job, Stop, Up
from jamd.engine.exchanges import KEPT
from jamd.engine.info import digest
from jamd.engine.partner import Partner
from jamd.engine.runtime import VERSION
from jamd.engine.session import Session
from jamd.music.events import LogEntry
from jamd.music.messages import PlanEnded, Report, Watermark, Welcome
from jamd.music.plan import Plan

IDLE_S = 0.05
"""How long an idle brain sleeps that nobody wakes: it has to beat."""


def play(bell: Bell, job: Job, board: Board, lifeline: Lifeline) -> None:
    """The body of the brain process."""
    to_wire, to_main = board.box("brain_to_wire").put, board.box("brain_to_main").put
    loaded = load_model(job.settings.engine, to_main, known=job.chosen)
    session, pace = loaded.session, loaded.pace
    _make_ready(session)
    improviser = make_improviser(job.settings, session, job.seed)

    def tell(report: Report) -> None:
        to_main(report)
        if report.what == "state":
            to_wire(report)  # which shows it on the performer's controller

    board.box("main_to_brain").skip()  # what a predecessor left unread
    name, device, threads = session.info.name, session.device, job.settings.engine.threads
    model = str(loaded.path.absolute())
    brain = Brain(
        lambda send: Partner(improviser, manners(job.settings), send, tell, pace),
        to_wire,
        Welcome(time.monotonic_ns(), model, digest(loaded.path), pace.token_ns, device, VERSION),
    )
    to_main(Up("brain", {"model": name, "device": session.runs_on, "threads": threads}, model=loaded.path))
    finished = False
    while not lifeline.cut(now := time.monotonic_ns()):
        board.write("brain_beat_ns", now)
        if any(isinstance(message, Stop) for message in board.box("main_to_brain").take()):
            return
        busy = brain.look(board.box("wire_to_brain").take(), time.monotonic_ns)
        if brain.finished and not finished:
            finished = True
            to_main(Finished())
        if not busy:
            bell.wait(IDLE_S)


def _make_ready(session: Session) -> None:
    """Takes now what memory playing will take, and gives back what loading has left over.

    For all that can be undone, and an answer's ground: fresh pages make the answer that needs them some 30 ms late.
    Left over are some 15 MB; only a glibc can be told.
    """
    _ = [session.snapshot() for _ in range(KEPT + 1)]
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


class Brain:
    """A partner, what it is told and what it says; its diary says it all before it happens.

    What it is told counts for it behind its `welcome`.
    """

    def __init__(
        self,
        partner: Callable[[Callable[[Plan | LogEntry], object]], Partner],
        to_wire: Callable[[object], object],
        welcome: Welcome,
    ) -> None:
        self._to_wire, self._greeting = to_wire, welcome
        self._looks = Looks(to_wire)
        self._partner = partner(self._send)
        self._welcome = self._busy = False
        to_wire(Hello(welcome))

    @property
    def finished(self) -> bool:
        """True when the input has ended and everything was answered."""
        return self._partner.finished

    def look(self, messages: Sequence[object], clock: Callable[[], int]) -> bool:
        """Hears what has come, and does a piece of what is to do; True where more waits to be done at once."""
        for message in messages:
            self._hear(message)
        if self._welcome and (messages or self._busy):
            self._busy = self._partner.step(self._looks.step(clock()))  # hearing may have taken its time
        return self._busy

    def _hear(self, message: object) -> None:
        if message == self._greeting and not self._welcome:
            self._welcome = True
        elif not self._welcome:
            return  # meant for a predecessor
        elif isinstance(message, Watermark):
            self._looks.hear(message)
            self._partner.reach(message.time_ns, message.heard)
        else:
            self._looks.hear(message)  # type: ignore[arg-type]  # the wire tells nothing else
            hear(self._partner, message)  # type: ignore[arg-type]
            if isinstance(message, PlanEnded):
                self._to_wire(Hello(self._greeting, self._partner.timeline))

    def _send(self, message: Plan | LogEntry) -> None:
        self._looks.tell()
        self._to_wire(message)
