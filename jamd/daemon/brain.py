"""The brain process: joins the partner to its mailboxes, beats, and gives way to nothing but its work."""

from __future__ import annotations

import time

from jamd.daemon.board import Board
from jamd.daemon.child import Lifeline
from jamd.daemon.rooms import load_improviser, manners
from jamd.daemon.words import Finished, Hello, InputEnded, Job, PlanEnded, Stop, Up
from jamd.engine.partner import Partner
from jamd.music.actions import Action
from jamd.music.events import Performed
from jamd.music.messages import Missed, Report, Resumed, Transport, Watermark
from jamd.music.timeline import Timeline

IDLE_S = 0.002
"""How long an idle brain sleeps between two looks into its mailbox."""


def play(job: Job, board: Board, lifeline: Lifeline) -> None:
    """The body of the brain process."""
    to_wire, to_main = board.box("brain_to_wire").put, board.box("brain_to_main").put
    improviser, session = load_improviser(job.settings, job.seed)

    def tell(report: Report) -> None:
        to_main(report)
        if report.what == "state":
            to_wire(report)  # which shows it on the performer's controller

    partner = Partner(improviser, manners(job.settings), to_wire, tell)
    for box in ("wire_to_brain", "main_to_brain"):
        board.box(box).skip()  # what a predecessor left unread was not meant for an empty memory
    to_wire(Hello())
    to_main(
        Up(
            "brain",
            {"model": session.info.name, "device": session.device, "threads": job.settings.engine.threads},
        )
    )
    finished = False
    while not lifeline.cut(now := time.monotonic_ns()):
        board.write("brain_beat_ns", now)
        if not _read(board, partner):
            return
        busy = partner.step(time.monotonic_ns())  # reading may have taken its time
        if partner.finished and not finished:
            finished = True
            to_main(Finished())
        if not busy:
            time.sleep(IDLE_S)


def _read(board: Board, partner: Partner) -> bool:
    """Hands on what has come; False when it is time to leave."""
    for message in board.box("wire_to_brain").take():
        if isinstance(message, Watermark):
            partner.reach(message.time_ns, message.heard)
        elif isinstance(message, Performed | Timeline):
            partner.hear(message)
        elif isinstance(message, Action):
            _act(message, partner)
        elif isinstance(message, Transport):
            partner.transport(message)
        elif isinstance(message, Missed):
            partner.miss(message.due_ns, message.pitch)
        elif isinstance(message, Resumed):
            partner.resume(message.timeline)
        elif isinstance(message, PlanEnded):
            partner.interrupt(message.time_ns, deaf=message.deaf)
            board.box("brain_to_wire").put(Hello(partner.timeline))
        elif isinstance(message, InputEnded):
            partner.end_of_input()
    return not any(isinstance(message, Stop) for message in board.box("main_to_brain").take())


def _act(action: Action, partner: Partner) -> None:
    """What somebody asks for; take marks and taps are the wire's business alone."""
    if action.name == "panic":
        partner.panic(action.time_ns)
    elif action.name not in ("keep", "tap"):
        partner.act(action)
