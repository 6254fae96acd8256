"""MIDI files for tests, made by hand (bytes) or by mido, a library that is not ours."""

from __future__ import annotations

import struct
from pathlib import Path

import mido

END = b"\x00\xff\x2f\x00"
NOTE = b"\x00\x90\x3c\x40\x60\x80\x3c\x00"
"""A note of 96 ticks."""


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack(">L", len(body)) + body


def header(format_: int = 1, tracks: int = 1, division: int = 480) -> bytes:
    return chunk(b"MThd", struct.pack(">hHh", format_, tracks, division))


def one_track(body: bytes, division: int = 480) -> bytes:
    return header(0, 1, division) + chunk(b"MTrk", body + END)


def by_mido(
    path: Path, *tracks: list[tuple[int, mido.Message | mido.MetaMessage]], division: int = 480, type: int = 1
) -> Path:
    """Writes tracks of (tick, message) with mido."""
    file = mido.MidiFile(type=type, ticks_per_beat=division)
    for events in tracks:
        track, last = mido.MidiTrack(), 0
        for tick, message in sorted(events, key=lambda event: event[0]):
            track.append(message.copy(time=tick - last))
            last = tick
        file.tracks.append(track)
    file.save(path)
    return path
