"""A piece of music as every reader hands it over: keys, pedal, chords and, where known, its beats."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from training.corpus.grid import Grid

NS_STEP = 100
"""Every instant of a piece is a multiple of 100 ns, so that a stretch by whole percents is exact."""
FLAT_VELOCITIES = 2
"""A piece with no more velocities than this has no dynamics to learn (dance rolls, scores without marks)."""


class Struck(NamedTuple):
    """A key that is held from `on_ns` to `off_ns`; `channel` names its track or hand."""

    on_ns: int
    off_ns: int
    pitch: int
    velocity: int
    channel: int = 0


class PedalMove(NamedTuple):
    """The sustain pedal (CC 64) stands at `value` from `time_ns` on."""

    time_ns: int
    value: int


class ChordLabel(NamedTuple):
    """An annotated chord, spelled as the vocabulary does, that holds from the beat at `time_ns` on."""

    time_ns: int
    chord: str


@dataclass(frozen=True, slots=True)
class PieceRow:
    """A line of a set's manifest.tsv."""

    piece: str
    group: str
    split: str
    licence: str
    note: str = ""
    bars: str = ""
    """How far its bar lines can be trusted: sure, likely, doubtful; empty where nobody said."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What a reader makes of a piece. `notes` are in order of onset and do not overlap within a channel."""

    notes: tuple[Struck, ...]
    pedal: tuple[PedalMove, ...] = ()
    grid: Grid | None = None
    """None when the beats are unknown: such a piece is read on a free grid only."""
    chords: tuple[ChordLabel, ...] = ()
    voice: tuple[Struck, ...] = ()
    """A sung part that the keyboard may take over, in a variant."""
    irregular_bars: int = field(default=0)
    """Bars that no metre of the vocabulary has, and that had to be merged, split or cut."""

    @property
    def flat_velocity(self) -> bool:
        """True when the velocities say nothing."""
        return len({n.velocity for n in self.notes}) <= FLAT_VELOCITIES


def at(seconds: float) -> int:
    """Nanoseconds of an instant in seconds, rounded to NS_STEP."""
    return round(seconds * 1e9 / NS_STEP) * NS_STEP


def tidy(notes: list[Struck]) -> tuple[Struck, ...]:
    """Notes in order of onset; within a channel a key ends at the latest when it is struck again.

    Notes of one channel, pitch and onset become one, the loudest and longest; none is shorter than NS_STEP.
    """
    held: dict[tuple[int, int], int] = {}
    out: list[Struck] = []
    for note in sorted(notes):
        note = note._replace(off_ns=max(note.off_ns, note.on_ns + NS_STEP))
        key = (note.channel, note.pitch)
        before = held.get(key)
        if before is not None and out[before].on_ns == note.on_ns:
            old = out[before]
            louder = max(old.velocity, note.velocity)
            out[before] = old._replace(off_ns=max(old.off_ns, note.off_ns), velocity=louder)
            continue
        if before is not None and out[before].off_ns > note.on_ns:
            out[before] = out[before]._replace(off_ns=note.on_ns)
        held[key] = len(out)
        out.append(note)
    return tuple(out)
