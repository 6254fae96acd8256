"""What sounds, in musical time: notes and the sustain pedal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """A note in ticks (480 a quarter)."""

    onset: int
    duration: int
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True, order=True)
class Pedal:
    """The sustain pedal goes down or up at a tick."""

    tick: int
    down: bool
