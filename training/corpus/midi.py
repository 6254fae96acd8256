"""Reads a .mid file of a training set: fast, by symusic, with a broken file as a JamdError."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import symusic

from jamd.errors import MidiFileError
from jamd.music.events import SUSTAIN
from training.corpus.piece import PedalMove, Struck, at, tidy


class MissingFileError(MidiFileError):
    """A file that its set should have."""


def load(path: Path, unit: str) -> Any:
    """The file as a symusic score in `unit` "Tick" or "Second" (symusic's types name no generic score).

    Raises MidiFileError for what is not MIDI, and MissingFileError for what is not there.
    """
    if not path.is_file():
        raise MissingFileError(f"{path.name} is not in the set", "Is the archive complete?")
    try:
        return symusic.Score(str(path), ttype=unit)
    except (OSError, RuntimeError, ValueError) as error:
        raise MidiFileError(f"{path.name} cannot be read: {error}", "Is the archive complete?") from error


def performance(path: Path) -> tuple[tuple[Struck, ...], tuple[PedalMove, ...]]:
    """Notes and pedal of all tracks but drums, at the instants of the file; a track is a channel."""
    notes: list[Struck] = []
    moves: list[PedalMove] = []
    for channel, track in enumerate(load(path, "Second").tracks):
        if not track.is_drum:
            notes += struck(track, channel)
            moves += pedal(track)
    return tidy(notes), tuple(sorted(moves))


def struck(track: Any, channel: int) -> list[Struck]:
    """The notes of a track that was loaded in seconds; notes without velocity are offs and are left out."""
    return [Struck(at(n.start), at(n.end), n.pitch, n.velocity, channel) for n in track.notes if n.velocity]


def pedal(track: Any) -> list[PedalMove]:
    """The sustain pedal of a track that was loaded in seconds; a repeated value is said once."""
    return [PedalMove(when, value) for when, value in pedal_values(track, at)]


def pedal_values(track: Any, when: Callable[[Any], int]) -> list[tuple[int, int]]:
    """(`when` of its time, value) of each move of the sustain pedal; a repeated value is said once."""
    out: list[tuple[int, int]] = []
    for control in track.controls:
        if control.number == SUSTAIN and (not out or out[-1][1] != control.value):
            out.append((when(control.time), control.value))
    return out
