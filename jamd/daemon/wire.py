"""The wire process: opens the ports, joins the wire to its mailboxes, beats, and waits precisely."""

from __future__ import annotations

import time
from multiprocessing.connection import Connection

from jamd.config import Settings
from jamd.daemon.board import Board
from jamd.daemon.child import Lifeline, guarded
from jamd.daemon.words import BrainGone, Hello, InputEnded, Job, Stop, Up
from jamd.errors import ConfigError
from jamd.midi.file_ports import FileInput
from jamd.midi.ledger import Ledger
from jamd.midi.pacing import Pacer, quiet_garbage, request_priority
from jamd.midi.port_types import InputPort, OutputPort
from jamd.midi.ports import open_input, open_output, parse_spec
from jamd.midi.recorder import FileRecorder, NullRecorder, Recorder
from jamd.midi.wire import Wire, WireSettings
from jamd.remi.vocabulary import METRES

MS = 1_000_000
BRAIN_SILENT_NS = 150 * MS
"""Three missed beats: what the brain has planned ends."""
FILE_LEAD_NS = 50 * MS


def run(job: Job, go: Connection) -> None:
    """The body of the wire process: everything is loaded, then it waits for its word."""
    try:
        go.recv()
    except EOFError:
        return
    guarded("wire", job, _play)


def wire_settings(settings: Settings, same_device: bool) -> WireSettings:
    """How the wire behaves, from the settings."""
    channel, thru = settings.midi.channel, settings.midi.thru
    return WireSettings(
        input_channel=channel - 1 if channel else None,
        output_channel=channel - 1 if channel else 0,
        thru=not same_device if thru == "auto" else bool(thru),
        same_device=same_device,
        tolerance_ns=settings.player.late_ms * MS,
    )


def _play(job: Job, board: Board, lifeline: Lifeline) -> None:
    midi = job.settings.midi
    realtime = job.settings.player.realtime and request_priority()  # before the ports: their threads inherit it
    output = open_output(parse_spec(midi.out), midi.api)
    source = open_input(parse_spec(midi.in_), midi.api, METRES)
    try:
        wire = _build(job, board, source, output)
        wire.start(time.monotonic_ns())
        up = Up("wire", {"in": source.name, "out": output.name, "realtime": realtime})
        board.box("wire_to_main").put(up)
        quiet_garbage()
        _loop(board, wire, source, Pacer(realtime), lifeline)
        wire.close(time.monotonic_ns())
    finally:
        source.close()
        output.close()


def _build(job: Job, board: Board, source: InputPort, output: OutputPort) -> Wire:
    file = source if isinstance(source, FileInput) else None
    if file is not None and (began := board.read("file_start_ns")):
        file.start(began, time.monotonic_ns())
    return Wire(
        wire_settings(job.settings, source.name == output.name),
        source,
        output,
        Ledger(board.ledger),
        _recorder(job),
        board.box("wire_to_brain").put,
        board.box("wire_to_main").put,
        clock=file,
        heard=board.read("heard"),
    )


def _recorder(job: Job) -> Recorder:
    if job.log is None:
        return NullRecorder()
    try:
        return FileRecorder(job.log, {"seed": job.seed, "model": job.settings.engine.path.name})
    except OSError as error:
        raise ConfigError(
            f"cannot record into {job.log}: {error.strerror}", "Name another folder: --record DIR."
        ) from None


def _loop(board: Board, wire: Wire, source: InputPort, pacer: Pacer, lifeline: Lifeline) -> None:
    brain_alive = ended = False
    now = time.monotonic_ns()
    while not lifeline.cut(now):
        board.write("wire_beat_ns", now)
        _read_brain(board, wire, source, now)
        if not _read_main(board, wire, now):
            return
        beat = board.read("brain_beat_ns")
        if brain_alive and now - beat > BRAIN_SILENT_NS:
            wire.end_plan(now, "brain_silent")
        brain_alive = now - beat <= BRAIN_SILENT_NS
        wake = wire.step(now)
        board.write("heard", wire.heard)
        if not ended and isinstance(source, FileInput) and source.ended(now):
            ended = board.box("wire_to_brain").put(InputEnded())
        now = pacer.wait(wake)


def _read_brain(board: Board, wire: Wire, source: InputPort, now: int) -> None:
    for message in board.box("brain_to_wire").take():
        if isinstance(message, Hello):
            if isinstance(source, FileInput) and not board.read("file_start_ns"):
                board.write("file_start_ns", now + FILE_LEAD_NS)
                source.start(now + FILE_LEAD_NS)
            wire.greet(now)
        else:
            wire.take(message)  # type: ignore[arg-type]  # the brain sends plans and log entries


def _read_main(board: Board, wire: Wire, now: int) -> bool:
    """False when it is time to leave."""
    for message in board.box("main_to_wire").take():
        if isinstance(message, BrainGone):
            wire.end_plan(now, "brain_gone")
        elif isinstance(message, Stop):
            return False
    return True
