"""The clock follower: MIDI clock and transport of somebody else become Timelines that stay close to them.

Ticks of Timelines never jump: where the source is elsewhere than they say, bar lines move (after start, continue and
song position), or the tempo leans for a while until both meet. Its time is what its caller says.
"""

from __future__ import annotations

from jamd.midi.clock_pulse import MS, Line, Pulse
from jamd.midi.messages import CLOCK, CONTINUE, SONG_POSITION, START, STOP
from jamd.music.messages import Transport
from jamd.music.timeline import NS_PER_MINUTE, TICKS_PER_QUARTER, Metre, Timeline

PER_QUARTER = 24
"""MIDI clocks a quarter."""
TICKS = TICKS_PER_QUARTER // PER_QUARTER
PER_SIXTEENTH = PER_QUARTER // 4
AWAY_NS = 4 * MS
"""A new Timeline is made when, a beat from now, the one that holds would be so far from the source: it differs by
0.8 % at 120 quarters a minute, or has drifted. Less is not heard, and each new one may cost a draft of an answer."""
SURE_NS = 8 * MS
"""The first Timeline waits until the source is known so well, a beat ahead."""
LEAN, REST = 2, 16
"""Quarters within which a Timeline meets the source: when it is away, and once it has met it."""
STEEPEST = 1.25
"""A Timeline that is away goes at most so much faster or slower than the source."""
FAR = PER_QUARTER // 2
"""Further away than so many clocks nothing leans: the bar lines move instead."""
LOST = 2 * PER_QUARTER
"""So many clocks that have not come: the clock is lost."""


