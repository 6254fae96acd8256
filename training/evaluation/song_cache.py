"""The n-grams of a song learnt while it goes on: each token is predicted from all that stands before it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jamd.remi.vocabulary import SIZE
from training.evaluation.ngrams import (
    COMPONENTS,
    VIEWS,
    Counts,
    Ids,
    Keys,
    context_keys,
    joined,
    predicted,
    witten_bell,
)


def online(runs: Sequence[Ids]) -> NDArray[np.float32]:
    """p of each predicted token of the songs by each of COMPONENTS learnt from its own song so far, [24, q]."""
    ids = joined(runs)
    asked = predicted(ids)
    gaps = np.flatnonzero(np.diff(np.concatenate([[-2], asked])) > 1)  # a song begins behind PADs and BOS
    song = np.zeros(len(asked), dtype=np.uint64)
    song[gaps] = 1
    song = np.cumsum(song, dtype=np.uint64)
    tokens = ids[asked].astype(np.uint64)
    out = np.empty((len(COMPONENTS), len(asked)), dtype=np.float32)
    row = 0
    for view in VIEWS:
        p = np.full(len(asked), 1 / SIZE)
        for order, contexts in enumerate(context_keys(ids, view, asked, song)):
            p = witten_bell(so_far(contexts, tokens), p)
            if order:
                out[row] = p
                row += 1
    return out


def so_far(contexts: Keys, tokens: Keys) -> Counts:
    """For each place, [q]: what of its context (and token) had been seen at earlier places."""
    joint = _earlier(contexts | tokens)[0]
    seen, order, starts = _earlier(contexts)
    new = (joint == 0)[order].astype(np.int64)
    before = np.cumsum(new) - new
    distinct = np.empty(len(order))
    distinct[order] = before - before[starts]
    return Counts(joint.astype(np.float64), seen.astype(np.float64), distinct)


def _earlier(keys: Keys) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """How often each key stood earlier; the stable order by key; in that order, where each one's group starts."""
    order = np.argsort(keys, kind="stable")
    grouped = keys[order]
    new = np.concatenate([[True], grouped[1:] != grouped[:-1]])[: len(keys)]
    places = np.arange(len(keys))
    starts = np.maximum.accumulate(np.where(new, places, 0))
    earlier = np.empty(len(keys), dtype=np.int64)
    earlier[order] = places - starts
    return earlier, order, starts
