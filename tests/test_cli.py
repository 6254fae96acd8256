"""The command line: parses, calls, prints; an error is a sentence with an exit code; help loads little."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

import jamd
from jamd import config
from jamd.cli import main
from jamd.config import Settings
from jamd.errors import ConfigError, JamdError, MidiFileError, ModelError, PortError
from jamd.midi import ports
from jamd.midi.port_types import PortInfo
from jamd.remi.vocabulary import name_of
from jamd.replay.again import FirstDifference, Outcome

ROOT = Path(__file__).parent.parent
COMMANDS = ("bench", "demo", "learn", "listen", "panic", "ports", "replay", "respond", "tokens")


@dataclass(frozen=True)
class Summary:
    """What a headless answer reports, here."""

    out: str = "out.mid"
    answer_notes: int = 12


@dataclass
class House:
    """Stands in for the rooms behind the commands; `seen` holds what each was called with."""

    seen: list[tuple[Any, ...]] = field(default_factory=list)
    error: JamdError | None = None
    code: int = 0
    ports: int = 2

    def called(self, *what: Any) -> None:
        self.seen.append(what)
        if self.error:
            raise self.error

    def listen(self, settings: Settings, events: Path | None, say: Any) -> int:
        self.called(settings, events)
        say("listening")
        return self.code

    def respond(self, call: Path, out: Path, settings: Settings) -> Summary:
        self.called(call, out, settings)
        return Summary()

    def demo(self, settings: Settings, out: Path, say: Any) -> int:
        self.called(settings, out)
        say("playing")
        return self.code

    def list_ports(self, api: str) -> list[PortInfo]:
        self.called(api)
        return [PortInfo("Keyboard", "in", "jack"), PortInfo("Synth 128:0", "out", "alsa")][: self.ports]

    def panic(self, name: str, api: str) -> None:
        self.called(name, api)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> House:
    """The rooms replaced, and a working folder without settings."""
    built = House()
    for module, names in {
        "jamd.daemon": {"listen": built.listen},
        "jamd.headless": {"respond": built.respond},
        "jamd.demo": {"run": built.demo},
    }.items():
        monkeypatch.setitem(sys.modules, module, SimpleNamespace(**names))
    monkeypatch.setattr(ports, "list_ports", built.list_ports)
    monkeypatch.setattr(ports, "panic", built.panic)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(config, "user_file", lambda: tmp_path / "none.toml")
    return built


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


# ---- what is called --------------------------------------------------------------------------------------


def test_listen_without_options_listens_with_the_defaults(house: House) -> None:
    result = run("listen")
    assert (result.exit_code, result.stdout) == (0, "listening\n")
    assert house.seen == [(Settings(), None)]


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("--in Keyboard --out Synth", {"midi_in": "Keyboard", "midi_out": "Synth"}),
        ("--thru", {"midi_thru": True}),
        ("--no-thru", {"midi_thru": False}),
        ("--channel 3", {"midi_channel": 3}),
        ("--bpm 96.5", {"clock_bpm": 96.5}),
        ("--bpm 0", {"clock_bpm": 0.0}),
        ("--bars 4", {"turn_bars": 4}),
        ("--entry beat", {"turn_entry": "beat"}),
        ("--seed 7", {"sampling_seed": 7}),
        ("--temperature 1.1", {"sampling_temperature": 1.1}),
        ("--top-p 0.9", {"sampling_top_p": 0.9}),
        ("--low C3 --high 84", {"fences_low": "C3", "fences_high": "84"}),
        ("--density 1.5 --voices 3", {"fences_density": 1.5, "fences_voices": 3}),
        ("--softest 20 --loudest 90", {"fences_softest": 20, "fences_loudest": 90}),
        ("--device cpu", {"engine_device": "cpu"}),
        ("--model mine.onnx", {"engine_model": "mine.onnx"}),
        ("--budget-ms 25", {"engine_budget_ms": 25.0}),
        ("--no-record", {"record_on": False}),
        ("--record jams", {"record_on": True, "record_dir": "jams"}),
    ],
)
def test_each_option_of_listen_sets_its_setting_and_no_other(
    house: House, words: str, options: dict[str, Any]
) -> None:
    assert run("listen", *words.split()).exit_code == 0
    assert house.seen == [(Settings().with_options(**options), None)]


def test_listen_hands_on_where_the_events_go_and_its_exit_code(house: House) -> None:
    house.code = 9
    assert run("listen", "--events", "e.jsonl").exit_code == 9
    assert house.seen == [(Settings(), Path("e.jsonl"))]


def test_options_come_before_the_file_and_the_file_before_the_defaults(house: House, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[midi]\nin = "Keyboard"\n[clock]\nbpm = 60\n[record]\non = false\n')
    assert run("--config", "mine.toml", "listen", "--bpm", "90").exit_code == 0
    expected = Settings().with_options(midi_in="Keyboard", clock_bpm=90, record_on=False)
    assert house.seen == [(expected, None)]


def test_a_folder_to_record_to_turns_recording_on(house: House, tmp_path: Path) -> None:
    (tmp_path / "jamd.toml").write_text("[record]\non = false\n")
    run("listen", "--record", "jams")
    assert house.seen[0][0].record.on
    run("listen", "--record", "jams", "--no-record")
    assert not house.seen[1][0].record.on


def test_respond_says_what_it_made_in_words_and_in_json(house: House) -> None:
    words = ("respond", "call.mid", "out.mid", "--bars", "2", "--seed", "5")
    assert run(*words).stdout == "out: out.mid\nanswer notes: 12\n"
    assert json.loads(run(*words, "--json").stdout) == {"out": "out.mid", "answer_notes": 12}
    asked = Settings().with_options(turn_bars=2, sampling_seed=5)
    assert house.seen == [(Path("call.mid"), Path("out.mid"), asked)] * 2


def test_demo_writes_jam_mid_unless_told_otherwise(house: House) -> None:
    assert run("demo").exit_code == 0
    assert run("demo", "--out", "x.mid", "--model", "m.onnx").exit_code == 0
    asked = Settings().with_options(engine_model="m.onnx")
    assert house.seen == [(Settings(), Path("jam.mid")), (asked, Path("x.mid"))]


def test_ports_lists_them_for_people_and_for_programs(house: House) -> None:
    assert run("ports").stdout == "--in  Keyboard  (jack)\n--out Synth 128:0  (alsa)\n"
    assert json.loads(run("ports", "--json").stdout) == [
        {"name": "Keyboard", "direction": "in", "api": "jack"},
        {"name": "Synth 128:0", "direction": "out", "api": "alsa"},
    ]
    house.ports = 0
    assert run("ports").stdout == "there are no ports\n"
    assert json.loads(run("ports", "--json").stdout) == []


def test_panic_silences_the_named_port_or_that_of_the_settings(house: House, tmp_path: Path) -> None:
    assert "Synth" in run("panic", "--out", "Synth").stdout
    (tmp_path / "jamd.toml").write_text('[midi]\nout = "Organ"\napi = "jack"\n')
    assert "Organ" in run("panic").stdout
    assert house.seen == [("Synth", "auto"), ("Organ", "jack")]


def test_panic_without_a_port_to_silence_asks_for_one(house: House) -> None:
    for words in ("panic", "panic --out virtual:X", "panic --out file:x.mid"):
        result = run(*words.split())
        assert result.exit_code == ConfigError.exit_code
        assert "Name one with --out" in result.stderr
    assert house.seen == []


CALL = str(ROOT / "jamd" / "models" / "call.mid")


def test_tokens_prints_an_event_of_four_fields_for_every_id_of_the_json() -> None:
    ids = json.loads(run("tokens", CALL, "--json").stdout)
    lines = run("tokens", CALL).stdout.splitlines()
    assert [name_of(token) for token in ids[:3]] == ["BOS_None", "Call_None", "Bar_None"]
    assert len(lines) == len(ids) > 100
    four = re.compile(r"Event\(name=[\w ]+, time=-?\d+, value=\S+, text=\S+\)")
    assert [line for line in lines if not four.fullmatch(line)] == []


def test_tokens_of_no_midi_file_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "noise.mid").write_bytes(b"not music")
    (tmp_path / "empty.mid").touch()
    for name in ("noise.mid", "empty.mid", "none.mid", "."):
        path = str(tmp_path / name)
        result = run("tokens", path)
        assert result.exit_code == MidiFileError.exit_code
        assert path in result.stderr
        assert "Traceback" not in result.stderr


# ---- replay ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("same", "code"), [(True, 0), (None, 0), (False, 1)])
def test_replay_says_what_became_of_it_in_words_and_in_json(
    same: bool | None, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = FirstDifference(3, 0.5, "{}", "nothing") if same is False else None
    made = Outcome(Path("a.jsonl"), Path("b.mid"), Path("S.onnx"), same, 9, first, "in words")
    monkeypatch.setattr("jamd.replay.again.replay", lambda recording, out, model: made)
    assert run("replay", "a.jsonl").stdout == "in words\n"
    result = run("replay", "a.jsonl", "--json")
    assert result.exit_code == code
    assert json.loads(result.stdout) == {
        "recording": "a.jsonl",
        "out": "b.mid",
        "model": "S.onnx",
        "same": same,
        "lines": 9,
        "first_difference": first and {"line": 3, "at_s": 0.5, "was": "{}", "now": "nothing"},
        "text": "in words",
    }


# ---- bench -----------------------------------------------------------------------------------------------


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The bench replaced by one that finds nothing; holds what it was asked."""
    asked: list[Any] = []

    def bench(settings: Settings, progress: Any, sections: Any) -> dict[str, Any]:
        asked.append((settings, list(sections)))
        progress("start: the clock")
        return {"budget_ms": 20.0, "skipped": {"live": "no reason"}}

    monkeypatch.setattr("jamd.bench.run.bench", bench)
    return asked


