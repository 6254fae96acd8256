"""The command from end to end on tiny sets: keys documented, figures of the same tokens, faults as sentences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from click.testing import CliRunner, Result

from jamd.remi.vocabulary import SIZE
from tests.tiny import tiny_model
from tests.training.tiny import common_cache, write_cache
from training import checkpoint
from training.__main__ import main
from training.evaluation import report
from training.evaluation.bars import PARTS
from training.gpt2 import GPT2, GPT2Config


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


def run(data: Path, *options: object) -> Result:
    words = ["evaluate", "--data", str(data), "--workers", "1", "--skip", "music", *map(str, options)]
    return CliRunner().invoke(main, words)


def result(data: Path, *options: object) -> dict[str, Any]:
    done = run(data, "--json", "--split", "all", *options)
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_every_key_is_there_and_documented(data: Path, model: Path, tmp_path: Path) -> None:
    cache, picture = common_cache(tmp_path / "cache"), tmp_path / "table.png"
    found = result(data, "--model", model, "--train", cache, "--contexts", "512,4096", "--plot", picture)
    assert report.__doc__ is not None
    for key in [
        *found,
        *found["data"],
        *found["model"],
        *found["ratios"]["all"],
        *found["baselines"],
        "saved_over_beside",
    ]:
        assert key in report.__doc__, key
    assert set(found["bits_per_note"]) == {*found["data"]["sets"], "all"}
    for systems in found["bits_per_note"].values():
        assert list(systems) == ["512", "4096", "own", "mixture", "song_cache", "xz"]
        for name, parts in systems.items():
            assert set(parts) == set(PARTS)
            assert parts["all"]["low"] <= parts["all"]["value"] <= parts["all"]["high"], name
    assert all(cell is not None for cell in found["ratios"]["all"].values())
    assert not found["missing"]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_ratios_and_gains_are_those_of_the_table(data: Path, model: Path, tmp_path: Path) -> None:
    found = result(data, "--model", model, "--train", common_cache(tmp_path / "cache"), "--contexts", "512,4096")
    for name, systems in found["bits_per_note"].items():
        for ratio, (above, below, part) in {
            "context_512_to_mixture": ("512", "mixture", "all"),
            "own_to_xz": ("own", "xz", "all"),
            "context_4096_to_song_cache_second_half": ("4096", "song_cache", "second_half"),
        }.items():
            want = systems[above][part]["value"] / systems[below][part]["value"]
            assert found["ratios"][name][ratio]["value"] == pytest.approx(want)
        gain = systems["512"]["novel"]["value"] - systems["4096"]["novel"]["value"]
        assert found["gain_4096_over_512"][name]["novel"]["value"] == pytest.approx(gain, abs=1e-9)


def test_without_a_cache_the_mixtures_are_missing_with_a_reason(data: Path, model: Path) -> None:
    found = result(data, "--model", model, "--sets", "pop909", "--contexts", "64")
    assert list(found["bits_per_note"]) == ["pop909"]
    assert list(found["bits_per_note"]["pop909"]) == ["64", "own", "xz"]
    assert found["baselines"] is None
    assert "--train" in found["missing"]["mixture"]
    assert found["ratios"]["pop909"]["context_512_to_mixture"] is None


def test_a_group_that_trained_the_cache_is_left_out(data: Path, model: Path, tmp_path: Path) -> None:
    pieces = [{"piece": "x", "group": "POP909/002"}, *({"piece": f"v{i}", "split": "valid"} for i in range(8))]
    write_cache(tmp_path / "cache", pieces)
    found = result(data, "--model", model, "--train", tmp_path / "cache", "--sets", "pop909", "--contexts", "64")
    assert found["data"]["sets"]["pop909"]["songs"] == 1
    assert found["data"]["left_out"] == {"trained": 1}


def test_the_same_seed_gives_the_same_report(data: Path, model: Path) -> None:
    first, again = (result(data, "--model", model, "--sets", "pop909", "--contexts", "64") for _ in range(2))
    assert first | {"seconds": 0} == again | {"seconds": 0}


def test_gpt2_is_measured_as_far_as_its_positions_reach(data: Path, tmp_path: Path) -> None:
    sizes = GPT2Config(n_layer=1, d_model=16, n_head=2, d_head=8, d_inner=16, context=32, vocab_size=SIZE)
    path = tmp_path / "gpt2.pt"
    checkpoint.save(checkpoint.Checkpoint(sizes, GPT2(sizes).state_dict(), {}), path)
    found = result(data, "--model", path, "--sets", "pop909", "--contexts", "16,32,64")
    assert found["model"]["architecture"] == "gpt2"
    assert found["model"]["context"] == 32
    assert list(found["bits_per_note"]["pop909"]) == ["16", "32", "own", "xz"]
    assert "32 trained positions" in found["missing"]["64"]
    systems = found["bits_per_note"]["pop909"]
    assert systems["own"] == systems["32"]


def test_a_model_beside_is_read_with_the_same_contexts_and_compared_song_by_song(
    data: Path, model: Path, tmp_path: Path
) -> None:
    sizes = GPT2Config(n_layer=1, d_model=16, n_head=2, d_head=8, d_inner=16, context=64, vocab_size=SIZE)
    path = tmp_path / "gpt2.pt"
    checkpoint.save(checkpoint.Checkpoint(sizes, GPT2(sizes).state_dict(), {}), path)
    found = result(data, "--model", model, "--beside", path, "--contexts", "64,128")
    assert found["beside"]["architecture"] == "gpt2"
    assert "64 trained positions" in found["missing"]["beside 128"]
    for name, systems in found["bits_per_note"].items():
        assert list(systems) == ["64", "128", "beside 64", "own", "xz"]
        saved = systems["beside 64"]["novel"]["value"] - systems["64"]["novel"]["value"]
        assert found["saved_over_beside"][name]["64"]["novel"]["value"] == pytest.approx(saved, abs=1e-9)
    same = result(data, "--model", model, "--beside", model, "--contexts", "64")["saved_over_beside"]["all"]["64"][
        "all"
    ]
    assert same == {"value": 0, "low": 0, "high": 0}
    told = run(data, "--model", model, "--beside", path, "--split", "all", "--contexts", "64,128").stdout
    assert "model beside, context 64" in told
    assert "model beside, context 128: not measured" in told


def test_the_report_is_readable(data: Path, model: Path) -> None:
    done = run(data, "--model", model, "--split", "all", "--contexts", "512")
    assert done.exit_code == 0, done.output
    for words in ("transformer-xl", "model, own memory", "xz, each song alone", "second half", "pop909: bits a note"):
        assert words in done.stdout
    assert "mixture + song cache: not measured, needs --train CACHE" in done.stdout


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--contexts", "512,x"], 2, "is no list of lengths"),
        (["--contexts", "0"], 2, "is no list of lengths"),
        (["--sets", "pop990"], 2, 'Did you mean "pop909"?'),
        (["--train", "nowhere"], 2, "no cache of tokens"),
        (["--model", "nowhere.onnx"], 5, "There is no model"),
        (["--model", "junk.pt"], 5, "is no checkpoint"),
        (["--model", "junk.onnx"], 5, "is no ONNX model"),
        (["--plot", "nowhere/table.png"], 2, "cannot be written"),
        (["--plot", "table.jqg"], 2, "no name for a picture"),
        (["--plot", "table"], 2, "no name for a picture"),
        (["--plot", "table.png", "--skip", "bits"], 2, "everything is skipped"),
    ],
)
def test_a_fault_is_a_sentence_and_an_exit_code(
    data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], code: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("junk.pt", "junk.onnx"):
        (tmp_path / name).write_bytes(b"junk")
    done = run(data, "--model", model, "--contexts", "64", "--split", "all", "--sets", "pop909", *options)
    assert done.exit_code == code, done.output
    assert words in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize("options", [["--plot", "nowhere/table.png"], ["--plot", "table.png", "--skip", "bits"]])
def test_a_picture_that_cannot_be_is_refused_before_anything_is_measured(
    data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("training.evaluation.command.evaluate", lambda *args: pytest.fail("it measures"))
    assert run(data, "--model", model, *options).exit_code == 2


def test_what_was_measured_is_told_even_where_the_picture_fails(
    data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: object, *args: object, **named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    options = ["--model", model, "--split", "all", "--sets", "pop909", "--contexts", "64"]
    done = run(data, *options, "--json", "--plot", tmp_path / "table.png")
    assert done.exit_code == 2
    assert "No space left" in done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["bits_per_note"]["pop909"]
    assert "pop909: bits a note" in done.stdout


def test_what_was_skipped_is_named_and_counted(data: Path, model: Path) -> None:
    (data / "bad.tar.xz").write_bytes(b"no archive")
    done = run(data, "--model", model, "--split", "all", "--songs", "1", "--contexts", "64")
    assert done.exit_code == 0, done.output
    assert "bad.tar.xz cannot be unpacked" in done.stdout
    assert "\n1 skipped\n" in done.stdout
