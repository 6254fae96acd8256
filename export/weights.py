"""Reads the weights back out of an .onnx that jamd exported: a model file is a place to go on training from."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from export import int8
from export.graph import Weights, shapes
from jamd.engine.info import EXPORT_HINT, ModelInfo
from jamd.errors import ModelError
from training import checkpoint
from training.architecture import build
from training.checkpoint import Checkpoint
from training.model import ModelConfig, TransformerXL

ULPS = (0, 1, -1, 2, -2)
"""How far a bias may lie from where float32 arithmetic puts it back, in steps of its last place."""
Array = NDArray[np.float32]


def load(path: Path) -> Checkpoint:
    """The checkpoint that stands in a model file: weights as the file holds them, in float32, and its card.

    Exporting it again writes the same weights, byte for byte; those of eight bits are what their bytes stand for, and
    become the same bytes again. Dropout, which no file tells, is that of the
    run's settings where the card names them. ModelError when the file is not there, is none of jamd's, has
    another vocabulary or was cut short.
    """
    model = _read(path)
    info = ModelInfo.from_metadata({p.key: p.value for p in model.metadata_props}, path)
    weights = {name: torch.from_numpy(w) for name, w in _weights(model.graph, info, path).items()}
    card = card_of(info.training)
    return Checkpoint(_config(info, card), weights, card, fingerprint=info.fingerprint)


def load_model(path: Path) -> tuple[TransformerXL, Checkpoint]:
    """The model of an .onnx, a checkpoint or a run's folder, in eval mode, and what stood with it.

    ModelError for what is none of these, or no Transformer-XL.
    """
    if path.suffix != ".onnx":
        model, held = checkpoint.load_model(path)
        if not isinstance(model, TransformerXL):
            raise ModelError(f"{path} holds a {type(model).__name__}, which jamd does not play.", _TRAINED)
        return model, held
    held = load(path)
    model = build(held.config)
    assert isinstance(model, TransformerXL), "ModelInfo has the sizes of no other"
    model.load_state_dict(held.weights)
    return model.eval(), held


_TRAINED = "Name a Transformer-XL: a model file, a checkpoint or the folder of a run."


def card_of(training: Mapping[str, str]) -> dict[str, Any]:
    """The facts of a checkpoint's card from a file's strings: the inverse of `to_onnx.facts`."""
    return {name: _fact(text) for name, text in training.items()}


def _fact(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _read(path: Path) -> onnx.ModelProto:
    try:
        return onnx.load_model_from_string(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.", "Name a model file.") from error
    except Exception as error:  # protobuf's DecodeError, whose package is onnx's own affair
        raise ModelError(f"{path} is no ONNX model, or was cut short.", EXPORT_HINT) from error


def _config(info: ModelInfo, card: Mapping[str, Any]) -> ModelConfig:
    sizes = {name: getattr(info, name) for name in ModelConfig.__dataclass_fields__ if hasattr(info, name)}
    try:
        return ModelConfig(**sizes, dropout=float(card["settings"]["model"]["dropout"]))
    except (KeyError, TypeError, ValueError):
        return ModelConfig(**sizes)


def _weights(graph: onnx.GraphProto, info: ModelInfo, path: Path) -> Weights:
    try:
        held = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
        weights = {name: _weight(name, held, info) for name in shapes(info)}
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path} lacks weights that its sizes ask for: {error}.", EXPORT_HINT) from error
    for name, shape in shapes(info).items():
        if weights[name].shape != shape or not np.isfinite(weights[name]).all():
            raise ModelError(f"{path} has a {name} that cannot be used.", EXPORT_HINT)
    return weights


def _weight(name: str, held: Mapping[str, NDArray[Any]], info: ModelInfo) -> Array:
    """A weight by its name in training, from what export/graph.py made of it."""
    at, _, kind = name.rpartition(".")
    if kind == "r_w_bias":
        return _r_w_bias(held[f"{at}.u"], info)
    if kind == "r_r_bias":
        return _r_r_bias(held[f"{at}.u"], held[f"{at}.v_minus_u"], info)
    if f"{name}.int8" in held:
        return int8.dequantised(held[f"{name}.int8"], held[f"{name}.scales"], shapes(info)[name][1])
    return np.array(held[f"{name}.half"] if f"{name}.half" in held else held[name], np.float32)


def _r_w_bias(u: Array, info: ModelInfo) -> Array:
    """u / sqrt(dh), [H dh] -> r_w_bias [H, dh]."""
    root, wanted = math.sqrt(info.d_head), u.reshape(info.n_head, info.d_head)
    return _inverse(lambda w: w / root, wanted, wanted.astype(np.float64) * root)


def _r_r_bias(u: Array, step: Array, info: ModelInfo) -> Array:
    """u / sqrt(dh), [H dh], and (v - u) / sqrt(dh), [1, H, 1, dh] -> r_r_bias [H, dh]."""
    root, scaled = math.sqrt(info.d_head), u.reshape(info.n_head, info.d_head)
    wanted = step.reshape(scaled.shape)
    guess = (wanted.astype(np.float64) + scaled) * root
    return _inverse(lambda w: w / root - scaled, wanted, guess)


def _inverse(forward: Callable[[Array], Array], wanted: Array, guess: NDArray[np.float64]) -> Array:
    """Numbers near `guess` that `forward` turns into `wanted`: to the bit where a float32 does."""
    near = guess.astype(np.float32)
    found, open_ = near.copy(), np.ones(near.shape, bool)
    for ulps in ULPS:
        candidate = near
        for _ in range(abs(ulps)):
            candidate = np.nextafter(candidate, np.float32(math.copysign(np.inf, ulps)))
        hit = open_ & (forward(candidate) == wanted)
        found[hit], open_[hit] = candidate[hit], False
    return found
