"""Makers of tiny sets in the format of the training data."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path

import mido

MAESTRO_COLUMNS = "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration"
HEADER = "piece\tgroup\tsplit\tnotes\tkeyboard_notes\tseconds\tlicence\ttitle\tnote"


def midi_file(
    path: Path, tracks: dict[str, list[tuple[int, mido.Message | mido.MetaMessage]]], quarter: int = 480
) -> None:
    """Writes tracks of (tick, message), `quarter` ticks a quarter."""
    out = mido.MidiFile(ticks_per_beat=quarter)
    for name, timed in tracks.items():
        track = out.add_track(name)
        now = 0
        for tick, message in sorted(timed, key=lambda m: m[0]):
            track.append(message.copy(time=tick - now))
            now = tick
    path.parent.mkdir(parents=True, exist_ok=True)
    out.save(path)


def note(tick: int, length: int, pitch: int, velocity: int = 80) -> list[tuple[int, mido.Message]]:
    """A note-on and its note-off."""
    return [
        (tick, mido.Message("note_on", note=pitch, velocity=velocity)),
        (tick + length, mido.Message("note_off", note=pitch)),
    ]


def write_manifest(
    folder: Path, lines: list[tuple[str, str]], licences: Sequence[str] = (), groups: Sequence[str] = ()
) -> None:
    """Writes manifest.tsv for (piece, split) lines, with their licences and groups where they are told."""
    body = []
    for i, (piece, split) in enumerate(lines):
        group = groups[i] if groups else f"{folder.name}/{piece}"
        body.append(f"{piece}\t{group}\t{split}\t1\t1\t1.0\t{licences[i] if licences else 'MIT'}\t\t")
    (folder / "manifest.tsv").write_text("\n".join([HEADER, *body]) + "\n", encoding="utf-8")


def packed(folder: Path, data: Path, name: str) -> None:
    """Packs a set's folder into an archive of a data folder."""
    data.mkdir(exist_ok=True)
    with tarfile.open(data / f"{name}.tar.xz", "w:xz") as tar:
        tar.add(folder, arcname=folder.name)


def pop909_song(folder: Path, name: str) -> None:
    """A song at 120, 55 ms late: an upbeat, a bar of 4, one of 2, one of 4 beats; its MIDI bars say 1/4."""
    late = 53  # ticks at 120, 55 ms
    keys = [m for i in range(10) for m in note(late + 480 * i, 400, 48 + i, 60 + i)]
    tracks = {
        "meta": [(0, mido.MetaMessage("time_signature", numerator=1, denominator=4))],
        "MELODY": note(late + 480, 470, 76),
        "BRIDGE": note(late + 960, 470, 72),
        "PIANO": [
            *((t + 480, m) for t, m in keys),
            (late + 480, mido.Message("control_change", control=64, value=127)),
            (late + 1900, mido.Message("control_change", control=64, value=0)),
        ],
        "DRUMS": note(0, 100, 36),
    }
    midi_file(folder / name / f"{name}.mid", tracks)
    beat, downs = [late / 960 + 0.5 * i for i in range(11)], {1, 5, 7}
    table = [f"{t:.3f}\t1\t{int(i in downs)}" for i, t in enumerate(beat)]
    (folder / name / "bars.tsv").write_text("\n".join(["# bars=sure metre=4 division=2", *table]) + "\n")
    chords = [(0, 1, "N"), (1, 3, "C:maj"), (3, 5, "Bb:min7"), (5, 10, "G:7/3")]
    lines = [f"{beat[a] + 0.004:.6f}\t{beat[b] + 0.004:.6f}\t{c}" for a, b, c in chords]
    (folder / name / "chord_midi.txt").write_text("\n".join(lines) + "\n")


def scale(quarter: int, count: int = 24) -> list[tuple[int, mido.Message]]:
    """A note every quarter."""
    return [m for i in range(count) for m in note(quarter * i, quarter, 60 + i % 12, 90)]
