"""Tap tempo: the median of the last intervals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.midi.clock_tap import FEWEST, TAPS, Tapper

MS = 1_000_000


def taps(tapper: Tapper, *at_ms: float) -> list[float | None]:
    return [tapper.tap(round(ms * MS)) for ms in at_ms]


@given(st.floats(35, 280), st.integers(FEWEST, 20))
def test_steady_taps_say_their_tempo_from_the_third_on(bpm: float, many: int) -> None:
    said = taps(Tapper(), *(n * 60_000 / bpm for n in range(many)))
    assert said[: FEWEST - 1] == [None, None]
    assert all(found == pytest.approx(bpm, rel=1e-4) for found in said[FEWEST - 1 :])


def test_one_tap_out_of_time_does_not_count() -> None:
    assert taps(Tapper(), 0, 500, 1000, 1500, 2060, 2500, 3000)[-1] == pytest.approx(120)


def test_a_pause_begins_a_new_run_and_its_first_beat() -> None:
    tapper = Tapper()
    assert taps(tapper, 0, 500, 1000, 5000, 5400, 5800)[3:] == [None, None, pytest.approx(150)]
    assert (tapper.first_ns, tapper.beats) == (5000 * MS, 2)


def test_a_button_that_bounces_is_tapped_once() -> None:
    assert taps(Tapper(), 0, 30, 500, 530, 1000, 1020)[4] == pytest.approx(120)


def test_who_changes_the_tempo_is_followed_after_as_many_taps_as_are_kept() -> None:
    times = [n * 500 for n in range(8)] + [3500 + n * 400 for n in range(1, TAPS)]
    assert taps(Tapper(), *times)[-1] == pytest.approx(150)
