"""Main's work: starts the wire and the brain, watches them, replaces what dies, and stops them all."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from jamd.daemon import brain_start, wire
from jamd.daemon.bell import Bell
from jamd.daemon.board import Board
from jamd.daemon.diary import Diary
from jamd.daemon.osc import Osc
from jamd.daemon.signals import Signals
from jamd.daemon.words import BrainGone, Crashed, Failed, Finished, Go, Job, Stop, Up
from jamd.errors import JamdError
from jamd.music.actions import TABLE, Value
from jamd.music.messages import Report

MS = 1_000_000
LOOK_S = 0.05
"""How often main looks around when nothing wakes it; a child's death wakes it at once."""
WIRE_HUNG_NS, BRAIN_HUNG_NS = 500 * MS, 1000 * MS
"""Without a beat for so long a child is replaced (the wire ends the brain's plan by itself much sooner)."""
STOP_S = 0.8
"""What is left of the second within which everything is silent and closed."""
CRASHES, CRASH_WINDOW_NS = 5, 60_000 * MS
"""So many deaths within this time are no accident."""


@dataclass(frozen=True, slots=True)
class _WireProcess:
    """A wire that has everything loaded and waits for its word: that is how a spare is quick."""

    process: BaseProcess
    word: Connection

    def go(self, word: Go) -> None:
        """Lets it open the ports."""
        with contextlib.suppress(OSError):  # it has died: main will see
            self.word.send(word)


class Supervisor:
    """Owns the children and their lifetimes, and the board that they share."""

    def __init__(self, job: Callable[[str], Job], diary: Diary, signals: Signals, osc: Osc) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._diary, self._signals, self._osc = diary, signals, osc
        self._deaths: list[int] = []
        self._holds: dict[str, Value] = {}  # what people have set, as the wire says: its successor goes on from it
        self._up: set[str] = set()
        self._finished = False
        with signals.kept_from_children():  # the helper that cleans up shared memory is one too
            self._board = Board.create()
        self._job, self._bell = job(self._board.name), Bell()
        self._wire = self._start_wire()
        self._wire.go(Go())
        self._brain = self._start_brain()
        self._spare: _WireProcess | None = None

    def run(self) -> int:
        """Watches until a signal, the end of the input or a failure that cannot be mended; the exit code."""
        try:
            while not self._signals.count and not self._finished:
                wait([self._wire.process.sentinel, self._brain.sentinel, *self._osc.waits_on], LOOK_S)
                self._hand_on(time.monotonic_ns())
                self._read()
                self._watch(time.monotonic_ns())
        finally:
            self._stop()
        return 0

    # children

    def _start(self, name: str, body: Callable[..., None], *args: object) -> BaseProcess:
        process = self._context.Process(target=body, args=args, name=f"jamd-{name}", daemon=True)
        with self._signals.kept_from_children():
            process.start()
        return process

    def _start_brain(self) -> BaseProcess:
        return self._start("brain", brain_start.run, self._job, self._bell)

    def _start_wire(self) -> _WireProcess:
        theirs, ours = self._context.Pipe(duplex=False)
        process = self._start("wire", wire.run, self._job, theirs, self._bell)
        theirs.close()
        return _WireProcess(process, ours)

    def _watch(self, now: int) -> None:
        if self._signals.count:
            return  # whoever ends the whole session has told the children too
        if self._dead(self._wire.process, "wire_beat_ns", WIRE_HUNG_NS, now):
            self._replace_wire(now)
        if self._dead(self._brain, "brain_beat_ns", BRAIN_HUNG_NS, now):
            self._replace_brain(now)
        if self._spare is None and {"wire", "brain"} <= self._up:
            self._spare = self._start_wire()

    def _dead(self, process: BaseProcess, cell: str, limit_ns: int, now: int) -> bool:
        if not process.is_alive():
            return True
        beat = self._board.read(cell)
        return beat > 0 and now - beat > limit_ns

    def _replace_wire(self, now: int) -> None:
        _kill(self._wire.process)
        self._wire.word.close()
        self._read()  # its last words may be that there is no port to play to
        self._board.write("wire_beat_ns", 0)
        spare, self._spare = self._spare, None
        self._wire = spare if spare and spare.process.is_alive() else self._start_wire()
        self._wire.go(Go(time.monotonic_ns(), self._holds))  # after the old one's last word
        self._died("wire", now)

    def _replace_brain(self, now: int) -> None:
        _kill(self._brain)
        self._read()
        self._board.box("main_to_wire").put(BrainGone())
        self._board.write("brain_beat_ns", 0)
        self._died("brain", now)
        self._brain = self._start_brain()

    def _died(self, name: str, now: int) -> None:
        self._up.discard(name)
        self._diary.write(Report(now, "replaced", {"process": name}))
        self._deaths = [t for t in self._deaths if now - t < CRASH_WINDOW_NS] + [now]
        if len(self._deaths) > CRASHES:
            raise JamdError(f"the {name} keeps dying", "Run again with --events FILE.jsonl and look at its last lines.")

    # what they say

    def _read(self) -> None:
        for name in ("wire", "brain"):
            for message in self._board.box(f"{name}_to_main").take():
                if isinstance(message, Failed):
                    raise message.error
                if isinstance(message, Crashed):
                    self._crashed(message)
                elif isinstance(message, Up):
                    self._up.add(message.process)
                    self._job = self._job.keeping_to(message.model) if message.model else self._job
                    self._tell(message.report(time.monotonic_ns()))
                elif isinstance(message, Finished):
                    self._finished = True
                elif isinstance(message, Report):
                    self._tell(message)

    def _tell(self, report: Report) -> None:
        if report.what == "action" and TABLE[str(report.facts["name"])].settable:
            self._holds[str(report.facts["name"])] = report.facts["value"]
        self._diary.write(report)
        self._osc.tell(report)

    def _hand_on(self, now: int) -> None:
        """What other programs ask for goes the way of the performer's own controls: through the wire."""
        for action in self._osc.actions(now):
            self._board.box("main_to_wire").put(action)
        if (trouble := self._osc.trouble(now)) is not None:
            self._diary.write(trouble)

    def _crashed(self, message: Crashed) -> None:
        if message.process not in self._up:  # so would the next one
            raise JamdError(f"the {message.process} cannot start:\n{message.why}", "Please report it.")
        facts = {"process": message.process, "why": message.why}
        self._diary.write(Report(time.monotonic_ns(), "crashed", {**facts}))

    # the end

    def _stop(self) -> None:
        """Silence first: the wire is asked, and given its time; a second signal insists."""
        spares = [self._spare] if self._spare else []
        for box in ("main_to_wire", "main_to_brain"):
            self._board.box(box).put(Stop())
        for waiting in (self._wire, *spares):
            waiting.word.close()
        asked, deadline = self._signals.count, time.monotonic() + STOP_S
        while self._wire.process.is_alive() and time.monotonic() < deadline and self._signals.count == asked:
            self._wire.process.join(LOOK_S)
        for process in (self._wire.process, self._brain, *(spare.process for spare in spares)):
            _kill(process)
        try:
            self._read()
        except JamdError as error:
            self._diary.write(Report(time.monotonic_ns(), "failed", {"error": str(error)}))
        self._diary.close()
        self._bell.close()
        self._board.close()


def _kill(process: BaseProcess) -> None:
    if process.is_alive():
        process.kill()
    process.join(1.0)
