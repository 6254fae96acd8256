"""Metre changes of files: true metres, on true bar lines."""

from __future__ import annotations

from itertools import pairwise
from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.midi.metres import SNAP_TICKS, Change, metre_of, on_bar_lines
from jamd.music.timeline import FOUR_FOUR, Metre

TWO, THREE, SEVEN = Metre(2, 4), Metre(3, 4), Metre(7, 4)
METRES = st.builds(Metre, st.integers(1, 12), st.sampled_from((2, 4, 8, 16)))
CHANGES = st.lists(st.tuples(st.integers(0, 50_000), METRES), max_size=12).map(lambda c: sorted(c, key=itemgetter(0)))


@pytest.mark.parametrize(("numerator", "denominator"), [(4, 4), (7, 4), (5, 8), (1, 16), (99, 4), (8, 256)])
def test_a_metre_is_what_the_file_says(numerator: int, denominator: int) -> None:
    assert metre_of(numerator, denominator) == Metre(numerator, denominator)


@pytest.mark.parametrize(("numerator", "denominator"), [(0, 4), (0, 0), (5, 256), (1, 2**255)])
def test_a_bar_of_nothing_or_of_parts_of_a_tick_is_no_metre(numerator: int, denominator: int) -> None:
    assert metre_of(numerator, denominator) is None


def test_until_the_first_change_the_metre_is_4_4() -> None:
    assert on_bar_lines([]) == ([(0, FOUR_FOUR)], 0)
    assert on_bar_lines([(3840, THREE)]) == ([(0, FOUR_FOUR), (3840, THREE)], 0)


def test_a_change_in_mid_bar_waits_for_the_bar_line() -> None:
    assert on_bar_lines([(0, SEVEN), (1920, THREE)]) == ([(0, SEVEN), (3360, THREE)], 1)


@pytest.mark.parametrize("off", [-SNAP_TICKS, SNAP_TICKS])
def test_a_change_that_an_exporter_has_rounded_stands_on_the_bar_line(off: int) -> None:
    assert on_bar_lines([(1920 + off, THREE)]) == ([(0, FOUR_FOUR), (1920, THREE)], 0)
    assert on_bar_lines([(1920 + 2 * off, THREE)])[1] == 1


def test_what_is_overruled_before_its_bar_line_or_says_nothing_new_is_left_out() -> None:
    assert on_bar_lines([(100, TWO), (200, THREE)])[0] == [(0, FOUR_FOUR), (1920, THREE)]
    assert on_bar_lines([(1920, FOUR_FOUR), (3840, THREE), (3840 + 1440, THREE)])[0] == [(0, FOUR_FOUR), (3840, THREE)]


@given(CHANGES)
def test_every_change_stands_on_a_bar_line_of_the_metre_before_it_and_is_news(changes: list[Change]) -> None:
    placed, _ = on_bar_lines(changes)
    assert placed[0][0] == 0
    for (tick, metre), (line, following) in pairwise(placed):
        assert line > tick and (line - tick) % metre.ticks == 0
        assert following != metre


@given(CHANGES)
def test_the_last_change_holds_in_the_end(changes: list[Change]) -> None:
    placed, moved = on_bar_lines(changes)
    assert placed[-1][1] == (changes[-1][1] if changes else FOUR_FOUR)
    assert 0 <= moved <= len(changes)
