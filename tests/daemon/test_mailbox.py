"""Mailboxes: what is put is taken, in order and whole, whatever the sizes, the wraps and the deaths."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jamd.daemon.mailbox import HEADER_SIZE, Mailbox


def pair(room: int) -> tuple[Mailbox, Mailbox]:
    buffer = memoryview(bytearray(HEADER_SIZE + room))
    return Mailbox(buffer), Mailbox(buffer)


@given(st.lists(st.one_of(st.binary(max_size=60), st.none()), max_size=200), st.integers(100, 300))
def test_what_is_put_is_taken_in_order_or_refused(script: list[bytes | None], room: int) -> None:
    writer, reader = pair(room)
    accepted: list[object] = []
    taken: list[object] = []
    for item in script:
        if item is None:
            taken += reader.take()
        elif writer.put(item):
            accepted.append(item)
    taken += reader.take()
    assert taken == accepted
    assert reader.take() == []


def test_a_full_mailbox_refuses_and_takes_again_after_it_was_read() -> None:
    writer, reader = pair(64)
    while writer.put("note"):
        pass
    assert reader.take()
    assert writer.put("note")


def test_a_frame_that_was_not_finished_is_never_seen() -> None:
    """A writer killed in the middle of a message has not moved its index: its successor writes over the torn bytes."""
    buffer = memoryview(bytearray(HEADER_SIZE + 256))
    dying, reader = Mailbox(buffer), Mailbox(buffer)
    dying.put("first")
    before = bytes(buffer[:HEADER_SIZE])
    dying.put("torn")
    buffer[:HEADER_SIZE] = before
    assert reader.take() == ["first"]
    successor = Mailbox(buffer)
    successor.put("second")
    assert reader.take() == ["second"]


def test_bytes_that_lag_behind_their_index_are_read_at_the_next_look() -> None:
    buffer = memoryview(bytearray(HEADER_SIZE + 256))
    writer, reader = Mailbox(buffer), Mailbox(buffer)
    writer.put("late bytes")
    written = bytes(buffer[HEADER_SIZE:])
    buffer[HEADER_SIZE + 8 : HEADER_SIZE + 20] = bytes(12)
    assert reader.take() == []
    buffer[HEADER_SIZE:] = written
    assert reader.take() == ["late bytes"]


def test_a_reader_that_takes_over_skips_what_was_not_meant_for_it() -> None:
    writer, reader = pair(256)
    writer.put("old")
    reader.skip()
    writer.put("new")
    assert reader.take() == ["new"]


def test_what_was_seen_but_not_done_with_is_there_for_a_successor() -> None:
    buffer = memoryview(bytearray(HEADER_SIZE + 256))
    writer, dying = Mailbox(buffer), Mailbox(buffer)
    writer.put("done")
    ((first, done),) = dying.see()
    dying.done()
    writer.put("seen")
    seen = dying.see()
    assert done == "done" and [message for _, message in seen] == ["seen"] and dying.see() == []
    writer.put("new")
    again = Mailbox(buffer).see()
    assert again[:1] == seen and [message for _, message in again] == ["seen", "new"]
    assert first < again[0][0] < again[1][0]
