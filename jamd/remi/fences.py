"""Fences: what a person forbids an answer, whatever the model would like. Plain and frozen; knows no masks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jamd.errors import ConfigError
from jamd.music.chords import ROOTS
from jamd.music.symbols import Symbol
from jamd.remi.vocabulary import NOTE_VELOCITY, velocity_value

FREE, CHORD_TONES, SCALE = FOLLOWS = ("free", "chord tones", "scale")
"""How closely notes keep to a chart's chord: by the Chord tokens alone; its scale; on strong beats its tones."""
ALL = frozenset(range(12))


@dataclass(frozen=True, slots=True)
class Fences:
    """What holds for every note that is sampled; as it stands it forbids nothing. ConfigError where no note is left."""

    key: frozenset[int] = ALL
    """Pitch classes."""
    low: int = 0
    high: int = 127
    """The lowest and the highest pitch."""
    density: float = 0.0
    """Most notes that begin in a beat, over a bar; 1.5: two in a beat, six in a bar of four. 0: any number."""
    voices: int = 0
    """Most notes at once; one that ends within its duration's bin of a new one's start does not count. 0: any."""
    softest: int = 1
    loudest: int = 127
    """Velocities; a bin's centre must lie within."""
    follow: str = FREE

    def __post_init__(self) -> None:
        if self.follow not in FOLLOWS or min(self.density, self.voices) < 0:
            raise ValueError(f"no fences are like {self}")
        if not self.velocities:
            raise ConfigError(
                f"no loudness is left between softest {self.softest} and loudest {self.loudest}",
                "Leave at least 4 between them.",
            )
        if not self.pitches(ALL):
            raise ConfigError(
                f"no note is left: there is none of the key from {self.low} to {self.high}",
                "Widen low and high, or the key.",
            )

    @property
    def velocities(self) -> tuple[int, ...]:
        """The Note Velocity bins inside, by their number."""
        bins = range(len(NOTE_VELOCITY))
        return tuple(b for b in bins if self.softest <= velocity_value(NOTE_VELOCITY.id(b)) <= self.loudest)

    @property
    def counts(self) -> bool:
        """Whether it matters how many notes there are."""
        return self.density > 0 or self.voices > 0

    def pitches(self, classes: frozenset[int]) -> tuple[int, ...]:
        """The pitches inside that are of these classes too."""
        inside = self.key & classes
        return tuple(pitch for pitch in range(self.low, self.high + 1) if pitch % 12 in inside)

    def classes(self, symbol: Symbol | None, *, strong: bool) -> frozenset[int]:
        """The pitch classes that `follow` leaves over a chord, on a strong beat or off it."""
        if symbol is None or not symbol.tones or self.follow == FREE:
            return ALL
        if self.follow == SCALE:
            return symbol.scale
        return symbol.tones if strong else ALL

    def judge(self, symbols: Iterable[Symbol]) -> None:
        """ConfigError if over one of these chords no note is left."""
        for symbol in symbols:
            if not self.pitches(self.classes(symbol, strong=True)):
                notes = " ".join(ROOTS[c] for c in sorted(self.classes(symbol, strong=True)))
                raise ConfigError(
                    f'no note is left over {symbol.text}: with follow = "{self.follow}" it leaves {notes}, '
                    "and key, low and high leave none of these",
                    'Widen the key, low and high, or set follow = "free".',
                )
