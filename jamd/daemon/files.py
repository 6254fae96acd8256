"""The .mid files that a person names: read and judged before anything is opened, so that no jam ends in a surprise."""

from __future__ import annotations

import os
from pathlib import Path

from jamd.errors import MidiFileError
from jamd.midi.smf import MidiLog, read_midi


def read_call(path: Path) -> MidiLog:
    """The playing in a file; MidiFileError where it cannot be read, or there is nothing in it to answer."""
    read = read_midi(path)
    if read.notes:
        return read
    what = "only drums (channel 10)" if read.drums else "no notes"
    raise MidiFileError(f"there is nothing to answer in {path}: it holds {what}.", "Give a file with a melody in it.")


def check_target(path: Path) -> None:
    """MidiFileError where a .mid cannot be written to `path`; nothing is made or changed by asking."""
    folder = path.parent
    if path.is_dir():
        raise MidiFileError(f"cannot write {path}: it is a folder.", "Name a file in it.")
    if not folder.is_dir():
        raise MidiFileError(f"cannot write {path}: there is no folder {folder}.", "Make it, or name another.")
    if path.exists() and not path.is_file():
        raise MidiFileError(f"cannot write {path}: it is no ordinary file.", "Name another.")
    for needed in (folder, path):
        if needed.exists() and not os.access(needed, os.W_OK):
            raise MidiFileError(f"cannot write {path}: {needed} is write-protected.", "Name another file.")
