"""Which control a person means, out of what a port delivers: the button pressed first, or the knob that moves most."""

from __future__ import annotations

from jamd.midi.messages import CONTROL, MessageReader, parse
from jamd.music.bindings import SOURCES, Binding
from jamd.music.events import Kind, Performed

MOVED = 24
"""A controller that has moved so far was moved on purpose; a worn one trembles by 1 or 2."""
SETTLE_NS = 400_000_000
"""So long others may still move further: who turns a knob brushes its neighbour."""


class Learner:
    """Told of everything that comes in, with its instant."""

    def __init__(self, buttons: bool) -> None:
        """`buttons`: a note or a program will do; else only a controller will."""
        self._buttons, self._reader = buttons, MessageReader()
        self._seen: dict[tuple[int, int], set[int]] = {}  # (channel, controller) -> its values
        self._moved_ns: int | None = None
        self._pressed: Binding | None = None

    def hear(self, data: bytes, now: int) -> None:
        """What a port delivered."""
        for message in self._reader.feed(data):
            event = parse(message, now)
            if event is None:
                continue
            if message[0] & 0xF0 == CONTROL and event.number <= SOURCES["cc"][1]:
                self._turned(event, now)
            elif self._buttons and self._pressed is None:
                self._pressed = _button(event)

    def learnt(self, now: int) -> Binding | None:
        """The control that is meant, on its channel; None as long as nobody knows."""
        if self._pressed is not None:
            return self._pressed
        if self._moved_ns is None or now - self._moved_ns < SETTLE_NS:
            return None
        channel, number = furthest = max(self._seen, key=lambda key: _travel(self._seen[key]))
        if _travel(self._seen[furthest]) < MOVED:  # what looked like a button trembled at the end of its way
            self._moved_ns = None
            return None
        return Binding("cc", number, channel + 1)

    def _turned(self, event: Performed, now: int) -> None:
        values = self._seen.setdefault((event.channel, event.number), set())
        values.add(event.value)
        if self._moved_ns is None and _travel(values) >= MOVED:
            self._moved_ns = now


def _travel(values: set[int]) -> int:
    """How far a controller has moved; one that says only 127, or 127 and 0, is a button."""
    return 127 if 127 in values and values <= {0, 127} else max(values) - min(values)


def _button(event: Performed) -> Binding | None:
    if event.kind is Kind.NOTE_ON:
        return Binding("note", event.number, event.channel + 1)
    if event.kind is Kind.PROGRAM:
        return Binding("program", event.number + 1, event.channel + 1)
    return None
