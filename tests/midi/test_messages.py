"""Bytes and messages: rubbish is left out, nothing else is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jamd.midi.messages import CHANNEL_DATA, SYSTEM_DATA, MessageReader, note_off, note_on, parse, to_bytes
from jamd.music.events import Kind, Performed

DATA = st.integers(0, 127)
STATUSES = sorted(CHANNEL_DATA)


@st.composite
def channel_messages(draw: st.DrawFn) -> bytes:
    kind, channel = draw(st.sampled_from(STATUSES)), draw(st.integers(0, 15))
    return bytes((kind | channel, *(draw(DATA) for _ in range(CHANNEL_DATA[kind]))))


@st.composite
def events(draw: st.DrawFn) -> Performed:
    kind = draw(st.sampled_from(Kind))
    value = draw(st.integers(1, 127)) if kind is Kind.NOTE_ON else draw(DATA)
    value = 0 if kind is Kind.PROGRAM else value
    return Performed(draw(st.integers(0)), kind, draw(DATA), value, draw(st.integers(0, 15)))


@given(events())
def test_parse_reads_what_to_bytes_wrote(event: Performed) -> None:
    assert parse(to_bytes(event), event.time_ns) == event


@given(DATA, st.integers(0, 15))
def test_a_note_on_with_velocity_0_is_a_note_off(pitch: int, channel: int) -> None:
    assert parse(bytes((0x90 | channel, pitch, 0)), 5) == Performed(5, Kind.NOTE_OFF, pitch, 0, channel)


def test_no_log_holds_bend_aftertouch_and_clock() -> None:
    assert [parse(bytes(m), 0) for m in ((0xE0, 0, 64), (0xA0, 1, 2), (0xD0, 3), (0xF8,))] == [None] * 4


@given(st.lists(channel_messages()))
def test_whole_messages_come_out_as_they_went_in(messages: list[bytes]) -> None:
    reader = MessageReader()
    assert reader.feed(b"".join(messages)) == messages
    assert reader.stray == 0


@given(st.lists(channel_messages(), min_size=1))
def test_running_status_means_the_same_as_status_bytes(messages: list[bytes]) -> None:
    running, last = bytearray(), -1
    for message in messages:
        running += message[1:] if message[0] == last else message
        last = message[0]
    assert MessageReader().feed(bytes(running)) == messages


def test_running_status_lasts_from_one_delivery_to_the_next() -> None:
    reader = MessageReader()
    assert reader.feed(note_on(0, 60, 64)) + reader.feed(b"\x3e\x40") == [note_on(0, 60, 64), note_on(0, 62, 64)]


def test_realtime_in_the_midst_of_a_message_comes_out_first() -> None:
    assert MessageReader().feed(b"\x90\xf8\x3c\xfa\x40") == [b"\xf8", b"\xfa", note_on(0, 60, 64)]


def test_realtime_does_not_end_running_status_and_system_common_does() -> None:
    reader = MessageReader()
    assert reader.feed(b"\x90\x3c\x40\xf8\x3e\x40") == [note_on(0, 60, 64), b"\xf8", note_on(0, 62, 64)]
    assert reader.feed(b"\xf6\x3e\x40") == [b"\xf6"]
    assert reader.stray == 2


def test_system_exclusive_is_left_out_whole_and_what_follows_is_heard() -> None:
    reader = MessageReader()
    assert reader.feed(b"\xf0\x7e\x00\x09\x01\xf7\x80\x3c\x00") == [note_off(0, 60)]
    assert reader.feed(b"\xf0\x01\x02\x90\x3c\x40") == [note_on(0, 60, 64)]  # without its end
    assert reader.stray == 0
    assert reader.feed(b"\xf0\xf7\x3c\x40") == []  # it ends running status


def test_stray_bytes_and_unfinished_messages_are_counted_and_left_out() -> None:
    reader = MessageReader()
    for rubbish in (b"\x40", b"\x12\x34", b"\x90\x3c", b"\xf4", b"\xf9\xfd"):
        assert reader.feed(rubbish) == []
    assert reader.stray == 1 + 2 + 1 + 1 + 2
    assert reader.feed(b"\x90\x3c\x80\x3e\x40") == [b"\x80\x3e\x40"]  # cut short by the next


def test_no_message_is_put_together_from_two_deliveries() -> None:
    reader = MessageReader()
    assert reader.feed(b"\x90\x3c") + reader.feed(b"\x40") == []


@given(st.lists(st.binary(max_size=12)))
def test_whatever_comes_only_whole_messages_come_out(deliveries: list[bytes]) -> None:
    reader = MessageReader()
    for data in deliveries:
        for message in reader.feed(data):
            wanted = CHANNEL_DATA.get(message[0] & 0xF0, SYSTEM_DATA.get(message[0]))
            assert message[0] >= 0x80 and len(message) - 1 == wanted and max(message[1:], default=0) < 0x80
