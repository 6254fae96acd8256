"""Laws of the ring's bookkeeping, against a ring that simply remembers a list of what each slot holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.engine.ring import HIDDEN, MAX_PIECE, Ring
from tests.tiny import TINY

rings = st.builds(
    lambda tgt, mem, spare: replace(TINY, tgt_len=tgt, mem_len=mem, capacity=tgt + mem + spare),
    tgt=st.integers(1, 90),
    mem=st.integers(1, 120),
    spare=st.integers(0, 40),
)


@given(rings, st.lists(st.integers(1, 200), min_size=1, max_size=12))
def test_each_token_of_a_piece_sees_memory_and_its_segment_up_to_itself(info, counts: list[int]) -> None:
    ring, slots = Ring(info), np.full(info.capacity, -1)
    for count in counts:
        while count:
            length, first = ring.piece(count), ring.position
            mask = np.ones((length, info.capacity), np.float32)
            ring.mask(mask)
            slots[np.arange(first, first + length) % info.capacity] = np.arange(first, first + length)
            for i in range(length):
                t = first + i
                start = max(0, t // info.tgt_len * info.tgt_len - info.mem_len)
                assert sorted(slots[mask[i] == 0]) == list(range(start, t + 1))
            assert set(np.unique(mask)) <= {0, HIDDEN}
            ring.advance(length)
            count -= length


@given(rings, st.integers(0, 1000), st.integers(1, 300))
def test_a_piece_is_as_long_as_it_may_be(info, position: int, left: int) -> None:
    ring = Ring(info)
    ring.position = position
    piece = ring.piece(left)
    assert position // info.tgt_len == (position + piece - 1) // info.tgt_len
    assert piece in (left, MAX_PIECE, info.tgt_len - position % info.tgt_len)
    assert 1 <= piece <= min(left, MAX_PIECE)


@given(rings, st.integers(0, 1000), st.integers(1, 60))
def test_rotation_brings_key_order_into_slot_order(info, position: int, length: int) -> None:
    ring = Ring(info)
    ring.position = position
    cut, rest = ring.rotation(length)
    assert cut + rest == info.capacity
    last = position + length - 1
    keys = np.arange(last - info.capacity + 1, last + 1)  # the last key last
    by_slot = np.concatenate([keys[cut:], keys[:cut]])
    assert (by_slot % info.capacity == np.arange(info.capacity)).all()
    assert (keys[ring.columns(length)] == by_slot).all()


@given(rings, st.data())
def test_a_mark_holds_exactly_while_all_it_needs_is_there(info, data: st.DataObject) -> None:
    """The plain ring: which position of which stream each slot holds; a rewind begins another stream."""
    ring, slots, stream, marks = Ring(info), {}, [], []
    for _ in range(data.draw(st.integers(1, 12))):
        count = data.draw(st.integers(1, info.capacity))
        while count:
            length = ring.piece(count)
            for t in range(ring.position, ring.position + length):
                stream.append(object())
                slots[t % info.capacity] = stream[t]
            ring.advance(length)
            count -= length
        marks.append((ring.mark(), list(stream)))
        held = []
        for mark, then in marks:
            needed = range(ring.oldest_visible(mark.position), mark.position)
            there = all(slots.get(t % info.capacity) is then[t] for t in needed) and then == stream[: len(then)]
            assert ring.holds(mark) == there
            held += [mark] * there
        if held and data.draw(st.booleans()):
            back = data.draw(st.sampled_from(held))
            ring.rewind(back)
            del stream[back.position :]
            assert ring.position == back.position
            assert ring.mark() == back


@given(rings, st.integers(0, 300))
def test_the_headroom_is_always_free_to_rewind(info, before: int) -> None:
    ring = Ring(info)
    for _ in range(before):
        ring.advance(1)
    mark = ring.mark()
    for _ in range(info.capacity - info.mem_len - info.tgt_len):
        ring.advance(1)
    assert ring.holds(mark)


def test_the_start_of_the_stream_can_always_be_reached() -> None:
    ring = Ring(TINY)
    start = ring.mark()
    for _ in range(5 * TINY.capacity):
        ring.advance(1)
    ring.rewind(start)
    assert ring.position == 0
    assert not ring.holds(replace(start, position=1))


def test_a_copy_goes_its_own_way() -> None:
    ring = Ring(TINY)
    ring.advance(5)
    mark, copy = ring.mark(), ring.copy()
    copy.advance(TINY.capacity)
    assert ring.holds(mark) and not copy.holds(mark)
    assert ring.position == 5


def test_a_refused_rewind_says_where_from_and_where_to() -> None:
    ring = Ring(TINY)
    ring.advance(5)
    mark = ring.mark()
    ring.advance(TINY.capacity)
    with pytest.raises(ValueError, match=f"from token {5 + TINY.capacity} to token 5"):
        ring.rewind(mark)
