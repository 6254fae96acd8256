"""Order-4 Markov over tokens, as a session that an Improviser can play with: a baseline. Knows no music.

The likelihood of a token behind four is its share among what followed these four where it was learnt; what
was never seen there is left to shorter contexts, each worth LESS of the longer one. The grammar is the
Improviser's, as for the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jamd.remi.vocabulary import SIZE

ORDER = 4
LESS = 1e-4
"""So small that a shorter context speaks only where the grammar allows nothing that the longer one knows."""
MOST_TOKENS = 6_000_000
"""Learnt at most: some 1.5 million notes. More makes no other music, only larger tables."""

Codes = NDArray[np.int64]


def learn(runs: Iterable[NDArray[np.uint16]], folder: Path) -> None:
    """Counts what follows what in the token runs; `Markov.load` reads the files this writes to `folder`."""
    chosen, total = list[NDArray[np.int64]](), 0
    for run in runs:
        if total >= MOST_TOKENS:
            break
        chosen.append(run[: MOST_TOKENS - total].astype(np.int64))
        total += len(chosen[-1])
    for order in range(ORDER + 1):
        codes = [_codes(run, order) for run in chosen]
        kinds, counts = np.unique(np.concatenate([np.zeros(0, np.int64), *codes]), return_counts=True)
        np.save(folder / f"codes{order}.npy", kinds)
        np.save(folder / f"counts{order}.npy", counts)


def _codes(run: NDArray[np.int64], order: int) -> Codes:
    """Each token behind `order` others as one number; the token is its last digit to the base SIZE."""
    count = max(len(run) - order, 0)
    code = np.zeros(count, np.int64)
    for place in range(order + 1):
        code = code * SIZE + run[place : place + count]
    return code


class Markov:
    """A stream of tokens in, logits out: `feed`, `step`, `reset`, `snapshot` and `restore` are a Session's."""

    def __init__(self, codes: Sequence[Codes], counts: Sequence[Codes]) -> None:
        self._codes, self._counts = codes, counts
        self._context: tuple[int, ...] = ()

    @classmethod
    def load(cls, folder: Path) -> Markov:
        """What `learn` wrote; the tables are mapped, so that processes share them."""
        names = ("codes", "counts")
        codes, counts = ([np.load(folder / f"{n}{k}.npy", mmap_mode="r") for k in range(ORDER + 1)] for n in names)
        return cls(codes, counts)

    def reset(self) -> None:
        """Begins a new stream."""
        self._context = ()

    def feed(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Feeds tokens; the logits after the last, [SIZE]."""
        self._context = (*self._context, *map(int, ids))[-ORDER:]
        likely = np.full(SIZE, LESS ** (ORDER + 1))
        for order in range(len(self._context) + 1):
            ids_seen, counts = self._followers(order)
            if len(ids_seen):
                likely *= LESS
                likely[ids_seen] += counts / counts.sum()
        return np.asarray(np.log(likely), np.float32)

    def step(self, token: int) -> NDArray[np.float32]:
        """Feeds one token."""
        return self.feed((token,))

    def snapshot(self) -> tuple[int, ...]:
        """Where the stream stands."""
        return self._context

    def restore(self, snapshot: tuple[int, ...]) -> None:
        """Goes back to where it stood."""
        self._context = snapshot

    def _followers(self, order: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Which tokens followed the last `order` ones where this was learnt, and how often."""
        first = 0
        for token in self._context[len(self._context) - order :]:
            first = first * SIZE + token
        first *= SIZE
        low, high = np.searchsorted(self._codes[order], (first, first + SIZE))
        return np.asarray(self._codes[order][low:high] - first), np.asarray(self._counts[order][low:high])
