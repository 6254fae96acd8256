"""What jamd's step is compared with, in PyTorch: the literal Transformer-XL, and GPT-2 with a KV cache.

GPT-2 is given what serves it best: weights as [in, out] like the paper's code (at batch 1 nearly twice the bandwidth of
[out, in]), one product for q, k and v, and a cache that is allocated once and written in place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from export.to_onnx import remembering
from training.gpt2 import GPT2
from training.model import LAYER_NORM_EPS, TransformerXL

Logits = NDArray[np.float32]
Weights = Mapping[str, Tensor]


class LiteralXL:
    """The Transformer-XL of training, fed as it is: hidden states are remembered, K, V and R projected anew each step.

    A token sees what it saw in training, and so computes the same: within a segment the memory grows by its tokens.
    """

    def __init__(self, model: TransformerXL) -> None:
        config = model.config
        self._tgt_len, self._mem_len = config.tgt_len, config.mem_len
        self._model = remembering(model, config.mem_len + config.tgt_len)
        self._memory, self._position = self._model.empty_memory(1), 0

    def step(self, token: int) -> Logits:
        """Feeds one token; the logits of what comes next, [V]."""
        return self.feed((token,))

    @torch.inference_mode()
    def feed(self, ids: Sequence[int]) -> Logits:
        """Feeds tokens, in pieces that end where segments do; the logits after the last, [V]."""
        left = torch.tensor(ids)
        while len(left):
            within = self._position % self._tgt_len
            if within == 0:
                self._memory = self._memory.newest(self._mem_len)
            piece, left = left[: self._tgt_len - within], left[self._tgt_len - within :]
            logits, self._memory = self._model(piece[None], self._memory)
            self._position += len(piece)
        return np.asarray(logits[0, -1])


class Window:
    """The next position in GPT-2's window. Full, it stays: the last place is then written again and again.

    So a step in a full window can be timed for long. GPT-2 itself would have to read half a window again to go on,
    which is not counted here.
    """

    def __init__(self, context: int) -> None:
        self._next, self._last = 0, context - 1

    def take(self) -> int:
        """The position of the token that is fed now."""
        at = min(self._next, self._last)
        self._next = at + 1
        return at


class TorchGPT2:
    """GPT-2 of training with a KV cache, in PyTorch."""

    def __init__(self, model: GPT2) -> None:
        config, weights = model.config, model.state_dict()
        self._config, self._window = config, Window(config.context)
        self._embedding, self._position = weights["embedding.weight"], weights["position.weight"]
        self._out = turned(weights["embedding.weight"])
        self._norm = weights["norm.weight"], weights["norm.bias"]
        self._layers = [layer_of(weights, layer) for layer in range(config.n_layer)]
        self._k = torch.zeros(config.n_layer, 1, config.n_head, config.context, config.d_head)
        self._v = torch.zeros_like(self._k)

    @torch.inference_mode()
    def step(self, token: int) -> Logits:
        """Feeds one token; the logits of what comes next, [V]."""
        at, size = self._window.take(), (self._config.d_model,)
        h = (self._embedding[token] + self._position[at])[None]  # [1, d]
        for w, k, v in zip(self._layers, self._k, self._v, strict=True):
            x = functional.layer_norm(h, size, w["norm1.weight"], w["norm1.bias"], LAYER_NORM_EPS)
            h = h + torch.addmm(w["o.bias"], self._heads(w, x, k, v, at), w["o.weight"])
            x = functional.layer_norm(h, size, w["norm2.weight"], w["norm2.bias"], LAYER_NORM_EPS)
            x = functional.gelu(torch.addmm(w["ff1.bias"], x, w["ff1.weight"]), approximate="tanh")
            h = h + torch.addmm(w["ff2.bias"], x, w["ff2.weight"])
        return np.asarray((functional.layer_norm(h, size, *self._norm, LAYER_NORM_EPS) @ self._out)[0])

    def _heads(self, w: Weights, x: Tensor, k: Tensor, v: Tensor, at: int) -> Tensor:
        """x [1, d], normed -> [1, H dh]; its K and V go into the caches k and v, [1, H, context, dh]."""
        qkv = torch.addmm(w["qkv.bias"], x, w["qkv.weight"])
        q, new_k, new_v = qkv.view(3, 1, self._config.n_head, 1, self._config.d_head)
        k[:, :, at], v[:, :, at] = new_k[:, :, 0], new_v[:, :, 0]
        seen = slice(at + 1)
        return functional.scaled_dot_product_attention(q, k[:, :, seen], v[:, :, seen]).view(1, -1)


def layer_of(weights: Weights, layer: int) -> dict[str, Tensor]:
    """A layer's weights by name, with q, k and v in one, matrices as [in, out]."""
    at = f"layers.{layer}."
    own = {name.removeprefix(at): w for name, w in weights.items() if name.startswith(at)}
    own |= {f"qkv.{kind}": torch.cat([own.pop(f"{part}.{kind}") for part in "qkv"]) for kind in ("weight", "bias")}
    return {name: turned(w) if w.ndim == 2 else w for name, w in own.items()}


def turned(matrix: Tensor) -> Tensor:
    """[out, in] -> [in, out]."""
    return matrix.t().contiguous()
