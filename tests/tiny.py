"""A tiny real model for tests: random weights, the whole vocabulary, made without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from export.graph import build, shapes
from jamd.engine.info import ModelInfo
from jamd.remi import vocabulary

TINY = ModelInfo(
    n_layer=2,
    d_model=32,
    n_head=2,
    d_head=16,
    d_inner=48,
    tgt_len=16,
    mem_len=40,
    vocab_size=vocabulary.SIZE,
    capacity=70,
)
"""Odd lengths on purpose: the ring is no multiple of a segment, and the memory no multiple of either."""


def tiny_weights(info: ModelInfo = TINY, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Random weights, large enough that memory and positions matter."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in shapes(info).items():
        spread = 1.5 / np.sqrt(shape[-1]) if name.endswith(".weight") and len(shape) == 2 else 0.3
        weights[name] = (rng.standard_normal(shape) * spread).astype(np.float32)
        if "norm" in name and name.endswith("weight"):
            weights[name] += 1
    return weights


def tiny_model(path: Path, seed: int = 0, info: ModelInfo = TINY) -> Path:
    """Writes a model of random weights to `path` and returns it."""
    onnx.save_model(build(tiny_weights(info, seed), info), str(path))
    return path
