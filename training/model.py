"""Transformer-XL (Dai et al. 2019): segment recurrence with stop-gradient memory, relative positions.

One layer on a segment of T tokens behind m positions of memory, K = m + T (row i stands at m + i):

    x   = [SG(norm1(memory_l)) ; norm1(h_l)]     the same LayerNorm for both, so K and V of a token depend
    q   = x[m:] W_q,  k = x W_kE,  v = x W_v     on that token alone and may be cached; SG: stop gradient
    r_d = R_d W_kR                               R_d = [sin(d f_0) .. sin(d f_n), cos(d f_0) .. cos(d f_n)],
                                                 f_i = 10000^(-2i / d_model), d = 0 .. K-1
    A_ij = (q_i . k_j + q_i . r_d + u . k_j + v . r_d) / sqrt(d_head),   d = m + i - j >= 0, else -inf
    h'  = h_l + W_o concat_heads(softmax(A) V)
    h_{l+1} = h' + W_2 relu(W_1 norm2(h') + b_1) + b_2

and h_0 = sqrt(d_model) E[token], logits = norm(h_L) E^T + b. memory_l holds h_l (the layer's input, before
norm1) of the last mem_len positions of earlier segments (in the long layers, of long_mem_len). Per head:
u = r_w_bias, v = r_r_bias.

Departures from the paper, each on purpose: pre-norm with a final norm (`pre_lnorm` in the paper's code; it
trains without trouble at high learning rates); E tied; u and v of each layer (`untie_r`); SG stands after
norm1, which spares the backward pass over the memory. An empty memory is *no memory*: positions before a
stream's start are masked, never attended as zeros (the paper's code attends zeros).

Parameters, the names that export/ reads (weights are [out, in], as in torch.nn.Linear):

    embedding.weight                            [vocab_size, d_model], also the output matrix
    layers.{i}.norm1.weight .bias               [d_model]
    layers.{i}.attention.q.weight .k. .v. .r.   [n_head * d_head, d_model], no bias; rows grouped by head
    layers.{i}.attention.o.weight               [d_model, n_head * d_head], no bias
    layers.{i}.attention.r_w_bias .r_r_bias     [n_head, d_head]
    layers.{i}.norm2.weight .bias               [d_model]
    layers.{i}.ff1.weight .bias                 [d_inner, d_model], [d_inner]
    layers.{i}.ff2.weight .bias                 [d_model, d_inner], [d_model]
    norm.weight .bias                           [d_model]
    logits_bias                                 [vocab_size]
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.dropout import Dropout

LAYER_NORM_EPS = 1e-5
INIT_STD = 0.02
"""Standard deviation of all weights at the start, as in the paper's code."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Sizes of a model. `d_head * n_head` need not equal d_model. Lengths are in tokens."""

    n_layer: int
    d_model: int
    n_head: int
    d_head: int
    d_inner: int
    tgt_len: int
    mem_len: int
    vocab_size: int
    dropout: float = 0.1
    long_mem_len: int = 0
    long_layers: tuple[int, ...] = ()
    """Layers (from 0) that remember long_mem_len tokens; the others remember mem_len. Few are enough for what lies far
    back (Rae and Razavi 2020), and attention over a long memory is most of a step's work."""

    def memory_of(self, layer: int) -> int:
        """The memory of a layer, in tokens."""
        return self.long_mem_len if layer in self.long_layers else self.mem_len

    @property
    def longest_memory(self) -> int:
        """Of all layers."""
        return max(self.memory_of(layer) for layer in range(self.n_layer))

    def with_memory(self, length: int) -> ModelConfig:
        """The config of a model that looks back `length` tokens: in its long layers, where it has any."""
        if not self.long_layers or length <= self.mem_len:
            return replace(self, mem_len=length, long_mem_len=0, long_layers=())
        return replace(self, long_mem_len=length)


@dataclass(frozen=True, slots=True)
class Memory:
    """What earlier segments left: replaced after every segment, never changed."""

    hidden: tuple[Tensor, ...]
    """Per layer its inputs h_l, [B, m, d_model], m <= its memory, oldest first, without gradient. (GPT-2 keeps its
    tokens instead: one [B, m] int64.)"""
    valid: Tensor
    """[B] int64: so many of the newest positions belong to the lane's stream; the others are masked."""

    def reset(self, starts: Tensor) -> Memory:
        """The memory in which the lanes marked in `starts` ([B] bool) begin a new stream."""
        return Memory(self.hidden, torch.where(starts, 0, self.valid))

    def newest(self, length: int) -> Memory:
        """The memory without what is older than `length` positions."""
        hidden = tuple(h[:, max(0, h.shape[1] - length) :] for h in self.hidden)
        return Memory(hidden, self.valid.clamp(max=length))


