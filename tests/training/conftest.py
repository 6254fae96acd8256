"""Tiny sets in the format of the training data, made on the spot."""

from __future__ import annotations

from pathlib import Path

import mido
import pytest

from tests.training.tiny_sets import MAESTRO_COLUMNS, midi_file, note, packed, pop909_song, scale, write_manifest


@pytest.fixture
def tiny_pop909(tmp_path: Path) -> Path:
    folder = tmp_path / "POP909"
    pop909_song(folder, "001")
    pop909_song(folder, "002")
    write_manifest(folder, [("001", "train"), ("002", "valid")])
    return folder


@pytest.fixture
def tiny_rolls(tmp_path: Path) -> Path:
    folder = tmp_path / "piano_rolls"
    keys = [m for i in range(80) for m in note(240 * i, 200, 40 + i % 30, 64)]
    pedal = [(100, mido.Message("control_change", control=64, value=100))]
    pedal += [(9000, mido.Message("control_change", control=64, value=0))]
    midi_file(folder / "midi" / "roll.mid", {"PIANO": [*keys, *pedal]})
    write_manifest(folder, [("roll", "train")])
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
    write_manifest(folder, [("song", "train")])
    return folder


@pytest.fixture
def tiny_mutopia(tmp_path: Path) -> Path:
    """Two pieces that permit any use and one that is share-alike, in 3/4, 384 ticks a quarter."""
    folder = tmp_path / "mutopia_keyboard"
    lines = [("BachJS/free", "train"), ("BachJS/alike", "train"), ("SatieE/credit", "valid")]
    for piece, _ in lines:
        metre = [(0, mido.MetaMessage("time_signature", numerator=3, denominator=4))]
        tracks = {"upper:": [*metre, *scale(384)], "lower:": note(0, 384 * 3, 40)}
        midi_file(folder / "midi" / f"{piece}.mid", tracks, 384)
    write_manifest(folder, lines, ["PD", "CC BY-SA 4.0", "CC BY 2.5"])
    return folder


@pytest.fixture
def tiny_chopin(tmp_path: Path) -> Path:
    """A piece whose trio has strings, 120 ticks a quarter."""
    folder = tmp_path / "chopin_first_editions"
    tracks = {"VIOLINO.": note(0, 240, 100), "[Piano]": scale(120), "[Piano] ": note(0, 240, 36)}
    midi_file(folder / "midi" / "008-1.mid", tracks, 120)
    write_manifest(folder, [("008-1", "train")], [""])
    return folder


@pytest.fixture
def data(
    tmp_path: Path, tiny_pop909: Path, tiny_rolls: Path, tiny_lieder: Path, tiny_mutopia: Path, tiny_chopin: Path
) -> Path:
    """A data folder with an archive for each tiny set."""
    data = tmp_path / "data"
    folders = {"pop909": tiny_pop909, "piano_rolls": tiny_rolls, "openscore_lieder": tiny_lieder}
    for folder in (tiny_mutopia, tiny_chopin):
        folders[folder.name] = folder
    for name, folder in folders.items():
        packed(folder, data, name)
    return data


@pytest.fixture
def tiny_maestro(tmp_path: Path) -> Path:
    """The table and two of its four performances."""
    folder = tmp_path / "data" / "maestro-v3.0.0"
    splits = ["train", "train", "validation", "test"]
    lines = [f'Bach,"Fugue, in {"CCDE"[i]}",{s},2018,2018/{i}.midi,2018/{i}.wav,9.5' for i, s in enumerate(splits)]
    for i in (0, 2):
        midi_file(folder / "2018" / f"{i}.midi", {"": [m for k in range(30) for m in note(377 * k, 300, 60)]})
    (folder / "maestro-v3.0.0.csv").write_text("\n".join([MAESTRO_COLUMNS, *lines]) + "\n", encoding="utf-8")
    return folder
