"""The recorder: what has happened stands on the disk, whoever dies, and a full disk ends no music."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from jamd.midi.locks import lock
from jamd.midi.recorder import FORMAT, MANY, FileRecorder
from jamd.midi.recording import read_jam
from jamd.music.actions import Action
from jamd.music.events import Kind, Performed, Turn, TurnChange
from jamd.music.log import read_log
from jamd.music.messages import InputEnded, Looked, Missed, PlanEnded, Resumed, Transport, Welcome
from jamd.music.timeline import Timeline
from jamd.music.told import Aside, told_in

NOTE = Performed(10, Kind.NOTE_ON, 60, 64)
PLAYED = Performed(20, Kind.NOTE_ON, 62, 70, 3)


def records(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_first_line_says_what_the_file_is(tmp_path: Path) -> None:
    FileRecorder(tmp_path / "a.jsonl", lambda: {"seed": 7})
    assert records(tmp_path / "a.jsonl") == [{"type": "jam", "format": FORMAT, "seed": 7}]


def test_what_was_flushed_is_on_the_disk_while_the_recorder_lives(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    recorder = FileRecorder(path, dict)
    log = [Timeline(0, 0, 500), NOTE, TurnChange(15, Turn.RESPONSE)]
    for entry in log:
        recorder.entry(entry)
    recorder.played(PLAYED, 19)
    assert read_log(path) == []
    recorder.flush(soon=False)
    assert read_log(path) == log
    assert records(path)[-1] == {
        "type": "played",
        "time_ns": 20,
        "due_ns": 19,
        "kind": "note_on",
        "number": 62,
        "value": 70,
        "channel": 3,
    }


def test_while_a_note_is_near_little_waits_and_much_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    recorder = FileRecorder(path, dict)
    for _ in range(MANY - 1):
        recorder.entry(NOTE)
    recorder.flush(soon=True)
    assert read_log(path) == []
    recorder.entry(NOTE)
    recorder.flush(soon=True)
    assert read_log(path) == [NOTE] * MANY


def test_close_writes_what_waits(tmp_path: Path) -> None:
    recorder = FileRecorder(tmp_path / "a.jsonl", dict)
    recorder.entry(NOTE)
    recorder.close()
    assert read_log(tmp_path / "a.jsonl") == [NOTE]


@pytest.mark.parametrize("torn", range(0, 30, 7))
def test_a_successor_goes_on_where_the_last_whole_line_ends(tmp_path: Path, torn: int) -> None:
    path = tmp_path / "a.jsonl"
    first = FileRecorder(path, lambda: {"seed": 7})
    first.entry(NOTE)
    first.flush(soon=False)
    os.write(first._file, b'{"type":"performed","time_ns":99'[:torn])  # and dies in the midst of it
    os.close(first._file)
    second = FileRecorder(path, nobody, heard=3)
    second.entry(TurnChange(30, Turn.CALL))
    second.close()
    assert read_log(path) == [NOTE, TurnChange(30, Turn.CALL)]
    assert [record["type"] for record in records(path)] == ["jam", "performed", "wire", "turn"]
    assert records(path)[0]["seed"] == 7 and records(path)[2]["heard"] == 3


def nobody() -> dict[str, object]:
    """A successor does not ask how the jam is played: by now nobody might know."""
    raise AssertionError


@pytest.mark.parametrize("written", range(5))
def test_what_a_brain_has_said_stands_there_once_however_much_a_successor_is_given_again(
    tmp_path: Path, written: int
) -> None:
    path = tmp_path / "a.jsonl"
    first, lines = FileRecorder(path, dict), 4

    def say(recorder: FileRecorder) -> None:
        recorder.looked(Looked(0, 0, "w5s1"), 30)
        recorder.entry(TurnChange(15, Turn.RESPONSE), 50)
        recorder.entry(TurnChange(15, Turn.RESPONSE), 60)  # the same again, and another one
        recorder.decided("plan", 8, accepted=True, said=40)

    say(first)
    first.close()
    whole = path.read_text().splitlines(keepends=True)
    path.write_text("".join(whole[: len(whole) - lines + written]))
    second = FileRecorder(path, nobody)
    say(second)
    second.close()
    assert [line for line in path.read_text().splitlines(keepends=True) if '"wire"' not in line] == whole


def test_what_a_replay_follows_stands_between_and_changes_nothing_of_the_log(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    recorder = FileRecorder(path, dict)
    asides: list[Aside] = [
        Welcome(7, "S.onnx", "digest", 9, "cuda", "1.22.0"),
        Timeline(1, 0, 500),
        Resumed(Timeline(2, 0, 500)),
        Transport(3, True),
        Missed(4, 3, 60),
        PlanEnded(5, True),
        InputEnded(),
        Action(6, "mode", "duet"),
    ]
    for aside in asides:
        recorder.told(aside)
    recorder.looked(Looked(0, 0, "w5s1"), 1)
    recorder.decided("plan", 8, accepted=True)
    recorder.action(Action(9, "temperature", 0.5))
    recorder.entry(NOTE)
    recorder.entry(TurnChange(15, Turn.RESPONSE), 2)
    recorder.close()
    assert read_log(path) == [NOTE, TurnChange(15, Turn.RESPONSE)]
    told = [message for message in map(told_in, records(path)) if message is not None]
    assert told == [*asides, Action(9, "temperature", 0.5), NOTE]
    assert read_jam(path).actions == (Action(9, "temperature", 0.5),) and not read_jam(path).played


def test_a_full_disk_ends_the_recording_and_nothing_else(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    recorder = FileRecorder(tmp_path / "a.jsonl", dict)
    os.dup2(os.open(full, os.O_WRONLY), recorder._file)
    recorder.entry(NOTE)
    recorder.flush(soon=False)
    assert recorder.failure == "No space left on device"
    recorder.entry(NOTE)
    recorder.close()


def test_a_log_that_is_being_written_is_locked_until_its_writer_is_gone(tmp_path: Path) -> None:
    recorder = FileRecorder(tmp_path / "a.jsonl", dict)
    other = os.open(tmp_path / "a.jsonl", os.O_RDONLY)
    assert not lock(other)
    recorder.close()
    assert lock(other)
    os.close(other)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        FileRecorder(tmp_path / "none" / "a.jsonl", dict)
