"""The pulse of a clock whose ticks wobble: a straight line through the last of them. Knows no MIDI and no music.

Time is regressed on the number of the tick (least squares over a window). Ticks off the line are odd: one by itself
is left out, and a run of them is told apart into lost ticks, late ones that come in a burst, and a new tempo.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from math import hypot, sqrt
from statistics import fmean
from typing import NamedTuple

MS = 1_000_000
WINDOW = 96
"""Ticks that the line is laid through: four beats. With a wobble of 3 ms a tick it is known to 0.6 ms."""
FEWEST, SURE = 6, 24
"""Ticks from which a tempo can be read at all, and from which it outweighs the tempo that was known before."""
SLOWEST_NS, FASTEST_NS = 125 * MS, 6_250_000
"""Limits of what is taken for a tick's length: 20 and 400 quarters a minute."""
STEADIEST_NS = 300_000.0
"""No port is steadier than this: the wobble is never taken to be less."""
ODD, NEVER_ODDER = 0.25, 0.75
"""A tick this part of a tick off the line is odd, or if it wobbles much, one three times its wobble off; and one
this far off is odd in any case."""
MOST_LOST, FITS = 2, 2.5
"""Odd ticks in a row are taken to come behind lost ones if at most so many were lost between them, and if they are
no further from the old line than so many times its wobble."""
HOLE = 0.5
"""Lost ticks leave a hole, which is at least so much longer than if one fewer was lost."""
PATIENCE = 12
"""Odd ticks by which it is decided: a new tempo, or lost ticks among them."""
BEND, BEND_RUN = 1.3, 8
"""So many ticks in a row that miss the line by this part of the wobble on average: the tempo bends."""
BENT = 16
"""Ticks that are still believed then."""


class Tick(NamedTuple):
    """A tick's number, and when it came."""

    number: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class Line:
    """Where the ticks lie if they did not wobble."""

    number: float
    """The middle of the ticks that it is laid through, where it is known best."""
    time_ns: float
    """The instant there."""
    period_ns: float
    wobble_ns: float
    """Standard deviation of a tick from it."""
    ticks: int
    """How many it is laid through."""

    def time_of(self, number: float) -> float:
        """The instant of a tick."""
        return self.time_ns + (number - self.number) * self.period_ns

    def number_at(self, time_ns: float) -> float:
        """The tick at an instant, with its fraction."""
        return self.number + (time_ns - self.time_ns) / self.period_ns

    def doubt_ns(self, number: float) -> float:
        """Standard deviation of `time_of`, as far as the ticks behind the line say."""
        far = number - self.number
        return self.wobble_ns * sqrt(1 / self.ticks + 12 * far * far / self.ticks**3)

    def as_fast_as(self, other: Line) -> bool:
        """True if their tempos do not contradict each other, as far as this line's ticks can say."""
        doubt_ns = max(self.wobble_ns, other.wobble_ns) * sqrt(12 / self.ticks**3)
        return abs(self.period_ns - other.period_ns) < 4 * doubt_ns


class _Window:
    """The last ticks, with exact sums for the line through them."""

    def __init__(self) -> None:
        self.ticks: deque[Tick] = deque()
        self._sums = [0, 0, 0, 0, 0]
        self._base = Tick(0, 0)  # sums are counted from it: small numbers

    @property
    def last(self) -> list[Tick]:
        """The last one, if there is one."""
        return [self.ticks[-1]] if self.ticks else []

    def add(self, tick: Tick) -> None:
        """One more; the oldest goes."""
        if not self.ticks:
            self._base, self._sums = tick, [0, 0, 0, 0, 0]
        self.ticks.append(tick)
        self._count(tick, 1)
        self.keep(WINDOW)

    def keep(self, most: int) -> None:
        """Forgets all but the last so many."""
        while len(self.ticks) > most:
            self._count(self.ticks.popleft(), -1)

    def _count(self, tick: Tick, sign: int) -> None:
        number, time_ns = tick.number - self._base.number, tick.time_ns - self._base.time_ns
        for at, value in enumerate((number, time_ns, number * number, number * time_ns, time_ns * time_ns)):
            self._sums[at] += sign * value

    def line(self, known: Line | None) -> Line | None:
        """The line; with few ticks that do not contradict it, at the tempo `known`. None where there is none."""
        n = len(self.ticks)
        number, time_ns, squares, mixed, times = self._sums
        across = n * squares - number * number
        middle = self._base.number + number / n, self._base.time_ns + time_ns / n
        if n < FEWEST or across == 0:
            return known and Line(*middle, known.period_ns, known.wobble_ns, n)
        period = (n * mixed - number * time_ns) / across
        rest = max((n * times - time_ns * time_ns) - period * (n * mixed - number * time_ns), 0.0)
        wobble = max(sqrt(rest / n / max(n - 2, 1)), STEADIEST_NS)
        if known and n < SURE:
            wobble = hypot(wobble, known.wobble_ns) / sqrt(2)
            if abs(period - known.period_ns) < 2.5 * wobble / sqrt(across / n):
                period = known.period_ns
        return Line(*middle, period, wobble, n) if FASTEST_NS <= period <= SLOWEST_NS else None


