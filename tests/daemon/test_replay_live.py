"""The whole daemon records a jam, and the real command plays it again byte for byte; nothing of it is ever changed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import mido
import pytest

from jamd import __version__
from jamd.engine.runtime import VERSION
from jamd.errors import MidiFileError, ModelError
from tests.daemon import live
from tests.daemon.live import LONG_S, note_off, note_on, wait_until
from tests.daemon.stage import stage
from tests.daemon.test_files import PHRASE, jamd, tune
from tests.tiny import tiny_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="module")
def jam(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Path:
    """The log of a jam from file to file, in trade over a chart, two bars each."""
    folder = tmp_path_factory.mktemp("jam")
    call = tune(folder / "call.mid", PHRASE * 3)
    words = ("listen", "--in", f"file:{call}", "--out", "file:jam.mid", "--record", "jams", "--model", str(tiny))
    code, printed, complaint = jamd(folder, *words, "--mode", "trade", "--trade-bars", "1", "--chart", "Am7 | D7")
    assert code == 0, printed + complaint
    (log,) = (folder / "jams").glob("*.jsonl")
    return log


def kept(log: Path) -> list[bytes]:
    return [path.read_bytes() for path in (log, log.with_suffix(".mid"))]


@pytest.mark.parametrize("ending", [".jsonl", ".mid"])
def test_a_jam_is_played_again_byte_for_byte(ending: str, jam: Path, tmp_path: Path) -> None:
    before = kept(jam)
    code, printed, _ = jamd(tmp_path, "replay", str(jam.with_suffix(ending)))
    assert code == 0 and "every byte is the same" in printed and len(printed.splitlines()) == 1
    assert (tmp_path / "again.mid").read_bytes() == before[1]
    assert kept(jam) == before


def test_another_model_plays_the_same_gig(jam: Path, tmp_path: Path) -> None:
    other = tiny_model(tmp_path / "other.onnx", seed=1)
    code, printed, _ = jamd(tmp_path, "replay", str(jam), "--model", str(other), "--out", "other.mid")
    assert code == 0 and "the same gig with other.onnx" in printed
    mine, theirs = (mido.MidiFile(path) for path in (jam.with_suffix(".mid"), tmp_path / "other.mid"))
    performed, played = (
        [next(t for t in f.tracks if t.name == n) for f in (mine, theirs)] for n in ("Performer", "jamd")
    )
    assert performed[0] == performed[1]
    assert played[0] != played[1] and any(message.type == "note_on" for message in played[1])


def test_what_is_not_the_same_is_said_with_its_place_and_an_exit_code(jam: Path, tmp_path: Path) -> None:
    first, rest = jam.read_text().split("\n", 1)
    (tmp_path / "changed.jsonl").write_text(json.dumps({**json.loads(first), "seed": 99}) + "\n" + rest)
    code, printed, complaint = jamd(tmp_path, "replay", "changed.jsonl", "--json")
    assert code == 1, printed + complaint
    told = json.loads(printed)
    number, line = told["first_difference"]["line"], told["first_difference"]["was"]
    assert not told["same"] and jam.read_text().splitlines()[number - 1] == line
    assert "as jamd plays it now: it first differs in line" in told["text"]
    assert (tmp_path / "again.mid").exists()


def test_what_ran_the_model_elsewhere_is_said_before_what_differs(jam: Path, tmp_path: Path) -> None:
    first, rest = jam.read_text().split("\n", 1)
    elsewhere = rest.replace('"device":"cpu"', '"device":"cuda"')
    (tmp_path / "cuda.jsonl").write_text(json.dumps({**json.loads(first), "seed": 99}) + "\n" + elsewhere)
    code, printed, complaint = jamd(tmp_path, "replay", "cuda.jsonl")
    now = f"on cpu with ONNX Runtime {VERSION}"
    assert code == 1, printed + complaint
    assert f"recorded by jamd {__version__} {now.replace('cpu', 'cuda')}, this is jamd {__version__} {now}" in printed


def test_the_recording_itself_is_never_written(jam: Path, tmp_path: Path) -> None:
    before = kept(jam)
    for out in (jam, jam.with_suffix(".mid")):
        code, _, complaint = jamd(tmp_path, "replay", str(jam), "--out", str(out))
        assert code == MidiFileError.exit_code and "the recording itself" in complaint
    assert kept(jam) == before


def test_what_cannot_be_replayed_is_refused_in_words(jam: Path, tmp_path: Path, tiny: Path) -> None:
    first, rest = jam.read_text().split("\n", 1)
    older = {key: value for key, value in json.loads(first).items() if key != "settings"}
    nulls = rest.replace('"time_ns":', '"time_ns":null,"was":')
    moved = rest.replace(json.dumps(str(tiny)), json.dumps(str(tiny_model(tmp_path / "other.onnx", seed=1))))
    for name, text, said, code in (
        ("older", json.dumps(older) + "\n" + rest, "older jamd", MidiFileError.exit_code),
        ("moved", first + "\n" + moved, "is not the model that played", ModelError.exit_code),
        ("nulls", first + "\n" + nulls, "cannot be followed", MidiFileError.exit_code),
        ("noise", "noise\n", "is not the log of a jam", MidiFileError.exit_code),
        ("empty", "", "is empty", MidiFileError.exit_code),
        ("silent", first + "\n", "never ready", MidiFileError.exit_code),
    ):
        (tmp_path / f"{name}.jsonl").write_text(text)
        found, _, complaint = jamd(tmp_path, "replay", f"{name}.jsonl")
        assert found == code and said in complaint, complaint
    found, _, complaint = jamd(tmp_path, "replay", str(tune(tmp_path / "alone.mid", PHRASE)))
    assert found == MidiFileError.exit_code and "there is no" in complaint
    assert not (tmp_path / "again.mid").exists()
    assert jamd(tmp_path, "replay", "moved.jsonl", "--model", str(tiny))[0] == 0


@pytest.mark.parametrize("process", ["brain", "wire"])
def test_a_jam_that_outlived_a_death_is_played_again_byte_for_byte(process: str, tmp_path: Path, tiny: Path) -> None:
    call = tune(tmp_path / "long.mid", 3 * PHRASE)
    ports = ("--in", f"file:{call}", "--out", f"file:{tmp_path / 'jam.mid'}", "--bars", "1")
    with live.jamd(tmp_path / "jam", *ports, model=tiny) as daemon:
        wait_until(lambda: daemon.events("note_in"), "the file to play")
        os.kill(daemon.pids(process)[-1], signal.SIGKILL)
        assert daemon.process.wait(LONG_S) == 0
    (log,) = (tmp_path / "jam" / "jams").glob("*.jsonl")
    code, printed, complaint = jamd(tmp_path, "replay", str(log))
    assert code == 0, printed + complaint


@pytest.mark.usefixtures("jack_server")
def test_a_jam_on_real_ports_with_a_barge_in_is_played_again_byte_for_byte(tmp_path: Path, model: Path) -> None:
    with stage(tmp_path, model) as scene:
        scene.call_and_answer()
        scene.keyboard.play([(0.0, note_on(21)), (0.6, note_off(21))])
        wait_until(lambda: scene.sounding == {(0, 21)}, "the answer to stop")
        scene.wait_silent()
        scene.call_and_answer()
        assert scene.daemon.end() == 0
    (log,) = (tmp_path / "jams").glob("*.jsonl")
    code, printed, complaint = jamd(tmp_path, "replay", str(log))
    assert code == 0, printed + complaint
    assert "every byte is the same" in printed
