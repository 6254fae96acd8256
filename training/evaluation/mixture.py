"""Mixtures of probabilities: weights by expectation maximization, for each family of the token before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.evaluation.ngrams import FAMILY, Ids, joined, predicted

ROUNDS, ENOUGH = 200, 1e-6
"""Rounds end when one gains less than this, in nats a token."""
Columns = NDArray[np.float32]


def groups_of(runs: list[Ids]) -> NDArray[np.intp]:
    """For each predicted token of the songs the family of the token before it, [q]."""
    ids = joined(runs)
    return FAMILY[ids[predicted(ids) - 1]].astype(np.intp)


def fitted(columns: Columns, groups: NDArray[np.intp]) -> NDArray[np.float32]:
    """Weights [families, components] under which the tokens are likeliest; columns [components, q].

    A family that never occurs gets the weights of all together.
    """
    families = int(FAMILY.max()) + 1
    weights = np.tile(_weights(columns), (families, 1))
    for family in np.unique(groups):
        weights[family] = _weights(columns[:, groups == family])
    return weights


def _weights(columns: Columns) -> NDArray[np.float32]:
    """Weights [components] of the likeliest mixture: it grows in every round, and has one maximum."""
    components, count = columns.shape
    weights = np.full(components, 1 / components, dtype=np.float32)
    before = -np.inf
    for _ in range(ROUNDS if count else 0):
        mixed = weights @ columns
        now = float(np.log(mixed).mean())
        weights = weights * (columns @ (1 / mixed)) / count
        weights /= weights.sum()
        if now - before < ENOUGH:
            break
        before = now
    return weights.astype(np.float32)


def bits(columns: Columns, weights: NDArray[np.float32], groups: NDArray[np.intp]) -> NDArray[np.float64]:
    """-log2 of the mixed probability of each token, [q]."""
    out = np.empty(len(groups))
    for family in np.unique(groups):
        here = groups == family
        out[here] = -np.log2(weights[family].astype(np.float64) @ columns[:, here])
    return out
