"""What a performer holds down: keys and the sustain pedal, over all channels. Knows no time and no tokens."""

from __future__ import annotations

from jamd.music.events import PEDAL_THRESHOLD

PEDAL_RELEASE = PEDAL_THRESHOLD - 8
"""A pedal that is down stays so until it falls below this: trembling at the threshold is one movement."""


class Keys:
    """The keys held: a pitch is held while any channel holds it. Owned by one encoder."""

    def __init__(self) -> None:
        self._holders: dict[int, int] = {}  # pitch -> channels as bits

    @property
    def held(self) -> frozenset[int]:
        """Pitches held."""
        return frozenset(self._holders)

    @property
    def holds(self) -> list[tuple[int, int]]:
        """Channel and pitch of every hold."""
        return [(ch, pitch) for pitch, by in sorted(self._holders.items()) for ch in _channels(by)]

    def press(self, pitch: int, channel: int) -> None:
        """A note-on: the channel holds the pitch, however often it says so."""
        self._holders[pitch] = self._holders.get(pitch, 0) | 1 << channel

    def release(self, pitch: int, channel: int) -> bool:
        """A note-off ends the channel's hold; True if nobody holds the pitch any more (and somebody did)."""
        holders = self._holders.get(pitch)
        if holders is None:
            return False
        left = holders & ~(1 << channel)
        if left:
            self._holders[pitch] = left
            return False
        del self._holders[pitch]
        return True

    def release_all(self, channel: int) -> list[int]:
        """All notes off: the pitches that nobody holds any more."""
        return [pitch for pitch in list(self._holders) if self.release(pitch, channel)]

    def copy(self) -> Keys:
        """An independent copy."""
        other = Keys()
        other._holders = self._holders.copy()
        return other


class Sustain:
    """The sustain pedal: down while it is down on any channel. Owned by one encoder."""

    def __init__(self) -> None:
        self._channels = 0  # as bits

    @property
    def down(self) -> bool:
        """Whether the pedal is down."""
        return self._channels != 0

    @property
    def channels(self) -> list[int]:
        """Those on which it is down."""
        return _channels(self._channels)

    def move(self, value: int, channel: int) -> bool:
        """Controller 64 takes `value` (0-127); True if the pedal went down or up by it."""
        before, bit = self._channels, 1 << channel
        if value >= PEDAL_THRESHOLD:
            self._channels |= bit
        elif value < PEDAL_RELEASE:
            self._channels &= ~bit
        return (before != 0) != (self._channels != 0)

    def copy(self) -> Sustain:
        """An independent copy."""
        other = Sustain()
        other._channels = self._channels
        return other


def _channels(bits: int) -> list[int]:
    return [channel for channel in range(16) if bits >> channel & 1]
