"""The listening kit: the files of a call do not tell who plays, the key does, and sheets are counted."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path

import mido
import pytest
import torch
from click.testing import CliRunner, Result

from jamd.engine.session import Session
from jamd.errors import ConfigError
from jamd.remi import vocabulary as v
from tests.tiny import tiny_model
from tests.training.evaluation.tunes import song
from training import listen
from training.evaluation import kit, ratings
from training.evaluation.answers import improviser
from training.evaluation.songs import Gathered
from training.evaluation.torch_stream import TorchStream
from training.gpt2 import GPT2, GPT2Config

SONGS = [song(seed) for seed in range(4)]
GPT2_SIZES = GPT2Config(
    n_layer=1, d_model=16, n_head=2, d_head=8, d_inner=24, context=24, vocab_size=v.SIZE, dropout=0.0
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="module")
def made(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kit of four players and four calls."""
    out = tmp_path_factory.mktemp("kit") / "kit"
    assert write(model, out, calls=4) == 4
    return out


def hasty_gpt2() -> GPT2:
    """Random weights that like bars best, so that answers are short."""
    torch.manual_seed(0)
    gpt2 = GPT2(GPT2_SIZES)
    with torch.no_grad():
        gpt2.norm.bias.fill_(1)
        gpt2.embedding.weight[v.BAR] += 0.2
    return gpt2


def write(model: Path, out: Path, *, calls: int, seed: int = 3, gpt2: bool = True) -> int:
    streams: dict[str, object] = {listen.XL: Session.load(model, device="cpu")}
    if gpt2:
        streams[listen.GPT2_NAME] = TorchStream(hasty_gpt2())
    players = {who: improviser(stream, seed) for who, stream in streams.items()}
    return kit.write(kit.trials(SONGS, players, calls, seed), out, seed, None)


def key_of(folder: Path) -> dict[str, dict[str, dict[str, str]]]:
    return json.loads((folder / kit.KEY).read_text())


def notes_of(path: Path) -> list[tuple[int, int]]:
    now, out = 0, []
    for message in mido.MidiFile(path).tracks[-1]:
        now += message.time
        if message.type == "note_on" and message.velocity:
            out.append((now, message.note))
    return sorted(out)


def test_each_call_has_itself_and_one_answer_of_everybody(made: Path) -> None:
    everybody = {listen.XL, listen.GPT2_NAME, kit.CONTINUATOR, kit.TRUE}
    for call, entry in key_of(made).items():
        folder = made / "calls" / call
        assert {p.name for p in folder.iterdir()} == {"call.mid", *(f"{n}.mid" for n in entry["players"])}
        assert set(entry["players"].values()) == everybody and set(entry["players"]) == set("1234")


def test_every_file_begins_with_the_call_and_goes_on(made: Path) -> None:
    for folder in (made / "calls").iterdir():
        call = notes_of(folder / "call.mid")
        for number in range(1, 5):
            both = notes_of(folder / f"{number}.mid")
            assert both[: len(call)] == call and len(both) > len(call)


def test_the_true_continuation_is_where_the_key_says(made: Path) -> None:
    trials = {trial.song: trial for trial in kit.trials(SONGS, {}, 4, 3)}
    for call, entry in key_of(made).items():
        number = next(n for n, who in entry["players"].items() if who == kit.TRUE)
        pair = trials[entry["song"]].pair  # type: ignore[index]
        expected = sorted((n.onset + kit.LEAD_TICKS, n.pitch) for n in (*pair.call.notes, *_later(pair)))
        assert notes_of(made / "calls" / call / f"{number}.mid") == expected


def _later(pair: kit.Pair) -> list[kit.Note]:
    return [kit.Note(n.onset + pair.call.ticks, n.duration, n.pitch, n.velocity) for n in pair.real.notes]


def told(path: Path) -> list[str]:
    """All that a file says but its notes."""
    messages = (m for track in mido.MidiFile(path).tracks for m in track)
    return [repr(m) for m in messages if not m.type.startswith("note_") and m.type != "end_of_track"]


