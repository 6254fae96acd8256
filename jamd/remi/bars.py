"""Bars as the vocabulary can say them, on the bar lines of Timelines. Knows no notes and no tokens."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache

from jamd.music.timeline import FOUR_FOUR, Metre, Timeline
from jamd.remi.vocabulary import METRES, SLOT_TICKS

SHORTEST = min(metre.ticks for metre in METRES)
LONGEST = max(metre.ticks for metre in METRES)
_HALF_SLOT = SLOT_TICKS // 2


@lru_cache(maxsize=256)
def pieces(metre: Metre) -> tuple[tuple[int, Metre], ...]:
    """A metre as bars of the vocabulary: (ticks, metre said) each.

    Bars longer than 6 quarters are split (7/4 = 4/4 + 3/4, 15/8 = 12/8 + 3/8); a bar that no metre of the
    vocabulary measures (5/8) is the shortest one that holds it, cut short.
    """
    compound = metre.denominator >= 8 and metre.numerator % 3 == 0
    head = Metre(12, 8) if compound else FOUR_FOUR
    rest, parts = metre.ticks, list[tuple[int, Metre]]()
    while rest > LONGEST:
        parts.append((head.ticks, head))
        rest -= head.ticks
    return (*parts, (rest, _measure(rest, metre)))


def _measure(ticks: int, like: Metre) -> Metre:
    """The metre for a bar of `ticks`: `like` itself, else the shortest that holds it."""
    if like in METRES and like.ticks == ticks:
        return like
    fitting = [metre for metre in METRES if metre.ticks >= ticks]
    return min(fitting, key=lambda metre: (metre.ticks, metre.denominator != like.denominator))


def counted(timeline: Timeline) -> Timeline:
    """The Timeline; in 4/4 where its bars are too short for anybody to count (most POP909 files say 1/4 throughout).

    A single short bar still ends where the next Timeline puts its line: a pick-up stays a pick-up.
    """
    return replace(timeline, metre=FOUR_FOUR) if timeline.metre.ticks < SHORTEST else timeline


def next_line(timeline: Timeline, tick: int) -> int:
    """The first line at or after `tick` at which a bar can begin; lines inside split bars count."""
    whole = timeline.metre.ticks
    line = timeline.next_bar_line(tick)
    at = line - whole
    for length, _ in pieces(timeline.metre):
        at += length
        if at >= tick:
            return at
    return line


def bar_from(timeline: Timeline, line: int) -> tuple[int, Metre]:
    """End and metre of a bar that begins at `line`; off the Timeline's lines the next cuts it short."""
    end = next_line(timeline, line + 1)
    offset = (line - timeline.downbeat) % timeline.metre.ticks
    for length, metre in pieces(timeline.metre):
        if offset < length:
            return end, metre
        offset -= length
    raise AssertionError("a bar is the sum of its pieces")


def line_before(timeline: Timeline, tick: int) -> int:
    """The last line at or before `tick`."""
    line = next_line(timeline, tick - LONGEST)
    while (following := next_line(timeline, line + 1)) <= tick:
        line = following
    return line


@dataclass(slots=True, eq=False)
class Bar:
    """A bar; its line and its metre stand once it has begun (the line may come nearer until then)."""

    index: int
    line: int
    metre: Metre | None = None

    def copy(self, known: dict[Bar, Bar]) -> Bar:
        """Its copy, one for each bar: `known` leads from old to new and is filled."""
        if self not in known:
            known[self] = Bar(self.index, self.line, self.metre)
        return known[self]


class Bars:
    """The bars as they go by: one that has begun, and the next. Owned by one encoder.

    A bar begins when its line has passed; until then a new Timeline may still move or measure it.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline = counted(timeline)
        self.bar: Bar | None = None
        self.next = Bar(0, line_before(timeline, timeline.tick))
        self.beat_start = self.next.line
        self.beat_end = self.next.line
        """Where the current beat ends; a bar line always ends one."""

    def take_over(self, timeline: Timeline, tick: int) -> None:
        """A new Timeline holds from `tick` on: its first line ends the bar, unless that ends earlier."""
        self.timeline = timeline = counted(timeline)
        self.next.line = min(self.next.line, next_line(timeline, tick))
        self.beat_end = min(self.beat_end, self.next.line)

    def go_on(self) -> bool:
        """The current beat has ended: on to the next one; True if a new bar began with it."""
        line = self.next.line
        begins = self.beat_end == line
        if begins:
            self._begin(line)
        assert self.bar is not None and self.bar.metre is not None
        self.beat_start = self.beat_end
        self.beat_end = min(self.beat_start + self.bar.metre.beat_ticks, self.next.line)
        return begins

    def _begin(self, line: int) -> None:
        bar = self.next
        end, metre = bar_from(self.timeline, line)
        bar.metre = bar.metre or metre
        self.bar, self.next = bar, Bar(bar.index + 1, min(end, line + bar.metre.ticks))

    def settle_next(self, metre: Metre | None = None) -> None:
        """The next bar is said before it begins: `metre`, or the Timeline's, is its metre from now on."""
        self.next.metre = self.next.metre or metre or bar_from(self.timeline, self.next.line)[1]

    def locate(self, tick: int) -> tuple[Bar, int]:
        """Bar and slot of a tick after the current bar line; the next bar is reached half a slot early."""
        if self.bar is None or tick >= self.next.line - _HALF_SLOT:
            return self.next, 0
        return self.bar, (tick - self.bar.line + _HALF_SLOT) // SLOT_TICKS

    def last_slot(self, tick: int) -> tuple[Bar, int]:
        """Like `locate`, but never beyond the bar that has begun: something that ends ends in its own bar."""
        bar, position = self.locate(tick)
        if bar is self.next and self.bar is not None:
            return self.bar, (self.next.line - 1 - self.bar.line) // SLOT_TICKS
        return bar, position

    def copy(self, known: dict[Bar, Bar]) -> Bars:
        """An independent copy; `known` leads from old bars to new and is filled."""
        other = copy(self)
        other.bar = self.bar and self.bar.copy(known)
        other.next = self.next.copy(known)
        return other
