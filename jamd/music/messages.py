"""What the processes say to each other besides log entries and plans: plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field

from jamd.music.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Watermark:
    """From the wire: nothing performed before `time_ns` will come any more; `heard` note-ons have come so far."""

    time_ns: int
    heard: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """From the wire, to a brain that comes into a jam: the Timeline that the log says last."""

    timeline: Timeline


@dataclass(frozen=True, slots=True)
class Transport:
    """From the wire: at this instant the song that the clock counts begins or goes on (`rolling`), or stops.

    It begins where the Timeline of the same instant puts it; a Timeline goes on while the song has stopped.
    """

    time_ns: int
    rolling: bool


@dataclass(frozen=True, slots=True)
class Missed:
    """From the wire: a planned note was left out, since it would have come too late."""

    due_ns: int
    pitch: int


@dataclass(frozen=True, slots=True)
class Report:
    """Something that happened, for the screen and for `--events`: a name, its instant (monotonic ns) and its facts."""

    time_ns: int
    what: str
    facts: dict[str, int | float | str | bool] = field(default_factory=dict)
