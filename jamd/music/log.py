"""The log as text: one JSON object a line, lossless both ways, readable after a crash. Knows no writer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jamd.music.events import Answered, Charted, Kind, LogEntry, Performed, Turn, TurnChange, Undone
from jamd.music.timeline import Metre, Timeline

_RANKS = {Undone: 0, TurnChange: 1, Timeline: 2, Charted: 3, Answered: 4, Performed: 5}
TYPES = frozenset({"performed", "timeline", "turn", "answered", "charted", "undone"})
"""The values of "type" that are log entries; a file may hold other records beside them."""


def to_json(entry: LogEntry) -> str:
    """The entry as one line of JSON, without the newline."""
    return json.dumps(to_record(entry), separators=(",", ":"))


def from_json(line: str) -> LogEntry:
    """The entry that `to_json` wrote; ValueError with the reason if the line is not one."""
    return from_record(_parsed(line))


def read_log(path: Path) -> list[LogEntry]:
    """The entries of a file in the order of time; within an instant a decision stands before what follows from it.

    The wire writes what it hears at once, the brain what it decides about it a little later: so the order of the
    file does not say what comes first where both have the same instant.

    Records of other types are passed over, and so is a last line without a newline that a crash has torn.
    Any other bad line is a ValueError that names the file, the line and the reason.
    """
    lines = path.read_bytes().split(b"\n")
    torn = len(lines)  # what stands behind the last newline is empty, or was not written whole
    entries = []
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        try:
            record = _parsed(raw.decode())
            if record.get("type") in TYPES:
                entries.append(from_record(record))
        except ValueError as error:
            if number != torn:
                raise ValueError(f"{path}, line {number}: {error}") from error
    return in_order(entries)


def in_order(entries: Iterable[LogEntry]) -> list[LogEntry]:
    """By instant; within one: what is undone, the turn, its Timeline, its chart, its answer, what was performed."""
    return sorted(entries, key=lambda entry: (entry.time_ns, _RANKS[type(entry)]))


def remembered(entries: Iterable[LogEntry]) -> list[LogEntry]:
    """The entries of a log but for those that were undone: what a memory is made of."""
    told = list(entries)
    undone = [entry for entry in told if isinstance(entry, Undone)]
    return [entry for entry in told if not isinstance(entry, Undone) and not any(forgets(u, entry) for u in undone)]


def forgets(undone: Undone, entry: LogEntry) -> bool:
    """Whether `undone` takes this entry from memory."""
    if not undone.since_ns <= entry.time_ns < undone.time_ns:
        return False
    return isinstance(entry, TurnChange | Answered) or (isinstance(entry, Performed) and entry.kind is Kind.NOTE_ON)


def to_record(entry: LogEntry) -> dict[str, Any]:
    """The entry as the object that its line of JSON spells."""
    match entry:
        case Performed(time_ns, kind, number, value, channel):
            return {
                "type": "performed",
                "time_ns": time_ns,
                "kind": kind.value,
                "number": number,
                "value": value,
                "channel": channel,
            }
        case Timeline(time_ns, tick, ns_per_quarter, metre, downbeat):
            return {
                "type": "timeline",
                "time_ns": time_ns,
                "tick": tick,
                "ns_per_quarter": ns_per_quarter,
                "metre": str(metre),
                "downbeat": downbeat,
            }
        case TurnChange(time_ns, turn, joins):
            return {"type": "turn", "time_ns": time_ns, "turn": turn.value} | ({"joins": True} if joins else {})
        case Answered(time_ns, ids):
            return {"type": "answered", "time_ns": time_ns, "ids": list(ids)}
        case Charted(time_ns, chord):
            return {"type": "charted", "time_ns": time_ns, "chord": chord}
        case Undone(time_ns, since_ns):
            return {"type": "undone", "time_ns": time_ns, "since_ns": since_ns}


def _parsed(line: str) -> dict[str, Any]:
    record = json.loads(line)
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")
    return record


def from_record(record: Mapping[str, Any]) -> LogEntry:
    """The entry that `to_record` gave; ValueError with the reason if the object is not one."""
    time_ns = _integer(record, "time_ns")
    match record.get("type"):
        case "performed":
            return Performed(
                time_ns,
                Kind(record.get("kind")),
                _integer(record, "number", 0, 127),
                _integer(record, "value", 0, 127),
                _integer(record, "channel", 0, 15),
            )
        case "timeline":
            return Timeline(
                time_ns,
                _integer(record, "tick"),
                _integer(record, "ns_per_quarter", 1),
                _metre(record.get("metre")),
                _integer(record, "downbeat"),
            )
        case "turn":
            return TurnChange(time_ns, Turn(record.get("turn")), _truth(record, "joins"))
        case "answered":
            return Answered(time_ns, _ids(record.get("ids")))
        case "charted":
            return Charted(time_ns, _chord(record.get("chord")))
        case "undone":
            return Undone(time_ns, _integer(record, "since_ns"))
        case other:
            raise ValueError(f"no log entry has the type {other!r}")


def _integer(record: Mapping[str, Any], key: str, low: int | None = None, high: int | None = None) -> int:
    value = record.get(key)
    if type(value) is not int:  # a bool is an int to isinstance
        raise ValueError(f'"{key}" must be a whole number, not {value!r}')
    if (low is not None and value < low) or (high is not None and value > high):
        raise ValueError(f'"{key}" is out of range: {value}')
    return value


def _truth(record: Mapping[str, Any], key: str) -> bool:
    value = record.get(key, False)  # files of before there were duets have none
    if type(value) is not bool:
        raise ValueError(f'"{key}" must be true or false, not {value!r}')
    return value


def _metre(value: object) -> Metre:
    parts = value.split("/") if isinstance(value, str) else []
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
        raise ValueError(f'"metre" must read like "4/4", not {value!r}')
    return Metre(int(parts[0]), int(parts[1]))


def _ids(value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or any(type(token) is not int or token < 0 for token in value):
        raise ValueError('"ids" must be a list of token ids')
    return tuple(value)


def _chord(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError(f'"chord" must be text or null, not {value!r}')
    return value
