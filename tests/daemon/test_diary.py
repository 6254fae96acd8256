"""What people are told: trouble in a plain sentence, everything in the file, and nothing that nobody reports."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from jamd.daemon import diary
from jamd.daemon.diary import Diary
from jamd.daemon.words import Up
from jamd.errors import ConfigError
from jamd.music.messages import Report

ROOT = Path(__file__).parents[2]
TRACE = 'Traceback (most recent call last):\n  File "x.py", line 1, in f\nValueError: the drums are gone\n'


def told(name: str, /, **facts: int | float | str | bool) -> list[str]:
    lines: list[str] = []
    Diary(lines.append, None).write(Report(7, name, facts))
    return lines


@pytest.mark.parametrize(
    ("what", "facts", "line"),
    [
        ("recording_failed", {"why": "No space left on device"}, "the recording has ended, the jam goes on: No space"),
        ("send_failed", {"messages": 3}, "the output refuses what is sent: 3 messages"),
        ("backlog", {"messages": 12}, "the brain does not keep up with the playing: 12 messages wait"),
        ("failed", {"error": "no port"}, "no port"),
        ("replaced", {"process": "wire"}, "the wire died and was replaced"),
        ("late", {"due_ns": 1, "late_ms": 45.678, "pitch": 60}, "a note left out (46 ms)"),
        ("refused", {"plan_heard": 1, "heard": 2, "notes": 9}, "9 planned notes are left out"),
        ("echo", {"what": "the output comes back"}, "echo: the output comes back"),
        ("state", {"state": "thinking"}, "thinking"),
        ("barge_in", {"turn": 1}, "the answer stops"),
        ("behind", {"turn": 1}, "late: jamd falls behind, and plays fewer notes"),
        ("beat_left_out", {"due_ns": 5}, "late: a beat is played as it was planned before"),
        (
            "lateness",
            {"played": 120, "skipped": 3, "p50_ms": 0.05, "p99_ms": 0.4, "worst_ms": 2.0},
            "played 120 notes, 99 % at most 0.4 ms late; 3 too late, left out",
        ),
        (
            "budget",
            {"model": "S", "budget_ms": 20.0, "response_ms": 14.4, "tokens_s": 900, "left": "M needs 62 ms"},
            "in budget: S, 14 of 20 ms to a first note, 900 tokens a second; M needs 62 ms",
        ),
    ],
)
def test_trouble_and_changes_of_state_are_said_in_a_line(
    what: str, facts: dict[str, int | float | str | bool], line: str
) -> None:
    (said,) = told(what, **facts)
    assert line in said and "\n" not in said


def test_a_crash_is_said_in_a_sentence_that_names_its_reason_and_where_the_rest_stands() -> None:
    (said,) = told("crashed", process="brain", why=TRACE)
    assert "the brain failed" in said and "ValueError: the drums are gone" in said and "--events" in said
    assert "Traceback" not in said and "\n" not in said


def test_notes_are_for_the_file_only(tmp_path: Path) -> None:
    lines: list[str] = []
    book = Diary(lines.append, tmp_path / "events.jsonl")
    book.write(Report(5, "note_in", {"pitch": 60}))
    book.write(Report(6, "crashed", {"process": "brain", "why": TRACE}))
    book.write(Up("wire", {"in": "Keyboard"}, 99).report(8))
    book.close()
    assert len(lines) == 2 and lines[1] == "wire ready: in Keyboard"
    written = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert written == [
        {"t_ns": 5, "what": "note_in", "pitch": 60},
        {"t_ns": 6, "what": "crashed", "process": "brain", "why": TRACE},
        {"t_ns": 8, "what": "ready", "process": "wire", "pid": 99, "in": "Keyboard"},
    ]


def test_no_fact_takes_the_place_of_the_name(tmp_path: Path) -> None:
    book = Diary(list[str]().append, tmp_path / "events.jsonl")
    book.write(Report(5, "echo", {"what": "the output comes back"}))
    book.close()
    assert json.loads((tmp_path / "events.jsonl").read_text())["what"] == "echo"


def test_every_report_that_is_said_is_one_that_somebody_makes() -> None:
    source = Path(diary.__file__).read_text()
    cases = {name for line in re.findall(r"case (\".+\"):", source) for name in re.findall(r'"(\w+)"', line)}
    others = [path for path in (ROOT / "jamd").rglob("*.py") if path != Path(diary.__file__)]
    rest = "\n".join(path.read_text() for path in others)
    assert cases >= {"recording_failed", "send_failed", "backlog", "crashed"}
    assert {name for name in cases - {"ready"} if f'"{name}"' not in rest} == set()


def test_a_full_disk_ends_the_events_and_nothing_else() -> None:
    lines: list[str] = []
    book = Diary(lines.append, Path("/dev/full"))
    for _ in range(3):
        book.write(Report(5, "state", {"state": "thinking"}))
    book.close()
    assert lines[1:] == ["thinking"] * 3
    assert "the events cannot be written any more" in lines[0]


def test_events_that_cannot_be_written_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot write the events"):
        Diary(print, tmp_path)


def test_the_last_line_says_how_often_the_budget_was_not_kept_only_where_there_is_one() -> None:
    late = {"played": 9, "skipped": 0, "p50_ms": 0.0, "p99_ms": 0.1, "worst_ms": 0.1}
    assert told("lateness", **late) == ["played 9 notes, 99 % at most 0.1 ms late; 0 too late, left out"]
    (said,) = told("lateness", **late, answers=7, over_budget=2, budget_ms=30.0)
    assert said.endswith("left out; 2 of 7 answers later than 30 ms")
    (said,) = told("lateness", **late, answers=0, over_budget=0, budget_ms=30.0)  # all entered on a beat
    assert said.endswith("left out")


def test_a_jam_in_which_jamd_was_silent_ends_without_a_word_of_lateness() -> None:
    assert told("lateness", played=0, skipped=0, p50_ms=0.0, p99_ms=0.0, worst_ms=0.0) == []
