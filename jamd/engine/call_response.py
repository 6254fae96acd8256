"""Call and response: jamd answers when the performer's phrase is over."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from jamd.engine.core import MS
from jamd.engine.improviser import Opening, answer_ticks
from jamd.engine.openings import HALF_SLOT
from jamd.engine.pace import LEAST_NS
from jamd.engine.turns import STEP_TOKENS, Turns
from jamd.music.events import Turn
from jamd.music.timeline import Timeline
from jamd.remi.place import Place

DRAFT_AFTER_NS = 150 * MS
"""An answer is begun at this much silence: people plan before the other has ended (Levinson & Torreira 2015)."""


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
        ended_ns, over = over, max(over, core.watermark, core.heard_ns + 1)
        begin_ns = self._entry(core.timeline, max(over + LEAST_NS, now + core.pace.margin_ns))
        opening, yields = partial(self._opening, begin_ns=begin_ns or over), core.manners.split is None
        if begin_ns is not None:
            self.begin(over, begin_ns, now, opening, bar=not core.grid, yields=yields)
        else:  # on its way in time to begin as the phrase ends: the wire keeps it for the case that nothing comes
            out_ns = over - LEAST_NS - core.pace.time_for(STEP_TOKENS)
            self.begin(over, None, now, opening, bar=not core.grid, out_ns=out_ns, yields=yields, ended_ns=ended_ns)
        return True

    def answer(self, time_ns: int, *, anew: bool = False) -> None:
        """The phrase is over, whatever is held; a draft for an end too far off to wait for is begun anew."""
        if anew:
            return
        core, draft = self.core, self.draft
        core.phrase.hand_over(time_ns)
        if draft is not None and not draft.planned and draft.over_ns > time_ns + core.pace.margin_ns:
            self.drop()

    def _entry(self, timeline: Timeline, after_ns: int) -> int | None:
        """The next beat or bar to enter on, behind an instant by which the answer can be there; None: at once."""
        entry = self.core.manners.entry
        if entry == "auto":
            entry = "beat" if self.core.grid else "immediate"
        if entry == "immediate":
            return None
        tick = timeline.tick_at(after_ns) + HALF_SLOT  # a note may be a little before its beat
        return timeline.time_at(timeline.next_bar_line(tick) if entry == "bar" else timeline.next_beat(tick))

    def _opening(self, place: Place, timeline: Timeline, begin_ns: int) -> Opening:
        """Where the answer that begins at an instant stands, and how long it is."""
        core, tick = self.core, timeline.tick_at(begin_ns)
        if not core.grid:  # the answer begins a bar of its own
            place = replace(place, bar_tick=tick - place.metre.ticks)
        call = timeline.tick_at(core.phrase.last_ns) - timeline.tick_at(core.phrase.first_ns or 0)
        length = answer_ticks(call, timeline.metre, core.manners.bars, core.manners.max_bars)
        return self.opening(place, tick, tick + length)
