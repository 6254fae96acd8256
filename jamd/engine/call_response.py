"""Call and response: jamd answers when the performer's phrase is over."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from jamd.engine.core import MS
from jamd.engine.improviser import Opening, answer_ticks
from jamd.engine.turns import Turns
from jamd.music.events import Turn
from jamd.music.timeline import Timeline
from jamd.remi.place import Place

DRAFT_AFTER_NS = 150 * MS
"""An answer is begun at this much silence: people plan before the other has ended (Levinson & Torreira 2015)."""
BEAT_LEAD_NS = 60 * MS
"""A beat nearer than this is too near to enter on."""


class CallResponse(Turns):
    """The phrase decides when; the answer enters on the beat where one is known."""

    def consider(self, now: int) -> bool:
        """Begins a draft when a silence may be the end of the phrase."""
        core = self.core
        over = core.phrase.over_at()
        if over is None or not core.begun or core.turn is not Turn.CALL:
            return False
        if core.watermark < min(over, core.phrase.last_ns + DRAFT_AFTER_NS):
            return False
        over = max(over, core.watermark)
        begin_ns = self._entry(core.timeline, max(over, now))
        opening = partial(self._opening, begin_ns=begin_ns or over)
        self.begin(over, begin_ns, now, opening, bar=not core.grid, yields=core.manners.split is None)
        return True

    def answer(self, time_ns: int, *, anew: bool = False) -> None:
        """The phrase is over, whatever is held."""
        if not anew:
            self.core.phrase.hand_over(time_ns)

    def _entry(self, timeline: Timeline, after_ns: int) -> int | None:
        """The instant of the next beat or bar to enter on; None: at once."""
        entry = self.core.manners.entry
        if entry == "auto":
            entry = "beat" if self.core.grid else "immediate"
        if entry == "immediate":
            return None
        tick = timeline.tick_at(after_ns + BEAT_LEAD_NS) + 1
        return timeline.time_at(timeline.next_bar_line(tick) if entry == "bar" else timeline.next_beat(tick))

    def _opening(self, place: Place, timeline: Timeline, begin_ns: int) -> Opening:
        """Where the answer that begins at an instant stands, and how long it is."""
        core, tick = self.core, timeline.tick_at(begin_ns)
        if not core.grid:  # the answer begins a bar of its own
            place = replace(place, bar_tick=tick - place.metre.ticks)
        call = timeline.tick_at(core.phrase.last_ns) - timeline.tick_at(core.phrase.first_ns or 0)
        length = answer_ticks(call, timeline.metre, core.manners.bars, core.manners.max_bars)
        return self.opening(place, tick, tick + length)
