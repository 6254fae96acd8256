"""Mailboxes in shared memory: one writer, one reader, never a wait, no message torn by a writer that dies.

A ring of frames (length, checksum, pickle). The writer moves its index after the frame stands whole; the reader
moves its own after it has read. No process owns anything: a successor goes on where the indices stand.
"""

from __future__ import annotations

import pickle
import struct
import zlib

_FRAME = struct.Struct("<II")  # length, checksum
HEADER_SIZE = 64


class Mailbox:
    """A one-way mailbox over a writable buffer of over 64 bytes; each side makes its own over the same one."""

    def __init__(self, buffer: memoryview) -> None:
        self._indices = buffer[:HEADER_SIZE].cast("B")[:16].cast("Q")
        self._ring = buffer[HEADER_SIZE:]
        self._size = len(self._ring)
        self._seen = 0  # the reader has seen all before this

    @property
    def written(self) -> int:
        """Another number with each message that is put."""
        return int(self._indices[0])

    @property
    def news(self) -> bool:
        """True where something has come that was not yet seen."""
        return self._indices[0] > max(self._seen, self._indices[1])

    def put(self, message: object) -> bool:
        """Writes a message; False where the reader has left no room for it."""
        payload = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        frame = _FRAME.pack(len(payload), zlib.crc32(payload)) + payload
        written, read = self._indices[0], self._indices[1]
        if len(frame) > self._size - (written - read):
            return False
        at = written % self._size
        first = min(len(frame), self._size - at)
        self._ring[at : at + first] = frame[:first]
        self._ring[: len(frame) - first] = frame[first:]
        self._indices[0] = written + len(frame)
        return True

    def take(self) -> list[object]:
        """All messages that have come, oldest first; an empty list where there are none."""
        messages = [message for _, message in self.see()]
        self.done()
        return messages

    def see(self) -> list[tuple[int, object]]:
        """The messages that have come since the last look, each with a number that no other one has.

        Until they are `done` a successor would see them too, with the same numbers.
        """
        messages: list[tuple[int, object]] = []
        self._seen = max(self._seen, self._indices[1])
        while self._seen < self._indices[0]:
            at = self._seen
            length, checksum = _FRAME.unpack(self._read(at, _FRAME.size))
            payload = self._read(at + _FRAME.size, length)
            if zlib.crc32(payload) != checksum:
                break  # weakly ordered memory showed the index before the bytes: at the next look they are there
            self._seen = at + _FRAME.size + length
            messages.append((self._seen, pickle.loads(payload)))
        return messages

    def done(self) -> None:
        """What was seen needs nobody's attention any more."""
        self._indices[1] = max(self._seen, self._indices[1])

    def skip(self) -> None:
        """Forgets what has come: for a reader that takes over from one that died."""
        self._indices[1] = self._indices[0]

    def close(self) -> None:
        """Lets go of the buffer."""
        self._indices.release()
        self._ring.release()

    def _read(self, at: int, length: int) -> bytes:
        at %= self._size
        first = min(length, self._size - at)
        return bytes(self._ring[at : at + first]) + bytes(self._ring[: length - first])
