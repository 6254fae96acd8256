"""The wire, one step at a time: it hears, passes on, yields to the performer, plays, and writes down.

It never waits, and never reads a clock: `step` is told the time, and says when it wants to be called again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from jamd.errors import PortError
from jamd.midi.bindings import Bindings
from jamd.midi.conductor import Conductor
from jamd.midi.echo import EchoGuard
from jamd.midi.judge import Judge
from jamd.midi.keyboard import Keyboard
from jamd.midi.lateness import Responses
from jamd.midi.ledger import Ledger
from jamd.midi.listener import Listener
from jamd.midi.metronome import Metronome
from jamd.midi.pacing import Wake
from jamd.midi.player import MS, TOLERANCE_NS, Player
from jamd.midi.port_types import InputPort, OutputPort
from jamd.midi.recorder import Recorder
from jamd.midi.state_out import Address, StateOut
from jamd.midi.trouble import Trouble
from jamd.music.actions import Action
from jamd.music.events import Kind, LogEntry, Performed
from jamd.music.messages import GRAIN_NS, Looked, Missed, Report, Transport, Watermark, Welcome
from jamd.music.plan import Plan
from jamd.music.timeline import Timeline
from jamd.music.told import Aside, Told

POLL_NS, IDLE_POLL_NS = MS // 2, 2 * MS
"""How often the ports are looked at: while music is on, and when nobody has played for a while."""
WATERMARK_NS, IDLE_WATERMARK_NS = 5 * MS, 40 * MS
"""How often there is a step at least, and the brain is told how far the log reaches."""
IDLE_NS = 2000 * MS
"""Silence after which nobody is playing."""
SOON_NS = 2 * MS
"""With a note due within this, the disk has to wait."""

Timed = Performed | Timeline | Transport | Action
"""What stands in the order of time."""
ToBrain = Told | Watermark


@dataclass(frozen=True, slots=True)
class WireSettings:
    """How a wire behaves. Channels count from 0."""

    input_channel: int | None = None
    """The channel that is listened to; None: all."""
    output_channel: int = 0
    thru: bool = False
    same_device: bool = False
    """In and out are one device: what is sent is expected to come back."""
    tolerance_ns: int = TOLERANCE_NS
    budget_ns: int = 0
    """The most from the end of a phrase to the first note of an answer that enters at once; 0: nobody has said."""
    state_out: Address | None = None
    late_out: Address | None = None
    sends_clock: bool = False


class Wire:
    """Joins the ports, the player and the brain's mailboxes. Owner of everything here that has a state.

    `to_brain` hands a message on and returns False where it could not; `report` tells people.
    """

    def __init__(
        self,
        settings: WireSettings,
        input_port: InputPort,
        output_port: OutputPort,
        ledger: Ledger,
        recorder: Recorder,
        to_brain: Callable[[ToBrain], bool],
        report: Callable[[Report], object],
        *,
        conductor: Conductor | None = None,
        heard: int = 0,
        bindings: Bindings | None = None,
    ) -> None:
        self._input, self._output, self._recorder = input_port, output_port, recorder
        self._to_brain, self._report = to_brain, report
        self.conductor = conductor or Conductor()
        """Says where the beats are."""
        self._guard, self._bindings = EchoGuard(settings.same_device), bindings or Bindings()
        self._keyboard = Keyboard(self._send, ledger)
        self._listener = Listener(
            self._keyboard,
            self._guard,
            channel=settings.input_channel,
            thru=settings.thru,
            heard=heard,
            bindings=self._bindings,
            system=self.conductor.hear,
        )
        self._trouble = Trouble(report)
        self._state_out = StateOut(self._send, settings.state_out, settings.late_out)
        self._player = Player(self._keyboard, self._played, settings.output_channel, settings.tolerance_ns)
        self._responses = Responses(settings.budget_ns) if settings.budget_ns else None
        self._metronome = Metronome(
            self.conductor, self._send, self._keyboard.hand(), sends_clock=settings.sends_clock
        )
        self._judge = Judge()
        self._came: list[tuple[int, bytes]] = []  # from the input, since the last step
        self._plans: list[tuple[Plan, int]] = []  # with what the recorder calls `said`
        self._telling: list[ToBrain] = []  # what the brain is told as soon as the recording has it
        self._asked: list[Action] = []  # by main, since the last step
        self._now = 0
        self._written = True  # all that there is stands in the recording
        self._last_entry_ns: int | None = None
        self._last_mark_ns: int | None = None

    @property
    def heard(self) -> int:
        """Note-ons of the performer so far: whoever plans must know of all of them."""
        return self._listener.heard

    def start(self, now: int) -> None:
        """Silences what a predecessor has left sounding."""
        self._now = now
        left = len(self._keyboard.ledger.sounding())
        self._keyboard.silence()
        if left:
            self._report(Report(now, "silenced", {"notes": left}))

    @property
    def settled(self) -> bool:
        """True when all that it was given is done with, or in the recording: nobody need give it again."""
        return not self._plans and self._written

    def take(self, message: Plan | LogEntry | Looked | Action | Report, said: int = 0) -> None:
        """From the brain: a plan, judged in the next step, when all performed is known; its state; for the recording.

        From main: an action, which counts from the next step on.
        """
        if isinstance(message, Plan):
            self._plans.append((message, said))
        elif isinstance(message, Action):
            self._asked.append(message)
        elif isinstance(message, Report):
            self._state_out.state(str(message.facts["state"]))
        elif isinstance(message, Looked):
            self._recorder.looked(message, said)
        else:
            self._recorder.entry(message, said)
            if isinstance(message, Timeline):
                self.conductor.told(message)

    def refuse(self, now: int, said: int) -> None:
        """A plan of the brain's that is not for this wire."""
        self._recorder.decided("plan", now, accepted=False, said=said)

    def tell(self, message: Aside) -> None:
        """Tells the brain, as soon as that is written down."""
        self._recorder.told(message)
        self._telling.append(message)

    def look(self, now: int) -> bool:
        """Takes in what the ports have by now; True where that wants a step at once. Costs little."""
        self._came += self._input.poll(now)
        return self.conductor.look(now) or bool(self._came)

    def step(self, now: int) -> Wake:
        """Does all that is to be done at `now`, and says when to come back, and how often to look until then."""
        self._now = now
        self.look(now)
        heard_something = self._listen(now)
        self._judge_plans(now)
        for report in self._player.play(now):
            self._report(report)
            self._account(report)
        self._metronome.play(now)
        self._mark(now, heard_something)
        self._write(now)
        self._deliver()
        self._trouble.tell(now)
        return self._next_wake(now)

    def greet(self, now: int, welcome: Welcome, known: Timeline | None = None) -> None:
        """A brain is there, which may know a Timeline: tells it where the beats are, what people have set meanwhile,
        and with the next step how far the log reaches."""
        wishes = [Action(now, name, value) for name, value in self._bindings.holds.items()]
        for told in (welcome, *self.conductor.greet(now, known), *wishes):
            self.tell(told)
        self._state_out.state("listening")
        self._last_mark_ns = None

    def end_plan(self, now: int, why: str) -> None:
        """Ends what is played and planned: whoever planned it is gone. What goes through lives on."""
        self._now = now
        for _, said in self._plans:
            self.refuse(now, said)
        self._plans.clear()
        self._state_out.state("listening")
        self._stop(why)

    def close(self, now: int) -> None:
        """Ends everything that sounds, and the recording. Whoever opened the ports closes them after this."""
        self.end_plan(now, "close")
        self._metronome.stop()
        self._keyboard.silence()
        responses = self._responses.facts() if self._responses else {}
        self._report(Report(now, "lateness", {**self._player.lateness.facts(), **responses}))
        self._report(Report(now, "left_out", self._listener.counts))
        self._recorder.close()

    # ---- what comes in -------------------------------------------------------------------------------------

    def _listen(self, now: int) -> bool:
        """Hears what has come, and hands it on in the order of time; True if there was anything."""
        entries: list[Timed] = []
        was_armed = self._guard.armed
        came, self._came = self._came, []
        for stamp, data in came:
            for event in self._listener.hear(data, stamp):
                entries.append(event)
                if isinstance(event, Action):
                    self._act(event)
                else:
                    self._yield(event)
        self._guard.looked(now)
        for asked in self._asked:
            action = replace(asked, time_ns=now)  # behind all that the brain knows already
            entries.append(action)
            self._bindings.keep(action)
            self._act(action)
        self._asked.clear()
        began = self.conductor.entries(now)
        for timeline in (entry for entry in began if isinstance(entry, Timeline)):
            self._yield(timeline)
        entries[:0] = began  # a Timeline before what happens at its instant
        if entries:
            self._last_entry_ns = now
        if self._guard.armed and not was_armed:
            self._report(Report(now, "echo", {"what": "the output comes back as input, and is left out"}))
        for entry in sorted(entries, key=lambda entry: entry.time_ns):  # stable: a Timeline before its notes
            self._enter(entry)
        return bool(entries)

    def _yield(self, entry: Performed | Timeline) -> None:
        """Barge-in: the performer plays, so jamd does not, unless both were to play. And he may not have ended yet."""
        self._judge.hear(entry)
        if self._player.gives_way(entry):
            self._stop("barge_in")

    def _stop(self, why: str) -> None:
        """What is played ends here, if there is anything."""
        if self._player.busy:
            self._recorder.decided("stopped", self._now, why=why)
            self._report(self._player.stop(self._now, why))

    def _act(self, action: Action) -> None:
        """What the wire itself does about it, at once."""
        if action.name == "panic":
            self._listener.heard += 1  # so that what was planned before is out of date
            self._judge.silence(self.heard)
            self._stop("panic")
            self._keyboard.silence()
        elif action.name == "tap":
            self.conductor.tap(action.time_ns)

    def _enter(self, entry: Timed) -> None:
        """What has happened: into the recording, to the brain, and for people to see."""
        if isinstance(entry, Transport):
            self.tell(entry)  # the Timeline beside it says it to the log
            return
        if isinstance(entry, Action):
            self._recorder.action(entry)
            value = {} if entry.value is None else {"value": entry.value}
            self._report(Report(entry.time_ns, "action", {"name": entry.name, **value}))
        else:
            self._recorder.entry(entry)
        self._telling.append(entry)
        if isinstance(entry, Performed) and entry.kind in (Kind.NOTE_ON, Kind.NOTE_OFF):
            if entry.kind is Kind.NOTE_ON:
                self.conductor.play()
            what = "note_in" if entry.kind is Kind.NOTE_ON else "note_off_in"
            self._report(Report(entry.time_ns, what, _facts(entry)))

    def _mark(self, now: int, at_once: bool) -> None:
        period = WATERMARK_NS if self._music_is_on(now) else IDLE_WATERMARK_NS
        if at_once or self._last_mark_ns is None or now - self._last_mark_ns >= period:
            self._last_mark_ns = now
            mark = Watermark(now if at_once else now - now % GRAIN_NS, self.heard)
            if self._telling and isinstance(self._telling[-1], Watermark):
                self._telling.pop()
            self._telling.append(mark)

    def _deliver(self) -> None:
        """Tells the brain what stands in the recording by now; what its mailbox has no room for waits."""
        if not self._written:
            return
        for number, message in enumerate(self._telling):
            if not self._to_brain(message):
                del self._telling[:number]
                self._trouble.waits("backlog", len(self._telling))
                return
        self._telling.clear()

    # ---- what goes out -------------------------------------------------------------------------------------

    def _judge_plans(self, now: int) -> None:
        """Refuses plans made without knowing all that was performed."""
        for plan, said in self._plans:
            accepted = self._judge.accepts(plan, self.heard)
            self._recorder.decided("plan", now, accepted=accepted, said=said)
            if accepted:
                self._player.accept(plan)
            else:
                facts = {"plan_heard": plan.heard, "heard": self.heard, "notes": len(plan.notes)}
                self._report(Report(now, "refused", {**facts}))
        self._plans.clear()

    def _account(self, report: Report) -> None:
        """What the player could not do in time."""
        now, facts = report.time_ns, report.facts
        if report.what == "late":
            self.tell(Missed(now, int(facts["due_ns"]), int(facts["pitch"])))
            self._state_out.late()
        elif report.what == "response" and self._responses and self._responses.add(int(facts["after_ns"])):
            self._recorder.decided("over_budget", now, after_ns=int(facts["after_ns"]))

    def _send(self, message: bytes) -> None:
        self._guard.sent(message, self._now)
        try:
            self._output.send(message)
        except PortError:
            self._trouble.another("send_failed")

    def _played(self, event: Performed, due_ns: int) -> None:
        self._recorder.played(event, due_ns)
        whats = {Kind.NOTE_ON: "note_out", Kind.NOTE_OFF: "note_off_out"}
        facts = {**_facts(event), "due_ns": due_ns, "late_ms": (event.time_ns - due_ns) / MS}
        self._report(Report(event.time_ns, whats.get(event.kind, "pedal_out"), facts))

    # ---- housekeeping --------------------------------------------------------------------------------------

    def _music_is_on(self, now: int) -> bool:
        recent = self._last_entry_ns is not None and now - self._last_entry_ns < IDLE_NS
        return recent or self._player.busy

    def _next_wake(self, now: int) -> Wake:
        look_ns, mark_ns = (POLL_NS, WATERMARK_NS) if self._music_is_on(now) else (IDLE_POLL_NS, IDLE_WATERMARK_NS)
        step_ns = now + look_ns if self._telling or self._last_mark_ns is None else self._last_mark_ns + mark_ns
        due = min((due for due in (self._player.due, self._metronome.due) if due is not None), default=step_ns + 1)
        return Wake(due, True, look_ns) if due <= step_ns else Wake(step_ns, False, look_ns)

    def _write(self, now: int) -> None:
        due = self._player.due
        failed = bool(self._recorder.failure)
        self._written = self._recorder.flush(soon=due is not None and due - now < SOON_NS)
        if self._recorder.failure and not failed:
            self._report(Report(now, "recording_failed", {"why": self._recorder.failure}))


def _facts(event: Performed) -> dict[str, int | float | str | bool]:
    return {"pitch": event.number, "velocity": event.value, "channel": event.channel}
