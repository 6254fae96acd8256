"""THE table of REMI tokens: ids, names, raw values, sizes and the fingerprint are all derived from it.

Event names are those of REMI (Huang & Yang 2020, "Pop Music Transformer"); grid, open notes, pedal and turns are
for live playing.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise

from jamd.music.chords import NO_CHORD, QUALITIES, ROOTS
from jamd.music.timeline import TICKS_PER_QUARTER, Metre

SLOT_TICKS = TICKS_PER_QUARTER // 12
"""A Position is a twelfth of a quarter: 54 % of performed onsets miss a sixteenth grid by over 10 ms."""
MICRO_TICKS = TICKS_PER_QUARTER // 60
"""A Micro is a sixtieth of a quarter, which brings that to 1.4 %."""
MICROS = (-2, -1, 1, 2)
METRES = tuple(
    Metre(n, d) for n, d in ((2, 4), (3, 4), (4, 4), (5, 4), (6, 4), (2, 2), (3, 8), (6, 8), (7, 8), (9, 8), (12, 8))
)
POSITIONS = max(m.ticks for m in METRES) // SLOT_TICKS
TEMPO_CLASSES = {"slow": 30, "mid": 90, "fast": 150}
TEMPO_SPAN = 60
MIN_BPM, MAX_BPM = 30, 209
VELOCITY_BINS = 32
DURATION_BINS = 64
MIN_DURATION, MAX_DURATION = TICKS_PER_QUARTER // 24, TICKS_PER_QUARTER * 16
DURATIONS: tuple[int, ...] = tuple(
    round(MIN_DURATION * (MAX_DURATION / MIN_DURATION) ** (i / (DURATION_BINS - 1))) for i in range(DURATION_BINS)
)
"""Ticks of the duration bins, evenly spaced in the logarithm."""
OPEN = "open"


@dataclass(frozen=True, slots=True)
class Family:
    """A run of ids that share an event name."""

    name: str
    values: tuple[str, ...]
    first: int

    def __len__(self) -> int:
        return len(self.values)

    def __contains__(self, token: int) -> bool:
        return self.first <= token < self.first + len(self.values)

    def id(self, index: int) -> int:
        """The id of the family's `index`-th value; IndexError outside the family."""
        if not 0 <= index < len(self.values):
            raise IndexError(f"{self.name} has no value number {index}")
        return self.first + index

    def index(self, token: int) -> int:
        """Where `token` stands in its family."""
        return token - self.first

    def of(self, value: str) -> int:
        """The id of a value by its name."""
        return self.first + self.values.index(value)


def _numbers(count: int, start: int = 0) -> tuple[str, ...]:
    return tuple(str(i) for i in range(start, start + count))


_ROWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("PAD", ("None",)),
    ("BOS", ("None",)),
    ("Call", ("None",)),
    ("Response", ("None",)),
    ("Bar", ("None",)),
    ("Time Signature", tuple(str(m) for m in METRES)),
    ("Position", _numbers(POSITIONS, 1)),
    ("Note Off", _numbers(128)),
    ("Pedal Off", ("None",)),
    ("Pedal On", ("None",)),
    ("Chord", (*(f"{root}:{quality}" for root in ROOTS for quality in QUALITIES), NO_CHORD)),
    ("Tempo Class", tuple(TEMPO_CLASSES)),
    ("Tempo Value", _numbers(TEMPO_SPAN)),
    ("Micro", tuple(f"{m:+d}" for m in MICROS)),
    ("Note Velocity", _numbers(VELOCITY_BINS)),
    ("Note On", _numbers(128)),
    ("Note Duration", (*_numbers(DURATION_BINS), OPEN)),
)


def _families() -> tuple[Family, ...]:
    rows, first = [], 0
    for name, values in _ROWS:
        rows.append(Family(name, values, first))
        first += len(values)
    return tuple(rows)


TABLE = _families()
SIZE = TABLE[-1].first + len(TABLE[-1])
FINGERPRINT = hashlib.sha256(json.dumps([_ROWS, DURATIONS, SLOT_TICKS, MICRO_TICKS]).encode()).hexdigest()[:16]
"""Names the vocabulary in checkpoints and in the metadata of .onnx files; another fingerprint is another language."""

(
    _PAD,
    _BOS,
    _CALL,
    _RESPONSE,
    _BAR,
    TIME_SIGNATURE,
    POSITION,
    NOTE_OFF,
    _PEDAL_OFF,
    _PEDAL_ON,
    CHORD,
    TEMPO_CLASS,
    TEMPO_VALUE,
    MICRO,
    NOTE_VELOCITY,
    NOTE_ON,
    NOTE_DURATION,
) = TABLE
PAD, BOS, CALL, RESPONSE, BAR, PEDAL_OFF, PEDAL_ON = (
    f.first for f in (_PAD, _BOS, _CALL, _RESPONSE, _BAR, _PEDAL_OFF, _PEDAL_ON)
)
TURNS = (CALL, RESPONSE)
DURATION_OPEN = NOTE_DURATION.of(OPEN)

_STARTS = [f.first for f in TABLE]
_LOG_MIDDLES = [(a * b) ** 0.5 for a, b in pairwise(DURATIONS)]


def family_of(token: int) -> Family:
    """The family that `token` belongs to; IndexError for an id outside the table."""
    if not 0 <= token < SIZE:
        raise IndexError(f"no token has the id {token}: ids run from 0 to {SIZE - 1}")
    return TABLE[bisect_left(_STARTS, token + 1) - 1]


def name_of(token: int) -> str:
    """`Note On_60`, `Position_1`, `Bar_None`: the name REMI gives the token."""
    family = family_of(token)
    return f"{family.name}_{family.values[family.index(token)]}"


def duration_token(ticks: int) -> int:
    """The Note Duration whose bin is nearest in the logarithm."""
    return NOTE_DURATION.id(bisect_left(_LOG_MIDDLES, ticks))


def duration_ticks(token: int) -> int:
    """Ticks of a closed Note Duration token."""
    return DURATIONS[NOTE_DURATION.index(token)]


def velocity_token(velocity: int) -> int:
    """The Note Velocity whose bin of four holds `velocity` (1-127)."""
    return NOTE_VELOCITY.id(velocity * VELOCITY_BINS // 128)


def velocity_value(token: int) -> int:
    """The centre of a velocity bin (REMI decodes to its floor, which makes 1-3 silent)."""
    return NOTE_VELOCITY.index(token) * 4 + 2


def tempo_tokens(bpm: float) -> tuple[int, int]:
    """Tempo Class and Tempo Value; a tempo outside 30-209 is halved or doubled until it fits, then classified."""
    while bpm >= MAX_BPM + 0.5:
        bpm /= 2
    while bpm < MIN_BPM - 0.5:
        bpm *= 2
    whole = min(max(round(bpm), MIN_BPM), MAX_BPM)
    row = (whole - MIN_BPM) // TEMPO_SPAN
    return TEMPO_CLASS.id(row), TEMPO_VALUE.id(whole - MIN_BPM - row * TEMPO_SPAN)


def tempo_bpm(tempo_class: int, tempo_value: int) -> int:
    """Quarters a minute of a Tempo Class and a Tempo Value token."""
    return MIN_BPM + TEMPO_CLASS.index(tempo_class) * TEMPO_SPAN + TEMPO_VALUE.index(tempo_value)