def test_nothing_but_its_notes_tells_one_file_of_a_call_from_another(made: Path) -> None:
    for folder in (made / "calls").iterdir():
        files = sorted(folder.iterdir())
        assert len({tuple(told(path)) for path in files}) == 1
        channels = {m.channel for path in files for track in mido.MidiFile(path).tracks for m in track if not m.is_meta}
        assert channels == {0}
    assert {path.stat().st_mtime for path in made.rglob("*")} == {kit.DATE}


def test_velocities_are_those_of_the_vocabulary_whoever_plays(made: Path) -> None:
    bins = {v.velocity_value(v.NOTE_VELOCITY.id(i)) for i in range(v.VELOCITY_BINS)}
    for path in made.rglob("*.mid"):
        track = mido.MidiFile(path).tracks[-1]
        assert {m.velocity for m in track if m.type == "note_on" and m.velocity} <= bins


def test_only_the_key_names_a_player_or_a_song(made: Path) -> None:
    words = [listen.XL, listen.GPT2_NAME, kit.CONTINUATOR, *(f"tunes/{s.piece}" for s in SONGS)]
    for path in (p for p in made.rglob("*") if p.is_file() and p != made / kit.KEY):
        data = path.read_bytes()
        assert not any(word.encode() in data for word in words), path


def test_the_order_is_drawn_anew_for_each_call(made: Path) -> None:
    assert len({tuple(entry["players"].values()) for entry in key_of(made).values()}) > 1


def test_the_same_seed_makes_the_same_kit(model: Path, tmp_path: Path) -> None:
    roots = [tmp_path / "first", tmp_path / "again"]
    for root in roots:
        write(model, root, calls=1, gpt2=False)
    first, again = ({p.relative_to(r): p.read_bytes() for p in r.rglob("*") if p.is_file()} for r in roots)
    assert first == again and len(first) == 7


def test_a_folder_with_something_in_it_is_left_alone(model: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(ConfigError, match="not empty"):
        write(model, tmp_path, calls=1)
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


# ---- sheets ----------------------------------------------------------------------------------------------


def fill(folder: Path, path: Path, opinion: Callable[[str], tuple[str, str]]) -> Path:
    """A sheet filled in by somebody who knows who plays."""
    key = key_of(folder)
    with (folder / "ratings.csv").open() as file:
        lines = list(csv.DictReader(file))
    for line in lines:
        line["good_1_to_5"], line["human_or_machine"] = opinion(key[line["call"]]["players"][line["number"]])
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, kit.SHEET)
        writer.writeheader()
        writer.writerows(lines)
    return path


def test_a_sheet_is_counted_by_player(made: Path, tmp_path: Path) -> None:
    sheet = fill(made, tmp_path / "a.csv", lambda who: ("5", "human") if who == kit.TRUE else ("2", "machine"))
    found = ratings.score(ratings.read(sheet, made / kit.KEY))
    assert found[kit.TRUE]["good"] == {"value": 5, "low": 5, "high": 5}
    assert found[listen.XL]["good"]["value"] == 2  # type: ignore[index]
    assert [found[who]["taken_for_human"]["value"] for who in (kit.TRUE, listen.GPT2_NAME)] == [1, 0]  # type: ignore[index]


def test_the_mean_is_over_calls_and_empty_lines_say_nothing(made: Path, tmp_path: Path) -> None:
    rng, given = random.Random(1), dict[str, list[int]]()

    def opinion(who: str) -> tuple[str, str]:
        if rng.random() < 0.3:
            return "", ""
        given.setdefault(who, []).append(rng.randint(1, 5))
        return str(given[who][-1]), "Machine "

    found = ratings.score(ratings.read(fill(made, tmp_path / "a.csv", opinion), made / kit.KEY))
    for who, numbers in given.items():
        cell = found[who]["good"]
        assert cell is not None and cell["value"] == pytest.approx(sum(numbers) / len(numbers), abs=1e-3)
        assert cell["low"] <= cell["value"] <= cell["high"]


