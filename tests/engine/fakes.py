"""A session without a model: its memory is the very list of tokens that were fed, its logits a hash of the last few."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jamd.remi import vocabulary as v


class FakeSession:
    """Says by `ids` what the model's memory would hold."""

    def __init__(self) -> None:
        self.ids: list[int] = []

    def reset(self) -> None:
        self.ids = []

    def feed(self, ids: Sequence[int]) -> np.ndarray:
        assert ids
        self.ids += ids
        return self._logits()

    def step(self, token: int) -> np.ndarray:
        return self.feed([token])

    def snapshot(self) -> tuple[int, ...]:
        return tuple(self.ids)

    def restore(self, snapshot: tuple[int, ...]) -> None:
        self.ids = list(snapshot)

    def _logits(self) -> np.ndarray:
        rng = np.random.default_rng([len(self.ids), *self.ids[-6:]])
        logits = rng.normal(size=v.SIZE).astype(np.float32)
        logits[v.RESPONSE] += 3  # where both may play it likes to
        return logits