def test_bench_prints_its_progress_beside_the_table_and_the_json_as_the_last_line(measured: list[Any]) -> None:
    result = run("bench", "--json", "--budget-ms", "30")
    assert result.stderr == "start: the clock ...\n"
    table, last = result.stdout.splitlines()
    assert table == "live: not measured, no reason"
    assert json.loads(last)["skipped"] == {"live": "no reason"}
    assert measured[0][0].engine.budget_ms == 30
    assert run("bench").stdout.splitlines() == [table]


def test_bench_measures_the_sections_that_are_asked_for_and_names_one_that_is_none(measured: list[Any]) -> None:
    assert run("bench", "--only", "hour, start").exit_code == 0
    assert measured[0][1] == ["hour", "start"]
    result = run("bench", "--only", "hours")
    assert result.exit_code == 2 and "there is no section hours\nThere are start, engine" in result.stderr


def test_bench_says_what_its_keys_mean_and_measures_nothing(measured: list[Any]) -> None:
    assert "live.cold_ms.p99: 99 % of them are at most this.\n" in run("bench", "--keys").stdout
    assert measured == []


# ---- mistakes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [JamdError, PortError, MidiFileError, ModelError])
@pytest.mark.parametrize("words", ["listen", "respond a.mid b.mid", "demo", "ports", "panic --out X"])
def test_an_error_is_said_with_its_hint_and_its_exit_code_and_without_a_traceback(
    house: House, kind: type[JamdError], words: str
) -> None:
    house.error = kind("the drums are gone", "Bring them back.")
    result = run(*words.split())
    assert result.stderr == "jamd: the drums are gone\nBring them back.\n"
    assert result.stdout == ""
    assert result.exit_code == kind.exit_code


