"""Dropout that is cheap on a CPU: torch draws one slow random number for each element, this one a byte."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Dropout(nn.Module):
    """Drops each element with probability `p` while training, and scales the others by 1 / (1 - p).

    On a CPU `p` is rounded to a 256th. The mask comes from torch's generator: a resumed run draws the same.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """x of any shape; itself when not training."""
        dropped = round(self.p * 256)
        if not self.training or not dropped:
            return x
        if x.device.type != "cpu":
            return functional.dropout(x, self.p)
        words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        kept = words.view(torch.uint8)[: x.numel()].view(x.shape) >= dropped
        return x * kept.to(x.dtype).mul_(256 / (256 - dropped))
