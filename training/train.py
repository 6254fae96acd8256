"""The training loop: may be killed at any moment, and goes on to the same curve."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from jamd.errors import ConfigError, ModelError
from jamd.remi.vocabulary import PAD, SIZE
from training import checkpoint, curves, schedule, validation
from training.architecture import build, config_of, lanes_for, name_of
from training.batches import STOP, Cache, Lanes, Title
from training.checkpoint import BEST, HOLD, LAST, Checkpoint
from training.distributed import Alone, merged
from training.metrics import NOTHING, Metrics, NoMetrics
from training.model import Memory, parameters_of
from training.optimizer import computes_in_bf16, optimizer_of
from training.settings import Settings, TrainSettings

RANK_SEEDS = 1_000_003
"""Between the seeds of two processes: more than anyone's own seeds differ."""


@dataclass(slots=True)
class Counters:
    """How far the run is. Written by Trainer alone."""

    step: int = 0
    tokens: int = 0
    best_loss: float = math.inf
    best_bits_per_note: float = math.inf
    best_step: int = 0
    stale: int = 0
    """Validations since the best one."""
    decaying: bool = False
    """The learning rate has begun to fall, and HOLD is written."""
    skipped: float = 0.0
    """The share of the schedule that was left out, because holding the rate no longer helped."""
    losses: list[float] = field(default_factory=list)
    """Of the steps since the last line."""
    line_tokens: int = 0
    line_seconds: float = 0.0