def test_a_broken_settings_file_stops_every_command_that_needs_settings(house: House, tmp_path: Path) -> None:
    (tmp_path / "jamd.toml").write_text("[clock]\nbmp = 60\n")
    for words in ("listen", "respond a.mid b.mid", "demo", "ports", "panic --out X"):
        result = run(*words.split())
        assert result.exit_code == 2
        assert 'jamd.toml: [clock] has no key bmp\nDid you mean "bpm"?' in result.stderr
    assert house.seen == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("listen --bpm 500", "'--bpm': must be a number, 0 or 30 to 209, not 500"),
        ("listen --bpm fast", "'--bpm': must be a number, 0 or 30 to 209, not fast"),
        ("listen --channel 17", "'--channel': must be a whole number, 0 to 16, not 17"),
        ("listen --device gpu", '\'--device\': must be "auto", "cpu" or "cuda", not gpu'),
        ("respond a b --top-p 2", "'--top-p': must be a number, 0.01 to 1, not 2"),
        ("demo --seed -1", "'--seed': must be a whole number, 0 to 4294967295, not -1"),
        ("listne", "Did you mean 'listen'?"),
        ("respond a.mid", "Missing argument 'OUT.mid'"),
        ("listen --bars 40", "bars 40 is more than max_bars 16"),
    ],
)
def test_a_wrong_word_on_the_command_line_is_named_with_what_would_do(
    house: House, words: str, says: str
) -> None:
    result = run(*words.split())
    assert result.exit_code == 2
    assert says in result.stderr
    assert house.seen == []


# ---- help ------------------------------------------------------------------------------------------------


def test_the_commands_are_those_that_the_plan_names() -> None:
    assert tuple(sorted(main.commands)) == COMMANDS


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_help_shows_an_example_of_its_own_command(command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    assert f"jamd {command}".rstrip() in result.stdout.partition("Example")[2]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_help(command: str) -> None:
    options = [p for p in main.commands[command].params if isinstance(p, click.Option)]
    assert [o.name for o in options if not o.help] == []


@pytest.mark.parametrize("command", ["bench", "replay", "respond", "ports", "tokens"])
def test_what_a_program_would_read_is_to_be_had_as_json(command: str) -> None:
    assert "--json" in [flag for param in main.commands[command].params for flag in param.opts]


@pytest.mark.parametrize("command", ["bench", "listen", "respond", "demo"])
def test_the_model_can_be_named_wherever_one_plays(command: str) -> None:
    assert "--model" in [flag for param in main.commands[command].params for flag in param.opts]


# ---- start-up --------------------------------------------------------------------------------------------


def test_version_and_module_are_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jamd", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"jamd {jamd.__version__}\n"


def test_help_arguments_and_the_list_of_ports_cost_no_heavy_import() -> None:
    heavy = ["numpy", "onnxruntime", "torch", "mido", "multiprocessing", "asyncio"]
    code = f"import sys, jamd.cli, jamd.midi.ports; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
