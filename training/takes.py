"""Turns a player's recordings into a cache that the training loop reads: takes of each file, some files held out."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jamd.errors import ConfigError, JamdError
from jamd.music.events import Turn
from jamd.remi.encoder import tokenize
from jamd.remi.vocabulary import FINGERPRINT
from training import jams
from training.augment import Key, variant_log
from training.batches import CALL_TURN, DTYPE, MANIFEST, RESPONSE_TURN, TOKENS, TRAIN, VALID, Cache, Title
from training.corpus.recordings import Folder, Jam, Recording

OWN = "own recordings"
"""The set that a player's files make."""
_SILENT = {Turn.CALL: CALL_TURN, Turn.RESPONSE: RESPONSE_TURN}


class Take(NamedTuple):
    """One variant of a recording as tokens."""

    ids: NDArray[np.uint16]
    flat_velocity: bool = False
    silent: str = ""
    """As `batches.Piece` has it: whose turns are not learnt."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is made of a folder."""

    held_out: float = 0.1
    """The share of the files that is tested on; one at least."""
    variants: int = 8
    """Takes of a file that is learnt: each in another key, pace and division into turns."""
    seed: int = 1


class Takes(Cache):
    """A cache whose validation part is all there to decide when to stop: nobody reports on the other half."""

    def valid(self, half: str) -> list[Title]:
        """All that was held out, whichever half is asked for."""
        return [title for title in self.titles if title[0].split == VALID]


def write(
    found: Folder,
    plan: Plan,
    folder: Path,
    mix: Path | None = None,
    watched: Callable[[Sequence[Recording]], Iterable[Recording]] = iter,
) -> Takes:
    """Writes the takes of the recordings to `folder`, and beside them pieces of the cache `mix`, as many tokens.

    `watched` hands the recordings on, and may show how far they are. One that cannot become tokens goes to
    `found.skipped`. ConfigError when fewer than two are left: one file alone cannot both teach and test.
    """
    rows: list[dict[str, Any]] = []
    with (folder / TOKENS).open("wb") as file:
        for recording, split, takes in _tokenized(found, plan, watched):
            rows += _rows(OWN, recording.name, split, takes, start=file.tell() // DTYPE.itemsize)
            file.writelines(take.ids.tobytes() for take in takes)
        sources = [{"set": OWN, "licence": "the player's own", "pieces": len(found.recordings)}]
        if mix is not None:
            other = Cache(mix)
            for name, take in _others(other, sum(r["length"] for r in rows if not r["variant"]), plan.seed):
                rows += _rows("mix", name, TRAIN, [take], start=file.tell() // DTYPE.itemsize)
                file.write(take.ids.tobytes())
            sources += other.manifest.get("sources", [])
    manifest = {"fingerprint": FINGERPRINT, "pieces": rows, "sources": sources, "settings": vars_of(plan)}
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return Takes(folder)


def vars_of(plan: Plan) -> dict[str, Any]:
    """The plan as a table."""
    return {name: getattr(plan, name) for name in plan.__dataclass_fields__}


def held_out(recordings: Sequence[Recording], plan: Plan) -> set[str]:
    """The names of the files to test on, by the hash of their names; ConfigError when none would be left to learn."""
    if len(recordings) < 2:
        raise ConfigError(
            "One recording alone cannot both teach and test.", "Add another, or cut it into two files at a rest."
        )
    count = min(max(round(plan.held_out * len(recordings)), 1), len(recordings) - 1)
    names = (recording.name for recording in recordings)
    return set(sorted(names, key=lambda n: hashlib.sha256(f"{plan.seed}/{n}".encode()).digest())[:count])


def _tokenized(
    found: Folder, plan: Plan, watched: Callable[[Sequence[Recording]], Iterable[Recording]]
) -> Iterator[tuple[Recording, str, list[Take]]]:
    """Each recording with its part and its takes; those without are moved to `found.skipped` before any is given."""
    sound: list[tuple[Recording, list[Take]]] = []
    for recording in watched(found.recordings):
        try:
            sound.append((recording, [take(recording, v, plan, train=True) for v in range(plan.variants)]))
        except JamdError as error:
            found.skipped.append((recording.name, error.message))
    found.recordings = [recording for recording, _ in sound]
    tested = held_out(found.recordings, plan)
    for recording, takes in sound:
        if recording.name in tested:
            yield recording, VALID, [take(recording, 0, plan, train=False)]
        else:
            yield recording, TRAIN, takes


def take(recording: Recording, variant: int, plan: Plan, *, train: bool) -> Take:
    """One variant of a recording; JamdError when its log makes no sense."""
    key = Key(plan.seed, OWN, recording.name, variant)
    music = recording.music
    if isinstance(music, Jam):
        entries, turn = jams.variant_log(music, key, train=train)
        return Take(np.asarray(tokenize(entries), DTYPE), music.flat_velocity, _SILENT[turn])
    return Take(np.asarray(tokenize(variant_log(music, key, train=train)), DTYPE), music.flat_velocity)


def _others(cache: Cache, tokens: int, seed: int) -> Iterator[tuple[str, Take]]:
    """Pieces of another cache's training part by chance, until they have `tokens`."""
    titles = cache.train()
    random.Random(seed).shuffle(titles)
    for title in titles:
        if tokens <= 0:
            return
        piece = title[0]
        yield f"{piece.set}/{piece.piece}", Take(cache.tokens(piece), piece.flat_velocity, piece.silent)
        tokens -= piece.length


def _rows(set_name: str, name: str, split: str, takes: Sequence[Take], start: int) -> list[dict[str, Any]]:
    """The manifest's rows of a piece, whose takes lie one after the other from `start` on."""
    rows = []
    for variant, one in enumerate(takes):
        row = {"set": set_name, "piece": name, "group": f"{set_name}/{name}", "split": split, "variant": variant}
        row |= {"start": start, "length": len(one.ids), "flat_velocity": one.flat_velocity, "silent": one.silent}
        rows.append(row)
        start += len(one.ids)
    return rows
