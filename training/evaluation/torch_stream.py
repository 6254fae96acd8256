"""A model of training as a session that an Improviser can play with: for what is never exported, such as GPT-2.

It reads its whole window anew for every token, which is slow and has nothing that could go wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from training.gpt2 import GPT2


class TorchStream:
    """A stream of tokens in, logits out; the newest `context` tokens are all that it remembers."""

    def __init__(self, model: GPT2) -> None:
        self._model, self._context = model.eval(), model.config.context
        self._window: tuple[int, ...] = ()

    def reset(self) -> None:
        """Begins a new stream."""
        self._window = ()

    def feed(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Feeds tokens; the logits after the last, [V]. ValueError for none."""
        if not len(ids):
            raise ValueError("nothing to feed")
        self._window = (*self._window, *map(int, ids))[-self._context :]
        with torch.inference_mode():
            logits, _ = self._model(torch.tensor([self._window]))
        return np.asarray(logits[0, -1].float().numpy())

    def step(self, token: int) -> NDArray[np.float32]:
        """Feeds one token."""
        return self.feed((token,))

    def snapshot(self) -> tuple[int, ...]:
        """What it remembers."""
        return self._window

    def restore(self, snapshot: tuple[int, ...]) -> None:
        """Goes back to what it remembered."""
        self._window = snapshot
