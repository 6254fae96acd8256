"""Validation on the half that decides when to stop: loss a token, and bits a note."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import torch
from torch import Tensor
from torch.nn import functional

from jamd.remi.vocabulary import NOTE_ON, PAD
from training.architecture import Model
from training.batches import Batch, Title
from training.model import Memory


@dataclass(frozen=True, slots=True)
class Score:
    """What a model makes of music that it was not trained on."""

    nats: float
    """Of all counted tokens together."""
    tokens: int
    notes: int

    @property
    def loss(self) -> float:
        """Nats a token."""
        return self.nats / max(self.tokens, 1)

    @property
    def bits_per_note(self) -> float:
        """Bits of all tokens (chords, tempo, bars too) over Note On tokens: compares across vocabularies."""
        return self.nats / math.log(2) / max(self.notes, 1)


def excerpt(titles: Sequence[Title], tokens: int, piece_tokens: int) -> list[Title]:
    """At most `tokens`, taken from the sets in turn, in an order that only the titles decide.

    Of each title the first variant is taken, up to `piece_tokens`.
    """
    sets = defaultdict(list)
    for title in sorted(titles, key=lambda t: hashlib.sha256(f"{t[0].set}/{t[0].piece}".encode()).digest()):
        first = title[0]
        sets[first.set].append(dataclasses.replace(first, length=min(first.length, piece_tokens)))
    out: list[Title] = []
    for piece in (p for row in zip_longest(*(sets[s] for s in sorted(sets))) for p in row if p is not None):
        if out and tokens < piece.length:
            break
        out.append((piece,))
        tokens -= piece.length
    return out


@torch.no_grad()
def score(model: Model, batches: Iterable[Batch], device: torch.device, *, bf16: bool) -> Score:
    """Runs the model over batches of contiguous lanes, from empty memory.

    With segments of `model.stride` each token of a piece, but for the first ones, is scored behind mem_len tokens
    or more by a Transformer-XL, behind context / 2 or more by a GPT-2, whose windows then overlap by half.
    """
    was_training = model.training
    model.eval()
    memory: Memory | None = None
    nats, tokens, notes = 0.0, 0, 0
    for batch in (b.to(device) for b in batches):
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            logits, memory = model(batch.tokens, memory.reset(batch.starts) if memory else None)
        nats += token_loss(logits, batch.targets, "sum").item()
        tokens += int((batch.targets != PAD).sum())
        past = NOTE_ON.first + len(NOTE_ON)
        notes += int(((batch.targets >= NOTE_ON.first) & (batch.targets < past)).sum())
    model.train(was_training)
    return Score(nats, tokens, notes)


def token_loss(logits: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
    """Cross entropy (nats) of [B, T, V] logits, in fp32, where targets are not PAD."""
    return functional.cross_entropy(
        logits.float().flatten(0, 1), targets.flatten(), ignore_index=PAD, reduction=reduction
    )
