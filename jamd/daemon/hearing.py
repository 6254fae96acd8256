"""What a partner is told, said to the partner: live by the brain, and when a jam is replayed."""

from __future__ import annotations

from jamd.engine.partner import Partner
from jamd.music.actions import Action
from jamd.music.events import Performed
from jamd.music.messages import InputEnded, Missed, PlanEnded, Resumed, Transport
from jamd.music.timeline import Timeline
from jamd.music.told import Told


def hear(partner: Partner, message: Told) -> None:
    """The partner takes it in."""
    match message:
        case Performed() | Timeline():
            partner.hear(message)
        case Action():
            _act(partner, message)
        case Transport():
            partner.transport(message)
        case Missed(_, due_ns, pitch):
            partner.miss(due_ns, pitch)
        case Resumed(timeline):
            partner.resume(timeline)
        case PlanEnded(time_ns, deaf):
            partner.interrupt(time_ns, deaf=deaf)
        case InputEnded():
            partner.end_of_input()


def _act(partner: Partner, action: Action) -> None:
    """What somebody asks for; take marks and taps are the wire's business alone."""
    if action.name == "panic":
        partner.panic(action.time_ns)
    elif action.name not in ("keep", "tap"):
        partner.act(action)
