"""A tiny cache and a tiny run, for the tests of the training loop."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np

from jamd.remi.vocabulary import BAR, BOS, CALL, FINGERPRINT, NOTE_DURATION, NOTE_ON, NOTE_VELOCITY, POSITION

MODEL = {
    "n_layer": 2,
    "d_model": 16,
    "n_head": 2,
    "d_head": 8,
    "d_inner": 32,
    "tgt_len": 8,
    "mem_len": 20,
    "dropout": 0.1,
    "context": 12,
}
TRAIN = {
    "batch": 3,
    "lr": 3e-3,
    "warmup_steps": 2,
    "optimizer": "adamw",
    "threads": 1,
    "amp": "fp32",
    "log_every": 1,
    "valid_every": 1000,
}


def ids_of(rng: random.Random, notes: int) -> list[int]:
    """A line of notes that goes up and down, one bar a note."""
    out, pitch = [BOS, CALL], rng.randint(50, 70)
    for i in range(notes):
        pitch += rng.choice((-2, 2))
        out += [BAR, POSITION.id(0), NOTE_VELOCITY.id(i % 32), NOTE_ON.id(pitch), NOTE_DURATION.id(10)]
    return out


def write_cache(
    folder: Path, pieces: list[dict[str, Any]], *, seed: int = 1, fingerprint: str = FINGERPRINT
) -> list[list[int]]:
    """A cache of pieces, each {"piece": name} and what it has of its own; returns their ids."""
    rng, start, rows, runs = random.Random(seed), 0, [], []
    for piece in pieces:
        for variant in range(piece.get("variants", 1)):
            ids = ids_of(rng, piece.get("notes", 12) + variant)
            name = piece["piece"]
            rows.append(
                {
                    "set": piece.get("set", "tiny"), "piece": name, "group": piece.get("group", name),
                    "split": piece.get("split", "train"), "variant": variant, "start": start,
                    "length": len(ids), "notes": 1, "flat_velocity": piece.get("flat_velocity", False),
                }
            )  # fmt: skip
            runs.append(ids)
            start += len(ids)
    folder.mkdir(parents=True, exist_ok=True)
    np.concatenate(runs).astype("<u2").tofile(folder / "tokens.bin")
    sources = [{"set": "tiny", "licence": "CC0", "tier": "A"}]
    manifest = {"fingerprint": fingerprint, "pieces": rows, "sources": sources}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return runs


def common_cache(folder: Path) -> Path:
    """Seven pieces to train on, eight to validate on (both halves are there)."""
    pieces = [{"piece": f"t{i}", "notes": 5 + 3 * i, "variants": 2} for i in range(7)]
    write_cache(folder, pieces + [{"piece": f"v{i}", "split": "valid"} for i in range(8)])
    return folder


def config_file(path: Path, **changes: Any) -> Path:
    """A TOML file of the tiny model; `changes` go to [train]."""
    lines = []
    for name, table in {"model": MODEL, "train": TRAIN | changes}.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    path.write_text("\n".join(lines) + "\n")
    return path
