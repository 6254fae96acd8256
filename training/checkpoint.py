"""Checkpoints: one file, written whole or not at all. Knows what is in it, not how it came about."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from jamd.errors import ModelError
from jamd.remi.vocabulary import FINGERPRINT
from training.architecture import Config, Model, build, config_from, name_of
from training.settings import XL_NAME

LAST, BEST, HOLD, DECAYED = "last.pt", "best.pt", "hold.pt", "decayed.pt"
"""In a run's folder: where training goes on, the weights that were best on validation, and the run as it was when
its learning rate began to fall; and the best of an earlier end, of a run that was then given more time."""
FORMAT = 1


@dataclass(slots=True)
class Checkpoint:
    """What a file holds. `weights` alone make a model; what follows it is needed to go on training."""

    config: Config
    weights: dict[str, Any]
    """state_dict() of the model."""
    card: dict[str, Any]
    """Plain facts for the model's card: step, tokens, hours, validation, sources with licences, settings."""
    training: dict[str, Any] | None = None
    """Optimizer, memory, rng, data position, counters; None in BEST."""
    fingerprint: str = FINGERPRINT


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Writes beside `path`, to the disk, then puts it in its place: a kill leaves the old or the new one."""
    partial = path.with_name(f"{path.name}.partial")
    fields = {f.name: getattr(checkpoint, f.name) for f in dataclasses.fields(checkpoint)}
    with partial.open("wb") as file:
        fields |= {"architecture": name_of(checkpoint.config), "config": dataclasses.asdict(checkpoint.config)}
        torch.save({"format": FORMAT, **fields}, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows opens no folders; its rename is in the journal
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def load(path: Path) -> Checkpoint:
    """Reads a checkpoint; ModelError when it is not there, is none, or speaks another vocabulary."""
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
        version = held.pop("format")
        config = config_from(held.pop("architecture", XL_NAME), held["config"])  # older files: no other then
        checkpoint = Checkpoint(**{**held, "config": config})
    except FileNotFoundError as error:
        raise ModelError(f"No checkpoint {path}.", "Has the run saved one yet?") from error
    except ModelError as error:
        raise ModelError(f"{path}: {error.message}", error.hint) from error
    except Exception as error:  # torch.load raises almost anything on a file that is not one
        raise ModelError(f"{path} is no checkpoint of this program: {type(error).__name__}.", _NAME_ONE) from error
    if version != FORMAT:
        raise ModelError(f"{path} has format {version}, not {FORMAT}.", "Use the jamd that it was trained with.")
    if checkpoint.fingerprint != FINGERPRINT:
        raise ModelError(
            f"{path} speaks vocabulary {checkpoint.fingerprint}, this jamd {FINGERPRINT}.",
            "Train again, or use the jamd that it was trained with.",
        )
    return checkpoint


_NAME_ONE = f"Name the folder of a run, or the {LAST} or {BEST} in it."


def load_best(run: Path) -> Checkpoint:
    """The checkpoint of a run's folder (its best, else its last) or of a file."""
    if not run.is_dir():
        return load(run)
    return load(run / BEST if (run / BEST).exists() else run / LAST)


def load_model(run: Path) -> tuple[Model, Checkpoint]:
    """The model of a run's folder or of a file (`load_best`), in eval mode, and all it held."""
    checkpoint = load_best(run)
    model = build(checkpoint.config)
    model.load_state_dict(checkpoint.weights)
    return model.eval(), checkpoint
