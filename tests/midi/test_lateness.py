"""Lateness in a histogram of fixed size tells the same as all numbers would, to a bucket."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jamd.midi.lateness import BUCKET_NS, Lateness


@given(st.lists(st.integers(0, 40_000_000), min_size=1), st.sampled_from((50, 90, 99, 100)))
def test_a_percentile_is_that_of_the_numbers_to_a_bucket(late: list[int], percent: int) -> None:
    lateness = Lateness()
    for number in late:
        lateness.add(number)
    exact = sorted(late)[max(-(-len(late) * percent // 100) - 1, 0)]
    assert exact <= lateness.percentile_ns(percent) <= exact + BUCKET_NS
    assert lateness.facts()["worst_ms"] == max(late) / 1e6


def test_notes_left_out_are_counted_beside_those_that_were_played() -> None:
    lateness = Lateness()
    lateness.skip()
    lateness.add(10**12)
    assert lateness.facts() == {"played": 1, "skipped": 1, "p50_ms": 50.05, "p99_ms": 50.05, "worst_ms": 1e6}


def test_without_notes_nothing_is_late() -> None:
    assert Lateness().percentile_ns(99) == 0
