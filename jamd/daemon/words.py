"""What main and its children say to each other: plain frozen data."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from jamd.config import Settings
from jamd.errors import JamdError
from jamd.music.actions import Value
from jamd.music.messages import Report, Welcome
from jamd.music.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Job:
    """All that a child needs to begin: handed to it when it is started."""

    board: str
    settings: Settings
    seed: int
    log: Path | None
    """Where the wire records the jam; None: it does not."""
    chosen: bool = False
    """Whether the model was chosen by a brain before: it is not chosen again."""

    def keeping_to(self, model: Path) -> Job:
        """The same for whoever takes over: a jam keeps to its model, however fast the machine is then."""
        return replace(self, settings=self.settings.with_options(engine_model=str(model)), chosen=True)


@dataclass(frozen=True, slots=True)
class Go:
    """To a wire that has everything loaded: open the ports."""

    died_ns: int = 0
    """When its predecessor was found dead; 0: this is the first."""
    holds: Mapping[str, Value] = field(default_factory=dict)
    """What people had set by then."""


@dataclass(frozen=True, slots=True)
class Up:
    """From a child: it is ready, and what it runs on."""

    process: str
    facts: dict[str, int | float | str | bool] = field(default_factory=dict)
    pid: int = field(default_factory=os.getpid)
    model: Path | None = None
    """From a brain: what it plays with; so does the next one, however fast the machine is then."""

    def report(self, now: int) -> Report:
        """The same, for people."""
        return Report(now, "ready", {"process": self.process, "pid": self.pid, **self.facts})


@dataclass(frozen=True, slots=True)
class Failed:
    """From a child: it cannot go on; the error is for the person at the screen."""

    process: str
    error: JamdError


@dataclass(frozen=True, slots=True)
class Crashed:
    """From a child: it failed by a fault of ours; another may do better, unless it never was ready."""

    process: str
    why: str


@dataclass(frozen=True, slots=True)
class Stop:
    """To a child: silence, close, leave."""


@dataclass(frozen=True, slots=True)
class BrainGone:
    """To the wire: the brain is gone; what it planned ends now."""


@dataclass(frozen=True, slots=True)
class Hello:
    """From the brain to a wire that is new to it: plans from here on are for you; tell me where the beats are."""

    welcome: Welcome
    """What it wants to be told before all else."""
    timeline: Timeline | None = None
    """The last one that it knows; ticks go on from there."""


@dataclass(frozen=True, slots=True)
class Finished:
    """From the brain to main: the input has ended and everything was answered."""
