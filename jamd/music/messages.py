"""What the processes say to each other besides log entries and plans: plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field

from jamd.music.timeline import Timeline

GRAIN_NS = 100_000
"""What the brain does by the clock it does at whole multiples of this, so that its diary (`Looked`) is short."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """From the wire: nothing performed before `time_ns` will come any more; `heard` note-ons have come so far."""

    time_ns: int
    heard: int


@dataclass(frozen=True, slots=True)
class Welcome:
    """From the wire, to a brain that has greeted it with this: what comes from here on is for you."""

    brain: int
    """Which brain it is: another number than any before it."""
    model: str
    """The file of its model."""
    digest: str
    """Of that file."""
    token_ns: int
    """What a token is expected to take."""
    device: str
    """What the model really runs on: cpu or cuda."""
    runtime: str
    """The version of ONNX Runtime."""


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
    """From the wire: a planned note was left out at `time_ns`, since it would have come too late."""

    time_ns: int
    due_ns: int
    pitch: int


@dataclass(frozen=True, slots=True)
class PlanEnded:
    """From the wire: what you planned has ended, since you were silent or my predecessor died."""

    time_ns: int
    deaf: bool = False
    """True when nobody listened for a while from then on."""


@dataclass(frozen=True, slots=True)
class InputEnded:
    """From the wire: the file has been played to its end."""


@dataclass(frozen=True, slots=True)
class Looked:
    """From the brain, for the recording: at what it looked, and when, spelled as `jamd.daemon.looks` says.

    It goes out before whatever followed from it. `number` counts up.
    """

    number: int
    from_ns: int
    looks: str


@dataclass(frozen=True, slots=True)
class Report:
    """Something that happened, for the screen and for `--events`: a name, its instant (monotonic ns) and its facts."""

    time_ns: int
    what: str
    facts: dict[str, int | float | str | bool] = field(default_factory=dict)
