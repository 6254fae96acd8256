"""The wire process: opens the ports, joins the wire to its mailboxes, beats, and waits precisely."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from multiprocessing.connection import Connection
from typing import TypeVar

from jamd.config import Settings
from jamd.daemon.bell import Bell
from jamd.daemon.board import Board
from jamd.daemon.child import Lifeline, guarded
from jamd.daemon.clocks import make_conductor, open_clock
from jamd.daemon.played import facts
from jamd.daemon.words import BrainGone, Go, Hello, Job, Stop, Up
from jamd.errors import ConfigError, PortError
from jamd.midi.bindings import Bindings
from jamd.midi.conductor import Conductor
from jamd.midi.file_ports import FileInput
from jamd.midi.ledger import Ledger, panic_messages
from jamd.midi.names import same_device
from jamd.midi.pacing import Pacer, quiet_garbage, request_priority
from jamd.midi.port_types import Device, InputPort, OutputPort, PortSpec
from jamd.midi.ports import open_input, open_output, parse_spec
from jamd.midi.recorder import FileRecorder, NullRecorder, Recorder
from jamd.midi.state_out import Address
from jamd.midi.wire import Wire, WireSettings
from jamd.music.actions import Action
from jamd.music.bindings import parse_out
from jamd.music.messages import InputEnded, PlanEnded, Report
from jamd.music.plan import Plan

MS = 1_000_000
BRAIN_SILENT_NS = 150 * MS
"""Three missed beats: what the brain has planned ends."""
FILE_LEAD_NS = 50 * MS
PATIENCE_NS = 3000 * MS

Port = TypeVar("Port", InputPort, OutputPort, InputPort | None)


def run(job: Job, go: Connection, bell: Bell, opener: Callable[[PortSpec, str], OutputPort] = open_output) -> None:
    """The body of the wire process: everything is loaded, then it waits for its word.

    The bell wakes the brain; `opener` opens the output.
    """
    try:
        word: Go = go.recv()
    except EOFError:
        return
    guarded("wire", job, partial(_play, word, bell, opener))


def wire_settings(settings: Settings, same: bool) -> WireSettings:
    """How the wire behaves, from the settings; `same`: both ports are one device."""
    channel, thru, bindings = settings.midi.channel, settings.midi.thru, settings.bindings
    return WireSettings(
        input_channel=channel - 1 if channel else None,
        output_channel=channel - 1 if channel else 0,
        thru=not same if thru == "auto" else bool(thru),
        same_device=same,
        tolerance_ns=settings.player.late_ms * MS,
        budget_ns=int(settings.engine.budget_ms * MS),
        state_out=_address(bindings.state_out, channel),
        late_out=_address(bindings.late_out, channel),
        sends_clock=settings.clock.send,
    )


def _address(text: str, channel: int) -> Address | None:
    """Where a controller that jamd sends goes to; it says its channel, or goes where the answer goes."""
    binding = parse_out(text)
    return ((binding.channel or channel or 1) - 1, binding.number) if binding else None


def _play(
    go: Go,
    bell: Bell,
    opener: Callable[[PortSpec, str], OutputPort],
    job: Job,
    board: Board,
    lifeline: Lifeline,
) -> None:
    midi, since_ns = job.settings.midi, go.died_ns
    realtime = job.settings.player.realtime and request_priority()  # before the ports: their threads inherit it
    with ExitStack() as opened:
        output = _patiently(lambda: opener(parse_spec(midi.out), midi.api), since_ns)
        opened.callback(output.close)
        _silence(board, output)  # what a predecessor left sounding ends before the input is looked for
        opened.callback(_silence, board, output)  # and what this one leaves, if it fails
        source = _patiently(lambda: open_input(parse_spec(midi.in_), midi.api), since_ns)
        opened.callback(source.close)
        clock = _patiently(lambda: open_clock(job.settings, source), since_ns)
        if clock is not None:
            opened.callback(clock.close)
        report = board.box("wire_to_main").put
        conductor = make_conductor(job.settings, source, clock, report, goes_on=since_ns > 0)
        wire = _build(job, board, source, output, conductor, go)
        wire.start(time.monotonic_ns())
        board.box("wire_to_main").put(Up("wire", {"in": source.name, "out": output.name, "realtime": realtime}))
        if since_ns:
            wire.tell(PlanEnded(since_ns, deaf=True))
        quiet_garbage()
        _loop(Joint(board, wire, source, bell), board, wire, Pacer(realtime), lifeline)
        wire.close(time.monotonic_ns())


def _patiently(attempt: Callable[[], Port], since_ns: int) -> Port:
    """A port. The wire of a jam that goes on tries for a while: a JACK server is busy when a client has died."""
    while True:
        try:
            return attempt()
        except PortError:
            if not since_ns or time.monotonic_ns() - since_ns > PATIENCE_NS:
                raise
        time.sleep(0.1)


def _silence(board: Board, output: OutputPort) -> None:
    """Ends what the ledger says is sounding; the ledger keeps it until the wire has silenced it too."""
    with contextlib.suppress(PortError):
        for message in panic_messages(Ledger(board.ledger)):
            output.send(message)


def _build(job: Job, board: Board, source: InputPort, output: OutputPort, conductor: Conductor, go: Go) -> Wire:
    file = source if isinstance(source, FileInput) else None
    if file is not None and (began := board.read("file_start_ns")):
        file.start(began, time.monotonic_ns())
    midi, scenes = job.settings.midi, job.settings.scenes.by_program
    devices = isinstance(parse_spec(midi.in_), Device) and isinstance(parse_spec(midi.out), Device)
    settings = wire_settings(job.settings, devices and same_device(source.name, output.name))
    heard, report = board.read("heard"), board.box("wire_to_main").put
    return Wire(
        settings,
        source,
        output,
        Ledger(board.ledger),
        make_recorder(job, heard, report, goes_on=go.died_ns > 0),
        board.box("wire_to_brain").put,
        report,
        conductor=conductor,
        heard=heard,
        bindings=Bindings(job.settings.bindings.rows, scenes, settings.input_channel, go.holds),
    )


def make_recorder(job: Job, heard: int, report: Callable[[Report], object], *, goes_on: bool) -> Recorder:
    """Where the jam is recorded; ConfigError where it cannot be. One that goes on does so without, and says why."""
    if job.log is None:
        return NullRecorder()
    try:
        return FileRecorder(job.log, lambda: facts(job.settings, job.seed), heard)
    except OSError as error:
        if goes_on:
            report(Report(time.monotonic_ns(), "recording_failed", {"why": error.strerror or str(error)}))
            return NullRecorder()
        raise ConfigError(
            f"cannot record into {job.log}: {error.strerror}", "Name another folder: --record DIR."
        ) from None


def _loop(joint: Joint, board: Board, wire: Wire, pacer: Pacer, lifeline: Lifeline) -> None:
    now = time.monotonic_ns()
    while not lifeline.cut(now):
        board.write("wire_beat_ns", now)
        if not joint.step(now):
            return
        wake = wire.step(now)
        joint.done()
        board.write("heard", wire.heard)
        now = pacer.wait(wake, joint.called)


class Joint:
    """Joins the wire to brain and main: reads what they say, watches the brain's heart, says when a file is over."""

    def __init__(self, board: Board, wire: Wire, source: InputPort, bell: Bell) -> None:
        self._board, self._wire, self._source, self._bell = board, wire, source, bell
        self._from_brain, self._from_main = board.box("brain_to_wire"), board.box("main_to_wire")
        self._told = 0  # the brain has been woken for all messages until this one
        self._greeted = False  # plans of a brain that has not greeted this wire were made for another
        self._brain_alive = self._ended = False

    def step(self, now: int) -> bool:
        """False when it is time to leave."""
        self._read_brain(now)
        self._watch_brain(now)
        source = self._source
        if not self._ended and isinstance(source, FileInput) and source.ended(now):
            self._ended = True
            self._wire.tell(InputEnded())
        return self._read_main(now)

    def called(self, now: int) -> bool:
        """Whether something has come that wants a step: a cheap look, many times a second."""
        return self._wire.look(now) or self._from_brain.news or self._from_main.news

    def done(self) -> None:
        """After a step: the brain is woken if it was told anything.

        What it has said is done with, unless the recording waits for it: then a successor reads it too.
        """
        told = self._board.box("wire_to_brain").written
        if told != self._told:
            self._told = told
            self._bell.ring()
        if self._wire.settled:
            self._from_brain.done()

    def _read_brain(self, now: int) -> None:
        for number, message in self._from_brain.see():
            if isinstance(message, Hello):
                self._greeted, self._ended = True, False  # a new brain has not heard that the file is over
                self._start_file(now)
                self._wire.greet(now, message.welcome, message.timeline)
            elif isinstance(message, Plan) and not self._greeted:
                self._wire.refuse(now, number)
            else:
                self._wire.take(message, number)  # type: ignore[arg-type]  # plans, its state, for the recording

    def _start_file(self, now: int) -> None:
        if isinstance(self._source, FileInput) and not self._board.read("file_start_ns"):
            start_ns = self._wire.conductor.lead_in_ns(self._source.tempo_map[0], now + FILE_LEAD_NS)
            self._board.write("file_start_ns", start_ns)
            self._source.start(start_ns)

    def _watch_brain(self, now: int) -> None:
        alive = now - self._board.read("brain_beat_ns") <= BRAIN_SILENT_NS
        if self._brain_alive and not alive:
            self._greeted = False
            self._wire.end_plan(now, "brain_silent")
            self._wire.tell(PlanEnded(now))
        self._brain_alive = alive

    def _read_main(self, now: int) -> bool:
        """False when it is time to leave."""
        for message in self._from_main.take():
            if isinstance(message, BrainGone):
                self._wire.end_plan(now, "brain_gone")
            elif isinstance(message, Action):
                self._wire.take(message)
            elif isinstance(message, Stop):
                return False
        return True
