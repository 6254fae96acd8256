"""The written bars of a score as bar marks: bars written in two parts are joined, odd ones counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jamd.music.timeline import FOUR_FOUR, Metre
from jamd.remi.vocabulary import METRES
from training.corpus.grid import BarMark

_LENGTHS = frozenset(m.ticks for m in METRES)
_SHORTEST = min(METRES, key=lambda m: m.ticks)


class Bar(NamedTuple):
    """One written bar: its line, its length in ticks and the metre it is written in."""

    tick: int
    ticks: int
    metre: Metre


def marks(bars: Sequence[Bar]) -> tuple[tuple[BarMark, ...], int]:
    """Bar marks for written bars that follow each other, and how many are irregular.

    Irregular are bars that had to be joined, and bars as long as no metre of the vocabulary (the encoder
    splits those or cuts them short).
    """
    joined = _joined(bars)
    irregular = len(bars) - len(joined) + sum(bar.ticks not in _LENGTHS for bar in joined)
    out: list[BarMark] = []
    expected = 0
    for i, bar in enumerate(joined):
        metre = _SHORTEST if _alone(joined, i) else bar.metre
        if not out or out[-1].metre != metre or bar.tick != expected:
            out.append(BarMark(bar.tick, metre))
        expected = bar.tick + metre.ticks
    return tuple(out), irregular


def _joined(bars: Sequence[Bar]) -> list[Bar]:
    """Joins neighbours, one of them in no metre of the table, that together make a bar like the one before.

    Scores split a bar at a repeat sign or a double bar (5/8 + 1/8 in 6/8, 3/4 + 1/4 in 4/4).
    """
    out: list[Bar] = []
    for bar in bars:
        around = out[-2] if len(out) > 1 else None
        odd = out and not (_in_table(out[-1]) and _in_table(bar))
        if odd and around is not None and out[-1].ticks + bar.ticks == around.ticks and _in_table(around):
            out[-1] = Bar(out[-1].tick, around.ticks, around.metre)
        else:
            out.append(bar)
    return out


def _alone(bars: Sequence[Bar], i: int) -> bool:
    """Whether a bar is too short for any metre between bars that are not: a stray 1/8, not 1/4 throughout.

    The encoder counts a metre that short as 4/4, which would make much more of it than the shortest metre does.
    """
    short = [bar.metre.ticks < _SHORTEST.ticks for bar in bars[max(i - 1, 0) : i + 2]]
    return bars[i].metre.ticks < _SHORTEST.ticks and len(short) > 1 == sum(short)


def _in_table(bar: Bar) -> bool:
    return bar.metre in METRES and bar.metre.ticks == bar.ticks


def written(signatures: Sequence[tuple[int, Metre]], end: int) -> list[Bar]:
    """Every bar of a score up to tick `end`, by its (tick, metre) signatures; 4/4 before the first."""
    stated = list(signatures) if signatures and signatures[0][0] == 0 else [(0, FOUR_FOUR), *signatures]
    out: list[Bar] = []
    for i, (tick, metre) in enumerate(stated):
        last = i + 1 == len(stated)
        until = max(end, tick + 1) if last else stated[i + 1][0]
        for line in range(tick, until, metre.ticks):
            out.append(Bar(line, metre.ticks if last else min(metre.ticks, until - line), metre))
    return out
