"""The beats move while an answer is under way: its notes move along, none is lost, none is played twice."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.engine.partner import MS, Manners
from jamd.music.timeline import Timeline, ns_per_quarter
from jamd.remi import vocabulary as v
from tests.engine.band import START, Band, act, run

SEED = st.integers(1, 60)
MANNERS = st.sampled_from(
    [
        Manners(mode="continue"),
        Manners(bars=4, entry="immediate"),
        Manners(bars=4, entry="bar"),
        Manners(mode="trade", trade_bars=2),
    ]
)


def clocked(manners: Manners, seed: int, moves: list[tuple[int, float]]) -> Band:
    """Somebody plays to a clock of 120, whose tempo changes at those milliseconds."""
    band, timeline = Band(manners, seed), Timeline(START, 0, ns_per_quarter(120))
    band.give(timeline, *run(100), act(2050, "hand_over" if manners.mode == "continue" else "end_turn", 1.0))
    at_ms = 0
    for after_ms, bpm in moves:
        at_ms += after_ms
        timeline = timeline.successor(START + at_ms * MS, ns_per_quarter=ns_per_quarter(bpm))
        band.give(timeline)
    return band


@given(MANNERS, SEED, st.lists(st.tuples(st.integers(60, 2500), st.floats(100, 140)), max_size=8))
@settings(max_examples=15, deadline=None)
def test_what_is_heard_is_what_memory_holds_whatever_the_tempo_does(
    manners: Manners, seed: int, moves: list[tuple[int, float]]
) -> None:
    band = clocked(manners, seed, moves)
    band.run(9000)
    band.give(act(9001, "hand_over", 0.0))
    band.run(12_000)
    band.check()
    band.check_heard()


def test_a_faster_tempo_loses_no_note_and_a_note_comes_on_its_new_beat() -> None:
    for seed in range(1, 9):
        band = clocked(Manners(mode="continue"), seed, [(4000, 126.0)])
        band.run(11_000)
        moved = Timeline(START, 0, ns_per_quarter(120)).successor(START + 4000 * MS, ns_per_quarter=ns_per_quarter(126))
        later = [note.time_ns for note in band.note_ons if note.time_ns > START + 4100 * MS]
        grid = [round(moved.tick_at(at) / v.MICRO_TICKS) * v.MICRO_TICKS for at in later]
        assert later and max(abs(moved.time_at(tick) - at) for tick, at in zip(grid, later, strict=True)) < 2 * MS
        assert not band.player.lateness.skipped
