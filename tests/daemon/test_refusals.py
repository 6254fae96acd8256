"""A port or a MIDI system that cannot be had: a sentence that says what to do, exit code 3, and no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jamd.errors import ConfigError, PortError
from tests.daemon.live import LONG_S, ROOT
from tests.daemon.peers import Instrument, closing, sounding

CODE = PortError.exit_code
JACK = "[midi]\napi = 'jack'\n"


def jamd(folder: Path, *words: str, config: str = JACK, **environment: str) -> tuple[int, str, str]:
    """Runs a command to its end; exit code, what it printed, and what it complained of."""
    settings = folder / "jamd.toml"
    settings.write_text(config, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "jamd", "--config", str(settings), *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=LONG_S,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stdout, done.stderr


def listen(folder: Path, model: Path, *words: str, **environment: str) -> tuple[int, str, str]:
    return jamd(folder, "listen", "--model", str(model), "--no-record", *words, **environment)


@pytest.mark.parametrize("words", [("--in", "Keyboard", "--out", "Synth"), ()])
def test_no_midi_system_is_said_in_a_sentence(words: tuple[str, ...], tmp_path: Path, model: Path) -> None:
    nowhere = {"JACK_DEFAULT_SERVER": f"none{os.getpid()}", "JACK_NO_START_SERVER": "1"}
    code, _, complaint = listen(tmp_path, model, *words, **nowhere)
    assert code == CODE
    assert "No MIDI system answers" in complaint
    assert "Start a JACK server" in complaint
    assert len(complaint.strip().split("\n")) == 2


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--chart", "Dm7 | Gj7"), 'bar 2: "Gj7" is no chord'),
        (("--chart", "Dm7 | G7"), "needs to know where the beats are"),
        (("--key", "H major"), "must be a scale like C major"),
    ],
)
def test_a_chart_or_key_that_will_not_do_is_said_before_anything_opens(
    words: tuple[str, str], why: str, tmp_path: Path, model: Path
) -> None:
    code, _, complaint = jamd(tmp_path, "listen", "--model", str(model), *words, config="[clock]\nin = 'off'\n")
    assert code == ConfigError.exit_code
    assert why in complaint


def test_an_unknown_port_is_refused_with_a_guess_and_what_there_is(
    tmp_path: Path, model: Path, jack_server: str
) -> None:
    with closing(Instrument("Keyboard"), Instrument("Synth")):
        code, _, complaint = listen(tmp_path, model, "--in", "Keybord", "--out", "Synth")
        assert code == CODE
        assert 'There is no MIDI port "Keybord"' in complaint
        assert 'Did you mean "Keyboard"?' in complaint
        assert "Synth:out" in complaint
        code, _, complaint = listen(tmp_path, model, "--in", "Keyboard", "--out", "Sinth")
        assert code == CODE
        assert 'Did you mean "Synth"?' in complaint


def test_an_ambiguous_name_is_refused_with_its_candidates(tmp_path: Path, model: Path, jack_server: str) -> None:
    with closing(Instrument("Big Keyboard"), Instrument("Small Keyboard")):
        code, _, complaint = listen(tmp_path, model, "--in", "keyboard", "--out", "virtual")
    assert code == CODE
    assert "Big Keyboard:out, Small Keyboard:out" in complaint


def test_ports_are_listed_as_they_can_be_named(tmp_path: Path, jack_server: str) -> None:
    with closing(Instrument("Keyboard")):
        code, printed, _ = jamd(tmp_path, "ports", "--json")
    assert code == 0
    listed = {(port["direction"], port["name"]) for port in json.loads(printed)}
    assert {("in", "Keyboard:out"), ("out", "Keyboard:in")} <= listed


def test_panic_silences_a_synth_of_which_nothing_is_known(tmp_path: Path, jack_server: str) -> None:
    synth = Instrument("Synth")
    with closing(synth):
        assert jamd(tmp_path, "panic", "--out", "SYNTH")[0] == 0
        heard = {event.data for event in synth.heard()}
    assert not sounding(synth.heard())
    for channel in range(16):
        assert {bytes([0xB0 | channel, number, 0]) for number in (64, 120, 123)} <= heard
        assert {bytes([0x80 | channel, pitch, 64]) for pitch in range(128)} <= heard or {
            bytes([0x80 | channel, pitch, 0]) for pitch in range(128)
        } <= heard
