"""Bits of every token of songs by a model, for a context length or with the model's own memory.

A context of c tokens means for Transformer-XL: segments of tgt_len tokens behind a memory of c - tgt_len, which
flows on; a token sees c - tgt_len to c tokens back in every layer, and more through the recurrence. For GPT-2:
windows of c tokens that overlap, of which the last WINDOW_STRIDE are scored: a token sees as many, and no more. Beyond
its trained positions GPT-2 says nothing.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from export.weights import load
from jamd.engine.session import Session
from training.architecture import Model, build
from training.checkpoint import load_model
from training.evaluation.progress import Tick
from training.evaluation.stream import Stream
from training.gpt2 import GPT2
from training.model import TransformerXL
from training.optimizer import computes_in_bf16

OWN = 0
"""In place of a context length: the model's own memory, of an .onnx by the engine that plays."""
LANES = 8
WINDOW_STRIDE = 128
"""Tokens that GPT-2 scores at a time, as many as a segment of this program's Transformer-XL has."""
Ids = NDArray[np.uint16]
Bits = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Job:
    """Songs that are read side by side, the longest first."""

    model: Path
    context: int
    runs: tuple[Ids, ...]


def bits(model: Path, contexts: Sequence[int], runs: Sequence[Ids], workers: int, tick: Tick) -> list[list[Bits]]:
    """For each context for each song the bits of its tokens but the first, [n - 1]; `tick(tokens)` goes on.

    Each worker is a process with one thread: the same songs give the same bits, however many there are.
    """
    order = sorted(range(len(runs)), key=lambda i: -len(runs[i]))
    batches = [order[i : i + LANES] for i in range(0, len(order), LANES)]
    tasks = [(k, batch) for k in sorted(range(len(contexts)), key=lambda k: -contexts[k]) for batch in batches]
    jobs = [Job(model, contexts[k], tuple(runs[i] for i in batch)) for k, batch in tasks]
    out: list[list[Bits]] = [[np.empty(0, np.float32)] * len(runs) for _ in contexts]
    for (k, batch), found in zip(tasks, _results(jobs, workers), strict=True):
        for i, row in zip(batch, found, strict=True):
            out[k][i] = row
        tick(sum(len(runs[i]) for i in batch))
    return out


def why_not(model: Model, context: int) -> str | None:
    """Why a model cannot be measured at a context length; None when it can."""
    if isinstance(model, GPT2) and context > model.config.context:
        return f"GPT-2 has {model.config.context} trained positions"
    return None


def _results(jobs: Sequence[Job], workers: int) -> Iterator[list[Bits]]:
    if workers <= 1 or len(jobs) < 2:
        yield from map(run, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(run, jobs)


def run(job: Job) -> list[Bits]:
    """The bits of a job's songs, on one thread."""
    if job.context == OWN and job.model.suffix == ".onnx":
        return [_played(_session(job.model), ids) for ids in job.runs]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model = _torch(job.model)
        bf16 = computes_in_bf16(torch.device("cpu"))  # moves bits a note by less than 0.01 %
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            return _windows(model, job) if isinstance(model, GPT2) else _segments(model, job)
    finally:
        torch.set_num_threads(threads)


@lru_cache(maxsize=1)
def _torch(path: Path) -> Model:
    if path.suffix != ".onnx":
        return load_model(path)[0]
    held = load(path)
    model = build(held.config)
    model.load_state_dict(held.weights)
    return model.eval()


@lru_cache(maxsize=1)
def _session(path: Path) -> Session:
    return Session.load(path, "cpu", threads=1)


def _played(session: Session, ids: Ids) -> Bits:
    """The bits of one song by the engine."""
    session.reset()
    logits = torch.from_numpy(session.feed_each(ids[:-1].tolist()))
    return _bits(logits, torch.from_numpy(ids[1:].astype(np.int64)))


def _segments(model: TransformerXL, job: Job) -> list[Bits]:
    """Transformer-XL: the lanes flow side by side; a lane that is over is left out."""
    sizes = model.config
    segment = sizes.tgt_len if job.context == OWN else min(sizes.tgt_len, job.context)
    stream = Stream(model, segment, sizes.longest_memory if job.context == OWN else job.context - segment)
    rows, lengths = _padded(job.runs)
    found = []
    for first in range(0, rows.shape[1] - 1, segment):
        alive = sum(length - 1 > first for length in lengths)
        here = rows[:alive, first : first + segment + 1]
        found.append(_bits(stream.feed(here[:, :-1]), here[:, 1:]))
    return _by_song(found, lengths)


def _windows(model: GPT2, job: Job) -> list[Bits]:
    """GPT-2: overlapping windows."""
    context = job.context or model.config.context
    stride = min(WINDOW_STRIDE, context)
    rows, lengths = _padded(job.runs)
    found = []
    for first in range(0, rows.shape[1] - 1, stride):
        alive = sum(length - 1 > first for length in lengths)
        past = min(first + stride, rows.shape[1] - 1)
        logits, _ = model(rows[:alive, max(first + stride - context, 0) : past])
        found.append(_bits(logits[:, first - past :], rows[:alive, first + 1 : past + 1]))
    return _by_song(found, lengths)


def _padded(runs: Sequence[Ids]) -> tuple[torch.Tensor, list[int]]:
    """[B, longest] int64, the rest PAD, and the lengths."""
    lengths = [len(ids) for ids in runs]
    rows = np.zeros((len(runs), max(lengths)), dtype=np.int64)
    for row, ids in zip(rows, runs, strict=True):
        row[: len(ids)] = ids
    return torch.from_numpy(rows), lengths


def _by_song(found: Sequence[Bits], lengths: Sequence[int]) -> list[Bits]:
    """Segments of ever fewer lanes -> a run for each song, its padding cut off."""
    runs = [np.concatenate([part[i] for part in found if i < len(part)] or [[]]) for i in range(len(lengths))]
    return [run[: length - 1].astype(np.float32) for run, length in zip(runs, lengths, strict=True)]


def _bits(logits: torch.Tensor, targets: torch.Tensor) -> Bits:
    """-log2 p of targets [..] by logits [.., V]."""
    nats = functional.cross_entropy(logits.float().flatten(0, -2), targets.flatten(), reduction="none")
    return np.asarray(nats.view(targets.shape).numpy() / np.log(2), dtype=np.float32)
