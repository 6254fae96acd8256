"""A run's folder: a new run, one that goes on, or one that goes on from before its learning rate fell."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jamd.errors import ConfigError
from training import checkpoint, places, schedule
from training.batches import Cache
from training.checkpoint import BEST, DECAYED, HOLD, LAST, Checkpoint
from training.distributed import Alone
from training.settings import ADAMW, Settings, TrainSettings, from_tables, overridden
from training.train import Counters, Trainer, fraction_of

BELONGS_TO_THE_RUN = ("batch", "optimizer", "seed", "device", "valid_tokens", "valid_piece_tokens")
"""Settings that a resumed run keeps: the curve, the memory or the measure would be another's."""


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
    init: Path | None = None,
    group: Alone | None = None,
) -> Trainer:
    """Trains in the folder `out`, from the start or (`resume`) from its last checkpoint; returns the trainer.

    `options` override the settings. A new run begins with the weights of the run or checkpoint `init`, where one is
    named. Raises JamdError for what cannot be used; a run is never overwritten.
    """
    group = group or Alone()
    places.try_folder(out)
    there = (out / LAST).exists()
    if there and not resume:
        raise ConfigError(f"{out} already holds a run.", "Go on with it by --resume, or name another folder.")
    held = checkpoint.load(out / LAST) if there else None
    first = checkpoint.load_best(init) if init and not there else None
    merged = merge(settings or settings_of(first), options, held)
    schedule.fraction_done(merged.train, 0, 0.0)  # says at once when nothing ends the run
    lengthened = held is not None and decayed_too_soon(merged.train, held)
    if lengthened:
        held = from_hold(out, say if group.writes else lambda line: None, keep=group.writes)
    trainer = Trainer(merged, Cache(cache), out, now, say, group)
    with places.writing(out, "Make room, then go on from the last save by --resume."):
        if held is None:
            trainer.begin(first and first.weights, str(init))
        else:
            trainer.restore(held)
        if lengthened:
            trainer.save()  # from here on BEST is the longer run's, and DECAYED is not to be taken from it
        trainer.run(stopped)
    return trainer


def merge(settings: Settings | None, options: dict[str, Any], held: Checkpoint | None) -> Settings:
    """What a run began with (or `settings`), and options over it; ConfigError where they clash."""
    if held is None:
        if settings is None:
            raise ConfigError("A new run needs a config.", "For example --config S.")
        return overridden(settings, options)
    begun = settings_in(held)
    merged = overridden(begun, options)
    if merged.model != begun.model or (settings is not None and settings.model != begun.model):
        raise ConfigError("The run was begun with another model.", "Leave out --config and --architecture to resume.")
    for name in BELONGS_TO_THE_RUN:
        if getattr(merged.train, name) != getattr(begun.train, name):
            raise ConfigError(f"A resumed run keeps its {name} = {getattr(begun.train, name)}.")
    return merged


def settings_of(first: Checkpoint | None) -> Settings | None:
    """Those of the run that gave the first weights, without its schedule's end."""
    if first is None or "settings" not in first.card:
        return None
    return overridden(settings_in(first), {"max_steps": 0, "max_tokens": 0, "hours": 0.0})


def settings_in(held: Checkpoint) -> Settings:
    """What a checkpoint's run was made with; where it names no optimizer, there was none but AdamW."""
    tables = held.card["settings"]
    return from_tables(tables | {"train": {"optimizer": ADAMW} | tables["train"]}, "the checkpoint")


def decayed_too_soon(train: TrainSettings, held: Checkpoint) -> bool:
    """True for a checkpoint of a falling learning rate where the schedule, longer by now, holds it."""
    state = held.training
    if state is None or not Counters(**state["counters"]).decaying:
        return False
    return not schedule.decays(train, fraction_of(train, Counters(**state["counters"]), state["elapsed"]))


def from_hold(out: Path, say: Callable[[str], None], *, keep: bool) -> Checkpoint:
    """The run before its learning rate fell; `keep`: the best of what came after is put beside, as DECAYED."""
    held = checkpoint.load(out / HOLD)
    if held.training is not None:
        held.training["counters"]["skipped"] = 0.0
    say(f"the schedule is longer now: going on from {HOLD} (step {held.card['step']}), before the learning rate fell")
    if keep and (out / BEST).exists():
        partial = out / f"{DECAYED}.partial"
        shutil.copyfile(out / BEST, partial)
        partial.replace(out / DECAYED)
        say(f"the best so far is kept as {DECAYED}")
    return held
