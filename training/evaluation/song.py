"""A piece as it is measured: its tokens on its own grid and on the free one. Knows no archive and no model."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from jamd.errors import JamdError
from jamd.music.events import Turn
from jamd.remi.encoder import tokenize
from training.augment import FREE_BPM, Reading, log
from training.corpus.piece import Piece

PLAIN = Reading(opens=Turn.CALL, alternates=False)
"""One Call from BOS to the end; nothing transposed, stretched or made louder."""


@dataclass(frozen=True, slots=True)
class Song:
    """One piece, read plainly. Ids are [n] uint16 and begin with BOS."""

    set: str
    piece: str
    group: str
    tokens: NDArray[np.uint16]
    """On the piece's own beats and bars; the free reading where it has none."""
    free: NDArray[np.uint16]
    """On the free grid, at FREE_BPM quarters a minute."""
    flat_velocity: bool
    """True: its Note Velocity says nothing and is left out of all measures."""
    source: Piece


def song_of(piece: Piece, set_name: str, name: str, group: str) -> Song:
    """Tokenizes a piece twice; JamdError when it has no notes."""
    free = _ids(piece, replace(PLAIN, free_bpm=FREE_BPM))
    tokens = free if piece.grid is None else _ids(piece, PLAIN)
    if len(tokens) == 0:
        raise JamdError(f"{name} has no notes")
    return Song(set_name, name, group, tokens, free, piece.flat_velocity, piece)


def _ids(piece: Piece, how: Reading) -> NDArray[np.uint16]:
    entries = log(piece, how, random.Random(0))  # a plain reading leaves nothing to luck
    return np.asarray(tokenize(entries) if entries else [], dtype=np.uint16)
