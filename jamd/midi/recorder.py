"""The recorder: a jam's log on disk as it happens. After a crash it holds all but the last instant.

One JSON object a line. First a `jam` record with the version of the format; then log entries as
`jamd.music.log` writes them, and between them `played` records: what jamd played, and when it was due; and
`action` records: what people asked for.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Protocol

from jamd.midi.locks import lock
from jamd.music.actions import Action
from jamd.music.events import LogEntry, Performed
from jamd.music.log import to_json

FORMAT = 1
LONGEST_LINE = 1 << 20
MANY = 64
"""So many waiting lines are written even when the next note is near."""


class Recorder(Protocol):
    """Who is told of everything that goes into the recording."""

    failure: str
    """Why nothing is recorded any more; empty while all is well."""

    def entry(self, entry: LogEntry) -> None:
        """Takes a log entry."""

    def played(self, event: Performed, due_ns: int) -> None:
        """Takes what jamd itself played."""

    def action(self, action: Action) -> None:
        """Takes what somebody asked for."""

    def flush(self, *, soon: bool) -> None:
        """Writes what waits, unless something is due `soon`."""

    def close(self) -> None:
        """Writes what waits, and ends."""


class NullRecorder:
    """Records nothing."""

    failure = ""

    def entry(self, entry: LogEntry) -> None:
        """Forgets it."""

    def played(self, event: Performed, due_ns: int) -> None:
        """Forgets it."""

    def action(self, action: Action) -> None:
        """Forgets it."""

    def flush(self, *, soon: bool) -> None:
        """Has nothing to write."""

    def close(self) -> None:
        """Has nothing to end."""


class FileRecorder:
    """Appends to a log file; a successor goes on in the same file. Written by the wire only.

    A disk that is full ends the recording, never the music: see `failure`.
    """

    def __init__(self, path: Path, facts: dict[str, Any]) -> None:
        """Begins a log, whose first line has `facts` (seed, model), or goes on with one; else OSError."""
        self.failure = ""
        self._waiting: list[str] = []
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        lock(self._file)
        if _cut_torn_line(self._file) == 0:
            self._waiting.append(json.dumps({"type": "jam", "format": FORMAT, **facts}))
            self.flush(soon=False)

    def entry(self, entry: LogEntry) -> None:
        """Takes a log entry."""
        self._waiting.append(to_json(entry))

    def played(self, event: Performed, due_ns: int) -> None:
        """Takes what jamd itself played."""
        self._waiting.append(_played_json(event, due_ns))

    def action(self, action: Action) -> None:
        """Takes what somebody asked for."""
        record = {"type": "action", "time_ns": action.time_ns, "name": action.name, "value": action.value}
        self._waiting.append(json.dumps(record, separators=(",", ":")))

    def flush(self, *, soon: bool) -> None:
        """Writes what waits in one piece, unless something is due `soon` and little waits."""
        if not self._waiting or (soon and len(self._waiting) < MANY):
            return
        data = "".join(f"{line}\n" for line in self._waiting).encode()
        self._waiting.clear()
        try:
            while data and not self.failure:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            self.failure = error.strerror or str(error)

    def close(self) -> None:
        """Writes what waits, and closes the file, which also unlocks it."""
        self.flush(soon=False)
        os.close(self._file)


def _played_json(event: Performed, due_ns: int) -> str:
    record = {"type": "played", "time_ns": event.time_ns, "due_ns": due_ns, "kind": event.kind.value}
    record |= {"number": event.number, "value": event.value, "channel": event.channel}
    return json.dumps(record, separators=(",", ":"))


def _cut_torn_line(file: int) -> int:
    """Cuts off the last line of a log if its writer died in the midst of it; the length that is left."""
    size = os.fstat(file).st_size
    start = max(size - LONGEST_LINE, 0)
    size = start + os.pread(file, LONGEST_LINE, start).rfind(b"\n") + 1
    os.ftruncate(file, size)
    return size
