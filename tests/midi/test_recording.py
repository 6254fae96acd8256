"""From the log of a jam to a two-track .mid: every note at its instant, also when the log ends in a crash."""

from __future__ import annotations

from pathlib import Path

import mido
import pytest

from jamd.errors import MidiFileError
from jamd.midi.recorder import FileRecorder
from jamd.midi.recording import build_midi, read_jam, recover
from jamd.midi.smf import read_midi
from jamd.music.actions import Action
from jamd.music.events import Answered, Kind, LogEntry, Performed, Turn, TurnChange
from jamd.music.timeline import Metre, Timeline, ns_per_quarter

START = 123_456_789_000_000
"""Monotonic time begins anywhere."""
SECOND = 10**9


def performed(seconds: float, pitch: int, velocity: int = 64) -> Performed:
    kind = Kind.NOTE_ON if velocity else Kind.NOTE_OFF
    return Performed(START + round(seconds * SECOND), kind, pitch, velocity)


def write(path: Path, entries: list[LogEntry], played: list[Performed]) -> FileRecorder:
    recorder = FileRecorder(path, dict)
    for entry in entries:
        recorder.entry(entry)
    for event in played:
        recorder.played(event, event.time_ns)
    recorder.flush(soon=False)
    return recorder


def built(tmp_path: Path, entries: list[LogEntry], played: list[Performed]) -> Path:
    write(tmp_path / "a.jsonl", entries, played).close()
    build_midi(tmp_path / "a.jsonl", tmp_path / "a.mid")
    return tmp_path / "a.mid"


def track(path: Path, number: int) -> list[tuple[int, str, int]]:
    """Tick, type and pitch of a track's notes."""
    tick, found = 0, []
    for message in mido.MidiFile(path).tracks[number]:
        tick += message.time
        if not message.is_meta:
            found.append((tick, message.type, message.bytes()[1]))
    return found


JAM: list[LogEntry] = [
    TurnChange(START, Turn.CALL),
    Timeline(START, 0, ns_per_quarter(120)),
    performed(0, 60),
    performed(0.5, 60, 0),
    performed(0.5, 62),
    performed(1, 62, 0),
    TurnChange(START + 2 * SECOND, Turn.RESPONSE),
    Answered(START + 2 * SECOND, (1, 2, 3)),
]
ANSWER = [performed(2, 67), performed(2.25, 67, 0)]


def test_the_performer_and_jamd_have_a_track_each_with_every_note_at_its_tick(tmp_path: Path) -> None:
    path = built(tmp_path, JAM, ANSWER)
    assert [t.name for t in mido.MidiFile(path).tracks] == ["Performer", "jamd"]
    assert track(path, 0) == [(0, "note_on", 60), (480, "note_off", 60), (480, "note_on", 62), (960, "note_off", 62)]
    assert track(path, 1) == [(1920, "note_on", 67), (2160, "note_off", 67)]


def test_the_tempo_map_of_the_jam_is_that_of_the_file(tmp_path: Path) -> None:
    first = Timeline(START, 5000, ns_per_quarter(120), Metre(3, 4), 5000)
    second = first.successor(first.time_at(5000 + 1440), ns_per_quarter=ns_per_quarter(60), metre=Metre(6, 8))
    log = read_midi(built(tmp_path, [first, performed(0, 60), second], []))
    assert [(t.time_ns, t.tick, t.bpm, str(t.metre)) for t in log.timelines] == [
        (0, 0, 120, "3/4"),
        (round(1.5 * SECOND), 1440, 60, "6/8"),
    ]


def test_what_was_played_before_there_was_a_tempo_stands_in_the_bar_before(tmp_path: Path) -> None:
    early = [performed(-0.6, 50), performed(-0.1, 50, 0)]
    path = built(tmp_path, [*early, *JAM], ANSWER)
    assert track(path, 0)[:3] == [(1920 - 576, "note_on", 50), (1920 - 96, "note_off", 50), (1920, "note_on", 60)]
    assert track(path, 1)[0] == (3840, "note_on", 67)


def test_a_jam_without_any_tempo_is_written_at_120(tmp_path: Path) -> None:
    path = built(tmp_path, [performed(0, 60), performed(1, 60, 0)], [])
    assert track(path, 0) == [(0, "note_on", 60), (960, "note_off", 60)]


