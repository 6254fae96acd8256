"""What listeners thought: filled-in sheets of a listening kit and its key become means per player."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jamd.errors import ConfigError
from training.evaluation.comparison import Cell, mean
from training.evaluation.kit import SHEET

HUMAN, MACHINE = "human", "machine"


@dataclass(frozen=True, slots=True)
class Rating:
    """One line of a sheet; None where it was left empty."""

    call: str
    player: str
    good: int | None
    human: bool | None


def read(sheet: Path, key: Path) -> list[Rating]:
    """The lines of a sheet with who played; ConfigError, with the line, for what cannot be understood."""
    try:
        players = {call: entry["players"] for call, entry in json.loads(key.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{key} is no key of a listening kit: {error}.", "Take KIT/key/key.json.") from error
    try:
        with sheet.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise ConfigError(f"{sheet} cannot be read: {error}.", "Name a filled-in ratings.csv.") from error
    return [_rating(line, players, f"{sheet}, line {number}") for number, line in enumerate(lines, 2)]


def _rating(line: dict[str, str], players: dict[str, dict[str, str]], where: str) -> Rating:
    call, number, good, guess = ((line.get(name) or "").strip().lower() for name in SHEET)
    call = call.zfill(2)  # a spreadsheet makes 1 of 01
    if number not in players.get(call, {}):
        raise ConfigError(f"{where}: the key has no answer {number or '(none)'} to call {call}.", "Is it of this kit?")
    if good not in ("", "1", "2", "3", "4", "5"):
        raise ConfigError(f'{where}: "{good}" is no whole number from 1 to 5.', "Leave it empty for no opinion.")
    if guess not in ("", HUMAN, MACHINE):
        raise ConfigError(f'{where}: "{guess}" is neither human nor machine.', "Leave it empty for no opinion.")
    return Rating(call, players[call][number], int(good) if good else None, guess == HUMAN if guess else None)


def score(ratings: Sequence[Rating], seed: int = 1) -> dict[str, dict[str, Cell]]:
    """For each player the mean of how good and how often it was taken for human, with intervals over calls."""
    out = {}
    for player in sorted({r.player for r in ratings}):
        mine = [r for r in ratings if r.player == player]
        calls = np.array([int(r.call) for r in mine], np.int64)
        good = np.array([np.nan if r.good is None else r.good for r in mine], np.float64)
        human = np.array([np.nan if r.human is None else r.human for r in mine], np.float64)
        out[player] = {"good": mean(good, calls, seed), "taken_for_human": mean(human, calls, seed)}
    return out
