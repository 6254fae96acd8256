"""What the wire tells the brain beside the log's entries, as records of a recording, and back. Knows no writer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from jamd.music.actions import Action
from jamd.music.events import Performed
from jamd.music.log import from_record, to_record
from jamd.music.messages import InputEnded, Missed, PlanEnded, Resumed, Transport, Welcome
from jamd.music.timeline import Timeline

Heard = Performed | Timeline | Action
"""What a recording has a record for that is of its own."""
Aside = Transport | Missed | Resumed | PlanEnded | InputEnded | Welcome | Timeline | Action
"""What it says in a record `told`: a Timeline or an Action is there told once more, to a brain that is new."""
Told = Heard | Aside

_PLAIN: dict[str, Any] = {
    "transport": Transport,
    "missed": Missed,
    "ended": PlanEnded,
    "input_ended": InputEnded,
    "welcome": Welcome,
    "action": Action,
}
_NAMES = {kind: name for name, kind in _PLAIN.items()}


def aside_record(message: Aside) -> dict[str, Any]:
    """The message as a record."""
    match message:
        case Timeline():
            return {"type": "told", "what": "timeline", "timeline": to_record(message)}
        case Resumed(timeline):
            return {"type": "told", "what": "resumed", "timeline": to_record(timeline)}
    return {"type": "told", "what": _NAMES[type(message)], **asdict(message)}


def told_in(record: Mapping[str, Any]) -> Told | None:
    """What the brain was told by this record of a recording, if anything; KeyError or ValueError for a bad one.

    What the brain itself has `said` it need not be told.
    """
    match record.get("type"):
        case "performed" | "timeline" if "said" not in record:
            return _entry(record)
        case "action":
            return Action(record["time_ns"], record["name"], record["value"])
        case "told":
            return _aside(record)
    return None


def _aside(record: Mapping[str, Any]) -> Told:
    match record["what"]:
        case "timeline":
            return _entry(record["timeline"])
        case "resumed":
            return Resumed(_timeline(record["timeline"]))
    kind = _PLAIN[record["what"]]
    message: Aside = kind(**{field.name: record[field.name] for field in fields(kind)})
    return message


def _entry(record: Mapping[str, Any]) -> Performed | Timeline:
    entry = from_record(record)
    if not isinstance(entry, Performed | Timeline):
        raise ValueError(f"no brain is told of the type {record.get('type')!r}")
    return entry


def _timeline(record: Mapping[str, Any]) -> Timeline:
    entry = from_record(record)
    if not isinstance(entry, Timeline):
        raise ValueError("no Timeline")
    return entry
