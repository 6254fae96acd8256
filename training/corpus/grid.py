"""The grid of a piece: where its ticks stand in time (piecewise constant tempo) and where its bars begin."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from jamd.music.timeline import TICKS_PER_QUARTER, Metre, Timeline

NS_PER_QUARTER_STEP = 48_000
"""Tempi are rounded to this (100 ns a tick): every tick is a whole instant, also stretched by percents."""
TICK_STEP_NS = NS_PER_QUARTER_STEP // TICKS_PER_QUARTER


class Tempo(NamedTuple):
    """From `tick`, which falls on `time_ns`, a quarter lasts `ns_per_quarter`."""

    tick: int
    time_ns: int
    ns_per_quarter: int

    def tick_at(self, time_ns: int) -> int:
        """The tick under way at an instant."""
        return self.tick + (time_ns - self.time_ns) * TICKS_PER_QUARTER // self.ns_per_quarter

    def time_at(self, tick: int) -> int:
        """The instant of a tick, exact."""
        return self.time_ns + (tick - self.tick) * self.ns_per_quarter // TICKS_PER_QUARTER


class BarMark(NamedTuple):
    """From the bar line at `tick` on, bars of `metre` follow each other."""

    tick: int
    metre: Metre


@dataclass(frozen=True, slots=True)
class Grid:
    """Tempi and bar marks in rising order of ticks; the first of each also holds before its tick."""

    tempi: tuple[Tempo, ...]
    bars: tuple[BarMark, ...]

    def time_at(self, tick: int) -> int:
        """The instant (ns) of a tick."""
        i = bisect_right(self.tempi, tick, key=lambda t: t.tick)
        return self.tempi[max(i - 1, 0)].time_at(tick)

    def tick_at(self, time_ns: int) -> int:
        """The tick under way at an instant (ns)."""
        i = bisect_right(self.tempi, time_ns, key=lambda t: t.time_ns)
        return self.tempi[max(i - 1, 0)].tick_at(time_ns)

    def bar_lines(self, first: int, last: int) -> Iterator[int]:
        """Bar lines from the last one at or before tick `first` to the last one before tick `last`."""
        mark = self.bars[self._mark(first)]
        line = first - (first - mark.tick) % mark.metre.ticks
        after = self._mark(first) + 1
        while line < last:
            yield line
            line += mark.metre.ticks
            while after < len(self.bars) and self.bars[after].tick <= line:
                mark = self.bars[after]
                line, after = mark.tick, after + 1

    def timelines(self, first: int, percent: int = 100) -> list[Timeline]:
        """Timelines from tick `first` on, with time stretched by `percent`."""
        tempo = self.tempi[max(bisect_right(self.tempi, first, key=lambda t: t.tick) - 1, 0)]
        mark = self.bars[self._mark(first)]
        start = tempo.time_at(first) * percent // 100
        pace = tempo.ns_per_quarter * percent // 100
        out = [Timeline(start, first, pace, mark.metre, mark.tick)]
        for tick, change in self._changes(first):
            at = out[-1].time_at(tick)
            if isinstance(change, Tempo):
                following = out[-1].successor(at, ns_per_quarter=change.ns_per_quarter * percent // 100)
            else:
                following = out[-1].successor(at, metre=change.metre, downbeat=change.tick)
            if at == out[-1].time_ns:
                out.pop()
            out.append(following)
        return out

    def _mark(self, tick: int) -> int:
        return max(bisect_right(self.bars, tick, key=lambda b: b.tick) - 1, 0)

    def _changes(self, after: int) -> list[tuple[int, Tempo | BarMark]]:
        changes: list[tuple[int, Tempo | BarMark]] = [(t.tick, t) for t in self.tempi if t.tick > after]
        changes += [(b.tick, b) for b in self.bars if b.tick > after]
        return sorted(changes, key=lambda c: c[0])


def tempi_through(knots: Sequence[tuple[int, float]]) -> tuple[Tempo, ...]:
    """Tempi through (tick, ns) knots, at least two, rising; rounding errors are carried on, not summed up."""
    out: list[Tempo] = []
    now = round(knots[0][1] / TICK_STEP_NS) * TICK_STEP_NS
    for (tick, _), (following, due) in pairwise(knots):
        pace = (due - now) * TICKS_PER_QUARTER / (following - tick)
        stepped = max(round(pace / NS_PER_QUARTER_STEP), 1) * NS_PER_QUARTER_STEP
        out.append(Tempo(tick, now, stepped))
        now += (following - tick) * stepped // TICKS_PER_QUARTER
    return tuple(out)


def tempi_stated(changes: Sequence[tuple[int, float]]) -> tuple[Tempo, ...]:
    """Tempi from a score's (tick, ns a quarter) marks, the first at tick 0, which falls on instant 0."""
    out: list[Tempo] = []
    for tick, pace in changes:
        stepped = max(round(pace / NS_PER_QUARTER_STEP), 1) * NS_PER_QUARTER_STEP
        out.append(Tempo(tick, out[-1].time_at(tick) if out else 0, stepped))
    return tuple(out)


def few_knots(beats: Sequence[tuple[int, float]], tolerance: float) -> list[tuple[int, float]]:
    """The fewest of the (tick, ns) beats, greedily, such that lines between them miss no beat by more.

    A beat that wanders by a few milliseconds is no change of tempo; a real one is kept where it stands.
    """
    knots, i = [beats[0]], 0
    while i < len(beats) - 1:
        reach, low, high = i + 1, float("-inf"), float("inf")
        for j in range(i + 1, len(beats)):
            ticks, span = beats[j][0] - beats[i][0], beats[j][1] - beats[i][1]
            if low <= span / ticks <= high:
                reach = j
            low, high = max(low, (span - tolerance) / ticks), min(high, (span + tolerance) / ticks)
            if low > high:
                break
        i = reach
        knots.append(beats[i])
    return knots