class Trainer:
    """Owns everything a run changes: weights, optimizer, memory, lanes, counters, stopwatch.

    `now` gives seconds; it is called between steps only.
    """

    def __init__(
        self,
        settings: Settings,
        cache: Cache,
        out: Path,
        now: Callable[[], float],
        say: Callable[[str], None],
        group: Alone | None = None,
    ) -> None:
        self.settings, self._cache, self._out, self._group = settings, cache, out, group or Alone()
        self._now: Callable[[], float] = lambda: self._group.first(now())
        self._say = say if self._group.writes else lambda line: None
        train = settings.train
        if train.threads:
            torch.set_num_threads(train.threads)
        torch.manual_seed(train.seed)
        self._device = self._group.device(train.device)
        self._bf16 = train.amp == "bf16" or (train.amp == "auto" and computes_in_bf16(self._device))
        self.config = config_of(settings.model, SIZE)
        self.model = build(self.config).to(self._device)
        self._learner = self._group.wrapped(self.model)
        self._optimizer = optimizer_of(self.model, train)
        if self._group.rank:  # the same weights as the first process, other dropout
            torch.manual_seed(train.seed + RANK_SEEDS * self._group.rank)
        self._lanes = self._lanes_of(cache.train(), self.model.segment)
        self._stopping = self._stopping_half()
        self._batches = iter(self._lanes)
        self._memory: Memory | None = None
        self.counters, self.watch = Counters(), schedule.Stopwatch()
        self._metrics = Metrics(out) if self._group.writes else NoMetrics(out)

    def _lanes_of(self, titles: Sequence[Title], length: int, *, endless: bool = True) -> Lanes:
        lanes = lanes_for(self.settings, length)
        seed, mine = self.settings.train.seed, self._group.share(lanes)
        return Lanes(self._cache, titles, lanes, length, seed=seed, endless=endless, mine=mine)

    def _stopping_half(self) -> list[Title]:
        """What validation hears; ConfigError, before a step is made, where there is nothing."""
        train, titles = self.settings.train, self._cache.valid(STOP)
        if not titles:
            raise ConfigError(
                f'No piece of the cache is in the half "{STOP}" of the validation part, which decides when to stop.',
                "Prepare more pieces or sets (python -m training prepare --help): a group's name decides its half.",
            )
        return validation.excerpt(titles, train.valid_tokens, train.valid_piece_tokens)

    def begin(self, weights: Mapping[str, Any] | None = None, where: str = "the model") -> None:
        """Begins a new run, with these weights where there are any; ModelError when they are of another model."""
        self._metrics.rewind(NOTHING)  # an attempt that was killed before it saved has left some
        if weights is None:
            return
        try:
            self.model.load_state_dict(weights)
        except RuntimeError as error:
            raise ModelError(f"{where} is no {name_of(self.config)} of this size.", "Leave out --config.") from error

    def run(self, stopped: Callable[[], bool]) -> None:
        """Trains until the schedule's end, until nothing gets better, or until `stopped()`; then saves."""
        self._announce()
        self._skip_the_hold()
        self.watch.start(self._now())
        while not self.finished and not self._group.total(stopped())[0]:
            self._keep_hold()
            self.step()
            self._after_step()
        if self.finished and self.counters.losses:
            self._log()
        if self.finished and self.counters.step % self.settings.train.valid_every:
            self.validate()
        self.save()
        self._draw()
        how = "finished" if self.finished else "stopped"
        best = f"; best at step {self.counters.best_step}, in {BEST}" if self.counters.best_step else ""
        self._say(f"{how} at step {self.counters.step}, saved in {self._out}{best}")

    @property
    def fraction(self) -> float:
        """How much of the schedule is done."""
        return fraction_of(self.settings.train, self.counters, self.watch.elapsed)

    @property
    def finished(self) -> bool:
        """True when there is nothing left to do."""
        return self.fraction >= 1 or self._out_of_patience

    @property
    def _out_of_patience(self) -> bool:
        patience = self.settings.train.patience
        return patience > 0 and self.counters.stale >= patience

    @property
    def _mem_len(self) -> int:
        train, mem_len = self.settings.train, self.settings.model.longest_memory
        return min(train.short_mem_len, mem_len) if self.fraction < train.short_share else mem_len

    def _keep_hold(self) -> None:
        """Where the learning rate begins to fall, keeps the run as it is: given more time, it goes on from here."""
        if schedule.decays(self.settings.train, self.fraction) and not self.counters.decaying:
            self.save(HOLD)
            self.counters.decaying = True

    def _skip_the_hold(self) -> None:
        """Out of patience while the rate is held: it begins to fall now, which nearly always helps once more."""
        train, fraction = self.settings.train, self.fraction
        if self._out_of_patience and train.decay_share and not schedule.decays(train, fraction):
            self.counters.skipped += 1 - train.decay_share - fraction
            self.counters.stale = 0
            self._say(f"step {self.counters.step}  nothing gets better: the learning rate begins to fall now")

    def step(self) -> float:
        """One segment of every lane; returns its loss. ModelError when it is not a number any more."""
        train = self.settings.train
        self._optimizer.rate = schedule.learning_rate(train, self.counters.step, self.fraction)
        loss, tokens = self.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), train.clip)
        self._optimizer.step()
        return self._counted(loss, tokens)

    def backward(self) -> tuple[float, int]:
        """Leaves the gradient of the next segment of every lane, of all processes; returns loss and target tokens.

        The loss is the mean over the targets of all processes, however unevenly padding shares them out.
        """
        batch = next(self._batches)
        tokens = int(self._group.total(int((batch.targets != PAD).sum()))[0])
        batch = batch.to(self._device)
        memory = self._memory.newest(self._mem_len).reset(batch.starts) if self._memory else None
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            logits, self._memory = self._learner(batch.tokens, memory)
        loss = validation.token_loss(logits, batch.targets, "sum") / max(tokens, 1)
        torch.autograd.backward(loss * self._group.size)  # of which DDP takes the mean
        return self._group.total(loss.item())[0], tokens

    def _counted(self, loss: float, tokens: int) -> float:
        if not math.isfinite(loss):
            raise ModelError(
                f"The loss is {loss} at step {self.counters.step}.",
                "The last save is sound: resume with a lower --lr.",
            )
        self.counters.step += 1
        self.counters.tokens += tokens
        self.counters.line_tokens += tokens
        self.counters.losses.append(loss)
        self.counters.line_seconds += self.watch.step(self._now())
        return loss

    def _after_step(self) -> None:
        train, step = self.settings.train, self.counters.step
        if step % train.log_every == 0:
            self._log()
        if step % train.valid_every == 0:
            self.validate()
            self._skip_the_hold()
        if step % train.save_every == 0 or step % train.valid_every == 0:
            self.save()  # first: BEST without the LAST that goes with it should not last
        if step % train.valid_every == 0:
            self._draw()
        self.watch.other(self._now())

    def _log(self) -> None:
        counters, elapsed = self.counters, self.watch.elapsed
        loss = sum(counters.losses) / len(counters.losses)
        rate = counters.line_tokens / max(counters.line_seconds, 1e-9)
        left = elapsed / self.fraction - elapsed if self.fraction else math.inf
        self._metrics.write(
            step=counters.step, tokens=counters.tokens, elapsed=round(elapsed, 1),
            loss=loss, lr=self._optimizer.rate,
            tokens_per_s=round(rate), epoch=round(self._lanes.epoch, 3),
        )  # fmt: skip
        self._say(f"step {counters.step}  loss {loss:.4f}  {rate:,.0f} tokens/s  {spoken(left)} left")
        counters.losses, counters.line_tokens, counters.line_seconds = [], 0, 0.0

    def score(self) -> validation.Score:
        """Scores the stopping half, and leaves no trace."""
        lanes = self._lanes_of(self._stopping, self.model.stride, endless=False)
        mine = validation.score(self.model, lanes, self._device, bf16=self._bf16)
        nats, tokens, notes = self._group.total(mine.nats, mine.tokens, mine.notes)
        return validation.Score(nats, int(tokens), int(notes))

    def validate(self) -> validation.Score:
        """Scores the stopping half; a new best is written to BEST."""
        counters, score = self.counters, self.score()
        self._metrics.write(
            step=counters.step, tokens=counters.tokens, elapsed=round(self.watch.elapsed, 1),
            valid_loss=score.loss, bits_per_note=score.bits_per_note,
        )  # fmt: skip
        better = score.loss < counters.best_loss
        counters.stale = 0 if better else counters.stale + 1
        if better:
            counters.best_loss, counters.best_step = score.loss, counters.step
            counters.best_bits_per_note = score.bits_per_note
            self._write(self.snapshot(), BEST)
        self._say(
            f"step {counters.step}  valid {score.loss:.4f}  {score.bits_per_note:.3f} bits/note"
            f"{'  best so far' if better else ''}"
        )
        return score

    def save(self, name: str = LAST) -> None:
        """Writes LAST (or HOLD): all that is needed to go on as if nothing had happened."""
        memory, gathered = self._memory, self._group.gathered
        on_gpu = self._device.type == "cuda"
        state = {
            "optimizer": self._optimizer.state(),
            "memory": memory and {"hidden": [gathered(h) for h in memory.hidden], "valid": gathered(memory.valid)},
            "rng": gathered(torch.get_rng_state()[None]),
            "rng_cuda": gathered(torch.cuda.get_rng_state(self._device)[None]) if on_gpu else [],
            "lanes": self._lanes.state(),
            "cache": digest_of(self._cache),
            "counters": dataclasses.asdict(self.counters),
            "elapsed": self.watch.elapsed,
        }
        self._write(self.snapshot(state), name)

    def _write(self, held: Checkpoint, name: str) -> None:
        if self._group.writes:
            checkpoint.save(held, self._out / name)

    def _draw(self) -> None:
        if self._group.writes:
            curves.draw([self._out], self._out / curves.PICTURE)

    def snapshot(self, training: dict[str, Any] | None = None) -> Checkpoint:
        """The model as it stands, with its card; the weights go on changing with it."""
        counters = self.counters
        card = {
            "step": counters.step,
            "tokens": counters.tokens,
            "hours": self.watch.elapsed / 3600,
            "parameters": parameters_of(self.model),
            "valid_loss": counters.best_loss,
            "bits_per_note": counters.best_bits_per_note,
            "best_step": counters.best_step,
            "settings": dataclasses.asdict(self.settings),
            "sources": self._cache.manifest.get("sources", []),
            "cache_settings": self._cache.manifest.get("settings", {}),
        }
        return Checkpoint(self.config, self.model.state_dict(), card, training)

    def restore(self, held: Checkpoint) -> None:
        """Goes on where a checkpoint stands; ConfigError when it was made with another cache.

        By as many processes as before: to the same curve. By more or fewer: with other dropout in some of them.
        """
        state = held.training
        if state is None:
            raise ModelError("The checkpoint holds weights only.", f"Resume from {LAST}.")
        if state["cache"] != digest_of(self._cache):
            raise ConfigError("The run was made with another cache.", "Name the one it began with.")
        self.model.load_state_dict(held.weights)
        self._optimizer.restore(state["optimizer"])
        if state["memory"]:
            mine = self._group.share(len(state["memory"]["valid"]))
            of_lanes = slice(mine.start, mine.stop)
            hidden = tuple(h[of_lanes].to(self._device) for h in state["memory"]["hidden"])
            self._memory = Memory(hidden, state["memory"]["valid"][of_lanes].to(self._device))
        self._lanes.restore(state["lanes"])
        self.counters, self.watch.elapsed = Counters(**state["counters"]), state["elapsed"]
        self._metrics.rewind(self.counters.step)
        self._restore_rng(state["rng"], torch.set_rng_state)
        if self._device.type == "cuda" and len(state["rng_cuda"]):
            self._restore_rng(state["rng_cuda"], lambda rng: torch.cuda.set_rng_state(rng, self._device))

    def _restore_rng(
        self, states: Sequence[torch.Tensor] | torch.Tensor, restore: Callable[[torch.Tensor], None]
    ) -> None:
        of_all = merged(states)
        if self._group.rank < len(of_all):
            restore(of_all[self._group.rank].clone())  # torch fails on a view into a larger tensor

    def _announce(self) -> None:
        processes = f"{self._group.size} processes, " if self._group.size > 1 else ""
        self._say(
            f"{name_of(self.config)}, {parameters_of(self.model):,} parameters, {'bf16' if self._bf16 else 'fp32'}, "
            f"{self._device}, {processes}{torch.get_num_threads()} threads, from step {self.counters.step}, {self._out}"
        )


def fraction_of(train: TrainSettings, counters: Counters, elapsed: float) -> float:
    """How much of the schedule is done, what was left out of it included."""
    done = schedule.fraction_done(train, counters.step, elapsed, counters.tokens)
    return min(done + counters.skipped, 1.0)


def digest_of(cache: Cache) -> str:
    """Names the pieces of a cache and their places."""
    return hashlib.sha256(json.dumps(cache.manifest["pieces"], sort_keys=True).encode()).hexdigest()[:16]


def spoken(seconds: float) -> str:
    """A duration for people: `2 h 05 min`."""
    if not math.isfinite(seconds):
        return "unknown time"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min"
