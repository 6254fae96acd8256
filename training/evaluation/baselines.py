"""What a model must be better than: mixtures of n-grams of the training set, and of the song so far, and xz."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from jamd.remi.vocabulary import NOTE_VELOCITY
from training.batches import REPORT, STOP, Cache, Piece
from training.evaluation import mixture, ngrams
from training.evaluation.progress import Tick
from training.evaluation.song import Song
from training.evaluation.song_cache import online

MIXTURE, SONG_CACHE = "mixture", "song_cache"
TRAIN_TOKENS = 16_000_000
"""At most so many are counted: the first variant of every title, then the second of every title, and so on."""
FIT_TOKENS = 100_000
"""Of each set, to fit the weights on."""
STEPS = len(ngrams.VIEWS) * (ngrams.ORDERS + 1)
"""Ticks of `learnt`."""
Bits = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Learnt:
    """Bits of each token but the first of each song, [n - 1], by baseline; and what they were learnt from."""

    bits: dict[str, list[Bits]]
    train_tokens: int
    fit_tokens: int


def learnt(cache: Cache, songs: Sequence[Song], tick: Tick) -> Learnt | None:
    """The mixture alone, and with the song cache; None when the cache has nothing to fit weights on.

    Weights are fitted on the stopping half of the cache's validation part, for each set on its own pieces where
    it has any, else on all; pieces of a measured group never serve. Where the stopping half itself is measured,
    the reporting half serves.
    """
    fitting = _fitting(cache, {s.group for s in songs})
    if not fitting:
        return None
    train = ngrams.joined(_capped([[cache.tokens(p) for p in title] for title in cache.train()]))
    runs = [np.array(cache.tokens(p)) for p in fitting] + [s.tokens for s in songs]
    columns = ngrams.trained(train, ngrams.joined(runs), tick)
    both = np.concatenate([columns, online(runs)])
    fit_tokens = sum(p.length for p in fitting)
    sets = [p.set for p in fitting] + [s.set for s in songs]
    flat = [p.flat_velocity for p in fitting] + [s.flat_velocity for s in songs]
    counted = np.concatenate([_counted(run, lies) for run, lies in zip(runs, flat, strict=True)])
    fits = np.arange(len(runs)) < len(fitting)
    table = _Table(runs, sets, fits, counted, mixture.groups_of(runs))
    return Learnt({MIXTURE: table.bits(columns), SONG_CACHE: table.bits(both)}, len(train), fit_tokens)


class _Table:
    """The predicted tokens of fitting pieces and songs in a row, and who is who among them."""

    def __init__(
        self,
        runs: Sequence[ngrams.Ids],
        sets: Sequence[str],
        fits: NDArray[np.bool_],
        counted: NDArray[np.bool_],
        groups: NDArray[np.intp],
    ) -> None:
        self._sets, self._fits = np.array(sets), fits
        self._run = np.repeat(np.arange(len(runs)), [len(r) - 1 for r in runs])
        self._counted, self._groups = counted, groups

    def bits(self, columns: mixture.Columns) -> list[Bits]:
        """The bits of the songs by the mixture of columns [components, q]."""
        out: dict[int, Bits] = {}
        for name in np.unique(self._sets[~self._fits]):
            own = self._fits & (self._sets == name)
            weights = self._weights(columns, own if own.any() else self._fits)
            for i in np.flatnonzero(~self._fits & (self._sets == name)):
                here = self._run == i
                out[int(i)] = mixture.bits(columns[:, here], weights, self._groups[here])
        return [out[i] for i in sorted(out)]

    def _weights(self, columns: mixture.Columns, chosen: NDArray[np.bool_]) -> NDArray[np.float32]:
        here = chosen[self._run] & self._counted
        return mixture.fitted(columns[:, here], self._groups[here])


def _fitting(cache: Cache, measured: Collection[str]) -> list[Piece]:
    """Pieces to fit weights on: up to FIT_TOKENS of each set, in an order that their names decide."""
    touched = any(title[0].group in measured for title in cache.valid(STOP))
    titles = [t for t in cache.valid(REPORT if touched else STOP) if t[0].group not in measured]
    left: dict[str, int] = {}
    out = []
    for piece in sorted((t[0] for t in titles), key=lambda p: hashlib.sha256(f"{p.set}/{p.piece}".encode()).digest()):
        if left.setdefault(piece.set, FIT_TOKENS) > 0 and piece.length > 1:
            left[piece.set] -= piece.length
            out.append(piece)
    return out


def _capped(titles: Sequence[Sequence[ngrams.Ids]]) -> list[ngrams.Ids]:
    out, left = [], TRAIN_TOKENS
    for run in (r for row in zip_longest(*titles) for r in row if r is not None):
        if left <= 0:
            break
        out.append(run[:left])
        left -= len(run)
    return out


def _counted(ids: ngrams.Ids, flat_velocity: bool) -> NDArray[np.bool_]:
    lies = (ids[1:] >= NOTE_VELOCITY.first) & (ids[1:] < NOTE_VELOCITY.first + len(NOTE_VELOCITY))
    return ~(lies & flat_velocity)
