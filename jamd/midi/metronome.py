"""The metronome: what the wire sends to keep others in time, MIDI clock and the clicks of the count-in."""

from __future__ import annotations

from collections.abc import Callable

from jamd.midi.clock_out import ClockOut
from jamd.midi.conductor import Conductor
from jamd.midi.count_in import CountIn
from jamd.midi.keyboard import Hand


class Metronome:
    """Does what the conductor shows. Owned by the wire, which plays notes first."""

    def __init__(self, conductor: Conductor, send: Callable[[bytes], None], hand: Hand, *, sends_clock: bool) -> None:
        self._conductor = conductor
        self._clock = ClockOut(send) if sends_clock else None
        self._clicks = CountIn(hand)
        self._counts: object = None  # what of the conductor's is being clicked

    @property
    def due(self) -> int | None:
        """When `play` has something to send; None: never."""
        dues = self._clicks.due, self._clock.due if self._clock else None
        return min((due for due in dues if due is not None), default=None)

    def play(self, now: int) -> None:
        """Sends all that is due."""
        conductor = self._conductor
        if conductor.count_in is not self._counts:
            self._counts = conductor.count_in
            self._clicks.stop()
            if conductor.count_in is not None:
                self._clicks.begin(*conductor.count_in)
        if conductor.timeline is not None:
            self._clicks.follow(conductor.timeline)
        if self._clock is not None:
            self._clock.follow(conductor.timeline, conductor.song, now)
            self._clock.play(now)
        self._clicks.play(now)

    def stop(self) -> None:
        """The jam is over."""
        self._clicks.stop()
        if self._clock is not None:
            self._clock.stop()
