"""GPT-2 (Radford et al. 2019), what Transformer-XL is measured against: same tokens, data, steps, depth and width.

    h_0 = E[token] + P[position]
    h'  = h_l + W_o attention(norm1(h_l)) + b_o
    h_{l+1} = h' + W_2 gelu(W_1 norm2(h') + b_1) + b_2
    logits = norm(h_L) E^T

with learned positions P, biases everywhere, gelu in its tanh form and causal attention over one window of at most
`context` tokens. No dropout on attention weights: the Transformer-XL of this program has none either.

It is trained on windows of `context` tokens that follow each other in a piece, every token a target, as many in a
step as the Transformer-XL has. A piece's last window is filled up, so that a step holds some 6 % fewer targets:
equal data means equal target tokens (`max_tokens`). What it remembers between windows is tokens, not activations:
`Memory` holds one [B, m] int64, and they are read again in front of the next window, so that scored windows overlap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from jamd.errors import ModelError
from training.dropout import Dropout
from training.model import INIT_STD, LAYER_NORM_EPS, Memory

POSITION_STD = 0.01
"""Of P at the start, as in the paper's code."""


@dataclass(frozen=True, slots=True)
class GPT2Config:
    """Sizes of a GPT-2; `context` is the number of its positions, in tokens."""

    n_layer: int
    d_model: int
    n_head: int
    d_head: int
    d_inner: int
    context: int
    vocab_size: int
    dropout: float = 0.1


class Block(nn.Module):
    """Causal attention, then a feed-forward net, each with its LayerNorm in front and a residual around."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.heads = (3, config.n_head, config.d_head)
        wide = config.n_head * config.d_head
        self.norm1 = nn.LayerNorm(config.d_model, eps=LAYER_NORM_EPS)
        self.q = nn.Linear(config.d_model, wide)
        self.k = nn.Linear(config.d_model, wide)
        self.v = nn.Linear(config.d_model, wide)
        self.o = nn.Linear(wide, config.d_model)
        self.norm2 = nn.LayerNorm(config.d_model, eps=LAYER_NORM_EPS)
        self.ff1 = nn.Linear(config.d_model, config.d_inner)
        self.ff2 = nn.Linear(config.d_inner, config.d_model)
        self.dropout = Dropout(config.dropout)

    def forward(self, h: Tensor) -> Tensor:
        """h [B, T, d] -> [B, T, d]."""
        weight = torch.cat([self.q.weight, self.k.weight, self.v.weight])  # one product for three
        qkv = functional.linear(self.norm1(h), weight, torch.cat([self.q.bias, self.k.bias, self.v.bias]))
        q, k, v = qkv.view(*h.shape[:2], *self.heads).permute(2, 0, 3, 1, 4)  # each [B, H, T, dh]
        heads = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        h = h + self.dropout(self.o(heads.transpose(1, 2).flatten(2)))
        wide = functional.gelu(self.ff1(self.norm2(h)), approximate="tanh")
        out: Tensor = h + self.dropout(self.ff2(wide))
        return out


class GPT2(nn.Module):
    """The language model: `(tokens, memory) -> (logits, memory)`, as TransformerXL; the caller holds the memory."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.position = nn.Embedding(config.context, config.d_model)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.norm = nn.LayerNorm(config.d_model, eps=LAYER_NORM_EPS)
        self.dropout = Dropout(config.dropout)
        self._init_weights()

    @property
    def segment(self) -> int:
        """Tokens of a lane in a training step: a whole window, each token a target."""
        return self.config.context

    @property
    def stride(self) -> int:
        """Tokens of a lane that are scored at a time: behind each of them stand half a window or more."""
        return max(self.config.context // 2, 1)

    def _init_weights(self) -> None:
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif "norm" not in name:
                adds = name.endswith((".o.weight", "ff2.weight"))
                share = math.sqrt(2 * self.config.n_layer) if adds else 1.0
                std = POSITION_STD if name == "position.weight" else INIT_STD / share
                nn.init.normal_(parameter, std=std)

    def forward(self, tokens: Tensor, memory: Memory | None = None) -> tuple[Tensor, Memory]:
        """tokens [B, T] int64, T <= context -> logits [B, T, vocab_size], memory for the next T.

        Of the memory the newest context - T tokens are read. ModelError when T is more than the context.
        """
        qlen = tokens.shape[1]
        room = self.config.context - qlen
        if room < 0:
            raise ModelError(f"GPT-2 with {self.config.context} positions was given {qlen} tokens.")
        memory = (memory or empty_memory(tokens)).newest(room)
        window, offset = left_aligned(torch.cat([memory.hidden[0], tokens], 1), qlen, memory.valid)
        h = self.dropout(self.embedding(window) + self.position.weight[: window.shape[1]])
        for layer in self.layers:
            h = layer(h)
        h = h.gather(1, (offset[:, None] + torch.arange(qlen, device=h.device))[..., None].expand(-1, -1, h.shape[2]))
        logits = functional.linear(self.norm(h), self.embedding.weight)
        kept = torch.cat([memory.hidden[0], tokens], 1)
        return logits, Memory((kept,), memory.valid + qlen).newest(room)


def empty_memory(tokens: Tensor) -> Memory:
    """The memory in front of the first window of `tokens` [B, T]: no tokens at all."""
    return Memory((tokens[:, :0],), tokens.new_zeros(tokens.shape[0]))


def left_aligned(row: Tensor, qlen: int, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Moves each lane's stream to position 0 of its window, so that causal attention needs no other mask.

    row [B, m + qlen], of which the newest valid + qlen tokens are the lane's -> the window [B, m + qlen] and the
    place [B] where the last qlen tokens begin in it; what then stands behind them is never looked at.
    """
    length = row.shape[1]
    if length == qlen:
        return row, valid.new_zeros(row.shape[0])
    first = length - qlen - valid
    places = (torch.arange(length, device=row.device) + first[:, None]).clamp(max=length - 1)
    return row.gather(1, places), valid
