"""The synth's keyboard as two hands play it: what goes through from the performer, and what the player plays.

A synth knows each key once. Here each hand holds its own, and a key comes up when the last hand leaves it.
"""

from __future__ import annotations

from collections.abc import Callable

from jamd.midi.ledger import Ledger, panic_messages
from jamd.midi.messages import CONTROL, control, note_off, note_on
from jamd.music.events import ALL_NOTES_OFF, ALL_SOUND_OFF, RESET_CONTROLLERS, SUSTAIN

_LIFTS = frozenset((ALL_SOUND_OFF, *range(ALL_NOTES_OFF, 128)))
"""Controllers that end every note of their channel: those behind All Notes Off change its mode, which does too."""


class Keyboard:
    """Sends notes and sustain pedal for its hands; sole writer of the ledger.

    Every note-on has its note-off before the next note-on of that key: what is struck again is let go first.
    """

    def __init__(self, send: Callable[[bytes], None], ledger: Ledger) -> None:
        self.send, self.ledger = send, ledger
        self._hands: list[Hand] = []
        self._pedals: dict[int, int] = {}  # as sent

    def hand(self) -> Hand:
        """One more hand on this keyboard."""
        hand = Hand(self)
        self._hands.append(hand)
        return hand

    def move_pedal(self, channel: int) -> None:
        """Puts a channel's sustain pedal where the hand that holds it furthest down wants it."""
        value = max(hand.pedals.get(channel, 0) for hand in self._hands)
        if self._pedals.get(channel) != value:
            self.ledger.use(channel)
            self.send(control(channel, SUSTAIN, value))
            self._pedals[channel] = value

    def pass_on(self, message: bytes) -> None:
        """Sends a channel message that is neither note nor sustain pedal.

        What it ends at the synth is over for every hand, also at a synth that does not know the message.
        """
        channel = message[0] & 0x0F
        self.ledger.use(channel)
        number = message[1] if message[0] & 0xF0 == CONTROL else None
        if number in _LIFTS:
            self._lift(channel)
        self.send(message)
        if number == RESET_CONTROLLERS:
            self._forget_pedal(channel)

    def _lift(self, channel: int) -> None:
        """Ends every key of a channel, whoever holds it."""
        for pitch in [pitch for used, pitch in self.ledger.sounding() if used == channel]:
            self.send(note_off(channel, pitch))
            while self.ledger.count(channel, pitch):
                self.ledger.clear(channel, pitch)
            for hand in self._hands:
                hand.held.discard((channel, pitch))

    def _forget_pedal(self, channel: int) -> None:
        """The pedal of a channel is up now, or where nobody knows: the next value is sent, whatever it is."""
        self._pedals.pop(channel, None)
        for hand in self._hands:
            hand.pedals.pop(channel, None)

    def silence(self) -> None:
        """Ends everything that the ledger knows of, whoever began it, and forgets it."""
        for message in panic_messages(self.ledger):
            self.send(message)
        self.ledger.wipe()
        self._pedals.clear()
        for hand in self._hands:
            hand.held.clear()
            hand.pedals.clear()


class Hand:
    """Holds its own keys and pedals, and only ends what it began."""

    def __init__(self, keyboard: Keyboard) -> None:
        self._keyboard = keyboard
        self.held: set[tuple[int, int]] = set()
        """Keys (channel, pitch) that this hand holds."""
        self.pedals: dict[int, int] = {}
        """Last sustain value by channel."""

    def press(self, channel: int, pitch: int, velocity: int) -> None:
        """Strikes a key; one that any hand holds is let go first."""
        keyboard, key = self._keyboard, (channel, pitch)
        if keyboard.ledger.count(channel, pitch):
            keyboard.send(note_off(channel, pitch))
        if key not in self.held:
            keyboard.ledger.mark(channel, pitch)
            self.held.add(key)
        keyboard.send(note_on(channel, pitch, velocity))

    def release(self, channel: int, pitch: int, velocity: int = 0) -> bool:
        """Leaves a key, which comes up if no other hand holds it; False if this hand did not hold it."""
        keyboard, key = self._keyboard, (channel, pitch)
        if key not in self.held:
            return False
        if keyboard.ledger.count(channel, pitch) <= 1:
            keyboard.send(note_off(channel, pitch, velocity))
        self.held.discard(key)
        keyboard.ledger.clear(channel, pitch)
        return True

    def pedal(self, channel: int, value: int) -> None:
        """Moves the sustain pedal (0-127); it stays down while another hand holds it down."""
        self.pedals[channel] = value
        self._keyboard.move_pedal(channel)
