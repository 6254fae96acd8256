"""The partner: hears the performer, plays with him in one of the modes, and does what he asks for.

Pure logic on the log's time: it is told what was performed and how far the log reaches, and hands plans to
`send`. It never waits and owns no clock. One call of `step` does at most a few tokens' work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from jamd.engine.call_response import CallResponse
from jamd.engine.carry_on import CarryOn
from jamd.engine.core import MS, Core
from jamd.engine.duet import Duet
from jamd.engine.improviser import Improviser
from jamd.engine.manners import Manners, State
from jamd.engine.mode import Mode
from jamd.engine.pace import Pace
from jamd.engine.sampling import Sampler
from jamd.engine.trade import Trade
from jamd.music.actions import TABLE, Action
from jamd.music.events import Kind, LogEntry, Performed, says_something
from jamd.music.messages import Report, Transport
from jamd.music.plan import Plan
from jamd.music.timeline import Timeline
from jamd.remi.held import Sustain

__all__ = ["MS", "Manners", "Partner", "State"]

MODES: dict[str, Callable[[Core], Mode]] = {
    "call-response": CallResponse,
    "trade": Trade,
    "duet": Duet,
    "continue": CarryOn,
}
NEED_BEATS = frozenset({"trade", "duet"})
NO_LIMIT = TABLE["density"].high
"""So many notes a beat are as good as any number."""


class Partner:
    """Plays with one performer. `send` takes what the wire needs, `report` what people may see."""

    def __init__(
        self,
        improviser: Improviser,
        manners: Manners,
        send: Callable[[Plan | LogEntry], object],
        report: Callable[[Report], object],
        pace: Pace | None = None,
    ) -> None:
        """`pace`: what its work is expected to need, where somebody knows."""
        self._core = Core(improviser, manners, send, report, pace or Pace())
        self._wanted, self._on = manners.mode, "call-response"
        self._mode: Mode = CallResponse(self._core)
        self._told_no_beats = False
        self._ended = False
        self._pedal = Sustain()  # that hands over: trembling at the threshold is one movement

    # what comes in

    def hear(self, entry: Performed | Timeline) -> None:
        """Takes in what the wire has stamped: performed events and, where there is a clock, Timelines."""
        core = self._core
        if entry == core.clock:
            return  # told once more, because this or the wire is new
        if not isinstance(entry, Performed) or says_something(entry):
            core.note(entry)
            self._mode.hear(entry)
        if self._moves_pedal(entry):
            self._hand_over(entry.time_ns, self._pedal.down)

    def reach(self, watermark_ns: int, heard: int) -> None:
        """The log is complete up to `watermark_ns`, and `heard` note-ons were performed in all."""
        self._core.watermark, self._core.heard = watermark_ns, heard
        self._core.guided(watermark_ns)
        self._mode.reach(watermark_ns)

    def resume(self, timeline: Timeline) -> None:
        """This log was begun by another partner, who is gone; `timeline` was its last: ticks go on from there."""
        self._core.resumed = timeline

    def transport(self, message: Transport) -> None:
        """The song that the clock counts begins or stops."""
        self._core.rolling = message.rolling
        self._mode.roll(message.time_ns, message.rolling)

    def miss(self, due_ns: int, pitch: int) -> None:
        """The player has left a note out, since it would have come too late."""
        self._mode.miss(due_ns, pitch)

    def end_of_input(self) -> None:
        """The performer will play no more: once what was played is answered, `finished` is true."""
        self._ended = True

    def interrupt(self, time_ns: int, *, deaf: bool = False) -> None:
        """What was being played has stopped (it came too late, or the wire died): the answer is what was heard of it.

        `deaf`: nobody listened for a while from then on, so keys and pedal that were down count as let go.
        """
        self._mode.interrupt(time_ns, "interrupted")
        if deaf:
            for event in self._core.let_go(time_ns):
                self._core.send(event)
                self.hear(event)

    def panic(self, time_ns: int) -> None:
        """Somebody wants silence: nothing more is played until the performer plays again."""
        self._mode.interrupt(time_ns, "panic")
        self._mode.roll(time_ns, False)
        self._core.phrase.begin()

    @property
    def timeline(self) -> Timeline | None:
        """The last Timeline that it knows; None before the first."""
        core = self._core
        known = [core.clock, core.timeline if core.begun else None]
        return max((t for t in known if t is not None), key=lambda t: t.time_ns, default=None)

    @property
    def finished(self) -> bool:
        """True when the input has ended and everything was answered."""
        return self._ended and self._mode.finished

    @property
    def state(self) -> State:
        """What the partner is doing."""
        return self._core.state

    # what is asked for

    def act(self, action: Action) -> None:
        """Does what somebody wants; what cannot be done is told to people, and changes nothing."""
        core, value = self._core, action.value
        match action.name:
            case "mode":
                self._want(str(value))
            case "entry":
                core.manners = replace(core.manners, entry=str(value))
            case "bars" if isinstance(value, int | float):
                self._set_bars(int(value))
            case "density" if isinstance(value, int | float):
                notes = float(value) if value < NO_LIMIT else 0.0
                core.improviser.fences = replace(core.improviser.fences, density=notes)
            case "temperature" | "top_p" if isinstance(value, int | float):
                self._set_sampling(action.name, float(value))
            case "end_turn":
                self._mode.answer(self._instant(action))
            case "hand_over":
                self._hand_over(self._instant(action), None if value is None else bool(value))
            case "again" | "undo":
                self._go_back(action)

    def _want(self, mode: str) -> None:
        self._wanted, self._told_no_beats = mode, False
        if mode == self._on:
            self._mode.stay()

    def _instant(self, action: Action) -> int:
        """When an action is heard: not before what was heard already."""
        return max(action.time_ns, self._core.watermark, self._core.heard_ns)

    def _set_bars(self, bars: int) -> None:
        """Bars of an answer; in trade of each turn, from the next one on (0 leaves that as it is)."""
        manners = self._core.manners
        self._core.manners = replace(manners, bars=min(bars, manners.max_bars), trade_bars=bars or manners.trade_bars)

    def _set_sampling(self, name: str, value: float) -> None:
        improviser = self._core.improviser
        old = improviser.sampler
        settings = {"temperature": old.temperature, "top_p": old.top_p, name: value}
        improviser.sampler = Sampler(**settings, min_p=old.min_p, seed=old.seed)

    def _moves_pedal(self, entry: Performed | Timeline) -> bool:
        """Whether this presses the pedal that hands over, or lets it go."""
        if not isinstance(entry, Performed) or entry.kind is not Kind.CONTROL:
            return False
        return entry.number == self._core.manners.handover_cc and self._pedal.move(entry.value, entry.channel)

    def _hand_over(self, time_ns: int, down: bool | None) -> None:
        """None: the other way round, from what is never let go."""
        if isinstance(self._mode, CarryOn):
            down = not self._mode.goes_on if down is None else down
            self._mode.hand_over(time_ns) if down else self._mode.hand_back(time_ns)

    def _go_back(self, action: Action) -> None:
        """Forgets the last exchange (undo), or the last answer, to make another (again)."""
        core, time_ns, anew = self._core, self._instant(action), action.name == "again"
        past = core.last_answer if anew else core.last_exchange
        if past is None or (anew and self._on == "duet"):
            core.tell(time_ns, "ignored", action=action.name, why="nothing to answer" if anew else "nothing to undo")
            return
        self._mode.forget(time_ns)
        core.forget(past)
        if anew:
            core.turns += 1  # other draws
        else:
            core.phrase.begin()
        self._mode = MODES[self._on](core)  # it remembers nothing of what is forgotten
        core.become(State.LISTENING, time_ns)
        core.tell(time_ns, action.name, since_ns=past.since_ns)
        if anew:
            self._mode.answer(time_ns, anew=True)

    # the work

    def step(self, now: int) -> bool:
        """Does a piece of what is to do; True where more waits to be done at once."""
        self._core.pace.look(now)
        if self._wanted != self._on:
            self._change(now)
        return self._mode.step(now)

    def _change(self, now: int) -> None:
        """Another mode begins as soon as nothing of this one is under way."""
        if self._wanted in NEED_BEATS and not self._core.grid:
            if not self._told_no_beats:
                self._told_no_beats = True
                why = f"{self._wanted} needs a tempo: start a MIDI clock, or set bpm; until then jamd listens as it did"
                self._core.tell(now, "mode", mode=self._on, why=why)
            return
        if self._mode.leave(now):
            self._on = self._wanted
            self._mode = MODES[self._on](self._core)
            self._core.tell(now, "mode", mode=self._on)
