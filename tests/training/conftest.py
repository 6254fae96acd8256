"""Tiny sets in the format of the training data, made on the spot."""

from __future__ import annotations

import tarfile
from pathlib import Path

import mido
import pytest

HEADER = "piece\tgroup\tsplit\tnotes\tkeyboard_notes\tseconds\tlicence\ttitle\tnote"


def midi_file(path: Path, tracks: dict[str, list[tuple[int, mido.Message | mido.MetaMessage]]]) -> None:
    """Writes tracks of (tick, message), 480 ticks a quarter."""
    out = mido.MidiFile(ticks_per_beat=480)
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


def manifest(folder: Path, lines: list[tuple[str, str]]) -> None:
    """Writes manifest.tsv for (piece, split) lines."""
    body = [f"{piece}\t{folder.name}/{piece}\t{split}\t1\t1\t1.0\tMIT\t\t" for piece, split in lines]
    (folder / "manifest.tsv").write_text("\n".join([HEADER, *body]) + "\n")


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


@pytest.fixture
def tiny_pop909(tmp_path: Path) -> Path:
    folder = tmp_path / "POP909"
    pop909_song(folder, "001")
    pop909_song(folder, "002")
    manifest(folder, [("001", "train"), ("002", "valid")])
    return folder


@pytest.fixture
def tiny_rolls(tmp_path: Path) -> Path:
    folder = tmp_path / "piano_rolls"
    keys = [m for i in range(80) for m in note(240 * i, 200, 40 + i % 30, 64)]
    pedal = [(100, mido.Message("control_change", control=64, value=100))]
    pedal += [(9000, mido.Message("control_change", control=64, value=0))]
    midi_file(folder / "midi" / "roll.mid", {"PIANO": [*keys, *pedal]})
    manifest(folder, [("roll", "train")])
    return folder


@pytest.fixture
def tiny_lieder(tmp_path: Path) -> Path:
    folder = tmp_path / "openscore_lieder"
    tempo = [(1000 * i, mido.MetaMessage("set_tempo", tempo=500_000 + 77_777 * i)) for i in range(4)]
    right = [m for i in range(64) for m in note(60 * i, 60, 60 + i % 12, 50 + i % 20)]
    tracks = {
        "meta": tempo,
        "PIANO-RH": right,
        "PIANO-LH": note(0, 1920, 40) + note(1920, 1920, 43),
        "VOICE Singstimme": [m for i in range(4) for m in note(960 * i, 900, 70 + i)],
        "VOICE Flute": note(0, 960, 90),
    }
    midi_file(folder / "midi" / "song.mid", tracks)
    manifest(folder, [("song", "train")])
    return folder


@pytest.fixture
def data(tmp_path: Path, tiny_pop909: Path, tiny_rolls: Path, tiny_lieder: Path) -> Path:
    """A data folder with an archive for each tiny set."""
    data = tmp_path / "data"
    data.mkdir()
    folders = {"pop909": tiny_pop909, "piano_rolls": tiny_rolls, "openscore_lieder": tiny_lieder}
    for name, folder in folders.items():
        with tarfile.open(data / f"{name}.tar.xz", "w:xz") as tar:
            tar.add(folder, arcname=folder.name)
    return data
