"""What main tells people: a line for each change of state, and every stage as JSON for `--events`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

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
        """One stage: always into the file, on the screen when it is a change of state or trouble."""
        if self._file is not None:
            name = {"t_ns": report.time_ns, "what": report.what}
            try:
                self._file.write(json.dumps(name | report.facts | name) + "\n")  # no fact can take its place
            except OSError as error:  # a full disk ends the events, never the music
                self.close()
                self._say(f"the events cannot be written any more: {error.strerror}")
        line = _line(report)
        if line:
            self._say(line)

    def close(self) -> None:
        """Closes the file."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):  # what did not fit before does not fit now
                file.close()


def _line(report: Report) -> str:
    facts = report.facts
    match report.what:
        case "state":
            return str(facts["state"])
        case "ready":
            rest = ", ".join(f"{k} {v}" for k, v in facts.items() if k not in ("process", "pid"))
            return f"{facts['process']} ready: {rest}"
        case "action":
            return f"{facts['name']} {facts.get('value', '')}".rstrip()
        case "replaced":
            return f"the {facts['process']} died and was replaced"
        case "barge_in":
            return "you play: the answer stops"
        case "late":
            return f"late: a note left out ({facts['late_ms']:.0f} ms)"
        case "echo":
            return f"echo: {facts['what']}"
        case "clock":
            return f"in time with the clock: {facts['bpm']:.1f} bpm"
        case "clock_lost":
            return "the clock is lost: its last tempo goes on"
        case "clock_back":
            return "the clock is back"
        case "transport":
            return "the song rolls" if facts["rolling"] else "the song has stopped"
        case "budget":
            left = f"; {facts['left']}" if facts["left"] else ""
            needs = f"{facts['response_ms']:.0f} of {facts['budget_ms']:g} ms to a first note"
            return f"in budget: {facts['model']}, {needs}, {facts['tokens_s']} tokens a second{left}"
        case "behind":
            return "late: jamd falls behind, and plays fewer notes"
        case "lateness" if facts["played"] or facts["skipped"]:
            told = f"{facts['played']} notes, 99 % at most {facts['p99_ms']:.1f} ms late"
            return f"played {told}; {facts['skipped']} too late, left out{_over_budget(facts)}"
        case "refused":
            return f"you played on: {facts['notes']} planned notes are left out"
        case _:
            return _trouble(report.what, facts)


def _over_budget(facts: dict[str, int | float | str | bool]) -> str:
    """How often the budget was not kept; nothing where there is none, or nothing was to keep it."""
    if not facts.get("answers"):
        return ""
    return f"; {facts['over_budget']} of {facts['answers']} answers later than {facts['budget_ms']:g} ms"


def _trouble(what: str, facts: dict[str, int | float | str | bool]) -> str:
    match what:
        case "crashed":
            reason = str(facts["why"]).strip().rpartition("\n")[2]
            return f"the {facts['process']} failed, please report it with what --events FILE.jsonl holds: {reason}"
        case "failed":
            return f"at the end: {facts['error']}"
        case "recording_failed":
            return f"the recording has ended, the jam goes on: {facts['why']}"
        case "send_failed":
            return f"the output refuses what is sent: {facts['messages']} messages lost"
        case "osc_refused":
            return f"OSC: {facts['messages']} messages not understood: {facts['why']}"
        case "chart_waits" | "ignored":
            return str(facts["why"])
        case "mode":
            return str(facts.get("why", f"mode {facts['mode']}"))
        case "turn_left_out":
            return "late: a turn of jamd's is left out"
        case "beat_left_out":
            return "late: a beat is played as it was planned before"
        case "backlog":
            return f"the brain does not keep up with the playing: {facts['messages']} messages wait"
    return ""
