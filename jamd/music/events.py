"""The log of a jam: everything that decides what the tokens are, each entry with its instant (`time_ns`).

The order of the log is the order of time; entries of one instant keep the order in which they were written.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from jamd.music.timeline import Timeline

SUSTAIN = 64
ALL_SOUND_OFF, RESET_CONTROLLERS, ALL_NOTES_OFF = 120, 121, 123
PEDAL_THRESHOLD = 64
TOLD_CONTROLLERS = frozenset({SUSTAIN, ALL_SOUND_OFF, RESET_CONTROLLERS, ALL_NOTES_OFF})
"""Those that move the pedal or end notes: the language has no words for others."""


class Kind(Enum):
    """What a performed event is."""

    NOTE_ON = "note_on"
    NOTE_OFF = "note_off"
    CONTROL = "control"
    PROGRAM = "program"


class Turn(Enum):
    """Whose turn it is."""

    CALL = "call"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class Performed:
    """One event that somebody performed, stamped where it arrived.

    `number` is the pitch, controller or program; `value` the velocity or controller value; `channel` counts from 0.
    A NOTE_ON has a velocity of 1-127: velocity 0 arrives here as NOTE_OFF.
    """

    time_ns: int
    kind: Kind
    number: int
    value: int = 0
    channel: int = 0


def says_something(event: Performed) -> bool:
    """Whether the language has a word for it; a wheel has none, and must not cost a draft."""
    return event.kind is not Kind.CONTROL or event.number in TOLD_CONTROLLERS


@dataclass(frozen=True, slots=True)
class TurnChange:
    """The turn passes to somebody at this instant."""

    time_ns: int
    turn: Turn
    joins: bool = False
    """True in a duet: they begin beside who played so far. Nothing that sounds ends, the pedal stays."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The tokens of an answer as they were really heard, without the Response token that opened them."""

    time_ns: int
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Charted:
    """A chord that is planned from this instant on: from a chart or an annotation. None ends the plan."""

    time_ns: int
    chord: str | None
    """`root:quality` as the vocabulary spells it (`A:min`), or `N:N`."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What was struck and answered, and whose turn it was, from `since_ns` to this instant is forgotten.

    Keys let go, controllers, Timelines and charts of that time stay: they say how things are.
    """

    time_ns: int
    since_ns: int


LogEntry = Performed | Timeline | TurnChange | Answered | Charted | Undone
