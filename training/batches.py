"""Contiguous lanes over a cache of tokens: each lane plays piece after piece, segment after segment.

A piece begins on a fresh segment (its lane's memory is reset there), and its last segment is filled up with
PAD, whose loss nobody counts: so no attention crosses from one piece into another. It costs half a segment a
piece.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jamd.errors import ConfigError
from jamd.remi.vocabulary import CALL, FINGERPRINT, NOTE_VELOCITY, PAD, RESPONSE

TOKENS, MANIFEST = "tokens.bin", "manifest.json"
DTYPE = np.dtype("<u2")
TRAIN, VALID = "train", "valid"
STOP, REPORT = "stop", "report"
CALL_TURN, RESPONSE_TURN = "call", "response"


@dataclass(frozen=True, slots=True)
class Piece:
    """One variant of one piece; `start` and `length` are in tokens of the cache's file."""

    set: str
    piece: str
    group: str
    split: str
    start: int
    length: int
    variant: int = 0
    flat_velocity: bool = False
    """True: its Note Velocity says nothing and is left out of every loss."""
    silent: str = ""
    """CALL_TURN or RESPONSE_TURN: what is said in these turns is heard, and left out of every loss."""


Title = tuple[Piece, ...]
"""The variants of one piece."""


class Cache:
    """Reads what `python -m training prepare` wrote: tokens.bin (uint16, little-endian) and manifest.json.

    Raises ConfigError when the folder holds no cache, an unfinished one, or one of another vocabulary.
    """

    def __init__(self, folder: Path) -> None:
        self.manifest = _manifest(folder)
        fingerprint = self.manifest["fingerprint"]
        if fingerprint != FINGERPRINT:
            raise ConfigError(f"The cache {folder} speaks vocabulary {fingerprint}, this jamd {FINGERPRINT}.", _PREPARE)
        self.titles = _titles(self.manifest["pieces"])
        end = max((p.start + p.length for t in self.titles for p in t), default=0)
        path = folder / TOKENS
        if not end or not path.is_file() or path.stat().st_size < end * DTYPE.itemsize:
            raise ConfigError(f"{path} holds fewer tokens than its manifest says ({end}).", _PREPARE)
        self._tokens = np.memmap(path, DTYPE, mode="r")

    def tokens(self, piece: Piece) -> NDArray[np.uint16]:
        """The ids of a piece, from its BOS on, without a copy."""
        return self._tokens[piece.start : piece.start + piece.length]

    def train(self) -> list[Title]:
        """What is trained on."""
        return [t for t in self.titles if t[0].split == TRAIN]

    def valid(self, half: str) -> list[Title]:
        """Half of the validation split: STOP decides when to stop, REPORT is looked at when all is done."""
        return [t for t in self.titles if t[0].split == VALID and half_of(t[0].group) == half]


_PREPARE = "Write it again: python -m training prepare --help"


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        return {**manifest, "fingerprint": manifest["fingerprint"], "pieces": manifest["pieces"]}
    except FileNotFoundError as error:
        raise ConfigError(f"{folder} holds no {MANIFEST}, so it is no cache of tokens.", _PREPARE) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is not the manifest of a cache: {error}.", _PREPARE) from error


def _titles(rows: Sequence[dict[str, Any]]) -> list[Title]:
    titles: dict[tuple[str, str], list[Piece]] = {}
    for row in rows:
        piece = Piece(**{name: row[name] for name in Piece.__dataclass_fields__ if name in row})
        titles.setdefault((piece.set, piece.piece), []).append(piece)
    return [tuple(variants) for variants in titles.values()]


def half_of(group: str) -> str:
    """STOP or REPORT: by the hash of the group, so that neither another seed nor another set moves it."""
    return (STOP, REPORT)[hashlib.sha256(group.encode()).digest()[0] % 2]


@dataclass(frozen=True, slots=True)
class Batch:
    """One segment of every lane."""

    tokens: Tensor
    """[B, T] int64."""
    targets: Tensor
    """[B, T] int64: the token after each; PAD where nothing is to be learnt."""
    starts: Tensor
    """[B] bool: here a piece begins, so the lane's memory is reset."""

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return Batch(*(t.to(device, non_blocking=True) for t in (self.tokens, self.targets, self.starts)))


@dataclass(slots=True)
class Lane:
    """Where one lane stands: the piece it plays (None: nothing left) and the next token to read."""

    piece: Piece | None = None
    offset: int = 0


