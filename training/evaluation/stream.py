"""A Transformer-XL with any memory length, fast: keys and values are made once, not once a segment.

The model of training remembers hidden states and projects them anew behind every segment, which learning
needs and measuring does not: K and V of a token depend on that token alone (training/model.py), so they are
kept. Twice as fast at 512 tokens, four times at 4096.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from training.model import Attention, Layer, TransformerXL, relative_shift, sinusoids


class Cache(NamedTuple):
    """What a layer has seen of all lanes: K and V, each [B, H, m, dh]."""

    k: Tensor
    v: Tensor


class Stream:
    """Lanes that begin together and may end one by one, the last first. Owned by one thread."""

    def __init__(self, model: TransformerXL, segment: int, mem_len: int) -> None:
        config = model.config.with_memory(mem_len)
        self._model, self._mem_len = model, [config.memory_of(i) for i in range(config.n_layer)]
        self._layers: list[Layer] = list(model.layers)  # type: ignore[arg-type]  # ModuleList forgets its type
        r = sinusoids(segment + max(self._mem_len), config.d_model, model.embedding.weight)  # [K + 1, d], K .. 0
        self._r = [_heads(layer.attention, layer.attention.r(r)).transpose(1, 2) for layer in self._layers]
        self._seen: list[Cache | None] = [None] * len(self._layers)

    def feed(self, tokens: Tensor) -> Tensor:
        """One segment, [B, T] -> logits [B, T, V]. B may shrink from call to call: the first B lanes go on."""
        model = self._model
        h = model.embedding(tokens) * math.sqrt(model.config.d_model)
        for i, layer in enumerate(self._layers):
            h = h + self._attend(i, layer.attention, layer.norm1(h))
            h = h + layer.ff2(functional.relu(layer.ff1(layer.norm2(h))))
        return functional.linear(model.norm(h), model.embedding.weight, model.logits_bias)

    def _attend(self, i: int, attention: Attention, x: Tensor) -> Tensor:
        """Attention of layer `i` on x [B, T, d], after norm1 -> [B, T, d]."""
        q, k, v = (_heads(attention, f(x)) for f in (attention.q, attention.k, attention.v))  # [B, H, T, dh]
        seen = self._seen[i]
        if seen is not None:
            past = max(seen.k.shape[2] - self._mem_len[i], 0)
            k = torch.cat([seen.k[: len(x), :, past:], k], 2)  # [B, H, K, dh]
            v = torch.cat([seen.v[: len(x), :, past:], v], 2)
        self._seen[i] = Cache(k, v)
        scale = math.sqrt(attention.d_head)
        content = (q + attention.r_w_bias[:, None].to(q.dtype)) / scale
        position = (q + attention.r_r_bias[:, None].to(q.dtype)) / scale
        r = self._r[i][..., -(k.shape[2] + 1) :].to(q.dtype)  # [H, dh, K + 1]
        out = torch.empty_like(q)
        for lane in range(len(x)):  # one lane and head at a time: its scores fit into a core's cache
            for head in range(attention.n_head):
                scores = content[lane, head] @ k[lane, head].T
                scores += relative_shift(position[lane, head] @ r[head])
                out[lane, head] = _causal(scores).softmax(-1) @ v[lane, head]
        summed: Tensor = attention.o(out.transpose(1, 2).flatten(2))
        return summed


def _causal(scores: Tensor) -> Tensor:
    """[T, K] with -inf where a query would look ahead, in place."""
    qlen = len(scores)
    future = torch.ones(qlen, qlen, dtype=torch.bool, device=scores.device).triu(1)
    scores[:, scores.shape[1] - qlen :].masked_fill_(future, -torch.inf)
    return scores


def _heads(attention: Attention, x: Tensor) -> Tensor:
    """[.., T, H dh] -> [.., H, T, dh]."""
    return x.view(*x.shape[:-1], attention.n_head, attention.d_head).transpose(-2, -3)
