"""Transformer-XL by the letter of its formulas: float64, one query at a time. Slow, and only for tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from jamd.engine.info import ModelInfo

Array = NDArray[np.float64]


FirstSeen = Callable[[int, int], int]
"""(layer, t) -> the first position that the token at t sees in that layer."""


def segment_start(info: ModelInfo) -> FirstSeen:
    """The memory's length before the start of the token's segment, as in training."""
    return lambda layer, t: max(0, t // info.tgt_len * info.tgt_len - memory_of(info, layer))


def sliding_start(info: ModelInfo) -> FirstSeen:
    """The control: a window of the same greatest length that slides with every token."""
    return lambda layer, t: max(0, t + 1 - memory_of(info, layer) - info.tgt_len)


def memory_of(info: ModelInfo, layer: int) -> int:
    """Tokens that a layer remembers."""
    return info.long_mem_len if layer in info.long_layers else info.mem_len


def literal(
    weights: dict[str, NDArray[np.float32]],
    info: ModelInfo,
    ids: Sequence[int],
    first_seen: FirstSeen,
) -> tuple[Array, Array, Array]:
    """Logits [n, V] after each token, and K and V of all positions, [n_layer, n_head, n, d_head]."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    embedding = w["embedding.weight"]
    h = embedding[np.asarray(ids)] * np.sqrt(info.d_model)  # [n, d]
    keys, values = [], []
    for layer in range(info.n_layer):
        h, k, v = _layer(w, info, f"layers.{layer}", h, partial(first_seen, layer))
        keys.append(k)
        values.append(v)
    logits = _norm(h, w["norm.weight"], w["norm.bias"]) @ embedding.T + w["logits_bias"]
    return logits, np.stack(keys), np.stack(values)


def _layer(
    w: dict[str, Array], info: ModelInfo, at: str, h: Array, first_seen: Callable[[int], int]
) -> tuple[Array, Array, Array]:
    x = _norm(h, w[f"{at}.norm1.weight"], w[f"{at}.norm1.bias"])

    def heads(name: str) -> Array:
        projected = x @ w[f"{at}.attention.{name}.weight"].T
        return projected.reshape(len(x), info.n_head, info.d_head).transpose(1, 0, 2)  # [H, n, dh]

    q, k, v = heads("q"), heads("k"), heads("v")
    u, bias_v = w[f"{at}.attention.r_w_bias"], w[f"{at}.attention.r_r_bias"]
    r = _distances(len(x), info.d_model) @ w[f"{at}.attention.r.weight"].T  # by distance
    r = r.reshape(len(x), info.n_head, info.d_head).transpose(1, 0, 2)
    out = np.zeros((len(x), info.n_head, info.d_head))
    for t in range(len(x)):
        seen = np.arange(first_seen(t), t + 1)
        for head in range(info.n_head):
            content = (q[head, t] + u[head]) @ k[head, seen].T
            position = (q[head, t] + bias_v[head]) @ r[head, t - seen].T
            out[t, head] = _softmax((content + position) / np.sqrt(info.d_head)) @ v[head, seen]
    h = h + out.reshape(len(x), -1) @ w[f"{at}.attention.o.weight"].T
    x = _norm(h, w[f"{at}.norm2.weight"], w[f"{at}.norm2.bias"])
    inner = np.maximum(x @ w[f"{at}.ff1.weight"].T + w[f"{at}.ff1.bias"], 0)
    return h + inner @ w[f"{at}.ff2.weight"].T + w[f"{at}.ff2.bias"], k, v


def _distances(count: int, d_model: int) -> Array:
    angle = np.arange(count)[:, None] / 10000.0 ** (np.arange(0, d_model, 2) / d_model)
    return np.concatenate([np.sin(angle), np.cos(angle)], -1)


def _norm(x: Array, scale: Array, bias: Array) -> Array:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * scale + bias


def _softmax(x: Array) -> Array:
    e = np.exp(x - x.max())
    return e / e.sum()
