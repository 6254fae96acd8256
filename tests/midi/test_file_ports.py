"""A file as the performer: in real time, to the nanosecond, whenever it is polled."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from jamd.midi.file_ports import FileInput
from jamd.midi.messages import parse
from jamd.midi.smf import MidiLog, read_midi
from jamd.music.events import Kind, Performed
from jamd.music.timeline import Timeline
from tests.midi.doubles import MS
from tests.midi.files import NOTE, one_track

FIRST = Timeline(0, 0, 500 * MS)
SECOND = FIRST.successor(50 * MS, ns_per_quarter=400 * MS)
EVENTS = [Performed(at * MS, Kind.NOTE_ON, 60 + at, 64, 2) for at in (0, 10, 50, 50, 90)]
LOG = MidiLog((FIRST, *EVENTS[:2], SECOND, *EVENTS[2:]), 100 * MS, 5, 0, 0, 0, 0)


def file() -> FileInput:
    return FileInput(LOG, "file.mid")


@given(st.lists(st.integers(0, 200 * MS)), st.integers(0, 10**12))
def test_every_event_comes_once_at_its_own_instant_whenever_it_is_polled(waits: list[int], start: int) -> None:
    port = file()
    port.start(start)
    now, came = start, []
    for wait in [*waits, 200 * MS]:
        due = port.poll(now)
        assert all(at <= now for at, _ in due)
        came += due
        now += wait
    came += port.poll(now)
    assert [parse(data, at - start) for at, data in came] == EVENTS
    assert port.ended(now) and port.poll(now + 10**12) == []


def test_its_timelines_are_those_of_the_file_from_the_start_on() -> None:
    port = file()
    assert port.tempo_map == (FIRST, SECOND) and port.timelines(10**9) == []
    port.start(1000)
    assert [t.time_ns for t in port.tempo_map] == [1000, 50 * MS + 1000]
    assert port.timelines(999) == []
    assert port.timelines(1000) == [port.tempo_map[0]]
    assert port.timelines(50 * MS + 999) == []
    assert port.timelines(10**9) == [port.tempo_map[1]]
    assert port.tempo_map[1].tick == SECOND.tick


def test_until_it_is_started_it_plays_nothing_and_does_not_end() -> None:
    port = file()
    assert port.poll(10**12) == [] and not port.ended(10**12)


def test_it_ends_with_the_file_and_not_with_the_last_note() -> None:
    port = file()
    port.start(0)
    port.poll(95 * MS)
    assert not port.ended(100 * MS - 1) and port.ended(100 * MS)


def test_it_has_not_ended_before_its_last_note_was_polled() -> None:
    port = file()
    port.start(0)
    assert not port.ended(10**9)


def test_a_successor_goes_on_in_the_middle_and_knows_the_tempo() -> None:
    port = file()
    port.start(1000, from_ns=60 * MS)
    assert [at for at, _ in port.poll(10**9)] == [90 * MS + 1000]
    assert port.timelines(60 * MS) == [port.tempo_map[1]]


def test_a_real_file_plays_its_ticks(tmp_path: Path) -> None:
    path = tmp_path / "a.mid"
    path.write_bytes(one_track(NOTE))
    port = FileInput(read_midi(path), str(path))
    port.start(7)
    assert port.poll(10**9) == [(7, b"\x90\x3c\x40"), (100 * MS + 7, b"\x80\x3c\x00")]
