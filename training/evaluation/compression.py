"""xz as a model without training: what a song costs when only its own repeats help. No container is counted."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.bars import Marks
from training.evaluation.song import Song

CONTEXTS = ((3, 0, 0), (0, 0, 0), (3, 0, 1), (0, 3, 1), (2, 1, 1), (3, 0, 2))
"""lc, lp, pb of LZMA2: high bits of the last byte, low bits of the place as literal's and as match's context."""
DICTIONARY = 1 << 22
"""Bytes that LZMA looks back: more than a song has; more would cost time and save nothing."""
CHOICE_BITS = 8
"""A byte says which of the ways was taken."""


def xz_bits(song: Song, marks: Marks) -> float:
    """Bits of the song's counted tokens by the best of the ways: raw LZMA2 (extreme) of either coding."""
    ids = song.tokens[1:][marks.counted]
    return min(_compressed(raw, context) for raw in codings(ids) for context in CONTEXTS) * 8.0 + CHOICE_BITS


def codings(ids: NDArray[np.uint16]) -> Iterator[bytes]:
    """Two bytes a token; and one, behind a list of the ids that occur, where these are few enough."""
    yield ids.astype("<u2").tobytes()
    used, places = np.unique(ids, return_inverse=True)
    if len(used) <= 256:
        yield bytes([len(used) % 256]) + used.astype("<u2").tobytes() + places.astype(np.uint8).tobytes()


def _compressed(raw: bytes, context: tuple[int, int, int]) -> int:
    lc, lp, pb = context
    extreme = 9 | lzma.PRESET_EXTREME
    chain: dict[str, Any] = {"id": lzma.FILTER_LZMA2, "preset": extreme, "dict_size": DICTIONARY}
    chain |= {"lc": lc, "lp": lp, "pb": pb}
    return len(lzma.compress(raw, format=lzma.FORMAT_RAW, filters=[chain]))
