"""Reads a .mid file of a training set: fast, by symusic, with a broken file as a JamdError."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import symusic

from jamd.errors import MidiFileError
from jamd.music.events import SUSTAIN
from training.corpus.piece import PedalMove, Struck, at


def load(path: Path, unit: str) -> Any:
    """The file as a symusic score in `unit` "Tick" or "Second" (symusic's types name no generic score).

    Raises MidiFileError for what is missing or is not MIDI.
    """
    try:
        return symusic.Score(str(path), ttype=unit)
    except (OSError, RuntimeError, ValueError) as error:
        raise MidiFileError(f"{path.name} cannot be read: {error}", "Is the archive complete?") from error


def struck(track: Any, channel: int) -> list[Struck]:
    """The notes of a track that was loaded in seconds; notes without velocity are offs and are left out."""
    return [Struck(at(n.start), at(n.end), n.pitch, n.velocity, channel) for n in track.notes if n.velocity]


def pedal(track: Any) -> list[PedalMove]:
    """The sustain pedal of a track that was loaded in seconds; a repeated value is said once."""
    out: list[PedalMove] = []
    for control in track.controls:
        if control.number == SUSTAIN and (not out or out[-1].value != control.value):
            out.append(PedalMove(at(control.time), control.value))
    return out
