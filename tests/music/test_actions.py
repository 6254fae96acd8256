"""The table of actions: every value of a controller means something that the table allows."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.config import rule
from jamd.music.actions import TABLE, Spec

SPECS = list(TABLE.values())
NUMBERS = [spec for spec in SPECS if spec.kind == "number"]


@given(st.sampled_from(SPECS), st.integers(0, 127))
def test_what_a_controller_says_is_always_allowed(spec: Spec, position: int) -> None:
    value = spec.scaled(position)
    assert spec.check(value) == value


@pytest.mark.parametrize("spec", NUMBERS, ids=lambda spec: spec.name)
def test_a_controller_reaches_both_ends_of_a_number_and_never_turns_back(spec: Spec) -> None:
    values = [spec.scaled(position) for position in range(128)]
    assert values == sorted(values) and (values[0], values[-1]) == (spec.low, spec.high)


def test_a_controller_reaches_every_choice() -> None:
    for spec in SPECS:
        if spec.kind == "choice":
            assert list(dict.fromkeys(spec.scaled(position) for position in range(128))) == list(spec.choices)


@pytest.mark.parametrize("value", [nan, inf, -inf, True, None, "1", [1], 3.0])
def test_what_is_no_number_of_the_range_is_refused_with_the_range(value: object) -> None:
    with pytest.raises(ValueError, match=r"must be a number, 0.05 to 2, not"):
        TABLE["temperature"].check(value)


def test_a_whole_number_is_whole_and_a_switch_is_on_or_off() -> None:
    with pytest.raises(ValueError, match="must be a whole number, 0 to 16"):
        TABLE["bars"].check(2.5)
    assert [TABLE["hand_over"].check(value) for value in (True, False, 1, 0.0)] == [1, 0, 1, 0]
    with pytest.raises(ValueError, match="must be 0 or 1"):
        TABLE["hand_over"].check(0.5)


@pytest.mark.parametrize("name", ["temperature", "top_p"])
def test_a_setting_has_the_same_range_while_playing_as_in_the_file(name: str) -> None:
    mine, spec = rule(f"sampling_{name}"), TABLE[name]
    assert (mine.low, mine.high, mine.help) == (spec.low, spec.high, spec.help)


def test_every_line_says_in_a_sentence_what_it_is_for() -> None:
    assert all(spec.help.endswith(".") and spec.help[0].isupper() for spec in SPECS)
