"""What a port is to the wire, whatever stands behind it: a MIDI system, a file, nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jamd.music.timeline import Timeline


class InputPort(Protocol):
    """Where playing comes from. Polled, since callbacks of MIDI libraries lose messages in a burst."""

    name: str

    def poll(self, now: int) -> list[tuple[int, bytes]]:
        """What has come since the last poll, oldest first, each with its instant: not after `now`, nor before
        the last poll's."""

    def close(self) -> None:
        """Lets the port go; never blocks for long."""


class OutputPort(Protocol):
    """Where playing goes to."""

    name: str

    def send(self, message: bytes) -> None:
        """Sends one message at once; PortError where the port refuses it."""

    def close(self) -> None:
        """Lets the port go when all that was sent is out; never blocks for long."""


class Clock(Protocol):
    """Somebody who says where the beats are."""

    def timelines(self, now: int) -> list[Timeline]:
        """The Timelines that have begun since the last call, each with its instant."""


class NullInput:
    """A performer who never plays; also a clock that knows no beats."""

    name = "nothing"

    def poll(self, now: int) -> list[tuple[int, bytes]]:
        """Nothing."""
        return []

    def timelines(self, now: int) -> list[Timeline]:
        """None."""
        return []

    def close(self) -> None:
        """Nothing to let go."""


class NullOutput:
    """An output that nobody hears, such as that of a jam that is only written down."""

    def __init__(self, name: str = "nothing") -> None:
        self.name = name

    def send(self, message: bytes) -> None:
        """Forgets the message."""

    def close(self) -> None:
        """Nothing to let go."""


@dataclass(frozen=True, slots=True)
class Device:
    """A port that is there: by its name, or a part of it."""

    name: str


@dataclass(frozen=True, slots=True)
class Virtual:
    """A port of our own that others connect to; `name` stands in the name that they see."""

    name: str


@dataclass(frozen=True, slots=True)
class File:
    """A .mid file in the place of a port."""

    path: Path


@dataclass(frozen=True, slots=True)
class OwnSynth:
    """fluidsynth, started by us: an output that needs no MIDI system."""


PortSpec = Device | Virtual | File | OwnSynth


@dataclass(frozen=True, slots=True)
class PortInfo:
    """A port that is there, in one direction, seen from jamd."""

    name: str
    direction: str
    """`in`: jamd can listen to it; `out`: jamd can play to it."""
    api: str
