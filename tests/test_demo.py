"""`jamd demo` through the real daemon, on a short call: it writes jam.mid, and says how that was heard or can be."""

from __future__ import annotations

import shutil
from pathlib import Path

import mido
import pytest

from jamd import demo
from jamd.config import Settings
from jamd.midi import synth
from tests.midi.files import by_mido
from tests.tiny import tiny_model

PHRASE = (60, 64, 67)
BPM = 200
ALIVE = """
case "$*" in *-ni*) exit 1;; esac
cat >"{log}"
"""
"""A fluidsynth that has a sound device, and logs what it is told."""
DEAF = """
case "$*" in *-ni*) while [ "$1" != -F ]; do shift; done; echo RIFF >"$2"; exit 0;; esac
exit 1
"""
"""One that has none, but renders."""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    model = tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")
    return Settings().with_options(engine_model=str(model), sampling_seed=5, turn_bars=1)


@pytest.fixture(autouse=True)
def short_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place of the bundled one, which takes nine seconds."""
    events = [(0, mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(BPM)))]
    for number, pitch in enumerate(PHRASE):
        events.append((480 * number, mido.Message("note_on", note=pitch, velocity=80)))
        events.append((480 * number + 400, mido.Message("note_off", note=pitch)))
    monkeypatch.setattr(demo, "CALL", str(by_mido(tmp_path / "call.mid", events)))


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str | None) -> Path:
    """A PATH on which fluidsynth is this script, or not at all; where it logs."""
    programs, log = folder / "bin", folder / "log"
    programs.mkdir()
    for name in ("sh", "cat", "echo"):
        (programs / name).symlink_to(shutil.which(name) or "")
    if script is not None:
        (programs / "fluidsynth").write_text(f"#!/bin/sh\n{script.format(log=log)}")
        (programs / "fluidsynth").chmod(0o755)
    (folder / "font.sf2").touch()
    monkeypatch.setenv("SOUND_FONT", str(folder / "font.sf2"))
    monkeypatch.setenv("PATH", str(programs))
    return log


def tracks(path: Path) -> dict[str, int]:
    """Note-ons by track; each has its note-off."""
    counts: dict[str, int] = {}
    for track in mido.MidiFile(path).tracks:
        sounding: set[int] = set()
        for message in track:
            if message.type == "note_on" and message.velocity:
                sounding.add(message.note)
                counts[track.name] = counts.get(track.name, 0) + 1
            elif message.type in ("note_on", "note_off"):
                sounding.discard(message.note)
        assert not sounding
    return counts


def test_with_a_sound_device_the_call_and_the_answer_are_heard_and_every_note_ends(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, said, out = install(tmp_path, monkeypatch, ALIVE), list[str](), tmp_path / "jam.mid"
    assert demo.run(settings, out, said.append) == 0
    counts = tracks(out)
    assert counts["Performer"] == len(PHRASE) and counts["jamd"] > 0
    assert said[-1] == f"You heard it through fluidsynth; it is in {out}."
    told = [line.split() for line in log.read_text().splitlines()]
    assert sum(words[0] == "noteon" for words in told) == sum(counts.values())
    sounding: set[str] = set()
    for name, *words in told:
        if name == "noteon":
            sounding.add(words[1])
        elif name == "noteoff":
            sounding.discard(words[1])
    assert not sounding and told[-1] == ["quit"]


def test_without_a_sound_device_the_jam_is_rendered_to_be_heard_elsewhere(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, DEAF)
    monkeypatch.setattr(synth, "_START_S", 30.0)  # it gives up long before
    said, out = list[str](), tmp_path / "jam.mid"
    assert demo.run(settings, out, said.append) == 0
    counts = tracks(out)
    assert counts["Performer"] == len(PHRASE) and counts["jamd"] > 0
    assert (tmp_path / "jam.wav").exists() and f"rendered as {tmp_path / 'jam.wav'}" in said[-1]


@pytest.mark.parametrize("missing", ["fluidsynth", "sound font"])
def test_without_fluidsynth_or_sound_font_it_says_how_to_hear_it(
    missing: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, None if missing == "fluidsynth" else DEAF)
    if missing == "sound font":
        monkeypatch.setenv("SOUND_FONT", str(tmp_path / "none.sf2"))
        monkeypatch.setattr(synth, "SOUND_FONTS", ())
    played: list[str] = []

    def jam(asked: Settings, events: Path | None, say: object, wanted: Path) -> int:
        played.append(asked.midi.out)
        wanted.write_bytes(b"")
        return 0

    monkeypatch.setattr(demo, "jam", jam)
    said, out = list[str](), tmp_path / "jam.mid"
    assert demo.run(settings, out, said.append) == 0
    assert played == [f"file:{out}"]
    assert said == [f"To hear it, open {out} in any player, or install fluidsynth and timgm6mb-soundfont."]


def test_a_demo_that_is_ended_at_once_says_nothing_of_a_file_that_is_not_there(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, None)
    monkeypatch.setattr(demo, "jam", lambda *asked, wanted: 0)
    said = list[str]()
    assert demo.run(settings, tmp_path / "jam.mid", said.append) == 0
    assert said == []