class Lanes:
    """Deals the titles of a cache to lanes: who has finished a piece takes the next one of the shuffled pile.

    `endless`: when the pile is used up, a new epoch's pile follows, with each title's next variant; otherwise
    the lanes run dry one by one. `mine` picks the lanes that this process reads (all processes deal alike).
    All follows from the seed; `state()` is where it stands.
    """

    def __init__(
        self,
        cache: Cache,
        titles: Sequence[Title],
        lanes: int,
        tgt_len: int,
        *,
        seed: int = 0,
        endless: bool = True,
        mine: range | None = None,
    ) -> None:
        if not titles:
            raise ConfigError("The cache holds no piece of this split.", _PREPARE)
        self._cache, self._titles, self._tgt_len = cache, titles, tgt_len
        self._seed, self._endless = seed, endless
        self._mine = mine or range(lanes)
        self._epoch, self._dealt = 0, 0
        self._pile = self._shuffled(0)
        self._lanes = [Lane() for _ in range(lanes)]

    def __iter__(self) -> Iterator[Batch]:
        while (batch := self.next()) is not None:
            yield batch

    def next(self) -> Batch | None:
        """The next segment of every lane, or None when all lanes have run dry."""
        for lane in self._lanes:
            if lane.piece is None or lane.offset >= lane.piece.length - 1:
                lane.piece, lane.offset = self._deal(), 0
        if all(lane.piece is None for lane in self._lanes):
            return None
        batch = self._read([self._lanes[i] for i in self._mine])
        for lane in self._lanes:
            lane.offset += self._tgt_len
        return batch

    @property
    def epoch(self) -> float:
        """How often the pile has been dealt."""
        return self._epoch + self._dealt / len(self._titles)

    def state(self) -> dict[str, Any]:
        """Where the lanes stand, in plain numbers and names."""
        lanes = [(lane.piece.start if lane.piece else -1, lane.offset) for lane in self._lanes]
        return {"epoch": self._epoch, "dealt": self._dealt, "lanes": lanes}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state()` stood; ConfigError when that was of another cache or number of lanes."""
        pieces = {p.start: p for title in self._titles for p in title} | {-1: None}
        starts = [start for start, _ in state["lanes"]]
        if len(starts) != len(self._lanes) or not pieces.keys() >= set(starts):
            raise ConfigError("The run was made with another cache or batch.", "Name the ones it began with.")
        self._epoch, self._dealt = state["epoch"], state["dealt"]
        self._pile = self._shuffled(self._epoch)
        self._lanes = [Lane(pieces[start], offset) for start, offset in state["lanes"]]

    def _shuffled(self, epoch: int) -> list[Piece]:
        """The epoch's pile: every title once; from epoch to epoch its variants take turns."""
        rng = random.Random(f"{self._seed}/{epoch}")
        pile = [title[(i + epoch) % len(title)] for i, title in enumerate(self._titles)]
        rng.shuffle(pile)
        return pile

    def _deal(self) -> Piece | None:
        if self._dealt == len(self._pile):
            if not self._endless:
                return None
            self._epoch, self._dealt = self._epoch + 1, 0
            self._pile = self._shuffled(self._epoch)
        self._dealt += 1
        return self._pile[self._dealt - 1]

    def _read(self, lanes: Sequence[Lane]) -> Batch:
        ids = np.full((2, len(lanes), self._tgt_len), PAD, dtype=np.int64)
        for row, lane in enumerate(lanes):
            if lane.piece is None:
                continue
            here = slice(lane.offset, lane.offset + self._tgt_len + 1)
            whole = self._cache.tokens(lane.piece)
            run = whole[here].astype(np.int64)
            ids[0, row, : len(run) - 1] = run[:-1]
            learnt = learnable(lane.piece, whole, slice(lane.offset + 1, lane.offset + len(run)))
            ids[1, row, : len(run) - 1] = np.where(learnt, run[1:], PAD)
        starts = torch.tensor([lane.offset == 0 for lane in lanes])
        tokens, targets = torch.from_numpy(ids)
        return Batch(tokens, targets, starts)


def learnable(piece: Piece, ids: NDArray[np.uint16], here: slice) -> NDArray[np.bool_]:
    """Which tokens of a piece's `ids` in `here` have something to teach."""
    tokens = ids[here]
    out = np.ones(len(tokens), bool)
    if piece.flat_velocity:
        first = NOTE_VELOCITY.first
        out &= (tokens < first) | (tokens >= first + len(NOTE_VELOCITY))
    if piece.silent:
        out &= ~_said_in(_TURNS[piece.silent], ids[: here.stop])[here]
    return out


_TURNS = {CALL_TURN: CALL, RESPONSE_TURN: RESPONSE}


def _said_in(turn: int, ids: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """True behind each token `turn`, up to the token of another turn; the turn tokens themselves are not."""
    opens = np.isin(ids, list(_TURNS.values()))
    last = np.maximum.accumulate(np.where(opens, np.arange(len(ids)), 0))
    said: NDArray[np.bool_] = (ids[last] == turn) & ~opens
    return said
