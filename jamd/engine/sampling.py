"""Sampling: logits -> grammar -> temperature -> top_p -> min_p -> choice. NumPy only; knows no model.

Each filter is a pure function on the probabilities of the ids that are still in. The draw depends on (seed,
turn, step) alone: a draft that is thrown away and made again draws the same, whatever was drawn in between.
"""

from __future__ import annotations

import hashlib
import math
import struct

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float64]


class Sampler:
    """Chooses one id of many. Holds no state: the same arguments give the same id.

    temperature: 0 takes the likeliest id, 1 the model's own distribution, more is wilder (>= 0).
    top_p: only the likeliest ids that together reach this probability (0 < top_p <= 1; 1 is off).
    min_p: only ids at least this fraction as likely as the likeliest (0 <= min_p <= 1; 0 is off).
    seed: 0 <= seed < 2**64. ValueError for a setting out of its range.
    """

    def __init__(self, temperature: float = 1.0, top_p: float = 1.0, min_p: float = 0.0, seed: int = 0) -> None:
        if not 0 <= temperature < math.inf:
            raise ValueError(f"temperature must be 0 or more, not {temperature}")
        if not 0 < top_p <= 1:
            raise ValueError(f"top_p must be more than 0 and at most 1, not {top_p}")
        if not 0 <= min_p <= 1:
            raise ValueError(f"min_p must be from 0 to 1, not {min_p}")
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed must be from 0 to 2**64 - 1, not {seed}")
        self.temperature, self.top_p, self.min_p, self.seed = temperature, top_p, min_p, seed

    def choose(self, logits: NDArray[np.float32], allowed: NDArray[np.bool_], turn: int, step: int) -> int:
        """An id with `allowed[id]`, drawn for this step of this turn; both arrays are [V].

        ValueError if no id is allowed, or if the logits of those that are hold a NaN or nothing but -inf.
        """
        ids = np.flatnonzero(allowed)
        if not ids.size:
            raise ValueError("no id is allowed")
        kept = logits[ids].astype(np.float64)
        best = int(kept.argmax())  # of a NaN too, if there is one
        if not math.isfinite(kept[best]):
            raise ValueError(f"the model's logits are not numbers: {kept[best]} for id {ids[best]}")
        if self.temperature == 0 or ids.size == 1:
            return int(ids[best])
        p = heated(kept, self.temperature)
        if self.top_p < 1:
            p = nucleus(p, self.top_p)
        if self.min_p > 0:
            p = above(p, self.min_p)
        return int(ids[drawn(p, uniform(self.seed, turn, step))])


def heated(logits: NDArray[np.float64], temperature: float) -> Probabilities:
    """Softmax of logits / temperature."""
    with np.errstate(over="ignore"):  # next to nothing divides to -inf, which is right
        p = np.exp((logits - logits.max()) / temperature)
    return np.asarray(p / p.sum())


def nucleus(p: Probabilities, top_p: float) -> Probabilities:
    """Only the fewest likeliest that together reach `top_p` (Holtzman et al. 2020); of equals the first."""
    order = np.argsort(-p, kind="stable")
    inside = int(np.searchsorted(p[order].cumsum(), top_p)) + 1
    kept = np.zeros_like(p)
    kept[order[:inside]] = p[order[:inside]]
    return kept


def above(p: Probabilities, min_p: float) -> Probabilities:
    """Only those at least `min_p` times as likely as the likeliest (Nguyen et al. 2024)."""
    return np.where(p >= min_p * p.max(), p, 0.0)


def drawn(p: Probabilities, u: float) -> int:
    """The index where the running sum of `p` passes `u` of its total, 0 <= u < 1; never one with p = 0."""
    total = p.cumsum()
    return int(np.searchsorted(total, u * total[-1], side="right"))


def uniform(seed: int, turn: int, step: int) -> float:
    """A number in [0, 1) for this key: 53 bits of a BLAKE2b hash, cheaper than a NumPy generator."""
    key = struct.pack("<QqQ", seed, turn, step)
    return (int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "little") >> 11) * 2.0**-53
