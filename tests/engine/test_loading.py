"""What a model file must be, what is said when it is not, and what device really runs."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from jamd.engine.cuda import CUDA
from jamd.engine.info import ModelInfo
from jamd.engine.runtime import Runtime
from jamd.engine.session import Session
from jamd.errors import ModelError
from jamd.remi import vocabulary
from tests.tiny import TINY, tiny_model, tiny_weights


def has_cuda(path: Path) -> bool:
    return Session.load(path, "auto").device == "cuda"


def refused(path: Path, device: str = "cpu") -> ModelError:
    with pytest.raises(ModelError) as caught:
        Session.load(path, device)
    assert caught.value.hint
    assert caught.value.exit_code == 5
    return caught.value


def changed(model_path: Path, to: Path, **metadata: str | None) -> Path:
    """A copy of the model with other metadata; None takes a key away."""
    model = onnx.load(str(model_path))
    held = {p.key: p.value for p in model.metadata_props} | metadata
    del model.metadata_props[:]
    helper.set_model_props(model, {k: v for k, v in held.items() if v is not None})
    onnx.save_model(model, str(to))
    return to


# ---- what a file says ------------------------------------------------------------------------------------


def test_what_was_written_of_a_model_is_read_back(tmp_path: Path) -> None:
    told = replace(
        TINY,
        training={"steps": "12", "licences": "MIT, CC0: both (\u00e9)"},
        card="# Tiny\n\nFor tests.\n",
        name="my tiny",
    )
    info = Session.load(tiny_model(tmp_path / "my tiny.onnx", info=told), "cpu").info
    assert info == told
    assert info.fingerprint == vocabulary.FINGERPRINT


def test_parameters_and_bytes_are_counted_as_they_are() -> None:
    assert TINY.parameters == sum(w.size for w in tiny_weights().values())
    ring = TINY.n_head * TINY.capacity * TINY.d_head * 4
    assert TINY.memory_bytes == 2 * TINY.n_layer * ring


@pytest.mark.parametrize("sizes", [{"n_layer": 0}, {"mem_len": 0}, {"capacity": TINY.mem_len + TINY.tgt_len - 1}])
def test_sizes_that_no_model_can_have_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(sizes))):
        replace(TINY, **sizes)


# ---- strangers -------------------------------------------------------------------------------------------


def test_a_missing_file_and_a_folder_are_no_models(tmp_path: Path) -> None:
    assert str(tmp_path / "no.onnx") in refused(tmp_path / "no.onnx").message
    assert str(tmp_path) in refused(tmp_path).message


@pytest.mark.parametrize("content", [b"", b"MThd\0\0\0\6\0\1\0\1\1\xe0", b"\x08\x0a" * 500, bytes(range(256)) * 40])
def test_what_is_no_onnx_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(content)
    assert str(path) in refused(path).message


@pytest.mark.parametrize("part", [0.001, 0.3, 0.9, 0.999, 0.99999])
def test_a_truncated_model_is_refused(model_path: Path, tmp_path: Path, part: float) -> None:
    whole = model_path.read_bytes()
    path = tmp_path / "half.onnx"
    path.write_bytes(whole[: int(len(whole) * part)])
    assert str(path) in refused(path).message


def test_an_onnx_model_of_somebody_else_is_refused(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    same = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value], [same])
    path = tmp_path / "foreign.onnx"
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), str(path))
    assert "not one of jamd's" in refused(path).message


def test_another_vocabulary_is_refused_with_both_fingerprints(model_path: Path, tmp_path: Path) -> None:
    message = refused(changed(model_path, tmp_path / "other.onnx", vocabulary="0123456789abcdef")).message
    assert "0123456789abcdef" in message
    assert vocabulary.FINGERPRINT in message


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"jamd": "2"}, "format 2"),
        ({"n_head": None}, "n_head"),
        ({"n_head": "two"}, "two"),
        ({"capacity": "50"}, "capacity 50"),
        ({"vocab_size": "500"}, "500 tokens"),
        ({"vocabulary": None}, "missing"),
        ({"training": "["}, "metadata"),
        ({"training": "[]"}, "metadata"),
        ({"n_layer": "3"}, "graph"),
        ({"capacity": "80"}, "graph"),
    ],
)
def test_metadata_that_is_wrong_is_refused_and_named(model_path: Path, tmp_path: Path, metadata, said: str) -> None:
    assert said in refused(changed(model_path, tmp_path / "wrong.onnx", **metadata)).message


def test_a_graph_with_operators_this_runtime_lacks_is_refused(model_path: Path, tmp_path: Path) -> None:
    model = onnx.load(str(model_path))
    model.opset_import[0].version = 99
    path = tmp_path / "future.onnx"
    onnx.save_model(model, str(path))
    assert str(path) in refused(path).message


# ---- the device ------------------------------------------------------------------------------------------


def test_what_runs_is_what_the_runtime_says_it_runs(model_path: Path) -> None:
    runtime = Runtime.open(model_path, "auto")
    assert (runtime.device == "cuda") == (CUDA in runtime.inference.get_providers())
    assert Session.load(model_path, "cpu").device == "cpu"


def test_an_unknown_device_is_a_mistake_of_the_caller(model_path: Path) -> None:
    with pytest.raises(ValueError, match="auto, cpu, cuda"):
        Session.load(model_path, "tpu")


def test_cuda_where_there_is_none_is_refused_with_a_hint(model_path: Path) -> None:
    if has_cuda(model_path):
        pytest.skip("CUDA works here")
    error = refused(model_path, "cuda")
    assert "CUDA" in error.message
    assert "--device cpu" in error.hint


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_loading_prints_nothing(model_path: Path, device: str) -> None:
    code = f"from jamd.engine.session import Session; Session.load({str(model_path)!r}, {device!r}).step(0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert done.stdout + done.stderr == ""


def test_the_engine_needs_neither_torch_nor_onnx(model_path: Path) -> None:
    code = (
        "import sys; from jamd.engine.session import Session; from jamd.engine.sampling import Sampler;"
        f"Session.load({str(model_path)!r}, 'cpu').step(0);"
        "print(sorted({'torch', 'onnx', 'export', 'training'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert done.stdout.strip() == "[]"


def test_info_is_frozen() -> None:
    with pytest.raises(AttributeError):
        ModelInfo.from_metadata(TINY.to_metadata(), Path("x.onnx")).n_layer = 3


def test_loading_and_running_a_model_writes_nothing_into_the_home_folder(tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "tiny.onnx")
    (tmp_path / "home").mkdir()
    environment = {**os.environ, "HOME": str(tmp_path / "home")}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    code = f"from jamd.engine.session import Session; Session.load({str(model)!r}, 'cpu').feed([1, 2])"
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=Path(__file__).parents[2], check=True)
    assert not list((tmp_path / "home").rglob("*"))
