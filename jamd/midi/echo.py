"""The echo guard: our own output, coming back as input, is not the performer."""

from __future__ import annotations

from collections import deque

from jamd.midi.messages import CONTROL, NOTE_OFF, NOTE_ON, PROGRAM

WINDOW_NS = 30_000_000
"""An echo is back within this; a performer who strikes the key that was just played seldom is."""
LOOP_NOTES, LOOP_NS = 3, 1_000_000_000
"""The ports are looped when every note sent has come back: so many at least, and for so long. A performer who
repeats keys as fast as a machine looks the same for a moment, but each of their pauses proves the contrary."""

Key = tuple[int, int]
"""Kind of message (its channel is left out: a device may change it) and its pitch, controller or program."""


class EchoGuard:
    """Remembers what was sent. Armed from the start where both ports are one device, else by a loop it sees.

    Owned by the listener.
    """

    def __init__(self, armed: bool = False) -> None:
        self.armed = armed
        self.echoes = 0
        """Messages recognised as our own, and left out."""
        self._sent: deque[tuple[int, Key]] = deque()
        self._came_back = 0  # notes, since the last one that did not
        self._since_ns = 0

    def sent(self, message: bytes, now: int) -> None:
        """A message went out."""
        key = _key(message)
        if key is not None:
            self._sent.append((now, key))

    def is_echo(self, message: bytes, now: int) -> bool:
        """True if what came in is what went out, and the guard is armed; each message comes back once."""
        key = _key(message)
        ours = next((sent for sent in self._sent if sent[1] == key), None)
        if ours is None:
            return False
        self._sent.remove(ours)
        if ours[1][0] == NOTE_ON:
            self._suspect(now)
        self.echoes += self.armed
        return self.armed

    def looked(self, now: int) -> None:
        """All that had come by `now` was judged: what went out a window before that does not come back any more.

        So a wire that was held up for longer than the window still knows its own notes when it looks again.
        """
        while self._sent and now - self._sent[0][0] > WINDOW_NS:
            _, (kind, _number) = self._sent.popleft()
            if kind == NOTE_ON:
                self._came_back = 0

    def _suspect(self, now: int) -> None:
        if not self._came_back:
            self._since_ns = now
        self._came_back += 1
        if self._came_back >= LOOP_NOTES and now - self._since_ns >= LOOP_NS:
            self.armed = True


def _key(message: bytes) -> Key | None:
    kind = message[0] & 0xF0
    if kind == NOTE_ON and message[2] == 0:
        kind = NOTE_OFF
    return (kind, message[1]) if kind in (NOTE_OFF, NOTE_ON, CONTROL, PROGRAM) else None
