"""MIDI files through mido: one odd event costs no note and moves none, a broken file is refused in plain words."""

from __future__ import annotations

import io

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.midi.mido_files import load
from tests.midi.files import END, NOTE, chunk, header, one_track
from tests.midi.test_messages import channel_messages

NOTES = [(0, b"\x90\x3c\x40"), (96, b"\x80\x3c\x00")]


def channel_events(data: bytes) -> list[tuple[int, bytes]]:
    """Tick and bytes of the channel messages in the first track."""
    tick, found = 0, []
    for message in load(data).tracks[0]:
        tick += message.time
        if not message.is_meta and message.bytes()[0] < 0xF0:
            found.append((tick, bytes(message.bytes())))
    return found


@given(st.lists(st.tuples(st.integers(0, (1 << 28) - 1), channel_messages()), max_size=20), st.integers(1, 32767))
def test_what_mido_writes_is_read(events: list[tuple[int, bytes]], division: int) -> None:
    track = mido.MidiTrack(mido.Message.from_bytes(message, time=delta) for delta, message in events)
    out = io.BytesIO()
    mido.MidiFile(tracks=[track], type=0, ticks_per_beat=division).save(file=out)  # with running status
    file = load(out.getvalue())
    assert [(m.time, bytes(m.bytes())) for m in file.tracks[0][:-1]] == events
    assert (file.type, file.ticks_per_beat) == (0, division)


@pytest.mark.parametrize(
    "odd",
    [
        b"\xff\x59\x02\x20\x05",  # a key signature that does not exist
        b"\xff\x59\x00",  # and an empty one
        b"\xff\x54\x05\xff\x00\x00\x00\x00",  # an SMPTE offset that does not exist
        b"\xff\x54\x05\x20\x00\x63\x00\x00",
        b"\xff\x51\x02\x05\x05",  # a tempo, a time signature and others that are cut short
        b"\xff\x58\x02\x03\x02",
        b"\xff\x00\x01\x01",
        b"\xff\x20\x00",
        b"\xff\x21\x00",
        b"\xff\x7f\x81\x00" + bytes(128),  # a sequencer's own event
        b"\xff\x08\x05Grand",  # the name of a program, which mido does not know
        b"\xff\x4b\x00",  # and what nobody knows
        b"\xff\xff\x01\x00",
        b"\xf0\x03\x01\x02\xf7",  # system exclusive
        b"\xf7\x02\x01\x02",  # and its escape
        b"\xf3\x05",  # song select
        b"\xf8",  # a clock
    ],
)
def test_an_odd_event_costs_no_note_and_moves_none(odd: bytes) -> None:
    assert channel_events(one_track(b"\x00" + odd + NOTE)) == NOTES
    assert channel_events(one_track(b"\x60" + odd + NOTE)) == [(tick + 96, message) for tick, message in NOTES]


def test_what_is_right_is_read_as_before_and_what_makes_no_sense_as_zeros() -> None:
    right, wrong = b"\x00\xff\x59\x02\xfd\x01", b"\x00\xff\x51\x02\x05\x05\x00\xff\x59\x02\x20\x05"
    key, tempo, other, _ = load(one_track(right + wrong)).tracks[0]
    assert (key.key, tempo.tempo, other.key) == ("Cm", 0, 0)


def test_a_riff_wrapper_and_chunks_behind_the_tracks_are_passed_over() -> None:
    file = header() + chunk(b"MTrk", NOTE + END) + chunk(b"XFIH", b"abc")
    riff = b"RIFF" + bytes(4) + b"RMIDdata" + bytes(4) + file
    assert channel_events(file) == channel_events(riff) == NOTES


def test_a_longer_header_and_a_track_without_its_end_are_both_fine() -> None:
    longer = b"MThd" + (8).to_bytes(4, "big") + header()[8:] + b"\x00\x00"
    assert channel_events(longer + chunk(b"MTrk", NOTE)) == NOTES


def test_data_bytes_above_127_are_clipped() -> None:
    data = one_track(b"\x00\x90\x3c\xff\x60\x80\x80\x00")
    assert channel_events(data) == [(0, b"\x90\x3c\x7f"), (96, b"\x80\x7f\x00")]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello", "begin"),
        (b"RIFFxxxxWAVEfmt ", "begin"),
        (b"MThd\x00\x00", "cut short"),
        (header(3, 0), "type 3"),
        (header(-1, 0), "type -1"),
        (header(1, 2) + chunk(b"MTrk", END), "cut short"),
        (header() + chunk(b"MTrk", NOTE + END)[:-3], "cut short"),
        (header() + chunk(b"XFIH", b"abc") + chunk(b"MTrk", NOTE + END), "damaged"),
        (one_track(b"", division=0), "ticks"),
        (one_track(b"", division=-25 * 256), "ticks"),
        (one_track(b"\x00\x3c\x40"), "damaged"),
        (one_track(b"\x00\xf4"), "damaged"),
        (one_track(b"\x81\x80\x80\x80\x00\x90\x3c\x40"), "damaged"),
        (header() + chunk(b"MTrk", b"\x00\x90\x3c"), "cut short"),
    ],
)
def test_a_broken_file_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        load(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_in_words_for_people(body: bytes) -> None:
    for data in (body, one_track(body), header() + body, one_track(b"\x00\xff" + body)):
        try:
            load(data)
        except ValueError as error:
            assert str(error).startswith("it ")


@given(st.integers(0, 60))
def test_a_file_cut_anywhere_is_refused(cut: int) -> None:
    whole = header(1, 2) + chunk(b"MTrk", NOTE + END) + chunk(b"MTrk", NOTE + END)
    with pytest.raises(ValueError, match=r"short|empty|begin"):
        load(whole[: min(cut, len(whole) - 1)])
