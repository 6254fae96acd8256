"""MIDI files as logs: every note at its tick, every file read or refused with a sentence."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import mido
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mido import Message, MetaMessage

from jamd.errors import MidiFileError
from jamd.midi.smf import MidiLog, Track, read_midi, write_midi
from jamd.music.events import Kind, Performed
from jamd.music.note import Note, Pedal
from jamd.music.timeline import FOUR_FOUR, Metre, Timeline, ns_per_quarter
from tests.midi.files import END, NOTE, by_mido, chunk, header, one_track

IN_A_FOLDER = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def log_of(tmp_path: Path, data: bytes) -> MidiLog:
    path = tmp_path / "file.mid"
    path.write_bytes(data)
    return read_midi(path)


def ticks(log: MidiLog) -> list[tuple[int, str, int, int]]:
    """Tick, kind, number and channel of every event, by the Timeline that holds then."""
    found, timeline = [], None
    for entry in log.entries:
        if isinstance(entry, Timeline):
            timeline = entry
        elif isinstance(entry, Performed):
            assert timeline is not None
            found.append((timeline.tick_at(entry.time_ns), entry.kind.value, entry.number, entry.channel))
    return found


# ---- reading ---------------------------------------------------------------------------------------------

TEMPOS = st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 0xFFFFFF)), max_size=20)
PIECE = st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 800), st.integers(0, 127)), max_size=20)


@IN_A_FOLDER
@given(PIECE, TEMPOS, st.sampled_from((1, 24, 96, 100, 220, 384, 480, 960, 1024, 32767)))
def test_ticks_come_back_exactly_under_any_tempo_map(
    tmp_path: Path, piece: list[tuple[int, int, int]], tempos: list[tuple[int, int]], division: int
) -> None:
    notes = [(tick, Message("note_on", note=pitch, velocity=1)) for tick, _, pitch in piece]
    map_ = [(tick, MetaMessage("set_tempo", tempo=tempo)) for tick, tempo in tempos]
    log = read_midi(by_mido(tmp_path / "a.mid", map_, notes, division=division))
    wanted = sorted(((2 * tick * 480 + division) // (2 * division), pitch) for tick, _, pitch in piece)
    assert sorted((tick, number) for tick, kind, number, _ in ticks(log) if kind == "note_on") == wanted
    times = [entry.time_ns for entry in log.entries]
    assert times == sorted(times) and isinstance(log.entries[0], Timeline) and times[0] == 0


@IN_A_FOLDER
@given(TEMPOS)
def test_timelines_are_continuous_and_say_the_tempos_of_the_file(tmp_path: Path, tempos: list[tuple[int, int]]) -> None:
    log = read_midi(
        by_mido(tmp_path / "a.mid", [(tick, MetaMessage("set_tempo", tempo=tempo)) for tick, tempo in tempos])
    )
    for one, following in pairwise(log.timelines):
        assert one.tick_at(following.time_ns) == following.tick > one.tick
    said = dict(sorted(tempos, key=lambda change: change[0]))
    for timeline in log.timelines:
        if timeline.tick in said:
            assert timeline.ns_per_quarter == said[timeline.tick] * 1000


def test_seconds_agree_with_midos_own_reckoning(tmp_path: Path) -> None:
    tempos = [(tick * 7, MetaMessage("set_tempo", tempo=300_000 + 977 * tick)) for tick in range(3000)]
    notes = [(tick * 50, Message("note_on", note=60 + tick % 12, velocity=9)) for tick in range(400)]
    path = by_mido(tmp_path / "a.mid", tempos, notes)
    seconds, expected = 0.0, []
    for message in mido.MidiFile(path):
        seconds += message.time
        if message.type == "note_on":
            expected.append(seconds)
    log = read_midi(path)
    ours = [e.time_ns / 1e9 for e in log.entries if isinstance(e, Performed) and e.kind is Kind.NOTE_ON]
    assert len(log.timelines) == 3000
    assert max(abs(a - b) for a, b in zip(ours, expected, strict=True)) < 1e-5


def test_every_note_on_has_its_note_off(tmp_path: Path) -> None:
    log = log_of(tmp_path, one_track(b"\x00\x90\x3c\x40\x60\x90\x3e\x40\x60\x80\x3c\x00\x60\xb0\x01\x01"))
    assert log.hanging == 1 and log.notes == 2
    assert ticks(log)[-1] == (288, "note_off", 62, 0) and log.end_ns == 300_000_000


def test_a_note_that_ends_where_the_next_of_its_key_begins_ends_first_in_whatever_order_tracks_stand(
    tmp_path: Path,
) -> None:
    on, off = Message("note_on", note=60, velocity=64), Message("note_off", note=60)
    log = read_midi(by_mido(tmp_path / "a.mid", [(100, on), (200, off)], [(0, on), (100, off)]))
    assert [(tick, kind) for tick, kind, _, _ in ticks(log)] == [
        (0, "note_on"),
        (100, "note_off"),
        (100, "note_on"),
        (200, "note_off"),
    ]


def test_a_note_of_no_length_keeps_its_end_behind_its_beginning(tmp_path: Path) -> None:
    log = log_of(tmp_path, one_track(b"\x00\x90\x3c\x40\x00\x80\x3c\x00"))
    assert [kind for _, kind, _, _ in ticks(log)] == ["note_on", "note_off"] and log.hanging == 0


def test_drums_are_left_out_and_counted(tmp_path: Path) -> None:
    drums = b"\x00\x99\x24\x40\x60\x89\x24\x00\x00\xb9\x07\x64"
    log = log_of(tmp_path, one_track(NOTE + drums))
    assert log.drums == 1 and log.notes == 1 and {channel for *_, channel in ticks(log)} == {0}
    only = log_of(tmp_path, one_track(drums))
    assert only.drums == 1 and only.notes == 0 and only.entries == only.timelines


def test_a_file_without_notes_is_a_log_without_notes(tmp_path: Path) -> None:
    log = log_of(tmp_path, one_track(b""))
    assert log.entries == (Timeline(0, 0, 500_000_000, FOUR_FOUR, 0),) and log.end_ns == 0
    assert log_of(tmp_path, header(1, 0)).entries == log.entries


def test_tracks_of_a_type_2_file_follow_each_other_each_with_its_own_tempo(tmp_path: Path) -> None:
    tempo, three = b"\x00\xff\x51\x03\x03\xd0\x90", b"\x00\xff\x58\x04\x03\x02\x18\x08"
    tracks = chunk(b"MTrk", tempo + three + NOTE + END) + chunk(b"MTrk", NOTE + END)
    log = log_of(tmp_path, header(2, 2) + tracks)
    assert [tick for tick, kind, *_ in ticks(log) if kind == "note_on"] == [0, 1440]
    assert [(t.tick, t.ns_per_quarter, t.metre) for t in log.timelines] == [
        (0, 250_000_000, Metre(3, 4)),
        (1440, 500_000_000, FOUR_FOUR),
    ]


@pytest.mark.parametrize(
    ("frames", "ticks_a_frame", "second"), [(25, 40, 1000), (24, 80, 1920), (30, 80, 2400), (29, 100, 2997)]
)
def test_smpte_files_keep_their_seconds_at_120_bpm(
    tmp_path: Path, frames: int, ticks_a_frame: int, second: int
) -> None:
    division = ((256 - frames) << 8 | ticks_a_frame) - 65536
    delta = bytes((second >> 7 | 0x80, second & 0x7F))
    tempo = b"\x00\xff\x51\x03\x01\x00\x00"  # means nothing here
    log = log_of(tmp_path, one_track(tempo + delta + b"\x90\x3c\x40", division))
    assert log.timelines[0].bpm == 120
    assert abs(next(e.time_ns for e in log.entries if isinstance(e, Performed)) - 10**9) < 2_000_000


def test_tempos_and_signatures_that_say_nothing_are_ignored_and_counted(tmp_path: Path) -> None:
    zero, short, none = (
        b"\x00\xff\x51\x03\x00\x00\x00",
        b"\x00\xff\x51\x02\x05\x05",
        b"\x00\xff\x58\x04\x00\x02\x18\x08",
    )
    parts, no_metre = b"\x00\xff\x58\x04\x05\x08\x18\x08", b"\x00\xff\x58\x01\x03"
    log = log_of(tmp_path, one_track(zero + short + none + parts + no_metre + NOTE))
    assert log.ignored == 5 and log.timelines == (Timeline(0, 0, 500_000_000),) and log.notes == 1


@pytest.mark.parametrize(("numerator", "denominator"), [(7, 4), (5, 8), (1, 16)])
def test_a_metre_is_that_of_the_file_whatever_it_is(tmp_path: Path, numerator: int, denominator: int) -> None:
    signature = MetaMessage("time_signature", numerator=numerator, denominator=denominator)
    note = Message("note_on", note=60, velocity=1)
    log = read_midi(by_mido(tmp_path / "a.mid", [(0, signature), (4000, note)]))
    assert log.timelines == (Timeline(0, 0, 500_000_000, Metre(numerator, denominator)),)


def test_a_metre_in_mid_bar_waits_for_the_bar_line_and_is_counted(tmp_path: Path) -> None:
    signature = MetaMessage("time_signature", numerator=3, denominator=4)
    note = Message("note_on", note=60, velocity=1)
    log = read_midi(by_mido(tmp_path / "a.mid", [(500, signature), (4000, note)]))
    assert [(t.tick, str(t.metre), t.downbeat) for t in log.timelines] == [(0, "4/4", 0), (1920, "3/4", 1920)]
    assert log.moved == 1


def test_the_end_of_a_file_is_its_last_event_however_long_its_tracks_go_on(tmp_path: Path) -> None:
    log = log_of(tmp_path, header() + chunk(b"MTrk", NOTE + b"\x87\x68\xff\x2f\x00"))
    assert log.end_ns == 100_000_000


def test_ten_thousand_tempos_are_ten_thousand_timelines(tmp_path: Path) -> None:
    tempos = [(tick * 7, MetaMessage("set_tempo", tempo=300_000 + 9 * tick)) for tick in range(10_000)]
    assert len(read_midi(by_mido(tmp_path / "a.mid", tempos)).timelines) == 10_000


def test_a_tempo_in_any_track_counts_and_the_last_of_one_tick_holds(tmp_path: Path) -> None:
    tempos = [(480, MetaMessage("set_tempo", tempo=t)) for t in (400_000, 700_000)]
    log = read_midi(by_mido(tmp_path / "a.mid", [(0, Message("note_on", note=1, velocity=1))], tempos))
    assert [(t.tick, t.ns_per_quarter) for t in log.timelines] == [(0, 500_000_000), (480, 700_000_000)]


@pytest.mark.parametrize(
    ("data", "word"),
    [(b"", "empty"), (b"RIFFxxxxWAVE", "begin"), (one_track(NOTE)[:-9], "cut short"), (None, "No such")],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason_and_what_to_do(
    tmp_path: Path, data: bytes | None, word: str
) -> None:
    path = tmp_path / "broken.mid"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(MidiFileError) as caught:
        read_midi(path)
    assert str(path) in caught.value.message and word in caught.value.message and caught.value.hint


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(MidiFileError, match="directory"):
        read_midi(tmp_path)


# ---- writing ---------------------------------------------------------------------------------------------


METRES = [Metre(n, d) for n, d in ((4, 4), (3, 4), (6, 8), (2, 2), (7, 4), (5, 8), (1, 16), (99, 64))]


@st.composite
def logs(draw: st.DrawFn) -> list[Timeline | Performed]:
    """Logs as files hold them: whole microseconds a quarter, every note with its end."""
    timeline = Timeline(0, 0, draw(st.integers(100_000, 1_000_000)) * 1000, draw(st.sampled_from(METRES)))
    entries: list[Timeline | Performed] = [timeline]
    tick, bar = 0, 0
    for _ in range(draw(st.integers(0, 5))):
        for _ in range(draw(st.integers(0, 3))):
            pitch, channel = draw(st.integers(0, 127)), draw(st.integers(0, 8))
            entries.append(Performed(timeline.time_at(tick), Kind.NOTE_ON, pitch, draw(st.integers(1, 127)), channel))
            tick += draw(st.integers(1, 500))
            entries.append(Performed(timeline.time_at(tick), Kind.NOTE_OFF, pitch, draw(st.integers(0, 127)), channel))
        bar = timeline.next_bar_line(max(tick, bar + 1))
        metre = draw(st.sampled_from([m for m in METRES if m != timeline.metre]))
        tempo = draw(st.integers(100_000, 1_000_000)) * 1000
        timeline = timeline.successor(timeline.time_at(bar), ns_per_quarter=tempo, metre=metre, downbeat=bar)
        entries.append(timeline)
        tick = bar
    return entries


@IN_A_FOLDER
@given(logs())
def test_what_is_written_reads_as_the_same_log(tmp_path: Path, log: list[Timeline | Performed]) -> None:
    path = tmp_path / "a.mid"
    write_midi(path, [Track.performed("Performer", log), Track("jamd", [])], log)
    read = read_midi(path)
    assert list(read.entries) == log
    assert [track.name for track in mido.MidiFile(path).tracks] == ["Performer", "jamd"]


def test_bars_that_are_counted_anew_are_written_as_a_signature_of_their_own(tmp_path: Path) -> None:
    first = Timeline(0, 0, ns_per_quarter(120))
    anew = first.successor(first.time_at(1000), downbeat=1000)
    again = anew.successor(anew.time_at(1500), ns_per_quarter=ns_per_quarter(90))
    write_midi(tmp_path / "a.mid", [Track("Performer", [])], [first, anew, again])
    tick, found = 0, []
    for message in mido.MidiFile(tmp_path / "a.mid").tracks[0]:
        tick += message.time
        found.append((tick, message.type))
    assert [f for f in found if f[1] == "time_signature"] == [(0, "time_signature"), (1000, "time_signature")]
    assert [f for f in found if f[1] == "set_tempo"] == [(0, "set_tempo"), (1500, "set_tempo")]


def test_a_bar_line_that_is_overruled_before_it_comes_is_not_written(tmp_path: Path) -> None:
    first = Timeline(0, 0, ns_per_quarter(120))
    anew = first.successor(first.time_at(1000), downbeat=1500)
    again = anew.successor(anew.time_at(1200), metre=Metre(3, 4), downbeat=1200)
    write_midi(tmp_path / "a.mid", [Track("Performer", [])], [first, anew, again])
    assert [(t.tick, str(t.metre)) for t in read_midi(tmp_path / "a.mid").timelines] == [
        (0, "4/4"),
        (1920, "3/4"),
    ]
    signatures = [m for m in mido.MidiFile(tmp_path / "a.mid").tracks[0] if m.type == "time_signature"]
    assert [message.numerator for message in signatures] == [4, 3]


def test_notes_and_pedal_of_an_answer_become_a_track_in_which_ends_come_first() -> None:
    played = [Note(0, 480, 60, 64), Note(480, 0, 60, 70), Pedal(480, True), Pedal(480, False)]
    assert Track.played("jamd", played, channel=1).events == [
        (0, b"\x91\x3c\x40"),
        (480, b"\x81\x3c\x00"),
        (480, b"\xb1\x40\x00"),
        (480, b"\xb1\x40\x7f"),
        (480, b"\x91\x3c\x46"),
        (481, b"\x81\x3c\x00"),
    ]


def test_the_same_log_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_midi(tmp_path / name, [Track.played("jamd", [Note(0, 480, 60, 64)])], [Timeline(0, 0, 500_000_000)])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_file_that_cannot_be_written_leaves_what_was_there_and_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "there.mid"
    target.mkdir()
    with pytest.raises(MidiFileError) as caught:
        write_midi(target, [Track("jamd", [])], [])
    assert str(target) in caught.value.message and list(tmp_path.iterdir()) == [target]
    with pytest.raises(MidiFileError):
        write_midi(tmp_path / "no folder" / "a.mid", [Track("jamd", [])], [])
