"""What is measured: a model file, a checkpoint or a run's folder, opened; with an .onnx of it where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from export.to_onnx import export_model, facts
from export.weights import load
from jamd.errors import ModelError
from jamd.remi.vocabulary import SIZE
from training.architecture import Model, build, name_of
from training.checkpoint import Checkpoint, load_best
from training.model import TransformerXL, parameters_of


@dataclass(frozen=True, slots=True)
class Subject:
    """An opened model."""

    path: Path
    model: Model
    card: dict[str, Any]
    onnx: Path | None
    """What the engine plays; None for GPT-2, which is never exported."""

    def json(self) -> dict[str, Any]:
        """Name, kind and sizes."""
        sizes = {
            n: getattr(self.model.config, n) for n in ("tgt_len", "mem_len", "context") if hasattr(self.model.config, n)
        }
        return {
            "path": str(self.path),
            "architecture": name_of(self.model.config),
            "parameters": parameters_of(self.model),
            **sizes,
            "steps": self.card.get("step"),
        }


@contextmanager
def opened(path: Path) -> Iterator[Subject]:
    """Opens a model; a Transformer-XL of training is exported for the time, so that the engine can play it.

    ModelError for what is none, or speaks another vocabulary.
    """
    held = _held(path)
    model = build(held.config)
    model.load_state_dict(held.weights)
    with TemporaryDirectory() as folder:
        onnx: Path | None = path
        if path.suffix != ".onnx":
            onnx = None
            if isinstance(model, TransformerXL):
                onnx = Path(folder) / "model.onnx"
                export_model(model, onnx, facts(held.card), versions=("",))
        yield Subject(path, model.eval(), held.card, onnx)


def _held(path: Path) -> Checkpoint:
    if not path.exists():
        raise ModelError(f"There is no model {path}.", "Name an .onnx, a checkpoint or the folder of a run by --model.")
    held = load(path) if path.suffix == ".onnx" else load_best(path)
    if held.config.vocab_size != SIZE:
        raise ModelError(f"{path} has {held.config.vocab_size} tokens, and the vocabulary {SIZE}.", "Train again.")
    return held