class Attention(nn.Module):
    """Multi-head attention over memory and segment with relative positions."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.n_head, self.d_head = config.n_head, config.d_head
        wide = config.n_head * config.d_head
        self.q = nn.Linear(config.d_model, wide, bias=False)
        self.k = nn.Linear(config.d_model, wide, bias=False)
        self.v = nn.Linear(config.d_model, wide, bias=False)
        self.r = nn.Linear(config.d_model, wide, bias=False)
        self.o = nn.Linear(wide, config.d_model, bias=False)
        self.r_w_bias = nn.Parameter(torch.empty(config.n_head, config.d_head))
        self.r_r_bias = nn.Parameter(torch.empty(config.n_head, config.d_head))

    def forward(self, past: Tensor, x: Tensor, r: Tensor, hidden: Hidden) -> Tensor:
        """past [B, m, d] and x [B, T, d], both after norm1; r [K + 1, d], distances K .. 0 -> [B, T, d]."""
        batch, qlen, _ = x.shape
        q = self.q(x).view(batch, qlen, self.n_head, self.d_head)  # [B, T, H, dh]
        k, v = self._keys_and_values(past, x)  # [B, H, dh, K], [B, H, K, dh]
        scores = self._content(q, k).add_(self._position(q, r))  # [B, H, T, K]
        hidden.hide(scores)
        heads = scores.softmax(-1) @ v  # [B, H, T, dh]
        out: Tensor = self.o(heads.transpose(1, 2).reshape(batch, qlen, -1))
        return out

    def _keys_and_values(self, past: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        both = torch.cat([self.k.weight, self.v.weight])  # one product for two
        kv = torch.cat([functional.linear(past, both), functional.linear(x, both)], 1)  # [B, K, 2 H dh]
        k, v = kv.view(*kv.shape[:2], 2, self.n_head, self.d_head).permute(2, 0, 3, 1, 4)  # [B, H, K, dh]
        return k.transpose(-1, -2), v

    def _content(self, q: Tensor, k: Tensor) -> Tensor:
        """AC: (q + u) . k, scaled, [B, H, T, K]."""
        return ((q + self.r_w_bias) / math.sqrt(self.d_head)).transpose(1, 2).to(k.dtype) @ k

    def _position(self, q: Tensor, r: Tensor) -> Tensor:
        """BD: (q + v) . W_kR R, scaled, [B, H, T, K]; one product for all lanes, since they share R."""
        batch, qlen, _, _ = q.shape
        r = self.r(r).view(-1, self.n_head, self.d_head).permute(1, 2, 0)  # [H, dh, K + 1]
        queries = ((q + self.r_r_bias) / math.sqrt(self.d_head)).to(r.dtype)
        queries = queries.permute(2, 0, 1, 3).reshape(self.n_head, batch * qlen, self.d_head)
        by_distance = queries @ r  # [H, B T, K + 1]
        return relative_shift(by_distance.view(self.n_head, batch, qlen, -1)).transpose(0, 1)


def relative_shift(by_distance: Tensor) -> Tensor:
    """[.., T, K + 1] whose columns are distances K .. 0 -> [.., T, K] whose columns are keys; no copy.

    Dropping the first T of the T (K + 1) numbers shifts row i left by T - 1 - i: column j holds the distance
    K - T + i - j. Keys in the future (negative distances) hold numbers of the next row, which the mask hides.
    """
    qlen, wide = by_distance.shape[-2:]
    return by_distance.flatten(-2)[..., qlen:].view(*by_distance.shape[:-1], wide - 1)


class Hidden:
    """The keys that a query must not see: the future, and memory from before its lane's start."""

    def __init__(self, valid: Tensor, qlen: int, mlens: Iterable[int]) -> None:
        self._future = torch.ones(qlen, qlen, dtype=torch.bool, device=valid.device).triu(1)  # [T, T]
        self._before: dict[int, Tensor | None] = {}
        for mlen in set(mlens):
            before = torch.arange(mlen, device=valid.device) < mlen - valid[:, None]
            self._before[mlen] = before[:, None, None] if bool(before.any()) else None  # asked once a step

    @torch.no_grad()
    def hide(self, scores: Tensor) -> None:
        """Sets hidden places of [B, H, T, K] to -inf, in place; after a softmax their gradient is zero."""
        mlen = scores.shape[-1] - len(self._future)
        scores[..., mlen:].masked_fill_(self._future, -torch.inf)
        before = self._before[mlen]
        if before is not None:
            scores[..., :mlen].masked_fill_(before, -torch.inf)


