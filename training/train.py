"""The training loop: may be killed at any moment, and goes on to the same curve. One process, CPU or CUDA."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from jamd.errors import ConfigError, ModelError
from jamd.remi.vocabulary import PAD, SIZE
from training import checkpoint, schedule, validation
from training.batches import STOP, Cache, Lanes
from training.checkpoint import BEST, LAST, Checkpoint
from training.metrics import Metrics
from training.model import Memory, ModelConfig, TransformerXL, parameters_of
from training.settings import Settings, TrainSettings, from_tables, overridden

BELONGS_TO_THE_RUN = ("batch", "seed", "device", "valid_tokens", "valid_piece_tokens")
"""Settings that a resumed run keeps: the curve, the memory or the measure would be another's."""


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
    ) -> None:
        self.settings, self._cache, self._out, self._now, self._say = settings, cache, out, now, say
        train, sizes = settings.train, settings.model
        if train.threads:
            torch.set_num_threads(train.threads)
        torch.manual_seed(train.seed)
        self._device = torch.device(train.device)
        self._bf16 = train.amp == "bf16" or (train.amp == "auto" and computes_in_bf16(self._device))
        self.config = ModelConfig(**dataclasses.asdict(sizes), vocab_size=SIZE)
        self.model = TransformerXL(self.config).to(self._device)
        self._optimizer = optimizer_of(self.model, train)
        self._lanes = Lanes(cache, cache.train(), train.batch, sizes.tgt_len, seed=train.seed)
        self._memory: Memory | None = None
        self.counters, self.watch = Counters(), schedule.Stopwatch()
        self._metrics = Metrics(out)

    def run(self, stopped: Callable[[], bool]) -> None:
        """Trains until the schedule's end, until nothing gets better, or until `stopped()`; then saves."""
        self._announce()
        self.watch.start(self._now())
        while not self.finished and not stopped():
            self.step()
            self._after_step()
        if self.finished and self.counters.losses:
            self._log()
        if self.finished and self.counters.step % self.settings.train.valid_every:
            self.validate()
        self.save()
        how = "finished" if self.finished else "stopped"
        self._say(f"{how} at step {self.counters.step}, saved in {self._out}")

    @property
    def fraction(self) -> float:
        """How much of the schedule is done."""
        return schedule.fraction_done(self.settings.train, self.counters.step, self.watch.elapsed)

    @property
    def finished(self) -> bool:
        """True when there is nothing left to do."""
        patience = self.settings.train.patience
        return self.fraction >= 1 or (patience > 0 and self.counters.stale >= patience)

    @property
    def _mem_len(self) -> int:
        short = self.fraction < self.settings.train.short_share
        return min(self.settings.train.short_mem_len, self.config.mem_len) if short else self.config.mem_len

    def step(self) -> float:
        """One segment of every lane; returns its loss. ModelError when it is not a number any more."""
        train = self.settings.train
        rate = schedule.learning_rate(train, self.counters.step, self.fraction)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        batch = self._lanes.next().to(self._device)
        memory = self._memory.newest(self._mem_len).reset(batch.starts) if self._memory else None
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            logits, self._memory = self.model(batch.tokens, memory)
        loss = validation.token_loss(logits, batch.targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), train.clip)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return self._counted(loss.item(), int((batch.targets != PAD).sum()))

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
        if step % train.save_every == 0 or step % train.valid_every == 0:
            self.save()
        self.watch.other(self._now())

    def _log(self) -> None:
        counters, elapsed = self.counters, self.watch.elapsed
        loss = sum(counters.losses) / len(counters.losses)
        rate = counters.line_tokens / max(counters.line_seconds, 1e-9)
        left = elapsed / self.fraction - elapsed if self.fraction else math.inf
        self._metrics.write(
            step=counters.step, tokens=counters.tokens, elapsed=round(elapsed, 1),
            loss=loss, lr=self._optimizer.param_groups[0]["lr"],
            tokens_per_s=round(rate), epoch=round(self._lanes.epoch, 3),
        )  # fmt: skip
        self._say(f"step {counters.step}  loss {loss:.4f}  {rate:,.0f} tokens/s  {spoken(left)} left")
        counters.losses, counters.line_tokens, counters.line_seconds = [], 0, 0.0

    def validate(self) -> validation.Score:
        """Scores the stopping half; a new best is written to BEST."""
        train, sizes, counters = self.settings.train, self.settings.model, self.counters
        titles = validation.excerpt(self._cache.valid(STOP), train.valid_tokens, train.valid_piece_tokens)
        lanes = Lanes(self._cache, titles, train.batch, sizes.tgt_len, endless=False)
        score = validation.score(self.model, lanes, self._device, bf16=self._bf16)
        self._metrics.write(
            step=counters.step, tokens=counters.tokens, elapsed=round(self.watch.elapsed, 1),
            valid_loss=score.loss, bits_per_note=score.bits_per_note,
        )  # fmt: skip
        better = score.loss < counters.best_loss
        counters.stale = 0 if better else counters.stale + 1
        if better:
            counters.best_loss, counters.best_step = score.loss, counters.step
            counters.best_bits_per_note = score.bits_per_note
            checkpoint.save(self._checkpoint(None), self._out / BEST)
        self._say(
            f"step {counters.step}  valid {score.loss:.4f}  {score.bits_per_note:.3f} bits/note"
            f"{'  best so far' if better else ''}"
        )
        return score

    def save(self) -> None:
        """Writes LAST: all that is needed to go on as if nothing had happened."""
        memory = self._memory
        state = {
            "optimizer": self._optimizer.state_dict(),
            "memory": None if memory is None else {"hidden": list(memory.hidden), "valid": memory.valid},
            "rng": torch.get_rng_state(),
            "rng_cuda": torch.cuda.get_rng_state_all() if self._device.type == "cuda" else [],
            "lanes": self._lanes.state(),
            "cache": digest_of(self._cache),
            "counters": dataclasses.asdict(self.counters),
            "elapsed": self.watch.elapsed,
        }
        checkpoint.save(self._checkpoint(state), self._out / LAST)

    def _checkpoint(self, training: dict[str, Any] | None) -> Checkpoint:
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
        """Goes on where a checkpoint stands; ConfigError when it was made with another cache."""
        state = held.training
        if state is None:
            raise ModelError("The checkpoint holds weights only.", f"Resume from {LAST}.")
        if state["cache"] != digest_of(self._cache):
            raise ConfigError("The run was made with another cache.", "Name the one it began with.")
        self.model.load_state_dict(held.weights)
        self._optimizer.load_state_dict(state["optimizer"])
        if state["memory"]:
            hidden = tuple(h.to(self._device) for h in state["memory"]["hidden"])
            self._memory = Memory(hidden, state["memory"]["valid"].to(self._device))
        self._lanes.restore(state["lanes"])
        self.counters, self.watch.elapsed = Counters(**state["counters"]), state["elapsed"]
        self._metrics.rewind(self.counters.step)
        torch.set_rng_state(state["rng"])
        if state["rng_cuda"]:
            torch.cuda.set_rng_state_all(state["rng_cuda"])

    def _announce(self) -> None:
        self._say(
            f"{parameters_of(self.model):,} parameters, {'bf16' if self._bf16 else 'fp32'}, "
            f"{self._device}, {torch.get_num_threads()} threads, from step {self.counters.step}, {self._out}"
        )


