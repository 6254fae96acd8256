"""A whole jam on a fake clock: the real wire, joint, brain and recorder, whose steps come when they come."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jamd.config import Settings
from jamd.daemon.bell import Bell
from jamd.daemon.board import Board
from jamd.daemon.brain import Brain
from jamd.daemon.clocks import make_conductor
from jamd.daemon.played import facts
from jamd.daemon.rooms import manners
from jamd.daemon.wire import Joint, wire_settings
from jamd.daemon.words import BrainGone
from jamd.engine.improviser import Improviser
from jamd.engine.pace import Pace
from jamd.engine.partner import Partner
from jamd.engine.sampling import Sampler
from jamd.midi.ledger import Ledger
from jamd.midi.pacing import Wake
from jamd.midi.port_types import NullOutput
from jamd.midi.recorder import FileRecorder
from jamd.midi.wire import Wire
from jamd.music.actions import Action
from jamd.music.messages import PlanEnded, Report, Welcome
from jamd.remi.grammar import Bounds
from jamd.replay.brain import NewPartner, Send
from tests.engine.fakes import FakeSession
from tests.midi.doubles import MS, ScriptedInput

START = 1_000_000 * MS + 123_457
SEED = 5
TOKEN_NS = 7 * MS
"""What a brain expects of its model: another than any."""


def settings(**options: Any) -> Settings:
    return Settings().with_options(**options)


def partner_of(chosen: Settings, session: Callable[[], FakeSession] = FakeSession) -> NewPartner:
    """Makes partners on a session without a model."""

    def partner(send: Send, welcome: Welcome, tell: Callable[[Report], object] = lambda report: None) -> Partner:
        sampler = Sampler(chosen.sampling.temperature, chosen.sampling.top_p, 0.0, SEED)
        improviser = Improviser(session(), sampler, Bounds(metre=False, tempo=False))
        return Partner(improviser, manners(chosen), send, tell, Pace(welcome.token_ns))

    return partner


class Gig:
    """What happens is given with its millisecond; `seed` decides when the processes step, and how slow they are."""

    def __init__(self, folder: Path, chosen: Settings, seed: int = 0, slow_ms: int = 4) -> None:
        self.log = folder / "jam.jsonl"
        self.settings, self._random, self._slow_ms = chosen, random.Random(seed), slow_ms
        self.board = Board.create()
        self.reports: list[Report] = []
        self.now = self._next_wire = self._next_brain = START
        self._script: list[tuple[int, bytes]] = []
        self._asked: list[tuple[int, Action]] = []
        self._fatal = False
        self._bell = Bell()
        self._brains, self._ledger = 0, bytearray(len(self.board.ledger))
        self._start_wire()
        self._start_brain()

    def give(self, *happenings: tuple[int, bytes]) -> None:
        """MIDI messages, each at its millisecond."""
        self._input.script += [(START + at * MS + 777, data) for at, data in happenings]

    def ask(self, at_ms: int, name: str, value: float | str | None = None) -> None:
        """An action that comes through main."""
        self._asked.append((START + at_ms * MS, Action(0, name, value)))

    def run(self, until_ms: int) -> None:
        """Time passes; both processes step when they come to it."""
        while self.now < START + until_ms * MS:
            self.now = min(self._next_wire, self._next_brain)
            if self.now == self._next_wire:
                self._step_wire()
            else:
                self._look()

    def end(self) -> Path:
        """The wire leaves, and the log is whole."""
        self.wire.close(self.now)
        self._bell.close()
        self.board.close()
        return self.log

    # the processes

    def _start_wire(self, died_ns: int = 0) -> None:
        self._input = ScriptedInput()
        self.recorder = FileRecorder(self.log, lambda: facts(self.settings, SEED), self.board.read("heard"))
        self.wire = Wire(
            wire_settings(self.settings, same=False),
            self._input,
            NullOutput(),
            Ledger(self._ledger),
            self.recorder,
            self.board.box("wire_to_brain").put,
            self.reports.append,
            conductor=make_conductor(self.settings, self._input, None, self.reports.append, goes_on=died_ns > 0),
            heard=self.board.read("heard"),
        )
        self._joint = Joint(self.board, self.wire, self._input, self._bell)
        self._wake = Wake(self.now, False, MS)
        self.wire.start(self.now)
        if died_ns:
            self.wire.tell(PlanEnded(died_ns, deaf=True))

    def kill(self, who: str) -> None:
        """The wire or the brain dies, and another comes; or the brain stalls longer than the wire waits for it.

        A `writer` is a wire that dies when it has written down what the brain has said, and not yet said so.
        """
        if who == "wire":
            self._kill_wire()
        elif who == "writer":
            self._fatal = True
        elif who == "brain":
            self.board.box("main_to_wire").put(BrainGone())
            self._start_brain()
            self._next_brain = self.now + 40 * MS
        else:
            self._next_brain = self.now + 250 * MS

    def _kill_wire(self) -> None:
        """What it has not written is lost; what it has not done with is still in its mailbox."""
        os.close(self.recorder._file)
        self.board.box("brain_to_wire")._seen = 0
        script, died_ns = self._input.script, self.now
        self.now = self._next_wire = self.now + 50 * MS
        self._start_wire(died_ns)
        self._input.script = [(at, data) for at, data in script if at > self.now]

    def _start_brain(self) -> None:
        self._brains += 1
        make, put = partner_of(self.settings), self.board.box("brain_to_wire").put
        welcome = Welcome(self.now + self._brains, "fake.onnx", "fake", TOKEN_NS, "cpu", "")
        self.brain = Brain(
            lambda send: make(send, welcome, self.reports.append),  # type: ignore[call-arg]
            put,
            welcome,
        )

    def _step_wire(self) -> None:
        if self.now < self._wake.at_ns and not self._joint.called(self.now):
            self._next_wire = min(self.now + self._wake.look_ns, self._wake.at_ns) + self._random.randrange(MS // 10)
            return
        while self._asked and self._asked[0][0] <= self.now:
            self.wire.take(self._asked.pop(0)[1])
        self._joint.step(self.now)
        self._wake = self.wire.step(self.now)
        box = self.board.box("brain_to_wire")
        if self._fatal and self.wire.settled and box._seen > box._indices[1]:
            self._fatal = False
            self._kill_wire()
            return
        self._joint.done()
        self.board.write("heard", self.wire.heard)
        late = 40 * MS if self._random.random() < 0.003 else self._random.randrange(1, 2 * MS)
        self._next_wire = min(self.now + self._wake.look_ns, max(self._wake.at_ns, self.now)) + late

    def _look(self) -> None:
        self.board.write("brain_beat_ns", self.now)
        clock = lambda: self.now + self._random.randrange(MS)  # noqa: E731
        busy = self.brain.look(self.board.box("wire_to_brain").take(), clock)
        took = self._random.randrange(MS // 2, self._slow_ms * MS) if busy else 2 * MS
        self._next_brain = self.now + took + self._random.randrange(1, MS)
