"""The bytes of MIDI files: what other programs write is read, what is written other programs read."""

from __future__ import annotations

import io

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.midi.chunks import Event, read_chunks, write_chunks
from tests.midi.files import END, NOTE, chunk, header, one_track
from tests.midi.test_messages import channel_messages

NOTES = ((0, b"\x90\x3c\x40"), (96, b"\x80\x3c\x00"))


@st.composite
def tracks(draw: st.DrawFn) -> list[Event]:
    ticks = sorted(draw(st.lists(st.integers(0, 1 << 27), max_size=10)))
    return [(tick, draw(channel_messages())) for tick in ticks]


@given(st.lists(tracks(), max_size=3), st.integers(1, 32767))
def test_what_is_written_is_read_back(written: list[list[Event]], division: int) -> None:
    chunks = read_chunks(write_chunks(written, division))
    assert (chunks.format, chunks.division, chunks.clipped) == (1, division, 0)
    assert [list(track) for track in chunks.tracks] == written


@given(tracks())
def test_mido_reads_what_is_written(written: list[Event]) -> None:
    file = mido.MidiFile(file=io.BytesIO(write_chunks([written], 480)))
    tick, read = 0, []
    for message in file.tracks[0]:
        tick += message.time
        if not message.is_meta:
            read.append((tick, bytes(message.bytes())))
    assert read == written


@given(tracks())
def test_what_mido_writes_is_read(events: list[Event]) -> None:
    track, last = mido.MidiTrack(), 0
    for tick, message in events:
        track.append(mido.Message.from_bytes(message, time=tick - last))
        last = tick
    out = io.BytesIO()
    mido.MidiFile(tracks=[track], type=0).save(file=out)  # with running status
    assert list(read_chunks(out.getvalue()).tracks[0]) == events


@pytest.mark.parametrize(
    "odd",
    [
        b"\x00\xff\x59\x02\x20\x05",  # a key signature that does not exist
        b"\x00\xff\x54\x05\xff\x00\x00\x00\x00",  # an SMPTE offset that does not exist
        b"\x00\xff\x7f\x81\x00" + bytes(128),  # a sequencer's own event
        b"\x00\xf0\x03\x01\x02\xf7",  # system exclusive
        b"\x00\xf7\x02\x01\x02",  # and its escape
        b"\x00\xf3\x05",  # song select
        b"\x00\xf8",  # a clock
    ],
)
def test_an_odd_event_costs_no_note(odd: bytes) -> None:
    notes = [event for event in read_chunks(one_track(odd + NOTE)).tracks[0] if event[1][0] != 0xFF]
    assert tuple(notes) == NOTES


def test_chunks_of_other_kinds_and_a_riff_wrapper_are_passed_over() -> None:
    file = header() + chunk(b"XFIH", b"abc") + chunk(b"MTrk", NOTE + END) + chunk(b"XFKM", b"")
    riff = b"RIFF" + bytes(4) + b"RMIDdata" + bytes(4) + file
    assert read_chunks(file).tracks == read_chunks(riff).tracks == (NOTES,)


def test_a_header_that_is_longer_than_usual_is_read() -> None:
    longer = b"MThd" + (8).to_bytes(4, "big") + header()[8:] + b"\x00\x00"
    assert read_chunks(longer + chunk(b"MTrk", NOTE + END)).tracks == (NOTES,)


def test_nothing_behind_the_end_of_track_and_no_end_of_track_are_both_fine() -> None:
    assert read_chunks(one_track(NOTE + END + b"\x00\x90")).tracks == (NOTES,)
    assert read_chunks(header() + chunk(b"MTrk", NOTE)).tracks == (NOTES,)


def test_data_bytes_above_127_are_clipped_and_counted() -> None:
    chunks = read_chunks(one_track(b"\x00\x90\x3c\xff\x60\x80\x80\x00"))
    assert chunks.tracks == (((0, b"\x90\x3c\x7f"), (96, b"\x80\x7f\x00")),) and chunks.clipped == 2


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello", "MThd"),
        (b"MThd\x00\x00", "header"),
        (header(3), "format is 3"),
        (header(1, 2) + chunk(b"MTrk", END), "1 tracks of 2"),
        (header() + chunk(b"MTrk", NOTE + END)[:-3], "cut short in track 1"),
        (one_track(b"", division=0), "no ticks"),
        (one_track(b"", division=-25 * 256), "no ticks"),
        (one_track(b"\x00\x3c\x40"), "without a status"),
        (one_track(b"\x00\xf4"), "F4"),
        (one_track(b"\xff\xff\xff\xff\x00\x90\x3c\x40"), "four bytes"),
        (header() + chunk(b"MTrk", b"\x00\x90\x3c"), "runs over its end"),
    ],
)
def test_a_broken_file_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_chunks(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for data in (body, one_track(body), header() + body):
        try:
            read_chunks(data)
        except ValueError as error:
            assert str(error)


@given(st.integers(0, 60))
def test_a_file_cut_anywhere_is_refused(cut: int) -> None:
    whole = header(1, 2) + chunk(b"MTrk", NOTE + END) + chunk(b"MTrk", NOTE + END)
    with pytest.raises(ValueError, match=r"short|empty|MThd"):
        read_chunks(whole[: min(cut, len(whole) - 1)])
