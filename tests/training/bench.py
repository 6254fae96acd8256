"""Tiny runs of the training loop on a tiny cache, with a clock of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.training.tiny import common_cache, config_file
from training import settings
from training.metrics import Metrics
from training.run import train
from training.train import Trainer


class Killed(Exception):
    """Stands for SIGKILL: nothing is saved after it."""


class Bench:
    """A tiny cache and config in a folder, and runs upon them."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder, self.cache = folder, common_cache(folder / "cache")
        self.config = settings.load(str(config_file(folder / "tiny.toml", **changes)))
        self.seconds = 0.0

    def now(self) -> float:
        """A clock that ticks a second each time it is read."""
        self.seconds += 1
        return self.seconds

    def train(
        self,
        run: str,
        *,
        resume: bool = False,
        init: Path | None = None,
        stopped: Callable[[], bool] = lambda: False,
        **options: Any,
    ) -> tuple[Trainer, list[str]]:
        """A run in the folder of this name, and what it said. `resume`: without a config, as one would."""
        chosen = None if resume else self.config
        said: list[str] = []
        trainer = train(
            chosen, options, self.cache, self.folder / run,
            resume=resume, init=init, stopped=stopped, say=said.append, now=self.now,
        )  # fmt: skip
        return trainer, said

    def losses(self, run: str) -> dict[float, float]:
        """Step -> loss, as the run's metrics say."""
        return {line["step"]: line["loss"] for line in Metrics(self.folder / run).lines() if "loss" in line}


def kill_at(step: int) -> Callable[[], bool]:
    calls = iter(range(1000))

    def stopped() -> bool:
        if next(calls) == step:
            raise Killed
        return False

    return stopped


def stop_at(step: int) -> Callable[[], bool]:
    calls = iter(range(1000))
    return lambda: next(calls) >= step