class ClockFollower:
    """Follows one source of MIDI clock. Owned by the conductor; `holds` is always the Timeline that holds.

    A source that was never started is taken to begin a bar with its first clock.
    """

    def __init__(self, metre: Metre) -> None:
        self._pulse, self._metre = Pulse(), metre
        self._timeline: Timeline | None = None  # the last that was made here
        self._offset = 0  # the Timeline's tick at the source's clock number 0
        self._origin: int | None = None  # number of the clock at song position 0; None: nobody said
        self._next: int | None = None  # song position of the next clock while stopped, in clocks
        self._starts = False  # the next clock is the first one after start or continue
        self._settle_ns: int | None = None  # when a leaning Timeline meets the source
        self._last_ns: int | None = None
        self.rolling: bool | None = None
        """Whether the song goes on; None: nobody said."""
        self.lost = False
        """True while clocks are missing that should have come."""

    @property
    def follows(self) -> bool:
        """True once it has made a Timeline."""
        return self._timeline is not None

    @property
    def song_start(self) -> int | None:
        """The Timeline's tick at song position 0; None where that is not known, or nothing rolls."""
        known = self._origin is not None and self.follows and self.rolling
        return self._bar_1 if known else None

    def comes(self, now: int) -> bool:
        """True while its clocks come, and are followed."""
        return self.follows and not self._silent(now)

    @property
    def bpm(self) -> float:
        """Quarters a minute of the source; 0 while they are not known."""
        line = self._pulse.line
        return NS_PER_MINUTE / PER_QUARTER / line.period_ns if line else 0.0

    def hear(
        self, message: bytes, now: int, holds: Timeline | None, *, quiet: bool = False
    ) -> list[Timeline | Transport]:
        """A system message has come: what begins with it; while it is `quiet`, no Timeline does."""
        status = message[0]
        if status == CLOCK:
            return self._clock(now, holds, quiet)
        if status == STOP:
            return self._stop(now)
        if status == START:
            self._next, self._starts = 0, True
        elif status == CONTINUE:
            self._starts = True
        elif status == SONG_POSITION:
            self._next = PER_SIXTEENTH * (message[1] + 128 * message[2])
            self._starts |= bool(self.rolling)
        return []

    def watch(self, now: int) -> bool:
        """True when the clock has just been lost. Its last tempo goes on."""
        if self.lost or self.rolling is False:
            return False
        self.lost = self._silent(now)
        return self.lost

    def _silent(self, now: int) -> bool:
        """Whether clocks have not come for a while."""
        line = self._pulse.line
        return line is not None and self._last_ns is not None and now - self._last_ns > LOST * line.period_ns

    @property
    def _bar_1(self) -> int:
        """The Timeline's tick at song position 0; where nobody said it, at the source's first clock."""
        return self._offset + TICKS * (self._origin or 0)

    def _stop(self, now: int) -> list[Timeline | Transport]:
        self._starts = False
        if self.rolling and self._origin is not None:
            self._next = self._pulse.number + 1 - self._origin
        stopped, self.rolling = self.rolling is not False, False
        return [Transport(now, False)] if stopped else []

    def _clock(self, now: int, holds: Timeline | None, quiet: bool) -> list[Timeline | Transport]:
        self._count(now)
        moved = False
        starts, self._starts = self._starts, False
        if starts and self._next is not None:
            moved = True
            self._origin, self._next = self._pulse.number - self._next, None
        said = [Transport(now, True)] if starts and not self.rolling else []
        if starts:
            self.rolling = True
        timeline = None if quiet else self._follow(now, holds, moved)
        return [timeline, *said] if timeline else [*said]

    def _count(self, now: int) -> None:
        pulse, silent, self._last_ns = self._pulse, self._silent(now), now
        if silent and not self._starts:
            pulse.come_back(now)
        self.lost = False
        pulse.tick(now, anew=self._starts)

    # ---- from the source's line to Timelines ---------------------------------------------------------------

    def _follow(self, now: int, holds: Timeline | None, moved: bool) -> Timeline | None:
        """A new Timeline, where one is needed."""
        line = self._pulse.line
        if line is None:
            return None
        if self._timeline is None and line.doubt_ns(self._pulse.number + PER_QUARTER) > SURE_NS:
            return None
        if holds is None:
            self._offset = -TICKS * (self._origin or 0)  # bar 1 is at tick 0
            return self._make(Timeline(now, self._tick(line, now), 1, self._metre, 0), line, now, LEAN)
        if holds is not self._timeline:
            return self._make(self._take_over(holds, line, now), line, now, LEAN)
        if moved and not self._stands(holds, line, now):
            self._offset = holds.tick_at(now) - TICKS * self._pulse.number  # a bar line now is on this very tick
            return self._make(self._moved(holds, now), line, now, LEAN)
        if moved and holds.downbeat != self._bar_1:  # its lines stand, only another of them begins bar 1
            self._timeline = self._moved(holds, now)
            return self._timeline
        return self._correct(holds, line, now)

    def _stands(self, holds: Timeline, line: Line, now: int) -> bool:
        """True if its bar lines are where the source has them."""
        near = abs(self._away_ns(holds, line, now)) <= line.period_ns
        return near and (self._bar_1 - holds.downbeat) % self._metre.ticks == 0

    def _correct(self, holds: Timeline, line: Line, now: int) -> Timeline | None:
        if self._settle_ns is not None and now >= self._settle_ns:
            return self._make(holds.successor(now), line, now, REST)
        look = self._settle_ns or now + round(line.period_ns * PER_QUARTER)
        if abs(self._away_ns(holds, line, look)) <= max(AWAY_NS, 2 * line.doubt_ns(line.number_at(look))):
            return None
        if abs(self._away_ns(holds, line, now)) > FAR * line.period_ns:
            return self._make(self._take_over(holds, line, now), line, now, LEAN)
        return self._make(holds.successor(now), line, now, LEAN)

    def _away_ns(self, holds: Timeline, line: Line, time_ns: int) -> float:
        """How late a Timeline has the tick that is under way."""
        tick = holds.tick_at(time_ns)
        return holds.time_at(tick) - line.time_of((tick - self._offset) / TICKS)

    def _take_over(self, holds: Timeline, line: Line, now: int) -> Timeline:
        """Goes on from a Timeline that is not this source's, or is far from it."""
        self._offset += holds.tick_at(now) - self._tick(line, now)
        if self._origin is None:  # nobody knows better where the bars are
            self._offset += (holds.downbeat - self._offset + TICKS // 2) % TICKS - TICKS // 2
            return holds.successor(now, metre=self._metre)
        return self._moved(holds, now)

    def _moved(self, holds: Timeline, now: int) -> Timeline:
        """The bar lines are where the source has them, and bar 1 begins at its song position 0."""
        return holds.successor(now, metre=self._metre, downbeat=self._bar_1)

    def _make(self, timeline: Timeline, line: Line, now: int, quarters: int) -> Timeline:
        """The Timeline at the tempo at which it meets the source in so many quarters."""
        tick = timeline.tick + quarters * TICKS_PER_QUARTER
        meets_ns = line.time_of((tick - self._offset) / TICKS)
        quarter_ns = PER_QUARTER * line.period_ns
        slope = min(max((meets_ns - now) / quarters, quarter_ns / STEEPEST), quarter_ns * STEEPEST)
        self._settle_ns = now + round(quarters * slope) if quarters == LEAN else None
        self._timeline = timeline.successor(now, ns_per_quarter=round(slope))
        return self._timeline

    def _tick(self, line: Line, time_ns: int) -> int:
        return self._offset + round(TICKS * line.number_at(time_ns))
