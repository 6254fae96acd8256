"""The optimizer of a run, and the precision that its chip computes in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from training.settings import MUON, TrainSettings


class Optimizer:
    """Torch optimizers that share out a model's parameters and step as one."""

    def __init__(self, parts: Sequence[torch.optim.Optimizer]) -> None:
        self._parts = parts
        self._full = [group["lr"] for group in self._groups()]

    @property
    def rate(self) -> float:
        """The learning rate of the first group; the others keep the ratio to it with which they were made."""
        return float(next(self._groups())["lr"])

    @rate.setter
    def rate(self, rate: float) -> None:
        for group, full in zip(self._groups(), self._full, strict=True):
            group["lr"] = rate * full / self._full[0]

    def _groups(self) -> Iterator[dict[str, Any]]:
        return (group for part in self._parts for group in part.param_groups)

    def step(self) -> None:
        """One step of every part; the gradients are used up."""
        for part in self._parts:
            part.step()
            part.zero_grad(set_to_none=True)

    def state(self) -> list[dict[str, Any]]:
        """What a resumed run needs, part by part."""
        return [part.state_dict() for part in self._parts]

    def restore(self, state: Sequence[dict[str, Any]] | dict[str, Any]) -> None:
        """Goes on from `state()`; older checkpoints hold AdamW's alone."""
        for part, held in zip(self._parts, [state] if isinstance(state, dict) else state, strict=True):
            part.load_state_dict(held)


def optimizer_of(model: nn.Module, train: TrainSettings) -> Optimizer:
    """AdamW for all, or Muon (Jordan 2024) for the matrices of the layers and AdamW for the rest.

    Muon's step is scaled to the size of AdamW's (Liu et al. 2025), so both mean the same by a rate. Matrices decay;
    biases (u and v too) and norms do not, and beside Muon the embedding does not either.
    """
    named = list(model.named_parameters())
    matrices = [p for n, p in named if n.endswith("weight") and "norm" not in n]
    others = [p for n, p in named if not n.endswith("weight") or "norm" in n]
    betas = (train.beta1, train.beta2)
    if train.optimizer != MUON:
        groups = [{"params": matrices, "weight_decay": train.weight_decay}, {"params": others, "weight_decay": 0.0}]
        return Optimizer([torch.optim.AdamW(groups, lr=train.lr, betas=betas, fused=True)])
    inside = {id(p) for p in model.get_submodule("layers").parameters()}
    hidden = [p for p in matrices if id(p) in inside]
    rest = [p for p in matrices if id(p) not in inside] + others
    return Optimizer(
        [
            torch.optim.Muon(hidden, lr=train.lr, weight_decay=train.weight_decay, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(rest, lr=train.adamw_lr, betas=betas, weight_decay=0.0, fused=True),
        ]
    )


def computes_in_bf16(device: torch.device) -> bool:
    """True when the chip multiplies in bf16; elsewhere torch imitates it, several times slower than fp32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # torch has no public name before 2.9
    return device.type == "cpu" and any(getattr(torch.cpu, c, lambda: False)() for c in checks)
