"""What is about to be played, placed in time."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class PlannedNote:
    """A note with the instants at which it is due to begin and to end (monotonic ns)."""

    due_ns: int
    off_ns: int
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True, order=True)
class PlannedPedal:
    """The sustain pedal, due at an instant (monotonic ns)."""

    due_ns: int
    down: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """From `from_ns` on, this is what is played; what an older plan had not begun by then is forgotten.

    Note-offs owed are never dropped. A plan that `yields` answers what has been heard: `heard` is the number of
    note-ons by the performer that its maker knew of. One more makes it stale: the wire refuses it, or stops it.
    One that begins with the end of a phrase is made before that end, in case it comes: see `over_ns`.
    """

    heard: int
    from_ns: int
    notes: tuple[PlannedNote, ...] = field(default=())
    pedals: tuple[PlannedPedal, ...] = field(default=())
    final: bool = False
    """True when the answer ends with this plan."""
    yields: bool = True
    """False where both play at once: then no note of the performer's makes it stale, or stops it."""
    cuts: bool = False
    """True when what sounds ends at `from_ns` too, and the pedal goes up there."""
    over_ns: int = 0
    """The end of the phrase that it answers at once. Whatever is performed before then makes it void; 0: nothing."""
    known_ns: int = 0
    """Its maker knew all that was performed up to here."""
