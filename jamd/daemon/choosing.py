"""Which model the brain plays with: the one that the settings name, or with a budget the largest that keeps it here."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jamd.config import Engine
from jamd.engine.budget import Candidate, Choice, Speed, choose, in_order
from jamd.engine.onnx_file import read_info
from jamd.engine.pace import Pace
from jamd.engine.session import Session
from jamd.engine.speed import measure
from jamd.music.messages import Report


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that is ready to play, and what its tokens are expected to take."""

    session: Session
    path: Path
    pace: Pace


def load_model(engine: Engine, tell: Callable[[Report], object], *, known: bool = False) -> Loaded:
    """The model that plays, warmed up; ModelError where there is none, or none keeps the budget.

    `known`: it was chosen before, and is the one that is named.
    """
    if known or not engine.budget_ms:
        return Loaded(load_named(engine), engine.path, Pace())
    named = engine.path if engine.model else None
    candidates = in_order([Candidate(path, read_info(path)) for path in at_hand(engine)], named)
    trials = _Trials(engine)
    choice = choose(candidates, engine.budget_ms, trials.measure)
    tell(Report(time.monotonic_ns(), "budget", _facts(choice, engine.budget_ms)))
    chosen = choice.chosen
    return Loaded(trials.session, chosen.candidate.path, Pace(int(chosen.speed.step_ms * 1e6)))


def at_hand(engine: Engine) -> Sequence[Path]:
    """The models that may play: the one that is named, and those that came with jamd; each once."""
    return [engine.path, *(path for path in engine.shipped if path.resolve() != engine.path.resolve())]


def load_named(engine: Engine, path: Path | None = None) -> Session:
    """The model that the settings name (or `path`), warmed up, however slow it is; ModelError where there is none."""
    return Session.load(path or engine.path, device=engine.device, threads=engine.threads)


class _Trials:
    """Loads one model after the other; holds the last, which is the one that is chosen."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """The one that was measured last."""
        if self._session is None:
            raise RuntimeError("nothing was measured")
        return self._session

    def measure(self, candidate: Candidate) -> Speed:
        """Its speed here."""
        self._session = None  # before the next one takes as much memory again
        self._session = load_named(self._engine, candidate.path)
        return measure(self._session)


def _facts(choice: Choice, budget_ms: float) -> dict[str, int | float | str | bool]:
    chosen, speed = choice.chosen, choice.chosen.speed
    return {
        "model": chosen.candidate.title,
        "budget_ms": budget_ms,
        "response_ms": round(speed.response_ms, 1),
        "tokens_s": round(speed.tokens_s),
        "left": ", ".join(map(str, choice.left)),
    }