@pytest.mark.parametrize(("good", "guess", "said"), [("6", "", '"6"'), ("3", "alien", '"alien"')])
def test_a_line_that_makes_no_sense_is_named(made: Path, tmp_path: Path, good: str, guess: str, said: str) -> None:
    sheet = fill(made, tmp_path / "a.csv", lambda who: (good, guess))
    with pytest.raises(ConfigError, match=f"line 2.*{said}"):
        ratings.read(sheet, made / kit.KEY)


def test_a_sheet_of_another_kit_is_refused(made: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(",".join(kit.SHEET) + "\n77,1,3,human\n")
    with pytest.raises(ConfigError, match="77"):
        ratings.read(tmp_path / "a.csv", made / kit.KEY)
    with pytest.raises(ConfigError, match="no key"):
        ratings.read(tmp_path / "a.csv", tmp_path / "a.csv")


# ---- the command -----------------------------------------------------------------------------------------


def run(*args: object) -> Result:
    return CliRunner().invoke(listen.listen_command, [str(a) for a in args])


def test_the_command_makes_a_kit_and_says_when_there_is_no_sound(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listen, "gather", lambda *_, **__: Gathered(list(SONGS)))
    monkeypatch.setattr(kit, "SOUNDFONTS", ())
    done = run("--data", tmp_path, "--out", tmp_path / "kit", "--model", model, "--calls", 2)
    assert done.exit_code == 0, done.output
    assert "No sound files" in done.output and "2 calls" in done.output
    assert not list((tmp_path / "kit").rglob("*.wav")) and len(list((tmp_path / "kit").rglob("*.mid"))) == 2 * 4


def test_a_soundfont_is_played_by_fluidsynth_alike_for_every_file(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listen, "gather", lambda *_, **__: Gathered(list(SONGS)))
    monkeypatch.setattr(listen.shutil, "which", lambda name: name)
    played = list[list[str]]()

    def play(command: list[str], **_: object) -> object:
        played.append(command)
        Path(command[command.index("-F") + 1]).write_bytes(b"RIFF")
        return type("Done", (), {"returncode": 0, "stderr": ""})

    monkeypatch.setattr(kit.subprocess, "run", play)
    font = tmp_path / "font.sf2"
    font.write_bytes(b"")
    args = ("--data", tmp_path, "--out", tmp_path / "kit", "--model", model, "--calls", 1, "--soundfont", font)
    assert run(*args).exit_code == 0
    assert len(played) == 4 and all(str(font) in command for command in played)
    assert {p.stem for p in (tmp_path / "kit").rglob("*.wav")} == {p.stem for p in (tmp_path / "kit").rglob("*.mid")}


def test_the_command_counts_sheets(made: Path, tmp_path: Path) -> None:
    sheet = fill(made, tmp_path / "a.csv", lambda who: ("4", "human"))
    done = run("--score", sheet, "--key", made / kit.KEY)
    assert done.exit_code == 0 and f"{kit.TRUE}: good 4.00 (4.00 to 4.00)" in done.output
    assert done.output.count("\n") == 4


@pytest.mark.parametrize(
    ("args", "said"),
    [((), "--data DIR --out KIT"), (("--score", "x.csv"), "--key"), (("--score", "x.csv", "--key", "y"), "no key")],
)
def test_what_is_missing_is_said_without_a_traceback(args: tuple[str, ...], said: str) -> None:
    done = run(*args)
    assert done.exit_code == 2 and said in done.output and "Traceback" not in done.output


def test_a_run_that_is_none_of_gpt_2_is_refused(model: Path, tmp_path: Path) -> None:
    done = run("--data", tmp_path, "--out", tmp_path / "kit", "--model", model, "--no-wav", "--gpt2", tmp_path)
    assert done.exit_code == 5 and "No checkpoint" in done.output


def test_a_place_that_cannot_be_written_is_refused_before_anybody_plays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.listen.gather", lambda *args, **named: pytest.fail("songs are read"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    for out, said in (("full", "is not empty"), ("full/file/kit", "cannot be written")):
        done = CliRunner().invoke(listen.listen_command, ["--data", str(tmp_path), "--out", str(tmp_path / out)])
        assert done.exit_code == ConfigError.exit_code
        assert said in done.output
