"""Musical time: metres, and a frozen bijection of integer ticks and nanoseconds (as in Ableton Link)."""

from __future__ import annotations

from dataclasses import dataclass, replace

TICKS_PER_QUARTER = 480
NS_PER_MINUTE = 60_000_000_000


@dataclass(frozen=True, slots=True)
class Metre:
    """A time signature such as 4/4 or 6/8."""

    numerator: int
    denominator: int

    @property
    def ticks(self) -> int:
        """Length of a bar in ticks."""
        return self.numerator * 4 * TICKS_PER_QUARTER // self.denominator

    @property
    def beat_ticks(self) -> int:
        """Length of the felt beat in ticks: a dotted quarter in 6/8, 9/8 and 12/8, a half in 2/2, else a quarter."""
        if self.denominator == 8 and self.numerator % 3 == 0 and self.numerator > 3:
            return 3 * TICKS_PER_QUARTER // 2
        if self.denominator == 2:
            return 2 * TICKS_PER_QUARTER
        return TICKS_PER_QUARTER

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"


FOUR_FOUR = Metre(4, 4)


@dataclass(frozen=True, slots=True)
class Timeline:
    """A tempo, a beat origin and a metre that hold from the instant `time_ns` on.

    A frozen bijection: `tick_at(time_at(t)) == t` for every tick. It is replaced, never mutated; its successor
    starts where it was at the successor's instant, so ticks never jump.
    """

    time_ns: int
    """The instant from which it holds, on `time.monotonic_ns()`'s clock (or counted from a file's start)."""
    tick: int
    """The tick at that instant."""
    ns_per_quarter: int
    """Tempo: nanoseconds for 480 ticks."""
    metre: Metre = FOUR_FOUR
    downbeat: int = 0
    """A tick on which a bar begins; bar lines repeat from it in both directions, every `metre.ticks`."""

    def tick_at(self, time_ns: int) -> int:
        """The tick that is under way at `time_ns`."""
        return self.tick + (time_ns - self.time_ns) * TICKS_PER_QUARTER // self.ns_per_quarter

    def time_at(self, tick: int) -> int:
        """The first nanosecond of `tick`."""
        return self.time_ns - (self.tick - tick) * self.ns_per_quarter // TICKS_PER_QUARTER

    @property
    def bpm(self) -> float:
        """Quarter notes a minute."""
        return NS_PER_MINUTE / self.ns_per_quarter

    def next_bar_line(self, tick: int) -> int:
        """The first bar line at or after `tick`."""
        return tick + (self.downbeat - tick) % self.metre.ticks

    def next_beat(self, tick: int) -> int:
        """The first beat at or after `tick`; beats are counted from the bar line."""
        bar_line = self.next_bar_line(tick)
        beat = self.metre.beat_ticks
        return bar_line - (bar_line - tick) // beat * beat

    def successor(
        self,
        time_ns: int,
        *,
        ns_per_quarter: int | None = None,
        metre: Metre | None = None,
        downbeat: int | None = None,
    ) -> Timeline:
        """The Timeline that takes over at `time_ns`, continuous there; what is not named stays as it was."""
        return replace(
            self,
            time_ns=time_ns,
            tick=self.tick_at(time_ns),
            ns_per_quarter=self.ns_per_quarter if ns_per_quarter is None else ns_per_quarter,
            metre=self.metre if metre is None else metre,
            downbeat=self.downbeat if downbeat is None else downbeat,
        )


def ns_per_quarter(bpm: float) -> int:
    """Tempo in nanoseconds a quarter for `bpm` quarters a minute."""
    return round(NS_PER_MINUTE / bpm)
