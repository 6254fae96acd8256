"""How late notes are played: a real wire process, whose brain is this one, plays a plan under different loads."""

from __future__ import annotations

import contextlib
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from jamd.bench.apart import beside, endless
from jamd.bench.figures import Figures, Unavailable, spread
from jamd.bench.tune import silent_file
from jamd.config import Midi, Settings
from jamd.daemon import wire
from jamd.daemon.board import Board
from jamd.daemon.words import Failed, Hello, Job, Stop, Up
from jamd.engine.session import Session
from jamd.music.messages import Report, Welcome
from jamd.music.plan import Plan, PlannedNote

MS = 1_000_000
GAP_NS = 5 * MS
LEAD_NS = 500 * MS
"""The plan stands so long before its first note."""
HOUR_NS = 3_600_000 * MS
START_S, STOP_S, LOOK_S = 20.0, 5.0, 0.1
SETTLE_S = 1.5
"""A load has begun by then."""


def lateness(settings: Settings, model: Path, seconds: float) -> Figures:
    """Milliseconds by which notes are late, alone and under each load."""
    loads: dict[str, AbstractContextManager[None]] = {
        "alone": nullcontext(),
        "inference": beside(infer, model, settings.engine.device, settings.engine.threads),
        "python": beside(spin),
    }
    found: Figures = {}
    with tempfile.TemporaryDirectory(prefix="jamd-bench-") as folder:
        for name, load in loads.items():
            with load:
                time.sleep(SETTLE_S if name != "alone" else 0.0)
                late_ms, found["realtime"] = play(settings, Path(folder), int(seconds * 1e9) // GAP_NS)
            found[name] = spread(late_ms)
    return found


NOBODY = Welcome(0, "", "", 0, "", "")
"""A brain that is none."""


def infer(model: Path, device: str, threads: int) -> None:
    """A load: a brain that never stops."""
    session = Session.load(model, device, threads)
    endless(lambda: session.step(0))


def spin() -> None:
    """A load: pure Python."""
    endless(lambda: sum(range(10_000)))


def play(settings: Settings, folder: Path, notes: int) -> tuple[list[float], bool]:
    """The lateness of each of so many notes, and whether the wire has real-time priority."""
    midi = replace(Midi(), in_=f"file:{silent_file(folder)}", out=f"file:{folder / 'out.mid'}")
    plain = Settings(midi=midi, player=settings.player)  # clocks, charts and bindings have nothing to do here
    with _board() as board, _wire(Job(board.name, plain, 1, None)) as process:
        up = _wait(board, process)
        now = time.monotonic_ns()
        board.write("brain_beat_ns", now + HOUR_NS)  # this brain is not going to die
        board.box("brain_to_wire").put(Hello(NOBODY))
        board.box("brain_to_wire").put(_plan(now + LEAD_NS, notes))
        told = _reports(board, (LEAD_NS + notes * GAP_NS) / 1e9 + STOP_S)
        board.box("main_to_wire").put(Stop())
        process.join(STOP_S)
    return [float(m.facts["late_ms"]) for m in told if m.what in ("note_out", "late")], bool(up.facts["realtime"])


def _plan(first_ns: int, notes: int) -> Plan:
    dues = range(first_ns, first_ns + notes * GAP_NS, GAP_NS)
    played = (PlannedNote(due, due + GAP_NS // 2, 48 + i % 24, 64) for i, due in enumerate(dues))
    return Plan(0, first_ns, tuple(played), final=True, yields=False)


def _reports(board: Board, seconds: float) -> list[Report]:
    """What the wire says until its plan has been played, but no longer."""
    told, deadline = list[Report](), time.monotonic() + seconds
    while time.monotonic() < deadline and not any(report.what == "answer_end" for report in told):
        time.sleep(LOOK_S)
        told += [m for m in board.box("wire_to_main").take() if isinstance(m, Report)]
    return told


def _wait(board: Board, process: multiprocessing.process.BaseProcess) -> Up:
    """What the wire says when it is up; its own error where it fails."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.is_alive():
        for message in board.box("wire_to_main").take():
            if isinstance(message, Failed):
                raise message.error
            if isinstance(message, Up):
                return message
        time.sleep(0.01)
    raise Unavailable("the wire process does not start")


@contextlib.contextmanager
def _board() -> Iterator[Board]:
    board = Board.create()
    try:
        yield board
    finally:
        board.close()


@contextlib.contextmanager
def _wire(job: Job) -> Iterator[multiprocessing.process.BaseProcess]:
    context = multiprocessing.get_context("spawn")
    theirs, ours = context.Pipe(duplex=False)
    process = context.Process(target=wire.run, args=(job, theirs), name="jamd-wire", daemon=True)
    process.start()
    theirs.close()
    ours.send(0)
    try:
        yield process
    finally:
        process.kill()
        process.join()
        ours.close()
