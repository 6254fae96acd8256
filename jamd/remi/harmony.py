"""Chords by the beat: from a chart, or from the notes that sounded. Knows neither slots nor tokens."""

from __future__ import annotations

from collections.abc import Iterable

from jamd.errors import JamdError, did_you_mean
from jamd.music.chords import name_chord
from jamd.music.events import Turn
from jamd.remi.slots import Struck
from jamd.remi.vocabulary import CHORD, SLOT_TICKS

_CHORDS = frozenset(CHORD.values)
_HALF_SLOT = SLOT_TICKS // 2


class Harmony:
    """The notes of the current beat and turn, the chart, and the chord last named. Owned by one encoder."""

    def __init__(self) -> None:
        self.named: str | None = None
        """The chord that the tokens name, once all that is decided is said."""
        self.beat: list[Struck] = []
        """Notes of this turn that sound, or have sounded, in the current beat."""
        self._chart: list[tuple[int, str | None]] = []

    def plan(self, tick: int, chord: str | None) -> None:
        """From `tick` on the chart says `chord`; JamdError if the vocabulary has no such chord."""
        if chord is not None and chord not in _CHORDS:
            hint = did_you_mean(chord, _CHORDS) or "Chords are written like A:min, C:maj, G:dom or N:N."
            raise JamdError(f'"{chord}" is not a chord', hint)
        self._chart.append((tick, chord))

    def news(self, turn: Turn, start: int, end: int, *, heard: int | None = None) -> str | None:
        """What the beat between two ticks is called in this turn, if that is news; it is heard from `heard` on."""
        planned = self._planned(start + _HALF_SLOT)
        if end <= start:
            return None
        if turn is Turn.CALL or planned is None:
            planned = chord_between(self.beat, start if heard is None else heard, end) if self.beat else None
        return None if planned == self.named else planned

    def next_beat(self) -> None:
        """A beat has ended: only what still sounds belongs to the next one."""
        self.beat = [note for note in self.beat if note.end is None]

    def _planned(self, tick: int) -> str | None:
        """The chord that the chart has for `tick`; what it had before is forgotten."""
        chart = self._chart
        while len(chart) > 1 and chart[1][0] <= tick:
            chart.pop(0)
        return chart[0][1] if chart and chart[0][0] <= tick else None

    def copy(self, notes: dict[Struck, Struck]) -> Harmony:
        """An independent copy; `notes` leads from old to new."""
        other = Harmony()
        other.named, other._chart = self.named, self._chart.copy()
        other.beat = [notes[note] for note in self.beat]
        return other


def chord_between(notes: Iterable[Struck], start: int, end: int) -> str | None:
    """The chord between two ticks, each note weighed by how long its key was down there; None: too little.

    What reaches in by less than half a slot belongs to the beat beside it.
    """
    weights = [0.0] * 12
    bass = 128
    for note in notes:
        until = end if note.end is None or note.end > end else note.end
        length = until - (note.onset if note.onset > start else start)
        if length > _HALF_SLOT:
            weights[note.pitch % 12] += length
            bass = min(bass, note.pitch)
    return name_chord(weights, bass) if bass < 128 else None