class Layer(nn.Module):
    """Attention, then a feed-forward net, each with its LayerNorm in front and a residual around."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.d_model, eps=LAYER_NORM_EPS)
        self.attention = Attention(config)
        self.norm2 = nn.LayerNorm(config.d_model, eps=LAYER_NORM_EPS)
        self.ff1 = nn.Linear(config.d_model, config.d_inner)
        self.ff2 = nn.Linear(config.d_inner, config.d_model)
        self.dropout = Dropout(config.dropout)

    def forward(self, h: Tensor, memory: Tensor, r: Tensor, hidden: Hidden) -> Tensor:
        """h [B, T, d] behind memory [B, m, d] -> [B, T, d]."""
        with torch.no_grad():
            past = self.norm1(memory)
        h = h + self.dropout(self.attention(past, self.norm1(h), r, hidden))
        out: Tensor = h + self.dropout(self.ff2(functional.relu(self.ff1(self.norm2(h)))))
        return out


class TransformerXL(nn.Module):
    """The language model: `(tokens, memory) -> (logits, memory)`; the caller holds the memory."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.n_layer))
        self.norm = nn.LayerNorm(config.d_model, eps=LAYER_NORM_EPS)
        self.logits_bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.dropout = Dropout(config.dropout)
        self._init_weights()

    @property
    def segment(self) -> int:
        """Tokens of a lane in a training step."""
        return self.config.tgt_len

    @property
    def stride(self) -> int:
        """Tokens of a lane that are scored at a time."""
        return self.config.tgt_len

    def _init_weights(self) -> None:
        for name, parameter in self.named_parameters():
            if "norm" in name or name == "logits_bias":
                continue  # norms start as the identity, this bias at zero
            if name.endswith(("ff1.bias", "ff2.bias")):
                nn.init.zeros_(parameter)
                continue
            adds = name.endswith(("attention.o.weight", "ff2.weight"))
            share = math.sqrt(2 * self.config.n_layer) if adds else 1.0  # as in GPT-2: the sum keeps its size
            nn.init.normal_(parameter, std=INIT_STD / share)

    def forward(self, tokens: Tensor, memory: Memory | None = None) -> tuple[Tensor, Memory]:
        """tokens [B, T] int64 (T is usually tgt_len) -> logits [B, T, vocab_size], memory for the next T."""
        memory = memory or self.empty_memory(tokens.shape[0])
        qlen, mlens = tokens.shape[1], [past.shape[1] for past in memory.hidden]
        hidden = Hidden(memory.valid, qlen, mlens)
        h = self.dropout(self.embedding(tokens) * math.sqrt(self.config.d_model))
        r = sinusoids(qlen + max(mlens), self.config.d_model, h)
        inputs = []
        for layer, past, mlen in zip(self.layers, memory.hidden, mlens, strict=True):
            inputs.append(h)
            h = layer(h, past, r[-(qlen + mlen + 1) :], hidden)
        logits = functional.linear(self.norm(h), self.embedding.weight, self.logits_bias)
        return logits, self._next_memory(memory, inputs)

    def empty_memory(self, batch: int) -> Memory:
        """The memory at a stream's start: no positions at all."""
        weight = self.embedding.weight
        hidden = (weight.new_empty(batch, 0, self.config.d_model),) * self.config.n_layer
        return Memory(hidden, torch.zeros(batch, dtype=torch.int64, device=weight.device))

    def _next_memory(self, memory: Memory, inputs: list[Tensor]) -> Memory:
        sizes, qlen = map(self.config.memory_of, range(self.config.n_layer)), inputs[0].shape[1]
        with torch.no_grad():
            hidden = tuple(
                torch.cat([past[:, max(past.shape[1] + qlen - size, 0) :], h[:, max(qlen - size, 0) :]], 1)
                for past, h, size in zip(memory.hidden, inputs, sizes, strict=True)
            )
        return Memory(hidden, (memory.valid + qlen).clamp(max=self.config.longest_memory))


def sinusoids(klen: int, d_model: int, like: Tensor) -> Tensor:
    """R [klen + 1, d_model] for distances klen .. 0, sines, then cosines; device and dtype of `like`."""
    distance = torch.arange(klen, -1, -1, device=like.device, dtype=torch.float64)
    frequency = 10000.0 ** (-torch.arange(0, d_model, 2, device=like.device, dtype=torch.float64) / d_model)
    angle = distance[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], -1).to(like.dtype)


def parameters_of(model: nn.Module) -> int:
    """How many numbers the model has learnt (tied ones counted once)."""
    return sum(p.numel() for p in model.parameters())
