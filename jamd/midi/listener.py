"""The listener: what a port delivers, as stamped events of the performer and what their controls ask for.

Passes on what is music, where wanted.
"""

from __future__ import annotations

from collections.abc import Callable

from jamd.midi.bindings import Bindings
from jamd.midi.echo import EchoGuard
from jamd.midi.keyboard import Keyboard
from jamd.midi.messages import SYSEX, MessageReader, parse
from jamd.music.actions import Action
from jamd.music.events import SUSTAIN, Kind, Performed


class Listener:
    """Hears one performer. Owned by the wire; owner of `heard`, the count that makes plans stale."""

    def __init__(
        self,
        keyboard: Keyboard,
        guard: EchoGuard,
        *,
        channel: int | None = None,
        thru: bool = False,
        heard: int = 0,
        bindings: Bindings | None = None,
        system: Callable[[bytes, int], None] = lambda message, now: None,
    ) -> None:
        self._keyboard, self._hand, self._guard = keyboard, keyboard.hand(), guard
        self._channel, self._thru, self._system = channel, thru, system
        self._reader, self._bindings = MessageReader(), bindings or Bindings()
        self.heard = heard
        """Note-ons of the performer (and panics) so far, counted on from a predecessor's."""
        self.foreign = 0
        """Messages on channels that are not listened to."""

    def hear(self, data: bytes, now: int) -> list[Performed | Action]:
        """The performer's events in what a port delivered at `now`, after they went through; and their wishes.

        A bound message is no music, unless it is bound `through`; it counts on any channel that it was bound on.
        """
        events: list[Performed | Action] = []
        for message in self._reader.feed(data):
            if message[0] >= SYSEX:
                self._system(message, now)  # clock and transport are for whoever follows them
                continue
            target = self._bindings.find(message)
            foreign = self._channel is not None and message[0] & 0x0F != self._channel
            if foreign and target is None:
                self.foreign += 1
                continue
            if self._guard.is_echo(message, now):
                continue
            if target is not None:
                for action in target.fire(message, now):
                    self._bindings.keep(action)
                    events.append(action)
                if foreign or not target.through:
                    continue
            event = parse(message, now)
            if self._thru:
                self._pass_on(message, event)
            if event is not None:
                self.heard += event.kind is Kind.NOTE_ON
                events.append(event)
        return events

    @property
    def counts(self) -> dict[str, int | float | str | bool]:
        """What was left out, for a report."""
        return {"stray": self._reader.stray, "echoes": self._guard.echoes, "foreign": self.foreign}

    def _pass_on(self, message: bytes, event: Performed | None) -> None:
        match event:
            case Performed(kind=Kind.NOTE_ON, number=pitch, value=velocity, channel=channel):
                self._hand.press(channel, pitch, velocity)
            case Performed(kind=Kind.NOTE_OFF, number=pitch, value=velocity, channel=channel):
                self._hand.release(channel, pitch, velocity)
            case Performed(kind=Kind.CONTROL, number=number, value=value, channel=channel) if number == SUSTAIN:
                self._hand.pedal(channel, value)
            case _:
                self._keyboard.pass_on(message)
