"""Metre changes of files: each waits for its bar line."""

from __future__ import annotations

from collections.abc import Iterable

from jamd.music.timeline import FOUR_FOUR, TICKS_PER_QUARTER, Metre

SNAP_TICKS = TICKS_PER_QUARTER // 24
"""A change this near a bar line stands on it: exporters round."""

Change = tuple[int, Metre]
"""From this tick on, bars of the metre begin there and every `metre.ticks` later."""


def metre_of(numerator: int, denominator: int) -> Metre | None:
    """A time signature; None where it says nothing, or its bar is no whole number of ticks."""
    if not numerator or numerator * 4 * TICKS_PER_QUARTER % denominator:
        return None
    return Metre(numerator, denominator)


def on_bar_lines(changes: Iterable[Change]) -> tuple[list[Change], int]:
    """A file's changes (in order) from tick 0 on, 4/4 until the first, and how many stood in mid bar.

    Those wait for the bar line; what is overruled until then, or says nothing new, is left out.
    """
    placed, moved = [(0, FOUR_FOUR)], 0
    for tick, metre in changes:
        since, current = placed[-1]
        after = (tick - since) % current.ticks
        wait = -after if after <= SNAP_TICKS else current.ticks - after
        line = max(tick + wait, since)
        moved += wait > SNAP_TICKS
        if line == since:
            placed.pop()
        if not placed or placed[-1][1] != metre:
            placed.append((line, metre))
    return placed, moved
