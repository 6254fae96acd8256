"""n-grams of tokens by Witten-Bell smoothing, 8 orders in 3 views, counted with sorts instead of dictionaries.

A view filters the context: the last k tokens of the view, however far back; the family of the token just before is
always known, so that a filtered context still says what comes next. What is predicted is always the next token,
out of the whole vocabulary. With c(h w), c(h) and T(h), the number of different tokens seen after h,

    p_k(w | h) = (c(h w) + T(h) p_{k-1}(w | h')) / (c(h) + T(h)),    p_{k-1} where h was never seen

(Witten and Bell 1991, interpolated), down to the order 0 and below it 1 / V.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jamd.remi.vocabulary import BOS, NOTE_ON, NOTE_VELOCITY, PAD, POSITION, SIZE, TABLE

ORDERS = 8
"""The longest context, in tokens of its view."""
TOKEN_BITS = np.uint64(10)
TOKEN_MASK = np.uint64((1 << 10) - 1)
"""The low bits of a key are the predicted token, the high bits the hash of its context."""
assert SIZE <= 1 << 10
STEP, MIX, TAG = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F))
"""Odd numbers: multiplying by them loses nothing modulo 2 ** 64."""
Ids = NDArray[np.uint16]
Keys = NDArray[np.uint64]
Floats = NDArray[np.float64]

FAMILY = np.repeat(np.arange(len(TABLE)), [len(f) for f in TABLE]).astype(np.uint64)
"""The number of each token's family, [V]."""


def _view(*hidden: str) -> NDArray[np.bool_]:
    return np.concatenate([np.full(len(f), f.name not in hidden) for f in TABLE])


_SCORE = {f.name for f in TABLE} - {"PAD", "BOS", POSITION.name, NOTE_ON.name}
VIEWS = {
    "all tokens": _view(),
    "without velocity": _view(NOTE_VELOCITY.name),
    "position and pitch": _view(*_SCORE),
}
COMPONENTS = tuple((view, order) for view in VIEWS for order in range(1, ORDERS + 1))


class Counts(NamedTuple):
    """For each query, [q]: how often h w and h were seen, and how many different tokens after h."""

    joint: Floats
    context: Floats
    distinct: Floats


def joined(runs: Sequence[Ids]) -> Ids:
    """Songs one after the other, each behind PADs, so that no context reaches into another song."""
    gap = np.full(ORDERS, PAD, dtype=np.uint16)
    return np.concatenate([part for run in runs for part in (gap, run)] or [gap])


def predicted(ids: Ids) -> NDArray[np.intp]:
    """Where the tokens stand that are predicted: all but PAD and BOS."""
    return np.flatnonzero((ids != PAD) & (ids != BOS))


def context_keys(ids: Ids, view: str, where: NDArray[np.intp], tag: Keys | int = 0) -> Iterator[Keys]:
    """For the orders 0, 1 .. ORDERS the keys of the contexts of the tokens at `where`, low bits zero.

    `tag` ([len(where)] or one number) keeps contexts apart that must not be counted together.
    """
    kept = VIEWS[view][ids]
    tokens = ids[kept].astype(np.uint64)
    ends: NDArray[np.int64] = (np.cumsum(kept) - kept)[where]
    before = FAMILY[ids[where - 1]]
    tags = np.asarray(tag, dtype=np.uint64) * TAG
    hashed = np.zeros(len(tokens) + 1, dtype=np.uint64)
    yield _mixed(np.zeros(len(where), np.uint64) + tags)
    for order in range(1, ORDERS + 1):
        hashed[1:] = hashed[:-1] * STEP + tokens + np.uint64(1)
        hashed[0] = 0
        yield _mixed((hashed[ends] * np.uint64(len(TABLE)) + before) * STEP + np.uint64(order) + tags)


def _mixed(keys: Keys) -> Keys:
    """Spreads the hash over the high bits and clears the low ones."""
    keys ^= keys >> np.uint64(32)
    keys *= MIX
    keys ^= keys >> np.uint64(29)
    keys *= STEP
    keys &= ~TOKEN_MASK
    return keys


def counted(keys: Keys, contexts: Keys, tokens: Keys) -> Counts:
    """Counts of queries (contexts, tokens) among `keys` (context | token), which is sorted here, in place."""
    keys.sort()
    new = np.empty(len(keys) + 1, dtype=np.int32)
    new[0] = 0
    np.cumsum(np.concatenate([[True], keys[1:] != keys[:-1]]), out=new[1:])
    order = np.argsort(contexts | tokens)
    around, here = contexts[order], (contexts | tokens)[order]
    low, high = np.searchsorted(keys, around, "left"), np.searchsorted(keys, around | TOKEN_MASK, "right")
    first, last = np.searchsorted(keys, here, "left"), np.searchsorted(keys, here, "right")
    columns = np.empty((3, len(order)))
    columns[:, order] = last - first, high - low, new[high] - new[low]
    return Counts(*columns)


def witten_bell(counts: Counts, shorter: Floats) -> Floats:
    """p_k from the counts and p_{k-1}, all [q]."""
    mass = counts.context + counts.distinct
    with np.errstate(invalid="ignore"):
        found = (counts.joint + counts.distinct * shorter) / mass
    return np.where(mass > 0, found, shorter)


def trained(train: Ids, queries: Ids, tick: Callable[[int], None] = lambda _: None) -> NDArray[np.float32]:
    """p of each predicted token of `queries` by each of COMPONENTS learnt from `train`, [24, q]; see `joined`.

    One (view, order) is counted at a time: about 60 bytes a training token are needed.
    """
    known, asked = predicted(train), predicted(queries)
    learnt, wanted = train[known].astype(np.uint64), queries[asked].astype(np.uint64)
    out = np.empty((len(COMPONENTS), len(asked)), dtype=np.float32)
    row = 0
    for view in VIEWS:
        p = np.full(len(asked), 1 / SIZE)
        pairs = zip(context_keys(train, view, known), context_keys(queries, view, asked), strict=True)
        for order, (keys, contexts) in enumerate(pairs):
            keys |= learnt
            p = witten_bell(counted(keys, contexts, wanted), p)
            if order:
                out[row] = p
                row += 1
            tick(1)
    return out
