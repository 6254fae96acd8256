"""The recorder: a jam's log on disk as it happens. After a crash it holds all but the last instant.

One JSON object a line. First a `jam` record: the version of the format, and how it was played. Then log entries as
`jamd.music.log` writes them, and between them what a replay follows:

- `played`: what jamd played, and when it was due; `action`: what people asked for; `told`: what else the brain heard;
- `plan`: whether a plan of the brain's was accepted; `stopped`: what was played ends; `wire`: another wire goes on;
- `over_budget`: an answer began later behind its phrase than [engine] budget_ms (for people; no replay follows it);
- `brain`: at what the brain looked, and when: it stands before whatever followed from that.

What the brain has said carries `said`, another number for each message of a jam: a wire that takes over is given once
more what its predecessor may have written. What the brain is told stands here before it is told, so whoever dies, the
recording knows as much as they did; only looks of a brain's last two seconds, from which nothing followed, die with it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from jamd.midi.locks import lock
from jamd.music.actions import Action
from jamd.music.events import LogEntry, Performed
from jamd.music.log import to_record
from jamd.music.messages import Looked
from jamd.music.told import Aside, aside_record

FORMAT = 2
LONGEST_LINE = 1 << 20
MANY = 64
"""So many waiting lines are written even when the next note is near."""
_SAID = re.compile(rb'"said":(\d+)')


class Recorder(Protocol):
    """Who is told of everything that goes into the recording."""

    failure: str
    """Why nothing is recorded any more; empty while all is well."""

    def entry(self, entry: LogEntry, said: int | None = None) -> None:
        """Takes a log entry: what was heard, or what the brain has `said`."""

    def told(self, message: Aside) -> None:
        """Takes what the brain is told besides."""

    def looked(self, looked: Looked, said: int) -> None:
        """Takes what the brain says of its looks."""

    def decided(self, what: str, time_ns: int, **facts: int | bool | str) -> None:
        """Takes what the wire decides."""

    def played(self, event: Performed, due_ns: int) -> None:
        """Takes what jamd itself played."""

    def action(self, action: Action) -> None:
        """Takes what somebody asked for."""

    def flush(self, *, soon: bool) -> bool:
        """Writes what waits, unless something is due `soon`; True when nothing waits any more."""

    def close(self) -> None:
        """Writes what waits, and ends."""


class NullRecorder:
    """Records nothing."""

    failure = ""

    def entry(self, entry: LogEntry, said: int | None = None) -> None:
        """Forgets it."""

    def told(self, message: Aside) -> None:
        """Forgets it."""

    def looked(self, looked: Looked, said: int) -> None:
        """Forgets it."""

    def decided(self, what: str, time_ns: int, **facts: int | bool | str) -> None:
        """Forgets it."""

    def played(self, event: Performed, due_ns: int) -> None:
        """Forgets it."""

    def action(self, action: Action) -> None:
        """Forgets it."""

    def flush(self, *, soon: bool) -> bool:
        """Has nothing to write."""
        return True

    def close(self) -> None:
        """Has nothing to end."""


class FileRecorder:
    """Appends to a log file; a successor goes on in the same file. Written by the wire only.

    A disk that is full ends the recording, never the music: see `failure`.
    """

    def __init__(self, path: Path, facts: Callable[[], dict[str, Any]], heard: int = 0) -> None:
        """Begins a log, whose first line has the `facts`, or goes on with one, `heard` note-ons on; else OSError."""
        self.failure = ""
        self._waiting: list[str] = []
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        lock(self._file)
        end = _cut_torn_line(self._file)
        self._written = frozenset(map(int, _SAID.findall(end)))  # of what was said
        if end:
            self._waiting.append(to_line({"type": "wire", "heard": heard}))
        else:
            self._waiting.append(json.dumps({"type": "jam", "format": FORMAT, **facts()}))
        self.flush(soon=False)

    def entry(self, entry: LogEntry, said: int | None = None) -> None:
        """Takes a log entry: what was heard, or what the brain has `said`."""
        self._take(entry_record(entry, said))

    def told(self, message: Aside) -> None:
        """Takes what the brain is told besides."""
        self._take(aside_record(message))

    def looked(self, looked: Looked, said: int) -> None:
        """Takes what the brain says of its looks."""
        page = {"type": "brain", "number": looked.number, "from_ns": looked.from_ns, "looks": looked.looks}
        self._take(page | {"said": said})

    def decided(self, what: str, time_ns: int, **facts: int | bool | str) -> None:
        """Takes what the wire decides."""
        self._take({"type": what, "time_ns": time_ns, **facts})

    def played(self, event: Performed, due_ns: int) -> None:
        """Takes what jamd itself played."""
        self._take(played_record(event, due_ns))

    def action(self, action: Action) -> None:
        """Takes what somebody asked for."""
        self._take({"type": "action", "time_ns": action.time_ns, "name": action.name, "value": action.value})

    def flush(self, *, soon: bool) -> bool:
        """Writes what waits in one piece, unless something is due `soon` and little waits; True if nothing is left."""
        if not self._waiting:
            return True
        if soon and len(self._waiting) < MANY:
            return False
        data = "".join(f"{line}\n" for line in self._waiting).encode()
        self._waiting.clear()
        try:
            while data and not self.failure:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            self.failure = error.strerror or str(error)
        return True

    def close(self) -> None:
        """Writes what waits, and closes the file, which also unlocks it."""
        self.flush(soon=False)
        os.close(self._file)

    def _take(self, record: dict[str, Any]) -> None:
        if record.get("said") not in self._written:
            self._waiting.append(to_line(record))


def to_line(record: dict[str, Any]) -> str:
    """A record as it stands in the log, without the newline."""
    return json.dumps(record, separators=(",", ":"))


def entry_record(entry: LogEntry, said: int | None) -> dict[str, Any]:
    """The record of a log entry."""
    return to_record(entry) | ({} if said is None else {"said": said})


def played_record(event: Performed, due_ns: int) -> dict[str, Any]:
    """The record of what jamd has played."""
    record = {"type": "played", "time_ns": event.time_ns, "due_ns": due_ns, "kind": event.kind.value}
    return record | {"number": event.number, "value": event.value, "channel": event.channel}


def _cut_torn_line(file: int) -> bytes:
    """Cuts off the last line of a log if its writer died in the midst of it; the last lines that are left."""
    start = max(os.fstat(file).st_size - LONGEST_LINE, 0)
    end = os.pread(file, LONGEST_LINE, start)
    whole = end[: end.rfind(b"\n") + 1]
    os.ftruncate(file, start + len(whole))
    return whole
