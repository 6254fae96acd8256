"""Time signatures of files as bars that the language can say; the table of metres is its caller's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement

from jamd.music.timeline import FOUR_FOUR, TICKS_PER_QUARTER, Metre

SNAP_TICKS = TICKS_PER_QUARTER // 24
"""A signature this near a bar line stands on it: exporters round."""
MOST_PARTS = 4
"""More bars than these are not looked for in one bar of a file."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A time signature as a file says it, at a tick."""

    tick: int
    numerator: int
    denominator: int

    @property
    def ticks(self) -> int:
        """Length of its bar in ticks; 0 where that is no whole number."""
        ticks, rest = divmod(self.numerator * 4 * TICKS_PER_QUARTER, self.denominator)
        return 0 if rest else ticks


@dataclass(frozen=True, slots=True)
class Bars:
    """From `tick` on, bars of `metre` begin there and every `metre.ticks` later."""

    tick: int
    metre: Metre


@dataclass(frozen=True, slots=True)
class Layout:
    """The bars of a file."""

    bars: tuple[Bars, ...]
    respelled: int
    """Signatures said in other words: 4/8 as 2/4, 7/4 as 4/4 and 3/4, two bars of 5/8 as 5/4."""
    unknown: int
    """Signatures that could not be said at all, and became 4/4."""
    moved: int
    """Signatures in mid bar, which waited for the bar line, or for the next signature to overrule them."""


def pattern(signature: Signature, table: Sequence[Metre]) -> tuple[Metre, ...]:
    """The metres of `table` that take turns where a file says `signature`; empty where none will do.

    The metre itself; else one as long; else the fewest that fill its bar; else one that holds several bars.
    """
    same = Metre(signature.numerator, signature.denominator)
    if same in table:
        return (same,)
    ticks = signature.ticks
    if ticks <= 0:
        return ()
    threes = signature.numerator % 3 == 0 and signature.numerator > 3
    for count in range(1, MOST_PARTS + 1):
        fits = [p for p in combinations_with_replacement(table, count) if sum(m.ticks for m in p) == ticks]
        if fits:
            best = min(fits, key=lambda parts: _strangeness(parts, signature.denominator, threes))
            return tuple(sorted(best, key=lambda m: -m.ticks))
    several = [m for m in table if m.ticks % ticks == 0]
    return (min(several, key=lambda m: m.ticks),) if several else ()


def _strangeness(parts: tuple[Metre, ...], denominator: int, threes: bool) -> tuple[int, int, int]:
    """Sorts ways to fill a bar: in threes where the whole is, then in the same beats, then evenly."""
    lengths = [m.ticks for m in parts]
    return (
        sum(m.numerator % 3 != 0 for m in parts) if threes else 0,
        sum(m.denominator != max(4, min(denominator, 8)) for m in parts),
        max(lengths) - min(lengths),
    )


def lay_out(signatures: Iterable[Signature], end_tick: int, table: Sequence[Metre]) -> Layout:
    """The bars from tick 0 to `end_tick` under a file's signatures (in order; 4/4 until the first)."""
    bars: list[Bars] = []
    respelled = unknown = 0
    placed, moved = _on_bar_lines(signatures)
    for signature, end in zip(placed, [s.tick for s in placed[1:]] + [end_tick], strict=True):
        metres = pattern(signature, table)
        unknown += not metres
        respelled += bool(metres) and metres != (Metre(signature.numerator, signature.denominator),)
        bars.extend(_fill(signature.tick, end, metres or (FOUR_FOUR,)))
    return Layout(tuple(bars), respelled, unknown, moved)


def _on_bar_lines(signatures: Iterable[Signature]) -> tuple[list[Signature], int]:
    """Each signature at its bar line; what is overruled there, or says nothing new, is left out."""
    placed, moved = [Signature(0, 4, 4)], 0
    for signature in signatures:
        last = placed[-1]
        bar = last.ticks or FOUR_FOUR.ticks
        after = (signature.tick - last.tick) % bar
        wait = -after if after <= SNAP_TICKS else bar - after
        line = max(signature.tick + wait, last.tick)
        moved += wait > SNAP_TICKS
        if line == last.tick:
            placed.pop()
        here = replace(signature, tick=line)
        if not placed or replace(placed[-1], tick=line) != here:
            placed.append(here)
    return placed, moved


def _fill(start: int, end: int, metres: tuple[Metre, ...]) -> list[Bars]:
    bars, tick, number = [Bars(start, metres[0])], start + metres[0].ticks, 1
    if len(set(metres)) == 1:
        return bars
    while tick < end:
        metre = metres[number % len(metres)]
        bars.append(Bars(tick, metre))
        tick, number = tick + metre.ticks, number + 1
    return bars
