"""The recording that is to be played again: its records, and how it was played. Never written to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jamd.daemon.played import HowPlayed, how_played
from jamd.errors import MidiFileError
from jamd.midi.recorder import FORMAT
from jamd.music.messages import Welcome
from jamd.music.told import told_in

DAMAGED = "It was changed, or is damaged."
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError)
"""What comes of reading a record that is not as jamd writes it."""


@dataclass(frozen=True, slots=True)
class Record:
    """A line of the recording."""

    number: int
    line: str
    facts: Mapping[str, Any]

    @property
    def type(self) -> str:
        """What it tells of."""
        return str(self.facts.get("type"))


@dataclass(frozen=True, slots=True)
class Source:
    """A recording as it was read."""

    log: Path
    how: HowPlayed
    records: tuple[Record, ...]
    """All behind the first line."""

    @property
    def mid(self) -> Path:
        """The .mid of it, which need not exist."""
        return self.log.with_suffix(".mid")

    @property
    def welcomes(self) -> list[Welcome]:
        """Those of the brains that played."""
        told = (told_in(record.facts) for record in self.records if record.facts.get("what") == "welcome")
        return [message for message in told if isinstance(message, Welcome)]

    @property
    def digests(self) -> set[str]:
        """Of the models that played."""
        return {welcome.digest for welcome in self.welcomes}

    @property
    def start_ns(self) -> int:
        """When the first thing happened that counts."""
        return next((int(r.facts["time_ns"]) for r in self.records if r.type == "performed"), 0)


def read_source(path: Path) -> Source:
    """The recording at `path`, its log or its .mid, but for a last line that a crash has torn; else MidiFileError."""
    log = path.with_suffix(".jsonl") if path.suffix.lower() in (".mid", ".midi") else path
    if log != path and not log.is_file():
        raise MidiFileError(
            f"there is no {log} beside {path}: the log of a jam is what can be replayed.",
            "Name a recording of jamd's: its .jsonl, or the .mid beside it.",
        )
    first, *records = _records(log)
    if first.type != "jam":
        raise MidiFileError(f"{log} is not the log of a jam: its first line does not say so.", DAMAGED)
    how = how_played(first.facts, log) if first.facts.get("format") == FORMAT else None
    if how is None:
        raise MidiFileError(
            f"{log} was recorded by an older jamd, which did not write down all that a replay follows.",
            f"What was played is all there, also as {log.with_suffix('.mid').name}; jams from now on can be replayed.",
        )
    source = Source(log, how, tuple(records))
    try:
        ready = bool(source.welcomes)
    except UNREADABLE as error:
        raise damaged(log, error) from error
    if not ready:
        raise MidiFileError(f"in {log} jamd was never ready: there is nothing to replay.", "Name another recording.")
    return source


def damaged(log: Path, error: Exception) -> MidiFileError:
    """What to tell a person whose recording is not as jamd writes it."""
    why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
    return MidiFileError(f"{log} cannot be followed: {why}.", DAMAGED)


def _records(log: Path) -> list[Record]:
    try:
        lines = log.read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise MidiFileError(f"Cannot read {log}: {error.strerror}.", "Check the name and the folder.") from error
    records = []
    for number, raw in enumerate(lines, 1):
        try:
            line = raw.decode()
            facts = json.loads(line)
            if not isinstance(facts, dict):
                raise ValueError("not a JSON object")
        except ValueError as error:
            raise MidiFileError(f"{log} is not the log of a jam: line {number}: {error}.", DAMAGED) from error
        records.append(Record(number, line, facts))
    if not records:
        raise MidiFileError(f"{log} is empty.", "Name another recording.")
    return records
