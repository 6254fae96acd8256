"""How far a run is, and the learning rate that belongs there; by steps, by tokens, by hours of training."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from jamd.errors import ConfigError
from training.settings import TrainSettings

PAUSE_FACTOR = 10
"""A step that takes this many times the usual one was a pause (SIGSTOP, a sleeping machine), not training."""


def fraction_done(train: TrainSettings, step: int, elapsed: float, tokens: int = 0) -> float:
    """0 at the start, 1 at the end; `elapsed` is in seconds. ConfigError when nothing names an end."""
    if not train.max_steps and not train.hours and not train.max_tokens:
        raise ConfigError("Nothing says when the run ends.", "Give --hours, --max-steps or --max-tokens.")
    by_steps = step / train.max_steps if train.max_steps else 0.0
    by_tokens = tokens / train.max_tokens if train.max_tokens else 0.0
    by_time = elapsed / (train.hours * 3600) if train.hours else 0.0
    return min(max(by_steps, by_tokens, by_time), 1.0)


def learning_rate(train: TrainSettings, step: int, fraction: float) -> float:
    """Linear warm-up over `warmup_steps`, then `lr`, then 1 - sqrt down to `lr * final_lr` over the last `decay_share`.

    Hägele et al. 2024 ("Scaling laws and compute-optimal training beyond fixed training durations"): as good as a
    cosine, and a run that is given more time simply holds its rate for longer.
    """
    warm = min((step + 1) / train.warmup_steps, 1.0) if train.warmup_steps else 1.0
    if not decays(train, fraction):
        return train.lr * warm
    done = (fraction - (1 - train.decay_share)) / train.decay_share
    return train.lr * warm * (1 - (1 - train.final_lr) * math.sqrt(done))


def decays(train: TrainSettings, fraction: float) -> bool:
    """True in the last part of the schedule, where the rate falls."""
    return train.decay_share > 0 and fraction >= 1 - train.decay_share


@dataclass(slots=True)
class Stopwatch:
    """Adds up seconds of training; it is told the time and knows no clock."""

    elapsed: float = 0.0
    _last: float | None = field(default=None)
    _usual: float = field(default=math.inf)

    def step(self, now: float) -> float:
        """A step ended; returns the seconds counted for it. The first after a start is counted whole."""
        took = min(self._lap(now), PAUSE_FACTOR * self._usual)
        self.elapsed += took
        self._usual = min(took, self._usual * 1.1)
        return took

    def other(self, now: float) -> None:
        """Something else ended that belongs to the run, such as a validation."""
        self.elapsed += self._lap(now)

    def start(self, now: float) -> None:
        """Time runs from here."""
        self._last = now

    def _lap(self, now: float) -> float:
        took = 0.0 if self._last is None else now - self._last
        self._last = now
        return took