def test_an_empty_jam_is_an_empty_file(tmp_path: Path) -> None:
    assert track(built(tmp_path, [], []), 0) == []


def test_ticks_that_begin_anew_after_a_crash_do_not_turn_the_file_back(tmp_path: Path) -> None:
    anew = Timeline(START + 3 * SECOND, 0, ns_per_quarter(120))
    path = built(tmp_path, [*JAM, anew, performed(3.5, 72), performed(4, 72, 0)], [])
    assert track(path, 0)[-2:] == [(3360, "note_on", 72), (3840, "note_off", 72)]


def test_a_log_that_a_crash_cut_off_is_whole_but_for_its_last_instant(tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    write(log, [*JAM[:5]], [performed(2, 67)])
    whole = log.read_bytes()
    log.write_bytes(whole + b'{"type":"played","time_ns":1234')
    build_midi(log, tmp_path / "a.mid")
    assert track(tmp_path / "a.mid", 0)[-1] == (1920, "note_off", 62)  # ended where the log ends
    assert track(tmp_path / "a.mid", 1) == [(1920, "note_on", 67), (1920, "note_off", 67)]


def test_the_log_is_read_back_as_it_was_told(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", JAM, ANSWER).close()
    jam = read_jam(tmp_path / "a.jsonl")
    assert list(jam.entries) == sorted(JAM, key=lambda entry: entry.time_ns) and list(jam.played) == ANSWER


def test_recover_builds_what_a_crash_left_and_only_that(tmp_path: Path) -> None:
    write(tmp_path / "crashed.jsonl", JAM, ANSWER).close()
    write(tmp_path / "done.jsonl", JAM, ANSWER).close()
    (tmp_path / "done.mid").write_bytes(b"mine")
    write(tmp_path / "damaged.jsonl", [], []).close()
    with (tmp_path / "damaged.jsonl").open("a") as file:
        file.write("rubbish\n" * 2)
    (tmp_path / "events.jsonl").write_text('{"t_ns": 5}\n')
    running = write(tmp_path / "running.jsonl", JAM, ANSWER)
    found = recover(tmp_path)
    assert found.built == (tmp_path / "crashed.mid",)
    assert [log for log, _ in found.broken] == [tmp_path / "damaged.jsonl"]
    assert (tmp_path / "done.mid").read_bytes() == b"mine"
    assert not (tmp_path / "running.mid").exists() and not (tmp_path / "events.mid").exists()
    running.close()
    assert recover(tmp_path).built == (tmp_path / "running.mid",)
    assert recover(tmp_path / "no such folder").built == ()


@pytest.mark.parametrize("text", ['{"type":"played","time_ns":"x"}\n', '{"type":"performed"}\n', "rubbish\n"])
def test_a_damaged_log_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(text + '{"type":"jam"}\n')
    with pytest.raises(MidiFileError, match=r"a\.jsonl"):
        build_midi(path, tmp_path / "a.mid")
    with pytest.raises(MidiFileError, match="No such file"):
        read_jam(tmp_path / "none.jsonl")


def test_what_people_asked_for_is_in_the_log_and_a_take_that_was_kept_is_a_marker_where_it_was(tmp_path: Path) -> None:
    recorder = write(tmp_path / "a.jsonl", JAM, [])
    asked = [Action(START + SECOND, "keep"), Action(START + SECOND, "mode", "duet"), Action(START + 2 * SECOND, "keep")]
    for action in asked:
        recorder.action(action)
    recorder.close()
    assert read_jam(tmp_path / "a.jsonl").actions == tuple(asked)
    build_midi(tmp_path / "a.jsonl", tmp_path / "a.mid")
    tick, marks = 0, []
    for message in mido.MidiFile(tmp_path / "a.mid").tracks[0]:
        tick += message.time
        if message.type == "marker":
            marks.append((tick, message.text))
    assert marks == [(960, "keep 1"), (1920, "keep 2")]
    kept = read_midi(tmp_path / "a.mid")
    write(tmp_path / "b.jsonl", JAM, []).close()
    build_midi(tmp_path / "b.jsonl", tmp_path / "b.mid")
    assert kept.entries == read_midi(tmp_path / "b.mid").entries
