"""Fences: what leaves no note is refused at the start, with a sentence."""

from __future__ import annotations

import pytest

from jamd.errors import ConfigError
from jamd.music.charts import Chart
from jamd.music.scales import key
from jamd.remi.fences import ALL, FOLLOWS, Fences


def test_fences_as_they_stand_forbid_nothing() -> None:
    fences = Fences()
    assert fences.pitches(ALL) == tuple(range(128))
    assert fences.velocities == tuple(range(32))
    assert not fences.counts


@pytest.mark.parametrize(
    ("fence", "why"),
    [
        ({"low": 61, "high": 60}, "there is none of the key from 61 to 60"),
        ({"key": key("C"), "low": 61, "high": 61}, "there is none of the key from 61 to 61"),
        ({"softest": 90, "loudest": 80}, "no loudness is left between softest 90 and loudest 80"),
        ({"softest": 64, "loudest": 65}, "no loudness is left"),
    ],
)
def test_fences_that_leave_no_note_are_refused(fence: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        Fences(**fence)  # type: ignore[arg-type]


def test_four_steps_of_loudness_always_hold_a_bin() -> None:
    for softest in range(1, 123):
        assert Fences(softest=softest, loudest=softest + 4).velocities


def test_a_chord_over_which_no_note_is_left_is_refused_by_its_name() -> None:
    chart = Chart.parse("C | F#7 | N.C.")
    fences = Fences(key=key("C pentatonic"), follow="chord tones")
    with pytest.raises(ConfigError, match='over F#7: with follow = "chord tones" it leaves C# E F# A#') as caught:
        Fences(key=frozenset({0, 7}), follow="chord tones").judge(chart.symbols)
    assert "Widen the key" in caught.value.hint
    fences.judge(chart.symbols)
    Fences(key=frozenset({0, 7}), follow="free").judge(chart.symbols)


@pytest.mark.parametrize("follow", FOLLOWS)
def test_no_chord_forbids_nothing(follow: str) -> None:
    (symbol,) = Chart.parse("N.C.").symbols
    assert Fences(follow=follow).classes(symbol, strong=True) == ALL