def train(
    settings: Settings | None,
    options: dict[str, Any],
    cache: Path,
    out: Path,
    *,
    resume: bool,
    stopped: Callable[[], bool],
    say: Callable[[str], None],
    now: Callable[[], float] = time.monotonic,
) -> Trainer:
    """Trains in the folder `out`, from the start or (`resume`) from its last checkpoint; returns the trainer.

    `options` override `[train]`. Raises JamdError for what cannot be used; a run is never overwritten.
    """
    out.mkdir(parents=True, exist_ok=True)
    there = (out / LAST).exists()
    if there and not resume:
        raise ConfigError(f"{out} already holds a run.", "Go on with it by --resume, or name another folder.")
    held = checkpoint.load(out / LAST) if there else None
    merged = merge(settings, options, held)
    schedule.fraction_done(merged.train, 0, 0.0)  # says at once when nothing ends the run
    trainer = Trainer(merged, Cache(cache), out, now, say)
    if held is not None:
        trainer.restore(held)
    trainer.run(stopped)
    return trainer


def merge(settings: Settings | None, options: dict[str, Any], held: Checkpoint | None) -> Settings:
    """What a run began with (or `settings`), and options over it; ConfigError where they clash."""
    if held is None:
        if settings is None:
            raise ConfigError("A new run needs a config.", "For example --config S.")
        return overridden(settings, options)
    begun = from_tables(held.card["settings"], "the checkpoint")
    if settings is not None and settings.model != begun.model:
        raise ConfigError("The run was begun with another model size.", "Leave out --config to resume.")
    merged = overridden(begun, options)
    for name in BELONGS_TO_THE_RUN:
        if getattr(merged.train, name) != getattr(begun.train, name):
            raise ConfigError(f"A resumed run keeps its {name} = {getattr(begun.train, name)}.")
    return merged


def optimizer_of(model: torch.nn.Module, train: TrainSettings) -> torch.optim.AdamW:
    """AdamW; matrices decay, biases (u and v too) and norms do not."""
    named = list(model.named_parameters())
    decays = [p for n, p in named if n.endswith("weight") and "norm" not in n]
    others = [p for n, p in named if not n.endswith("weight") or "norm" in n]
    groups = [{"params": decays, "weight_decay": train.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=train.lr, betas=(train.beta1, train.beta2), fused=True)


def computes_in_bf16(device: torch.device) -> bool:
    """True when the chip multiplies in bf16; elsewhere torch imitates it, several times slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # torch has no public name before 2.9
    return device.type == "cpu" and any(getattr(torch.cpu, c, lambda: False)() for c in checks)


def digest_of(cache: Cache) -> str:
    """Names the pieces of a cache and their places."""
    return hashlib.sha256(json.dumps(cache.manifest["pieces"], sort_keys=True).encode()).hexdigest()[:16]


def spoken(seconds: float) -> str:
    """A duration for people: `2 h 05 min`."""
    if not math.isfinite(seconds):
        return "unknown time"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min"
