"""Bars of files in metres of the table: true bar lines stay where they are, whatever has to be respelled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.midi.metres import SNAP_TICKS, Bars, Signature, lay_out, pattern
from jamd.music.timeline import FOUR_FOUR, Metre
from jamd.remi.vocabulary import METRES


def spelled(numerator: int, denominator: int) -> str:
    return " ".join(map(str, pattern(Signature(0, numerator, denominator), METRES)))


@pytest.mark.parametrize("metre", METRES)
def test_a_metre_of_the_table_stays_itself(metre: Metre) -> None:
    assert pattern(Signature(0, metre.numerator, metre.denominator), METRES) == (metre,)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((4, 8), "2/4"),
        ((3, 2), "6/4"),
        ((12, 16), "6/8"),
        ((6, 16), "3/8"),
        ((8, 8), "4/4"),
        ((7, 4), "4/4 3/4"),
        ((8, 4), "4/4 4/4"),
        ((9, 4), "6/4 3/4"),
        ((15, 8), "9/8 6/8"),
        ((1, 4), "2/4"),  # two bars of 1/4
        ((5, 8), "5/4"),
        ((11, 16), ""),
        ((0, 4), ""),
        ((5, 256), ""),
        ((99, 4), ""),
    ],
)
def test_a_foreign_signature_becomes_what_a_musician_would_write(said: tuple[int, int], expected: str) -> None:
    assert spelled(*said) == expected


@given(st.integers(1, 32), st.sampled_from((1, 2, 4, 8, 16, 32)))
def test_a_pattern_fills_the_bar_or_holds_whole_bars(numerator: int, denominator: int) -> None:
    signature = Signature(0, numerator, denominator)
    ticks = sum(metre.ticks for metre in pattern(signature, METRES))
    assert ticks == signature.ticks or ticks % signature.ticks == 0


def test_seven_four_alternates_to_the_end() -> None:
    layout = lay_out([Signature(0, 7, 4)], 2 * 3360 + 1, METRES)
    four, three = Metre(4, 4), Metre(3, 4)
    assert layout.bars == (Bars(0, four), Bars(1920, three), Bars(3360, four), Bars(5280, three), Bars(6720, four))
    assert (layout.respelled, layout.unknown, layout.moved) == (1, 0, 0)


def test_until_the_first_signature_the_metre_is_4_4() -> None:
    layout = lay_out([Signature(3840, 3, 4)], 9600, METRES)
    assert layout.bars == (Bars(0, FOUR_FOUR), Bars(3840, Metre(3, 4)))


def test_a_signature_in_mid_bar_waits_for_the_bar_line() -> None:
    layout = lay_out([Signature(0, 4, 4), Signature(2500, 3, 4)], 9600, METRES)
    assert layout.bars == (Bars(0, FOUR_FOUR), Bars(3840, Metre(3, 4))) and layout.moved == 1


def test_a_signature_that_an_exporter_has_rounded_stands_on_the_bar_line() -> None:
    for off in (-SNAP_TICKS, SNAP_TICKS):
        layout = lay_out([Signature(1920 + off, 3, 4)], 9600, METRES)
        assert layout.bars[1] == Bars(1920, Metre(3, 4)) and layout.moved == 0


def test_a_waiting_signature_is_overruled_by_the_next_at_its_bar_line() -> None:
    layout = lay_out([Signature(500, 3, 4), Signature(900, 6, 8), Signature(1920, 2, 4)], 9600, METRES)
    assert layout.bars == (Bars(0, FOUR_FOUR), Bars(1920, Metre(2, 4)))


def test_a_signature_on_a_true_bar_line_cuts_the_bar_that_holds_several() -> None:
    layout = lay_out([Signature(0, 1, 4), Signature(480, 4, 4)], 9600, METRES)  # an upbeat
    assert layout.bars == (Bars(0, Metre(2, 4)), Bars(480, FOUR_FOUR)) and layout.moved == 0


def test_an_unknown_signature_becomes_4_4_and_is_counted() -> None:
    layout = lay_out([Signature(0, 11, 16)], 9600, METRES)
    assert layout.bars == (Bars(0, FOUR_FOUR),) and layout.unknown == 1


SIGNATURES = st.lists(
    st.builds(Signature, st.integers(0, 20_000), st.integers(1, 20), st.sampled_from((1, 2, 4, 8, 16))), max_size=6
)


@given(SIGNATURES)
def test_bars_begin_at_0_go_forward_and_speak_the_table(signatures: list[Signature]) -> None:
    layout = lay_out(sorted(signatures, key=lambda s: s.tick), 20_000, METRES)
    ticks = [bars.tick for bars in layout.bars]
    assert ticks[0] == 0 and ticks == sorted(set(ticks))
    assert {bars.metre for bars in layout.bars} <= set(METRES)
