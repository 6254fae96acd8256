"""The whole daemon from file to file, which needs no MIDI system; and every bad file through the real command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import mido
import pytest

from jamd.errors import ConfigError, MidiFileError, ModelError
from tests.daemon import live
from tests.daemon.live import LONG_S, ROOT
from tests.midi.files import by_mido
from tests.tiny import tiny_model

PRECIOUS = b"what somebody has worked on for a year"
BPM = 200
PHRASE = (60, 64, 67, 72)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture
def call(tmp_path: Path) -> Path:
    """A phrase of 1.2 s."""
    return tune(tmp_path / "call.mid", PHRASE)


def tune(path: Path, pitches: Sequence[int]) -> Path:
    """A file with a note every 0.3 s."""
    events = [(0, mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(BPM)))]
    for number, pitch in enumerate(pitches):
        events.append((480 * number, mido.Message("note_on", note=pitch, velocity=80)))
        events.append((480 * number + 400, mido.Message("note_off", note=pitch)))
    return by_mido(path, events)


def jamd(folder: Path, *words: str) -> tuple[int, str, str]:
    """Runs a command in a folder of its own; exit code, what it printed, and what it complained of."""
    (folder / "temporary").mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "jamd", *words],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder / "temporary"), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=2 * LONG_S,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    assert "leaked" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def heard(path: Path, track: str) -> list[int]:
    """Pitches of a track in the order of their note-ons, each of which has its note-off after it."""
    sounding: set[int] = set()
    pitches = []
    for message in next(t for t in mido.MidiFile(path).tracks if t.name == track):
        if message.type == "note_on" and message.velocity:
            assert message.note not in sounding
            sounding.add(message.note)
            pitches.append(message.note)
        elif message.type in ("note_on", "note_off"):
            sounding.discard(message.note)
    assert not sounding
    return pitches


def test_a_file_is_listened_to_and_answered_into_a_file_and_into_the_recording(
    tmp_path: Path, call: Path, model: Path
) -> None:
    files = ("--in", f"file:{call}", "--out", "file:jam.mid", "--record", "jams", "--events", "events.jsonl")
    code, printed, complaint = jamd(tmp_path, "listen", *files, "--model", str(model), "--seed", "3")
    assert (code, complaint) == (0, "")
    jam = tmp_path / "jam.mid"
    assert heard(jam, "Performer") == list(PHRASE)
    assert len(heard(jam, "jamd")) > 0
    assert [round(mido.tempo2bpm(m.tempo)) for m in mido.MidiFile(jam) if m.type == "set_tempo"] == [BPM]
    (recorded,) = (tmp_path / "jams").glob("*.mid")
    assert recorded.read_bytes() == jam.read_bytes()
    assert f"recorded jams/{recorded.name}" in printed and "wrote jam.mid" in printed
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    names = [event["what"] for event in events]
    assert names.count("note_in") == len(PHRASE)
    assert names.count("note_out") == names.count("note_off_out") == len(heard(jam, "jamd"))


def test_with_a_budget_the_brain_says_what_plays_and_a_jam_ends_with_how_late_its_notes_were(
    tmp_path: Path, call: Path, model: Path
) -> None:
    files = ("--in", f"file:{call}", "--out", "file:jam.mid", "--no-record", "--budget-ms", "1000")
    code, printed, complaint = jamd(tmp_path, "listen", *files, "--model", str(model), "--seed", "3")
    assert (code, complaint) == (0, "")
    lines = printed.splitlines()
    said = next(number for number, line in enumerate(lines) if line.startswith("in budget: tiny, "))
    assert lines[said + 1].startswith("brain ready: model tiny")
    assert any(line.startswith("played ") and line.endswith("too late, left out") for line in lines)


def broken(folder: Path, call: Path, which: str) -> Path:
    path = folder / f"{which}.mid"
    if which == "truncated":
        path.write_bytes(call.read_bytes()[:-9])
    elif which == "empty":
        path.touch()
    elif which == "noise":
        path.write_bytes(b"not music" * 50)
    elif which == "drums":
        hit = [(t, mido.Message(k, channel=9, note=36, velocity=80)) for t, k in ((0, "note_on"), (9, "note_off"))]
        by_mido(path, hit)
    return path


@pytest.mark.parametrize("which", ["truncated", "empty", "noise", "drums", "missing"])
def test_a_call_that_cannot_be_answered_is_refused_by_name_and_overwrites_nothing(
    which: str, tmp_path: Path, call: Path, model: Path
) -> None:
    bad, precious = broken(tmp_path, call, which), tmp_path / "precious.mid"
    precious.write_bytes(PRECIOUS)
    listen = ("listen", "--in", f"file:{bad}", "--out", "file:precious.mid", "--record", "jams")
    for words in (listen, ("respond", str(bad), "precious.mid")):
        code, _, complaint = jamd(tmp_path, *words, "--model", str(model))
        assert code == MidiFileError.exit_code
        assert str(bad) in complaint and len(complaint.strip().splitlines()) == 2
        assert which != "drums" or "only drums (channel 10)" in complaint
    assert precious.read_bytes() == PRECIOUS
    assert not (tmp_path / "jams").exists()


def test_a_start_that_fails_overwrites_nothing_and_leaves_no_recording(tmp_path: Path, call: Path) -> None:
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    precious = tmp_path / "precious.mid"
    precious.write_bytes(PRECIOUS)
    words = ("listen", "--in", f"file:{call}", "--out", "file:precious.mid", "--model", "junk.onnx")
    for record in (("--record", "jams"), ("--no-record",)):
        code, printed, complaint = jamd(tmp_path, *words, *record)
        assert code == ModelError.exit_code and "junk.onnx" in complaint
        assert "wrote" not in printed and "recorded" not in printed
    assert precious.read_bytes() == PRECIOUS
    assert not list((tmp_path / "jams").iterdir())
    assert not list((tmp_path / "temporary").glob("jamd-*"))


@pytest.mark.parametrize("command", ["listen", "demo", "respond"])
@pytest.mark.parametrize("target", [".", "none/jam.mid"])
def test_a_target_that_cannot_be_written_is_refused_before_a_note_is_played(
    command: str, target: str, tmp_path: Path, call: Path, model: Path
) -> None:
    words = {
        "listen": ("listen", "--in", f"file:{call}", "--out", f"file:{target}", "--no-record"),
        "demo": ("demo", "--out", target),
        "respond": ("respond", str(call), target),
    }
    code, printed, complaint = jamd(tmp_path, *words[command], "--model", str(model))
    assert code == MidiFileError.exit_code
    assert printed == "" and "cannot write" in complaint


def test_a_recording_folder_that_is_a_file_is_refused(tmp_path: Path, call: Path, model: Path) -> None:
    (tmp_path / "jams").touch()
    words = ("listen", "--in", f"file:{call}", "--out", "file:jam.mid", "--record", "jams")
    code, _, complaint = jamd(tmp_path, *words, "--model", str(model))
    assert code == ConfigError.exit_code and "cannot record into jams" in complaint


def test_what_was_left_out_is_named_for_people_when_there_was_any_and_always_for_programs(
    tmp_path: Path, call: Path, model: Path
) -> None:
    hit = [(t, mido.Message(k, channel=9, note=36, velocity=80)) for t, k in ((0, "note_on"), (9, "note_off"))]
    tune = [(0, mido.Message("note_on", note=60, velocity=80)), (480, mido.Message("note_off", note=60))]
    mixed = by_mido(tmp_path / "mixed.mid", [*hit, *tune])
    words = ("respond", str(mixed), "jam.mid", "--bars", "1", "--model", str(model))
    code, printed, _ = jamd(tmp_path, *words)
    assert code == 0 and "drums left out: 1" in printed
    assert "metres moved" not in printed and "without end" not in printed
    summary = json.loads(jamd(tmp_path, *words, "--json")[1])
    assert (summary["drums_left_out"], summary["metres_moved"]) == (1, 0)


@pytest.mark.parametrize("process", ["brain", "wire"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "held up"])
def test_a_jam_on_the_clock_of_a_file_survives_a_death_or_a_stall(
    process: str, number: int, tmp_path: Path, model: Path
) -> None:
    call = tune(tmp_path / "long.mid", 3 * PHRASE)  # on a busy machine the next brain comes late, and hears the rest
    ports = ("--in", f"file:{call}", "--out", f"file:{tmp_path / 'jam.mid'}", "--bars", "1")
    with live.jamd(tmp_path / "jam", *ports, model=model) as daemon:
        live.wait_until(lambda: daemon.events("note_in"), "the file to play")
        pid = daemon.pids(process)[-1]
        os.kill(pid, number)
        if number == signal.SIGSTOP:
            time.sleep(0.25)  # longer than the wire waits for a beat, shorter than main does
            os.kill(pid, signal.SIGCONT)
        assert daemon.process.wait(LONG_S) == 0
    assert heard(tmp_path / "jam.mid", "jamd")
