"""MIDI clock out: 24 clocks a quarter on the ticks of the Timeline that holds, and where its song begins and stops."""

from __future__ import annotations

from collections.abc import Callable

from jamd.midi.messages import CLOCK, CONTINUE, SONG_POSITION, START, STOP
from jamd.music.timeline import TICKS_PER_QUARTER, Timeline

TICKS = TICKS_PER_QUARTER // 24
SIXTEENTH = TICKS_PER_QUARTER // 4
LAST_POSITION = (1 << 14) - 1
"""Song position has 14 bits."""
MOST = 24
"""So many clocks are made up for when the wire was held up; of more than a beat the rest is left out."""


class ClockOut:
    """Sends clock to who follows jamd. Owned by the wire; `due` is when `play` has something to send."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._timeline: Timeline | None = None
        self._tick = 0  # of the next clock
        self._song: int | None = None  # the tick at song position 0, while it rolls
        self._rolls = False  # it was told to those who follow

    @property
    def due(self) -> int | None:
        """When the next clock is due; None where there is no beat."""
        return self._timeline.time_at(self._tick) if self._timeline else None

    def follow(self, timeline: Timeline | None, song: int | None, now: int) -> None:
        """The Timeline that holds, and its tick at song position 0 (None: the song has stopped)."""
        if song is None and self._rolls:
            self._send(bytes((STOP,)))
        if song != self._song:
            self._song, self._rolls = song, False
        if timeline is self._timeline or timeline is None:
            return
        if self._timeline is None:
            self._tick = timeline.tick_at(now)
        grid = timeline.downbeat if song is None else song
        self._tick += (grid - self._tick + TICKS // 2) % TICKS - TICKS // 2  # the nearest: no clock too many
        if song is not None and song == timeline.tick:
            self._tick = song  # the song begins at this instant
        self._timeline = timeline

    def play(self, now: int) -> None:
        """Sends all clocks that are due."""
        for _ in range(MOST):
            if self._timeline is None or self._timeline.time_at(self._tick) > now:
                return
            self._begin_song()
            self._send(bytes((CLOCK,)))
            self._tick += TICKS
        if self._timeline is not None and self._timeline.time_at(self._tick) <= now:
            behind = self._timeline.tick_at(now) - self._tick
            self._tick += (behind // TICKS + 1) * TICKS
            self._rolls = False  # those who follow have to be told where the song is

    def stop(self) -> None:
        """The jam is over: those who follow stop, also if a predecessor has started them."""
        if self._timeline is not None:
            self._send(bytes((STOP,)))
        self._rolls, self._timeline = False, None

    def _begin_song(self) -> None:
        """Start before its first clock; later, on a sixteenth, its position and continue."""
        if self._song is None or self._rolls:
            return
        position, rest = divmod(self._tick - self._song, SIXTEENTH)
        if position < 0 or rest:
            return
        if position == 0:
            self._send(bytes((START,)))
        else:
            if position <= LAST_POSITION:
                self._send(bytes((SONG_POSITION, position & 0x7F, position >> 7)))
            self._send(bytes((CONTINUE,)))
        self._rolls = True
