"""The count-in: clicks on the beats before the first bar, on the drum channel, as General MIDI has it."""

from __future__ import annotations

from jamd.midi.keyboard import Hand
from jamd.music.timeline import Timeline

MS = 1_000_000
CHANNEL = 9
"""The drums' in General MIDI: channel 10 to people."""
ACCENT, BEAT = (76, 120), (77, 90)
"""Pitch and velocity of a click: high wood block on the downbeat, low wood block on the other beats."""
SOUNDS_NS = 50 * MS
LATE_NS = 30 * MS
"""A click later than this would mislead: it is left out."""


class CountIn:
    """Clicks from a tick to a tick. Owned by the wire; its hand ends only its own clicks."""

    def __init__(self, hand: Hand) -> None:
        self._hand = hand
        self._timeline: Timeline | None = None
        self._tick = self._end = 0
        self._sounding: tuple[int, int] | None = None  # pitch, and when it ends

    def begin(self, timeline: Timeline, bars: int, end: int) -> None:
        """Clicks so many bars long, which end at the tick `end`."""
        self._timeline, self._tick, self._end = timeline, end - bars * timeline.metre.ticks, end

    def follow(self, timeline: Timeline) -> None:
        """The Timeline that holds: taps may have changed the tempo."""
        if self._timeline is not None:
            self._timeline = timeline

    @property
    def due(self) -> int | None:
        """When `play` has something to send; None: never."""
        if self._sounding is not None:
            return self._sounding[1]
        clicks = self._timeline is not None and self._tick < self._end
        return self._timeline.time_at(self._tick) if clicks and self._timeline else None

    def play(self, now: int) -> None:
        """Sends what is due."""
        while (due_ns := self.due) is not None and due_ns <= now:
            if self._sounding is not None:
                self._release()
            else:
                self._click(due_ns, now)

    def stop(self) -> None:
        """No more clicks."""
        self._timeline = None
        self._release()

    def _click(self, due_ns: int, now: int) -> None:
        timeline = self._timeline
        assert timeline is not None  # or nothing was due
        pitch, velocity = ACCENT if timeline.next_bar_line(self._tick) == self._tick else BEAT
        bar_line = timeline.next_bar_line(self._tick + 1)  # where a bar of 7/8 ends within a beat
        self._tick = min(self._tick + timeline.metre.beat_ticks, bar_line)
        if now - due_ns <= LATE_NS:
            self._hand.press(CHANNEL, pitch, velocity)
            self._sounding = pitch, now + SOUNDS_NS

    def _release(self) -> None:
        if self._sounding is not None:
            self._hand.release(CHANNEL, self._sounding[0])
            self._sounding = None
