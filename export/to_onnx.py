"""From a training run to a checked .onnx file: builds it, proves it, then puts it in its place."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx

from export import runtimes
from export.graph import build
from export.reference import as_stored, reference, stream, weights_of
from export.verify import Report
from export.weights import load_model
from jamd.engine.info import FP32, ModelInfo
from jamd.engine.onnx_file import read_info
from jamd.errors import ConfigError, ModelError
from training import places
from training.model import ModelConfig, TransformerXL

HEADROOM = 64
"""Slots beyond memory and segment: a draft of so many tokens can always be rewound."""
MOST_MEMORY = 16_384
"""Tokens, an hour of playing or so. The file is checked on a stream that is longer than its memory, whose every token
looks back on all of it: four times as much is sixteen times the work. Keys and values of so many tokens have 1.2 GB in
an L, and stand there several times over."""


def export_run(
    run: Path,
    out: Path,
    card: str = "",
    versions: Sequence[str] = ("", runtimes.LOWEST),
    mem_len: int | None = None,
    precision: str | None = None,
) -> list[Report]:
    """Exports the model of a training run (or of an .onnx) to `out`; see `export_model`.

    `mem_len`: the memory to play with, in tokens, where it is not the one that it was trained with. `precision`: what
    the matrices run in; without one as they are, in an .onnx, and else in float32. An .onnx keeps its card.
    ConfigError for a memory beyond MOST_MEMORY.
    """
    if mem_len is not None and mem_len > MOST_MEMORY:
        raise ConfigError(
            f"A memory of {mem_len} tokens is more than a computer can check in reasonable time.",
            f"Take --mem-len {MOST_MEMORY} or less.",
        )
    model, checkpoint = load_model(run)
    if mem_len is not None:
        model = remembering(model, mem_len)
    if run.suffix == ".onnx":
        info = read_info(run)
        card, precision = card or info.card, precision or info.precision
    return export_model(model, out, facts(checkpoint.card), card, versions, precision or FP32)


def remembering(model: TransformerXL, mem_len: int) -> TransformerXL:
    """The same weights with another length of memory: positions are relative, so no weight depends on it."""
    other = TransformerXL(model.config.with_memory(mem_len))
    other.load_state_dict(model.state_dict())
    return other.eval()


def export_model(
    model: TransformerXL,
    out: Path,
    training: Mapping[str, str],
    card: str = "",
    versions: Sequence[str] = ("", runtimes.LOWEST),
    precision: str = FP32,
) -> list[Report]:
    """Writes `model` to `out` whole or not at all, after parity on each onnxruntime of `versions`.

    "" is the installed one. ModelError when the file would not be the model, or a version cannot be had; ConfigError
    when it cannot be written.
    """
    places.try_folder(out.parent)
    info = replace(info_of(model.config, training, card, out.stem), precision=precision)
    onnx_model = build(weights_of(model), info)
    rounded = as_stored(model, precision)
    with places.writing(out), tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as folder:
        file, told = Path(folder) / out.name, Path(folder) / "reference.npz"
        onnx.save_model(onnx_model, str(file))
        reference(rounded, stream(rounded)).save(told)
        reports = [_verified(file, told, version) for version in versions]
        file.replace(out)
    return reports


def info_of(config: ModelConfig, training: Mapping[str, str], card: str, name: str) -> ModelInfo:
    """What the file will say of itself."""
    return ModelInfo(
        n_layer=config.n_layer,
        d_model=config.d_model,
        n_head=config.n_head,
        d_head=config.d_head,
        d_inner=config.d_inner,
        tgt_len=config.tgt_len,
        mem_len=config.mem_len,
        vocab_size=config.vocab_size,
        capacity=config.mem_len + config.tgt_len + HEADROOM,
        long_mem_len=config.long_mem_len,
        long_layers=config.long_layers,
        training=dict(training),
        card=card,
        name=name,
    )


def facts(card: Mapping[str, Any]) -> dict[str, str]:
    """A checkpoint's facts as strings; what is not one becomes JSON."""
    return {str(k): v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for k, v in card.items()}


def _verified(file: Path, told: Path, version: str) -> Report:
    command = [sys.executable, "-m", "export.verify", str(file), str(told)]
    environment = runtimes.environment(version)
    done = subprocess.run(command, env=environment, cwd=runtimes.ROOT, capture_output=True, text=True, check=False)
    runtime = f"onnxruntime {version}" if version else "the installed onnxruntime"
    try:
        report = Report(**json.loads(done.stdout.splitlines()[-1]))
    except (IndexError, ValueError, TypeError) as error:
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ModelError(f"The exported file could not be checked on {runtime}: {reason}") from error
    if not report.passed:
        raise ModelError(
            f"The exported file is not the model it was made from, on {runtime}: logits differ by "
            f"{report.logits_error:.1e} and {report.last_error:.1e}, memory by {report.memory_error:.1e}, "
            f"and by {report.repeat_error:.1e} when they are made once more.",
            "Nothing was written. Has training/model.py changed without export/graph.py?",
        )
    return report
