"""fluidsynth as an output: what its shell is told, and that its death is said and nothing else."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jamd.errors import PortError
from jamd.midi import synth
from jamd.midi.messages import control, note_off, note_on
from jamd.midi.synth import find_sound_font, open_synth, synth_works

LONG_S = 30.0


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a fluidsynth of a few lines of shell before the real one; where it may write."""
    font = tmp_path / "font.sf2"
    font.touch()
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SOUND_FONT", str(font))

    def install(script: str) -> Path:
        program = tmp_path / "bin" / "fluidsynth"
        program.write_text(f"#!/bin/sh\nlog={tmp_path / 'log'}\n{script}\n")
        program.chmod(0o755)
        return tmp_path / "log"

    return install


def wait_for(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + LONG_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_shell_is_told_each_message_that_it_has_a_word_for_and_then_to_quit(
    fake: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = fake('echo "$@" >$log; cat >>$log')
    monkeypatch.setattr(synth, "_START_S", 0.01)
    monkeypatch.setattr(synth, "_QUIT_S", LONG_S)
    port = open_synth()
    for message in (
        note_on(0, 60, 90),
        note_on(1, 62, 0),
        note_off(0, 60, 40),
        control(2, 64, 127),
        bytes((0xC3, 5)),
        bytes((0xE0, 0, 64)),
        bytes((0xD0, 9)),
    ):
        port.send(message)
    port.close()
    arguments, *told = log.read_text().splitlines()
    assert arguments.split()[-1] == os.environ["SOUND_FONT"]
    assert told == ["noteon 0 60 90", "noteoff 1 62", "noteoff 0 60", "cc 2 64 127", "prog 3 5", "quit"]


def test_a_synth_that_finds_no_sound_device_is_refused(
    fake: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake("exit 1")
    monkeypatch.setattr(synth, "_START_S", LONG_S)  # it ends long before
    with pytest.raises(PortError, match="no sound device"):
        open_synth()
    assert not synth_works()


def test_a_synth_that_has_died_is_a_port_that_refuses_and_can_be_closed_twice(
    fake: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = fake("read line; echo $line >$log; exit 1")
    monkeypatch.setattr(synth, "_START_S", 0.01)
    port = open_synth()
    port.send(note_on(0, 60, 90))
    wait_for(lambda: port._process.poll() is not None)
    for _ in range(3):
        with pytest.raises(PortError, match="fluidsynth has ended"):
            port.send(note_off(0, 60))
    port.close()
    port.close()
    with pytest.raises(PortError):
        port.send(note_off(0, 60))
    assert log.read_text() == "noteon 0 60 90\n"


def test_a_synth_that_does_not_quit_is_ended(fake: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    fake("exec sleep 600")
    monkeypatch.setattr(synth, "_START_S", 0.01)
    monkeypatch.setattr(synth, "_QUIT_S", 0.01)
    port = open_synth()
    port.close()
    assert port._process.poll() is not None


def test_a_sound_font_is_the_named_one_else_one_that_a_package_brought(
    fake: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake("exit")
    assert find_sound_font() == Path(os.environ["SOUND_FONT"])
    package = tmp_path / "package.sf2"
    package.touch()
    monkeypatch.setattr(synth, "SOUND_FONTS", (str(tmp_path / "none.sf2"), str(package)))
    monkeypatch.setenv("SOUND_FONT", str(tmp_path / "none.sf2"))
    assert find_sound_font() == package
    monkeypatch.delenv("SOUND_FONT")
    assert find_sound_font() == package
    monkeypatch.setattr(synth, "SOUND_FONTS", ())
    assert find_sound_font() is None
    with pytest.raises(PortError, match="no sound font") as refused:
        open_synth()
    assert "timgm6mb-soundfont" in refused.value.hint


def test_without_fluidsynth_no_sound_font_is_of_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "font.sf2").touch()
    monkeypatch.setenv("SOUND_FONT", str(tmp_path / "font.sf2"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("fluidsynth") is None
    assert find_sound_font() is None
