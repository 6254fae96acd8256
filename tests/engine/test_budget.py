"""The budget: of the models at hand the largest that keeps it plays; where none does, the refusal says what would."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.engine.budget import (
    FIRST_TOKENS,
    HOPS_MS,
    LEAST_TOKENS_S,
    SLOT_TOKENS,
    Candidate,
    Choice,
    Speed,
    choose,
    in_order,
    verdict,
)
from jamd.engine.info import INT8
from jamd.errors import ModelError
from tests.tiny import TINY


def model(name: str, n_layer: int = 2, mem_len: int = 40) -> Candidate:
    info = replace(TINY, n_layer=n_layer, mem_len=mem_len, capacity=mem_len + 30)
    return Candidate(Path(f"{name}.onnx"), info)


SMALL, LONG, LARGE = model("small"), model("long", mem_len=80), model("large", n_layer=4)
HAND = (SMALL, LONG, LARGE)


def chosen(steps_ms: dict[str, float], budget_ms: float, named: Path | None = None) -> tuple[Choice, list[str]]:
    """The choice where a step takes so long, and which models were loaded for it."""
    loaded: list[str] = []

    def measure(candidate: Candidate) -> Speed:
        loaded.append(candidate.title)
        return Speed(steps_ms[candidate.title], 1.0, 5.0)

    return choose(in_order(HAND, named), budget_ms, measure), loaded


def title(choice: Choice) -> str:
    return choice.chosen.candidate.title


def test_parameters_make_the_larger_model_and_among_equals_its_memory() -> None:
    assert [c.title for c in in_order(HAND, None)] == ["large", "long", "small"]


def test_of_one_model_eight_bits_come_after_single_precision_and_play_where_that_is_too_slow() -> None:
    quick = Candidate(Path("quick.onnx"), replace(LONG.info, precision=INT8))
    order = in_order([quick, SMALL, LONG], None)
    assert [c.title for c in order] == ["long", "quick", "small"]
    speeds = {"long": Speed(5.0, 1.0, 5.0), "quick": Speed(1.0, 1.0, 5.0)}
    assert title(choose(order, 30, lambda c: speeds[c.title])) == "quick"
    assert title(choose(order, 110, lambda c: speeds[c.title])) == "long"


def test_the_response_is_the_hops_the_tail_and_the_tokens_of_the_first_note() -> None:
    assert Speed(0.5, 2.0, 9.0).response_ms == HOPS_MS + 2.0 + FIRST_TOKENS * 0.5
    assert Speed(0.5, 2.0, 9.0).tokens_s == 2000


def test_a_model_that_rolls_its_chords_answers_when_all_of_the_first_stands() -> None:
    assert Speed(3.4, 2.0, 9.0).response_ms == HOPS_MS + 2.0 + SLOT_TOKENS * 3.4


def test_the_largest_that_keeps_the_budget_plays() -> None:
    steps = {"large": 5.0, "long": 3.0, "small": 1.0}
    assert title(chosen(steps, 110)[0]) == "large"
    assert title(chosen(steps, 30)[0]) == "long"
    assert title(chosen(steps, 20)[0]) == "small"


def test_what_is_left_for_it_is_told_with_what_it_would_need() -> None:
    choice, _ = chosen({"large": 5.0, "long": 3.0, "small": 1.0}, 20)
    assert [str(needs) for needs in choice.left] == ["large needs 107 ms", "long needs 22 ms"]


def test_a_model_that_somebody_names_comes_before_larger_ones_while_it_keeps_the_budget() -> None:
    steps = {"large": 0.4, "long": 3.0, "small": 0.5}
    assert title(chosen(steps, 30, named=SMALL.path)[0]) == "small"
    assert title(chosen(steps, 30, named=LONG.path)[0]) == "long"
    assert title(chosen(steps, 20, named=LONG.path)[0]) == "large"


def test_what_is_smaller_than_the_one_that_plays_is_not_even_loaded() -> None:
    choice, loaded = chosen({"large": 5.0, "long": 3.0}, 30)
    assert (title(choice), loaded) == ("long", ["large", "long"])


def test_a_model_that_would_fall_behind_the_music_does_not_play_whatever_the_budget() -> None:
    slow = 1000 / LEAST_TOKENS_S + 0.1
    assert title(chosen({"large": slow, "long": slow, "small": 1.0}, 1000)[0]) == "small"


def test_the_refusal_names_the_quickest_and_a_budget_that_it_keeps() -> None:
    steps = {"large": 5.0, "long": 4.9, "small": 3.0}
    with pytest.raises(ModelError) as error:
        chosen(steps, 20)
    quickest = "small needs 22 ms, the quickest of 3 models at hand."
    assert error.value.message == f"no model keeps a budget of 20 ms here: {quickest}"
    assert "--budget-ms 25 or more" in error.value.hint and "--mem-len" in error.value.hint
    assert title(chosen(steps, 25)[0]) == "small"


def test_where_even_the_quickest_falls_behind_the_refusal_offers_no_larger_budget_but_to_do_without() -> None:
    with pytest.raises(ModelError, match="small makes 100 tokens a second here") as error:
        chosen({"large": 40.0, "long": 20.0, "small": 10.0}, 1000)
    assert "--budget-ms 0" in error.value.hint and "faster machine" in error.value.hint


STEPS = st.fixed_dictionaries({c.title: st.floats(0.1, 50) for c in HAND})


@given(steps=STEPS, budget_ms=st.floats(5, 1000))
def test_what_plays_keeps_its_promise_and_nothing_larger_would(steps: dict[str, float], budget_ms: float) -> None:
    fit = [c.title for c in HAND if Speed(steps[c.title], 1.0, 5.0).response_ms <= budget_ms]
    fit = [name for name in fit if 1000 / steps[name] >= LEAST_TOKENS_S]
    if not fit:
        with pytest.raises(ModelError):
            chosen(steps, budget_ms)
    else:
        assert title(chosen(steps, budget_ms)[0]) == max(fit, key=["small", "long", "large"].index)


def test_the_verdict_names_the_budget_that_it_fits_or_the_one_that_it_needs() -> None:
    assert verdict(20.0, 20.0) == "fits a 20 ms budget"
    assert verdict(20.2, 20.0) == "needs a budget of 21 ms"
    assert verdict(200.0, 200.0, LEAST_TOKENS_S - 1) == "too slow to keep ahead of the music"


def test_the_floor_reads_every_weight_in_single_precision_and_k_and_v_of_every_slot() -> None:
    slots = TINY.n_layer * TINY.capacity
    assert TINY.floor_bytes == 4 * TINY.parameters + 4 * 2 * slots * TINY.n_head * TINY.d_head
