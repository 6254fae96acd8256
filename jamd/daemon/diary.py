"""What main tells people: a line for each change of state, and every stage as JSON for `--events`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from jamd.daemon.words import Up
from jamd.errors import ConfigError
from jamd.music.messages import Report


class Diary:
    """Owns the events file; `say` prints a line."""

    def __init__(self, say: Callable[[str], None], events: Path | None) -> None:
        self._say = say
        self._file: TextIO | None = None
        if events is not None:
            try:
                self._file = events.open("a", 1, encoding="utf-8")  # a line at once: a crash leaves all but one
            except OSError as error:
                raise ConfigError(
                    f"cannot write the events to {events}: {error.strerror}", "Name another file."
                ) from None

    def write(self, report: Report) -> None:
        """One stage: always into the file, on the screen when it is a change of state."""
        if self._file is not None:
            try:
                self._file.write(json.dumps({"t_ns": report.time_ns, "what": report.what, **report.facts}) + "\n")
            except OSError as error:  # a full disk ends the events, never the music
                self._file = None
                self._say(f"the events cannot be written any more: {error.strerror}")
        line = _line(report)
        if line:
            self._say(line)

    def up(self, message: Up, now: int) -> None:
        """A child is ready."""
        self.write(Report(now, "ready", {"process": message.process, "pid": message.pid, **message.facts}))

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()


def _line(report: Report) -> str:
    facts = report.facts
    match report.what:
        case "state":
            return str(facts["state"])
        case "ready":
            rest = ", ".join(f"{k} {v}" for k, v in facts.items() if k not in ("process", "pid"))
            return f"{facts['process']} ready: {rest}"
        case "replaced":
            return f"the {facts['process']} died and was replaced"
        case "crashed":
            return f"the {facts['process']} failed, please report it:\n{facts['why']}"
        case "barge_in":
            return "you play: the answer stops"
        case "late":
            return f"late: a note left out ({facts.get('late_ms', '?')} ms)"
        case "recorded":
            return f"recorded: {facts['file']}"
        case "echo" | "refused" | "dropped" | "port_lost" | "port_back":
            return f"{report.what}: " + ", ".join(f"{k} {v}" for k, v in facts.items())
    return ""
