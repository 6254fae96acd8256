"""Laws of the log as text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.music.events import Answered, Charted, Kind, LogEntry, Performed, Turn, TurnChange, Undone
from jamd.music.log import from_json, in_order, read_log, remembered, to_json
from jamd.music.timeline import Metre, Timeline

TIMES = st.integers(-(10**15), 10**18)
TICKS = st.integers(-(10**9), 10**9)
BYTES = st.integers(0, 127)
METRES = st.builds(Metre, st.integers(1, 99), st.integers(1, 64))
ENTRIES = st.one_of(
    st.builds(Performed, TIMES, st.sampled_from(Kind), BYTES, BYTES, st.integers(0, 15)),
    st.builds(Timeline, TIMES, TICKS, st.integers(1, 10**12), METRES, TICKS),
    st.builds(TurnChange, TIMES, st.sampled_from(Turn), st.booleans()),
    st.builds(Answered, TIMES, st.lists(st.integers(0, 999)).map(tuple)),
    st.builds(Charted, TIMES, st.none() | st.text()),
    st.builds(Undone, TIMES, TIMES),
)


@given(ENTRIES)
@settings(deadline=None)
def test_an_entry_is_one_line_and_comes_back_as_it_was(entry: LogEntry) -> None:
    line = to_json(entry)
    assert "\n" not in line
    assert from_json(line) == entry


@given(st.lists(ENTRIES))
@settings(deadline=None)
def test_a_log_comes_back_in_the_order_of_time_a_decision_before_what_follows_from_it(
    tmp_path_factory: pytest.TempPathFactory, entries: list[LogEntry]
) -> None:
    path = tmp_path_factory.mktemp("log") / "jam.jsonl"
    path.write_text("".join(to_json(entry) + "\n" for entry in entries))
    ranks = [Undone, TurnChange, Timeline, Charted, Answered, Performed]
    assert read_log(path) == sorted(entries, key=lambda entry: (entry.time_ns, ranks.index(type(entry))))


@given(st.lists(ENTRIES, min_size=1, max_size=4), st.integers(1, 10_000))
@settings(deadline=None)
def test_a_crash_at_any_byte_costs_at_most_the_entry_being_written(
    tmp_path_factory: pytest.TempPathFactory, entries: list[LogEntry], cut: int
) -> None:
    entries = in_order(entries)
    written = "".join(to_json(entry) + "\n" for entry in entries).encode()
    whole = written[: cut % len(written)]
    path = tmp_path_factory.mktemp("log") / "jam.jsonl"
    path.write_bytes(whole)
    kept = read_log(path)
    assert kept == entries[: len(kept)]
    assert len(kept) >= whole.count(b"\n")


def test_other_records_in_the_file_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "jam.jsonl"
    entry = TurnChange(5, Turn.CALL)
    path.write_text('{"type":"header","version":1}\n\n{"note":1}\n' + to_json(entry) + "\n")
    assert read_log(path) == [entry]


def test_a_bad_line_that_is_not_the_last_is_named(tmp_path: Path) -> None:
    path = tmp_path / "jam.jsonl"
    path.write_text(to_json(TurnChange(5, Turn.CALL)) + '\n{"type":"per\n')
    with pytest.raises(ValueError, match=r"jam\.jsonl, line 2: "):
        read_log(path)


def test_a_turn_says_that_it_joins_only_if_it_does() -> None:
    assert "joins" not in to_json(TurnChange(5, Turn.CALL))
    assert json.loads(to_json(TurnChange(5, Turn.CALL, joins=True)))["joins"] is True
    assert from_json('{"type":"turn","time_ns":5,"turn":"call"}') == TurnChange(5, Turn.CALL)


GOOD = json.loads(to_json(Performed(1, Kind.NOTE_ON, 60, 64, 0)))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({**GOOD, "number": 128}, '"number" is out of range: 128'),
        ({**GOOD, "number": "60"}, "\"number\" must be a whole number, not '60'"),
        ({**GOOD, "value": True}, '"value" must be a whole number, not True'),
        ({**GOOD, "time_ns": None}, '"time_ns" must be a whole number, not None'),
        ({**GOOD, "kind": "sneeze"}, "sneeze"),
        ({**GOOD, "type": "poem"}, "no log entry has the type 'poem'"),
        ({"type": "turn", "time_ns": 1, "turn": "mine"}, "mine"),
        ({"type": "turn", "time_ns": 1, "turn": "call", "joins": 1}, '"joins" must be true or false, not 1'),
        ({"type": "answered", "time_ns": 1, "ids": [1, "2"]}, '"ids" must be a list of token ids'),
        ({"type": "charted", "time_ns": 1, "chord": 7}, '"chord" must be text or null, not 7'),
        (
            {"type": "timeline", "time_ns": 1, "tick": 0, "ns_per_quarter": 1, "metre": "4/0", "downbeat": 0},
            "must read like",
        ),
        (
            {"type": "timeline", "time_ns": 1, "tick": 0, "ns_per_quarter": 0, "metre": "4/4", "downbeat": 0},
            '"ns_per_quarter" is out of range: 0',
        ),
        ([1], "not a JSON object"),
    ],
)
def test_a_bad_line_is_refused_with_its_reason(record: object, reason: str) -> None:
    with pytest.raises(ValueError) as refusal:
        from_json(json.dumps(record))
    assert reason in str(refusal.value)


def test_a_line_that_is_not_json_is_refused() -> None:
    with pytest.raises(ValueError):
        from_json("C major, please")


def test_what_was_undone_is_struck_out_and_what_says_how_things_are_stays() -> None:
    line, key = Timeline(0, 0, 10**9), Performed(5, Kind.NOTE_ON, 60, 80)
    up, pedal = Performed(6, Kind.NOTE_OFF, 60), Performed(7, Kind.CONTROL, 64, 127)
    turn, heard, chord = TurnChange(8, Turn.RESPONSE), Answered(8, (1,)), Charted(9, "C:maj")
    after = Performed(10, Kind.NOTE_ON, 62, 80)
    log: list[LogEntry] = [line, key, up, pedal, turn, heard, chord, Undone(10, 5), after]
    assert remembered(log) == [line, up, pedal, chord, after]
    assert remembered([*log, Undone(11, 0)]) == [line, up, pedal, chord]