class Pulse:
    """Follows one clock; `tick` is told of each tick. Owned by the follower."""

    def __init__(self) -> None:
        self.number = -1
        """Of the last tick. One that was lost has a number too."""
        self.line: Line | None = None
        self._window = _Window()
        self._known: Line | None = None  # whose tempo was known when the window was begun
        self._odd: list[Tick] = []  # since the last that was on the line
        self._misses: deque[float] = deque(maxlen=BEND_RUN)

    def tick(self, now: int, *, anew: bool = False) -> None:
        """A tick has come; `anew`: the clock was started, so its phase may have jumped."""
        self.number += 1
        line = self.line
        if line is None:
            self._take(Tick(self.number, now))
        elif abs(miss := now - line.time_of(self.number)) <= self._tolerance(line):
            self._odd.clear()
            self._take(Tick(self.number, now))
            self._watch_bend(miss, line)
        elif anew:
            self._begin([Tick(self.number, now)])
        else:
            self._odd.append(Tick(self.number, now))
            self._judge(line)

    def come_back(self, now: int) -> None:
        """Long silence ends with a tick: the clock went on meanwhile, so this is the tick nearest to the line."""
        if self.line is None:
            self._window.ticks.clear()
            return
        nearest = round(self.line.number_at(now)) - 1
        self.number = max(self.number, nearest)
        self._begin([])

    def _tolerance(self, line: Line) -> float:
        doubt = 3 * hypot(line.wobble_ns, line.doubt_ns(self.number)) if line.ticks >= FEWEST else 0.0
        return min(max(ODD * line.period_ns, doubt), NEVER_ODDER * line.period_ns)

    def _take(self, tick: Tick) -> None:
        self._window.add(tick)
        self.line = self._window.line(self._known) or self.line

    def _begin(self, ticks: list[Tick]) -> None:
        """The line is laid anew through these; the tempo stays known until they say another."""
        self._known, self._window = self.line, _Window()
        self._odd.clear()
        self._misses.clear()
        for tick in ticks:
            self._take(tick)

    def _watch_bend(self, miss: float, line: Line) -> None:
        self._misses.append(miss)
        enough = len(self._misses) == BEND_RUN and line.ticks > BENT
        if enough and abs(sum(self._misses)) > BEND * BEND_RUN * line.wobble_ns:
            self._window.keep(BENT)
            self._misses.clear()
            self._known = None
            self.line = self._window.line(None) or line

    def _judge(self, line: Line) -> None:
        """What are the odd ones: ticks behind lost ones, or another line? While they are neither, they wait."""
        if len(self._odd) < FEWEST:
            return
        run = self._odd[-FEWEST:]
        moved, other = _moved(self._window.last, self._odd, line), _line_through(run)
        if other is None or other.wobble_ns > ODD * other.period_ns:
            likely = bool(moved)
        elif not moved:
            likely = False
        elif moved[-1].number - moved[0].number == len(run) - 1:  # all were lost before them
            likely = other.as_fast_as(line)
        elif len(self._odd) < PATIENCE and 2 * _rest_ns(moved, line) > other.wobble_ns:
            return  # both are likely
        else:
            likely = 2 * _rest_ns(moved, line) <= other.wobble_ns
        if likely:
            self.number = moved[-1].number
            for tick in moved:
                self._take(tick)
            self._odd.clear()
        elif other is not None and other.wobble_ns <= ODD * other.period_ns:
            self._begin(run)


def _moved(last: list[Tick], odd: list[Tick], line: Line) -> list[Tick]:
    """The last odd ticks with the numbers that the line gives them; none if it does not fit, or many were lost.

    None also where it leaves out a number, but not the time for it since the `last` tick that was on the line: then
    the clock has walked off.
    """
    numbered = [*last, *(Tick(round(line.number_at(tick.time_ns)), tick.time_ns) for tick in odd)]
    walked = any(
        (later.time_ns - tick.time_ns) < (later.number - tick.number - 1 + HOLE) * line.period_ns
        for tick, later in pairwise(numbered)
        if later.number - tick.number > 1
    )
    moved, run = numbered[-FEWEST:], odd[-FEWEST:]
    rises = moved[0].number > run[0].number and all(a.number < b.number for a, b in pairwise(moved))
    lost = moved[-1].number - moved[0].number - len(run) + 1
    near = _rest_ns(moved, line) <= FITS * hypot(line.wobble_ns, line.doubt_ns(moved[0].number))
    return moved if rises and lost <= MOST_LOST and near and not walked else []


def _rest_ns(ticks: list[Tick], line: Line) -> float:
    """How far they are from the line: the root of the mean square."""
    return sqrt(fmean((tick.time_ns - line.time_of(tick.number)) ** 2 for tick in ticks))


def _line_through(run: list[Tick]) -> Line | None:
    window = _Window()
    for tick in run:
        window.add(tick)
    return window.line(None)
