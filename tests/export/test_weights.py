"""What is read back from a file is what was written: the same weights, the same music, strangers refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed: the train extra brings it")

from export.graph import build, shapes, stored  # noqa: E402  (they need torch)
from export.reference import reference, stream, weights_of  # noqa: E402
from export.to_onnx import facts  # noqa: E402
from export.verify import check  # noqa: E402
from export.weights import card_of, load  # noqa: E402
from jamd.engine.info import ModelInfo  # noqa: E402
from jamd.errors import ModelError  # noqa: E402
from tests.tiny import TINY, tiny_model, tiny_weights  # noqa: E402
from training.model import ModelConfig, TransformerXL  # noqa: E402

torch.set_num_threads(1)
CARD = {"step": 3, "sources": [{"licence": "CC0"}], "base": "S", "settings": {"model": {"dropout": 0.25}}}


def initializers(path: Path) -> dict[str, bytes]:
    return {i.name: i.SerializeToString() for i in onnx.load(path).graph.initializer}


def model_of(path: Path) -> TransformerXL:
    held = load(path)
    model = TransformerXL(held.config)
    model.load_state_dict(held.weights)
    return model.eval()


def rebuilt(path: Path, info: ModelInfo, out: Path) -> Path:
    onnx.save_model(build(weights_of(model_of(path)), info), str(out))
    return out


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), d_head=st.sampled_from([3, 5, 16, 24, 31]), n_head=st.integers(1, 3))
def test_a_file_that_is_read_and_written_again_holds_the_same_bytes(tmp_path_factory, seed, d_head, n_head) -> None:
    folder = tmp_path_factory.mktemp("model")
    info = replace(TINY, d_head=d_head, n_head=n_head)
    first = tiny_model(folder / "a.onnx", seed, info)
    assert initializers(rebuilt(first, info, folder / "b.onnx")) == initializers(first)


def test_the_loaded_weights_are_those_that_the_file_was_built_from_as_it_holds_them(tmp_path: Path) -> None:
    found, meant = weights_of(model_of(tiny_model(tmp_path / "m.onnx"))), stored(tiny_weights())
    assert found.keys() == meant.keys()
    for name, w in meant.items():
        exact = not name.endswith(("r_w_bias", "r_r_bias"))  # these are joined in the file, and near to an ulp or two
        assert np.allclose(found[name], w, rtol=0 if exact else 1e-5, atol=0 if exact else 1e-6), name


def test_the_loaded_model_says_in_torch_what_the_engine_says(tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "m.onnx", seed=7)
    model = model_of(path)
    report = check(path, reference(model, stream(model)))
    assert report.passed
    assert report.tokens > TINY.mem_len + TINY.tgt_len


def test_the_sizes_are_the_files_and_nothing_of_a_run_comes_with_it(tmp_path: Path) -> None:
    held = load(tiny_model(tmp_path / "m.onnx"))
    sizes = {name: getattr(TINY, name) for name in ModelConfig.__dataclass_fields__ if name != "dropout"}
    assert held.config == ModelConfig(**sizes)
    assert held.training is None
    assert held.fingerprint == TINY.fingerprint


def test_the_card_comes_back_as_the_run_wrote_it_and_its_dropout_with_it(tmp_path: Path) -> None:
    held = load(tiny_model(tmp_path / "m.onnx", info=replace(TINY, training=facts(CARD))))
    assert held.card == CARD
    assert held.config.dropout == 0.25
    assert card_of({"said": "plain words", "step": "4"}) == {"said": "plain words", "step": 4}


@pytest.mark.parametrize(
    ("props", "said"),
    [
        ({"jamd": ""}, "format"),
        ({"vocabulary": "0" * 16}, "another vocabulary"),
        ({"n_layer": "3"}, "lacks weights"),
        ({"n_layer": "many"}, "metadata"),
        ({"d_inner": "20"}, r"layers\.0\.ff1\.weight"),
    ],
)
def test_a_file_that_says_another_thing_of_itself_is_refused(tmp_path: Path, props: dict[str, str], said: str) -> None:
    model = build(tiny_weights(), TINY)
    onnx.helper.set_model_props(model, TINY.to_metadata() | props)
    onnx.save_model(model, str(tmp_path / "m.onnx"))
    with pytest.raises(ModelError, match=said):
        load(tmp_path / "m.onnx")


def test_a_stranger_is_refused(tmp_path: Path) -> None:
    model = build(tiny_weights(), TINY)
    del model.metadata_props[:]
    onnx.save_model(model, str(tmp_path / "m.onnx"))
    with pytest.raises(ModelError, match="not one of jamd's"):
        load(tmp_path / "m.onnx")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.999])
def test_a_file_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    path = tiny_model(tmp_path / "m.onnx")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ModelError):
        load(path)


def test_a_file_that_is_missing_or_no_model_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text(json.dumps({"no": "model"}))
    for name in ("none.onnx", "text.onnx", "."):
        with pytest.raises(ModelError, match=str(tmp_path / name)):
            load(tmp_path / name)


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    weights = tiny_weights()
    weights["norm.bias"] = weights["norm.bias"] * np.nan
    onnx.save_model(build(weights, TINY), str(tmp_path / "m.onnx"))
    with pytest.raises(ModelError, match=r"norm\.bias"):
        load(tmp_path / "m.onnx")


def test_every_weight_is_found(tmp_path: Path) -> None:
    assert load(tiny_model(tmp_path / "m.onnx")).weights.keys() == shapes(TINY).keys()
