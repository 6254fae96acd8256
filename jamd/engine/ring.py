"""The ring's bookkeeping: which position each slot holds, what a token may see, how far one may go back.

Segment recurrence, exactly as in training: token t of segment s = t // tgt_len sees the last mem_len tokens
before the segment's start, and its segment up to itself. (A window that slides with every token is another
model.) A token at position t stands in slot t % capacity; at a segment's end nothing moves: old slots are
masked, later overwritten. Holds no K or V; knows no onnxruntime.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jamd.engine.info import COMMON, ModelInfo

MAX_PIECE = 64
"""Most tokens that one run takes: at 64 a token costs a sixth of a single step, and more gains little."""
HIDDEN = np.float32(-1e9)
"""Mask of an invisible slot: its softmax weight is exactly 0, so what stands there has no influence."""
EMPTY = -1


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the stream to go back to: tokens fed so far, and the run that wrote the last of them."""

    position: int
    serial: int


class Ring:
    """Written by its session only. All positions count tokens since the stream's start."""

    _serials = itertools.count()
    """One series for all rings: a mark of one ring can never be taken for a mark of another."""

    def __init__(self, info: ModelInfo, name: str = COMMON) -> None:
        self.position = 0
        self._tgt_len, self._capacity = info.tgt_len, info.capacity_of(name)
        self._mem_len = info.mem_len if name == COMMON else info.long_mem_len
        self._held = np.full(self._capacity, EMPTY)
        self._serial = np.full(self._capacity, EMPTY)
        self._columns = np.tile(np.arange(self._capacity), 2)
        self._triangle = np.where(np.tri(MAX_PIECE, dtype=bool), np.float32(0), HIDDEN)

    def copy(self) -> Ring:
        """An equal ring that goes its own way."""
        other = object.__new__(Ring)
        other.__dict__.update(self.__dict__, _held=self._held.copy(), _serial=self._serial.copy())
        return other

    def oldest_visible(self, position: int) -> int:
        """The first position that the token at `position` sees."""
        return max(0, position // self._tgt_len * self._tgt_len - self._mem_len)

    def piece(self, left: int) -> int:
        """How many of `left` tokens the next run takes: all, but at most 64, none across a segment's end."""
        return min(left, MAX_PIECE, self._tgt_len - self.position % self._tgt_len)

    def spans(self, first: int, last: int) -> Iterator[slice]:
        """The slots of positions first .. last - 1 in order: none, one or two slices."""
        start, count = first % self._capacity, last - first
        head = min(count, self._capacity - start)
        if head > 0:
            yield slice(start, start + head)
        if count > head:
            yield slice(0, count - head)

    @property
    def slot(self) -> int:
        """The slot of the next token."""
        return self.position % self._capacity

    def rotation(self, length: int) -> tuple[int, int]:
        """Where to cut columns in key order, the piece's last key last, to bring them into slot order."""
        tail = (self.position + length) % self._capacity
        return self._capacity - tail, tail

    def columns(self, length: int) -> NDArray[np.int64]:
        """The same, told column by column: whose number in key order stands in each slot."""
        start, _ = self.rotation(length)
        return self._columns[start : start + self._capacity]

    def mask(self, out: NDArray[np.float32]) -> None:
        """Fills `out` [T, capacity]: 0 where the next T tokens may look, HIDDEN elsewhere."""
        length, first = len(out), self.position
        out.fill(HIDDEN)
        for span in self.spans(self.oldest_visible(first), first):
            out[:, span] = 0
        done = 0
        for span in self.spans(first, first + length):
            width = span.stop - span.start
            out[:, span] = self._triangle[:length, done : done + width]
            done += width

    def advance(self, length: int, serial: int | None = None) -> None:
        """The next `length` tokens stand in their slots now, written by the run of that number (else of a new one)."""
        serial, first = next(self._serials) if serial is None else serial, self.position
        for span in self.spans(first, first + length):
            width = span.stop - span.start
            self._held[span] = np.arange(first, first + width)
            self._serial[span] = serial
            first += width
        self.position += length

    def mark(self) -> Mark:
        """Where the stream stands."""
        last = (self.position - 1) % self._capacity
        return Mark(self.position, int(self._serial[last]) if self.position else EMPTY)

    def holds(self, mark: Mark) -> bool:
        """True while all that the token after `mark` may see is in the ring, and of this very stream."""
        if mark.position == 0:
            return True
        needed = np.arange(self.oldest_visible(mark.position), mark.position)
        slots = needed % self._capacity
        return bool((self._held[slots] == needed).all() and self._serial[slots[-1]] == mark.serial)

    def rewind(self, mark: Mark) -> None:
        """Forgets what came after `mark`; ValueError when the ring no longer holds what stood before it."""
        if not self.holds(mark):
            raise ValueError(
                f"cannot rewind from token {self.position} to token {mark.position}: "
                "its memory has been overwritten or belongs to another stream; restore a snapshot"
            )
        self._held[self._held >= mark.position] = EMPTY
        self.position = mark.position


class Rings:
    """A model's rings: the common one, and that of its long layers if there are any. They move as one."""

    def __init__(self, info: ModelInfo) -> None:
        self.common = Ring(info)
        self.by_name = {name: self.common if name == COMMON else Ring(info, name) for name in info.rings}

    @property
    def position(self) -> int:
        """Tokens since the stream's start."""
        return self.common.position

    def copy(self) -> Rings:
        """Equal rings that go their own way."""
        other = object.__new__(Rings)
        other.by_name = {name: ring.copy() for name, ring in self.by_name.items()}
        other.common = other.by_name[COMMON]
        return other

    def advance(self, length: int) -> None:
        """The next `length` tokens stand in their slots now."""
        serial = next(Ring._serials)
        for ring in self.by_name.values():
            ring.advance(length, serial)

    def holds(self, mark: Mark) -> bool:
        """True while all that the token after `mark` may see is there."""
        return all(ring.holds(mark) for ring in self.by_name.values())

    def rewind(self, mark: Mark) -> None:
        """Forgets what came after `mark`; ValueError when what stood before it has been overwritten."""
        for ring in sorted(self.by_name.values(), key=lambda ring: ring.holds(mark)):  # who refuses comes first
            ring.rewind(mark)
