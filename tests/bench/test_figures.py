"""The arithmetic of the bench: percentiles, floors, first notes, verdicts; and every key of the JSON is explained."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.bench.figures import percentile, spread
from jamd.bench.keys import KEYS, meanings, unknown
from jamd.bench.live import first_notes
from jamd.bench.report import table
from jamd.bench.steps import Times, figures
from jamd.bench.touch import CHORD, Touches
from jamd.engine.floor import ENOUGH, Reader
from jamd.midi.messages import note_off, note_on, to_bytes
from jamd.music.events import Kind, Performed

MS = 1_000_000
VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=200)


@given(VALUES, st.floats(1, 100))
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(values: list[float], percent: float) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(v <= found for v in values) * 100 >= percent * len(values) - 1e-6
    assert sum(v < found for v in values) * 100 < percent * len(values) + 1e-6


@given(VALUES)
def test_half_is_at_most_p50_and_nothing_more_than_the_largest(values: list[float]) -> None:
    found = spread(values)
    assert found["p50"] <= found["p99"] <= found["max"] == round(max(values), 3)
    assert found["n"] == len(values)


def test_nothing_measured_lies_nowhere() -> None:
    assert spread([]) == {"n": 0, "p50": None, "p99": None, "max": None}
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_a_step_is_told_in_floors_by_both_clocks_and_the_middle_of_each() -> None:
    wall = {"step": [2.0, 9.0, 3.0], "floor": [1.5, 1.5, 7.0], "prefill": [12.0], "begin": [4.0]}
    own = {**wall, "step": [2.0, 2.0, 2.0], "floor": [1.0, 1.0, 1.0]}
    found = figures(Times(wall, own), floor_bytes=3_000_000, alone=True)
    assert (found["step_p50_ms"], found["step_p99_ms"], found["floor_ms"]) == (3.0, 9.0, 1.5)
    assert (found["step_in_floors"], found["step_in_floors_own_clock"]) == (2.0, 2.0)
    assert (found["tokens_s"], found["floor_bytes"]) == (333, 3_000_000)
    assert found["response_ms"] == 6.0 + 4.0 + 5 * 3.0
    assert figures(Times(wall, own), 3_000_000, alone=False)["step_in_floors_own_clock"] is None


def event(what: str, at_ms: float, **facts: object) -> dict[str, Any]:
    return {"what": what, "t_ns": int(at_ms * MS), **facts}


def ends(at_ms: float, over_ms: float) -> dict[str, Any]:
    return event("phrase_end", at_ms, over_ns=int(over_ms * MS))


def test_a_phrase_that_ends_by_its_silence_was_drafted_and_one_that_is_handed_over_was_not() -> None:
    events = [ends(1003, 1000), event("note_out", 1007), event("note_out", 1200)]
    events += [event("action", 3000, name="end_turn"), ends(3030, 3002), event("note_out", 3034)]
    assert first_notes(events) == ([7.0], [34.0])


def test_a_phrase_without_an_answer_counts_for_nothing() -> None:
    assert first_notes([ends(1003, 1000), event("note_out", 2500)]) == ([], [])
    assert first_notes([event("note_out", 500), ends(1003, 1000)]) == ([], [])


def test_other_actions_end_no_turn() -> None:
    events = [event("action", 1000, name="keep"), ends(1003, 1000), event("note_out", 1007)]
    assert first_notes(events) == ([7.0], [])


def test_thru_is_told_from_each_event_and_barge_in_from_a_key_to_the_last_of_what_it_cuts() -> None:
    struck, let_go = Performed(100 * MS, Kind.NOTE_ON, 90), Performed(150 * MS, Kind.NOTE_OFF, 90)
    keys = [struck, let_go, replace(struck, time_ns=200 * MS)]
    sent = [(101 * MS, to_bytes(keys[0])), (120 * MS, note_on(0, CHORD[0], 64)), (152 * MS, to_bytes(keys[1]))]
    sent += [(203 * MS, to_bytes(keys[2])), *((203 * MS + i * MS // 10, note_off(0, p)) for i, p in enumerate(CHORD))]
    touches = Touches(keys, sent)
    assert touches.thru_ms() == [1.0, 2.0, 3.0]
    assert touches.barge_in_ms() == [3.5]


# ---- what is told --------------------------------------------------------------------------------------------


def test_every_key_has_a_sentence() -> None:
    assert [key for key, text in meanings().items() if not re.fullmatch(r"[A-Za-z9].*\.", text)] == []


def test_a_key_that_nobody_has_explained_is_found_at_any_depth() -> None:
    assert unknown({"version": "1", "skipped": {"live": "why"}, "engine": {"models": [{"model": "S"}]}}) == set()
    assert unknown({"engine": {"models": [{"colour": 1}]}, "hour": {}}) == {"engine.models[].colour"}


def found() -> dict[str, Any]:
    """Figures of a machine that is good at everything."""
    quick = {"n": 8, "p50": 3.0, "p99": 5.0, "max": 5.0}
    exact = {"n": 8, "p50": 0.0, "p99": 0.1, "max": 0.1}
    model = dict.fromkeys((key.partition("[].")[2] for key in KEYS if "[]." in key), 1)
    flat = {"memory_early_mib": 9.0, "memory_late_mib": 9.0}
    live = {"ready_s": 1.0, "drafted_ms": quick, "cold_ms": quick, "notes_left_out": 0, "notes_played": 9}
    live |= {"idle_cpu_percent": {"wire": 1.0}, "memory_mib": {"all": 200.0}}
    return {
        "budget_ms": 20.0,
        "start": {"import_s": 0.01, "ports_s": 0.2},
        "engine": {"read_gib_s": 12.0, "models": [{**model, "model": "S", "tokens_s": 900, "response_ms": 14.2}]},
        "live": live,
        "touch": {"thru_ms": exact, "barge_in_ms": quick},
        "lateness": {"realtime": True, "alone": exact, "inference": exact, "python": exact},
        "hour": {"minutes": 60, "step_late_ms": 1.0, "late_by_early": 1.0, **flat},
        "skipped": {},
    }


def line(name: str, told: dict[str, Any]) -> str:
    return next(line for line in table(told).splitlines() if line.lstrip().startswith(name))


def test_a_line_says_its_figure_and_whether_it_fits_the_budget() -> None:
    assert line("phrase end to first note", found()).endswith("fits a 20 ms budget")
    assert line("first note, cold", found()).endswith("fits a 20 ms budget")
    slow = found()
    slow["live"]["cold_ms"] |= {"p99": 41.2}
    slow["engine"]["models"][0] |= {"response_ms": 48.5}
    assert line("first note, cold", slow).endswith("needs a budget of 42 ms")
    assert line("phrase end to first note", slow).endswith("needs a budget of 49 ms")
    slow["engine"]["models"][0] |= {"tokens_s": 90}
    assert line("phrase end to first note", slow).endswith("too slow to keep ahead of the music")


def test_what_is_more_than_it_should_be_is_said_with_what_it_should_be() -> None:
    told = found()
    assert table(told).count("good") == 13
    told["lateness"]["python"] = {"n": 8, "p50": 0.2, "p99": 2.0, "max": 9.0}
    told["hour"]["late_by_early"] = 1.2
    assert line("lateness beside Python", told).endswith("more than 1 ms")
    assert line("step after 60 min", told).endswith("more than 1.05 times")
    told["lateness"]["realtime"] = False
    assert line("lateness beside Python", told).endswith("good")


def test_sections_that_were_not_measured_say_why_and_those_not_asked_for_nothing() -> None:
    told = {"budget_ms": 20.0, "skipped": {"live": "there is no such thing"}}
    assert table(told) == "live: not measured, there is no such thing"


def test_an_answer_that_never_came_is_said() -> None:
    told = found()
    told["live"]["cold_ms"] = {"n": 0, "p50": None, "p99": None, "max": None}
    assert line("first note, cold", told).endswith("nothing was played")


def test_more_bytes_than_are_read_at_once_take_their_part_longer() -> None:
    clock = count()  # goes on by a millisecond whenever somebody looks
    small, large = (Reader(times * ENOUGH).ms(lambda: next(clock) / 1e3) for times in (1, 3))
    assert (round(small, 6), round(large, 6)) == (1.0, 3.0)


def test_every_line_has_a_verdict() -> None:
    lines = table(found()).splitlines()
    assert [line for line in lines if len(re.split(r"\s{2,}", line.strip())) < 3] == []
    grown = found()
    grown["hour"] |= {"memory_late_mib": 40.0}
    assert line("memory then", grown).endswith("it grows")
