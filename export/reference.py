"""What the model of training says: logits and final memory over a stream, by torch, segment after segment."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from export.graph import stored
from export.verify import Reference
from jamd.engine.info import FP32
from training.model import Layer, Memory, TransformerXL

REMAINDER = 37
"""The stream does not end with a segment: its last one is left open."""


def weights_of(model: TransformerXL) -> dict[str, NDArray[np.float32]]:
    """All weights by their names in training."""
    return {name: w.detach().float().cpu().numpy() for name, w in model.state_dict().items()}


def as_stored(model: TransformerXL, precision: str = FP32) -> TransformerXL:
    """A copy with the weights that the file holds: the graph must be equal to it but for its precision's rounding."""
    rounded = TransformerXL(model.config)
    held = stored(weights_of(model), precision)
    rounded.load_state_dict({name: torch.from_numpy(w) for name, w in held.items()})
    return rounded.eval()


def stream(model: TransformerXL, seed: int = 0) -> NDArray[np.int64]:
    """Random ids, as many as the memory holds and several segments more."""
    config = model.config
    length = config.longest_memory + 3 * config.tgt_len + REMAINDER % config.tgt_len
    return np.random.default_rng(seed).integers(0, config.vocab_size, length)


@torch.no_grad()
def reference(model: TransformerXL, ids: NDArray[np.int64]) -> Reference:
    """Runs the stream as training does: segments of tgt_len, each behind the memory of those before it."""
    memory, logits = None, []
    for first in range(0, len(ids), model.config.tgt_len):
        found, memory = model(torch.from_numpy(ids[None, first : first + model.config.tgt_len]), memory)
        logits.append(found[0])
    assert memory is not None, "the stream is empty"
    keys, values = _keys_and_values(model, memory)
    return Reference(ids, torch.cat(logits).numpy(), keys, values)


def _keys_and_values(model: TransformerXL, memory: Memory) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """K and V of the hidden states that all layers remember, each [n_layer, n_head, m, d_head]."""
    shared = min(hidden.shape[1] for hidden in memory.hidden)
    layers: list[Layer] = list(model.layers)  # type: ignore[arg-type]  # ModuleList forgets what it holds
    past = [hidden[0, hidden.shape[1] - shared :] for hidden in memory.hidden]
    normed = [layer.norm1(hidden) for layer, hidden in zip(layers, past, strict=True)]  # [m, d]

    def heads(projections: list[nn.Linear]) -> NDArray[np.float32]:
        found = torch.stack([projection(x) for projection, x in zip(projections, normed, strict=True)])
        split = found.view(*found.shape[:2], model.config.n_head, model.config.d_head)
        return np.asarray(split.transpose(1, 2))

    return heads([layer.attention.k for layer in layers]), heads([layer.attention.v for layer in layers])
