"""From torch to a file: the same model, on the lowest onnxruntime too, written whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch", reason="torch is not installed: the train extra brings it")

from export import runtimes, to_onnx, weights  # noqa: E402  (they need torch)
from export.__main__ import main  # noqa: E402
from export.graph import shapes  # noqa: E402
from export.reference import as_stored, reference, stream, weights_of  # noqa: E402
from jamd.engine.session import Session  # noqa: E402
from jamd.errors import ConfigError, ModelError  # noqa: E402
from jamd.remi import vocabulary  # noqa: E402
from training.checkpoint import BEST, Checkpoint, save  # noqa: E402
from training.model import ModelConfig, TransformerXL  # noqa: E402

CONFIG = ModelConfig(
    n_layer=2, d_model=32, n_head=2, d_head=16, d_inner=48, tgt_len=16, mem_len=40, vocab_size=vocabulary.SIZE
)
INSTALLED = ("",)
torch.set_num_threads(1)  # more is slower at this size


@pytest.fixture(scope="module")
def model() -> TransformerXL:
    torch.manual_seed(0)
    made = TransformerXL(CONFIG)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)  # biases and norms must matter
    return made.eval()


@pytest.fixture(scope="module")
def run(model: TransformerXL, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    save(Checkpoint(CONFIG, model.state_dict(), {"step": 3, "sources": [{"licence": "CC0"}]}), folder / BEST)
    return folder


def test_the_graph_reads_every_weight_that_training_learns(model: TransformerXL) -> None:
    info = to_onnx.info_of(CONFIG, {}, "", "m")
    assert {name: w.shape for name, w in weights_of(model).items()} == shapes(info)
    assert info.parameters == sum(p.numel() for p in model.parameters())


def test_the_reference_is_the_model_by_the_letter_of_its_formulas(model: TransformerXL) -> None:
    from tests.engine.literal import literal, segment_start

    info, ids = to_onnx.info_of(CONFIG, {}, "", "m"), stream(model)
    told = reference(model, ids)
    logits, keys, values = literal(weights_of(model), info, ids.tolist(), segment_start(info))
    for found, expected in ((told.logits, logits), (told.keys, keys), (told.values, values)):
        expected = expected if found is told.logits else expected[:, :, -CONFIG.mem_len :]
        assert np.abs(found - expected).max() < 1e-4
    assert len(ids) > CONFIG.mem_len + 2 * CONFIG.tgt_len
    assert len(ids) % CONFIG.tgt_len


def test_an_exported_run_is_the_model_on_the_lowest_onnxruntime_and_the_installed(run: Path, tmp_path: Path) -> None:
    try:
        runtimes.environment(runtimes.LOWEST)
    except ModelError as error:
        pytest.skip(error.message)
    out = tmp_path / "new" / "model.onnx"
    reports = to_onnx.export_run(run, out, card="# A card")
    assert [r.onnxruntime.startswith(f"{runtimes.LOWEST}.") for r in reports] == [False, True]
    assert all(r.passed for r in reports)
    assert [p.name for p in out.parent.iterdir()] == ["model.onnx"]


def test_the_file_carries_what_the_run_says_and_its_card(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.onnx"
    to_onnx.export_run(run, out, "# A card", INSTALLED)
    info = Session.load(out, "cpu").info
    assert info.training == {"step": "3", "sources": '[{"licence": "CC0"}]'}
    assert info.card == "# A card"
    assert info.name == "model"
    assert info.capacity == CONFIG.mem_len + CONFIG.tgt_len + to_onnx.HEADROOM


def test_a_file_that_is_another_model_is_not_written(model, tmp_path: Path, monkeypatch) -> None:
    out = tmp_path / "model.onnx"
    out.write_bytes(b"the old one")
    build = to_onnx.build

    def nearly(weights: dict[str, np.ndarray], info: object) -> object:
        moved = weights["layers.1.attention.r_r_bias"] + 0.05
        return build({**weights, "layers.1.attention.r_r_bias": moved}, info)

    monkeypatch.setattr(to_onnx, "build", nearly)
    with pytest.raises(ModelError, match="not the model it was made from"):
        to_onnx.export_model(model, out, {}, versions=INSTALLED)
    assert out.read_bytes() == b"the old one"
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


def test_rounding_to_half_moves_the_model_by_little(model: TransformerXL) -> None:
    ids = stream(model)
    whole, half = reference(model, ids).logits, reference(as_stored(model), ids).logits
    assert 0 < np.abs(whole - half).max() < 0.02 * np.abs(whole).max()


def test_the_command_exports_and_its_last_line_is_json(run: Path, tmp_path: Path) -> None:
    out, card = tmp_path / "m.onnx", tmp_path / "card.md"
    card.write_text("# Mine")
    done = CliRunner().invoke(main, [str(run), "--out", str(out), "--card", str(card), "--only-installed"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.output.splitlines()[-1])
    assert said["bytes"] == out.stat().st_size
    assert len(said["parity"]) == 1


def test_a_model_with_long_layers_is_exported_with_parity(tmp_path: Path) -> None:
    torch.manual_seed(1)
    made = TransformerXL(dataclasses.replace(CONFIG, long_mem_len=3 * CONFIG.mem_len + 1, long_layers=(0,))).eval()
    out = tmp_path / "m.onnx"
    (report,) = to_onnx.export_model(made, out, {}, versions=("",))
    assert report.passed
    assert report.tokens > made.config.longest_memory + 2 * CONFIG.tgt_len
    assert weights.load(out).config == dataclasses.replace(made.config, dropout=weights.load(out).config.dropout)


@pytest.mark.parametrize("mem_len", [3, CONFIG.mem_len, 200])
def test_a_model_may_play_with_another_memory_than_it_was_trained_with(
    model: TransformerXL, run: Path, tmp_path: Path, mem_len: int
) -> None:
    """Parity is checked with that memory in torch; here it is checked that it matters."""
    out = tmp_path / "m.onnx"
    options = ["--out", str(out), "--mem-len", str(mem_len), "--only-installed"]
    done = CliRunner().invoke(main, [str(run), *options])
    assert done.exit_code == 0, done.output
    session = Session.load(out, "cpu")
    assert session.info.mem_len == mem_len
    assert session.info.capacity == mem_len + CONFIG.tgt_len + to_onnx.HEADROOM
    ids = stream(model)
    near = reference(as_stored(to_onnx.remembering(model, mem_len)), ids).logits
    far = reference(as_stored(model), ids).logits
    assert np.abs(session.feed_each(ids.tolist()) - near).max() < 1e-3
    assert (np.abs(near - far).max() < 1e-3) == (mem_len == CONFIG.mem_len)


def test_an_exported_file_can_be_exported_again(run: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a.onnx", tmp_path / "b.onnx"
    to_onnx.export_run(run, first, "", INSTALLED)
    to_onnx.export_run(first, second, "", INSTALLED)
    assert first.read_bytes() == second.read_bytes()


def test_a_folder_without_a_checkpoint_is_refused_in_a_sentence(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [str(tmp_path), "--out", str(tmp_path / "m.onnx")])
    assert done.exit_code == ModelError.exit_code
    assert "Traceback" not in done.output
    assert not (tmp_path / "m.onnx").exists()


def test_a_runtime_that_cannot_be_fetched_is_said_with_what_to_do(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(runtimes, "FOLDER", tmp_path / ".ort")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ModelError, match=r"onnxruntime 1\.25") as caught:
        runtimes.environment(runtimes.LOWEST)
    assert "--only-installed" in caught.value.hint
    assert list((tmp_path / ".ort").iterdir()) == []


def test_the_lowest_runtime_tried_is_the_lowest_that_setup_allows() -> None:
    lines = runpy.run_path(str(runtimes.ROOT / "setup.py"), run_name="read")["REQUIRES"]
    assert {line.split(">=")[1].split(";")[0] for line in lines if line.startswith("onnxruntime")} == {runtimes.LOWEST}


def test_a_memory_that_no_computer_holds_is_refused_before_anything_is_built(
    run: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(to_onnx, "export_model", lambda *args: pytest.fail("it is built"))
    options = ["--out", str(tmp_path / "m.onnx"), "--mem-len", str(to_onnx.MOST_MEMORY + 1)]
    done = CliRunner().invoke(main, [str(run), *options])
    assert done.exit_code == ConfigError.exit_code
    assert f"--mem-len {to_onnx.MOST_MEMORY} or less" in done.output


def test_a_place_that_cannot_be_written_is_a_sentence(run: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").write_text("in the way")
    options = ["--out", str(tmp_path / "file" / "m.onnx"), "--only-installed"]
    done = CliRunner().invoke(main, [str(run), *options])
    assert done.exit_code == ConfigError.exit_code
    assert "file cannot be written" in done.output and "Traceback" not in done.output
