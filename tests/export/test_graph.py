"""Laws of the graph as it is written: standard, named, and nothing left to compute that a loader can."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto

from export.graph import IR_VERSION, OPSET, build, shapes, stored
from export.matrices import sinusoids
from export.nodes import CONTRIBUTED
from jamd.engine.info import FP32, INT8
from jamd.engine.session import Session
from tests.tiny import TINY, tiny_model, tiny_weights


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    return build(tiny_weights(), TINY)


def test_the_file_is_standard_onnx_of_a_stated_version_but_for_one_product(model) -> None:
    assert [(o.domain, o.version) for o in model.opset_import] == [("", OPSET), (CONTRIBUTED, 1)]
    assert model.ir_version == IR_VERSION
    assert not model.functions
    assert {node.op_type for node in model.graph.node if node.domain} == {"FusedMatMul"}


def test_every_node_has_a_name_of_its_own(model) -> None:
    names = [node.name for node in model.graph.node]
    assert all(names)
    assert len(set(names)) == len(names)


def test_matrices_are_stored_in_half_under_their_names_in_training_and_vectors_whole(model) -> None:
    held = {i.name: i for i in model.graph.initializer}
    for name, shape in shapes(TINY).items():
        if name.endswith(".weight") and len(shape) == 2:
            assert held[f"{name}.half"].data_type == TensorProto.FLOAT16
            assert tuple(held[f"{name}.half"].dims) == shape
    assert held["layers.1.ff1.bias"].data_type == TensorProto.FLOAT


def test_one_file_serves_every_length(model) -> None:
    free = [i.name for i in model.graph.input if any(d.dim_param for d in i.type.tensor_type.shape.dim)]
    assert free == ["token", "rotation", "mask"]
    assert [d.dim_param for d in model.graph.output[0].type.tensor_type.shape.dim] == ["N", ""]


@pytest.mark.parametrize("precision", [FP32, INT8])
def test_the_loader_computes_all_that_depends_on_weights_alone(tmp_path: Path, precision: str) -> None:
    path = tiny_model(tmp_path / "m.onnx", info=replace(TINY, precision=precision))
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
    options.log_severity_level = 4
    ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    loaded = onnx.load(options.optimized_model_filepath).graph
    constant = {i.name for i in loaded.initializer}
    assert [n.name for n in loaded.node if all(i in constant for i in n.input)] == []
    ops = Counter(n.op_type for n in loaded.node)
    assert ops["Cast"] == 0
    positions = TINY.n_layer * (TINY.n_head if precision == INT8 else 1)
    assert ops["FusedMatMul" if precision == FP32 else "MatMulNBits"] >= positions
    products = ("Gemm", "MatMul", "FusedMatMul", "MatMulNBits")
    assert (
        sum(ops[op] for op in products) == positions + 4 * TINY.n_layer + 2
    )  # the last layer's q apart, and the logits
    assert ops["TensorScatter"] == 2 * TINY.n_layer


def test_memory_is_written_in_place_on_the_cpu(tmp_path: Path) -> None:
    """One buffer is input and output of each ring: TensorScatter alone reads it and writes it."""
    graph = build(tiny_weights(), TINY).graph
    makers = {output: node.op_type for node in graph.node for output in node.output}
    readers = Counter(name for node in graph.node for name in node.input)
    for value in graph.output[1:]:
        assert makers[value.name] == "TensorScatter"
        assert readers[value.name.removesuffix("_next")] == 1


def test_a_model_of_other_proportions_is_the_formulas_too(tmp_path: Path) -> None:
    from tests.engine.literal import literal, segment_start

    info = replace(
        TINY,
        n_layer=1,
        n_head=3,
        d_head=10,
        d_model=24,
        d_inner=20,
        tgt_len=9,
        mem_len=4,
        capacity=13,
        name="odd",
    )
    session = Session.load(tiny_model(tmp_path / "odd.onnx", 4, info), "cpu")
    ids = np.random.default_rng(1).integers(0, info.vocab_size, 60).tolist()
    expected = literal(stored(tiny_weights(info, 4)), info, ids, segment_start(info))[0]
    assert np.abs(session.feed_each(ids) - expected).max() < 1e-4


def test_stored_weights_are_what_the_file_gives_back(model) -> None:
    once = stored(tiny_weights())
    assert all((stored(once)[name] == w).all() for name, w in once.items())
    half = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    assert (half["layers.0.ff1.weight.half"].astype(np.float32) == once["layers.0.ff1.weight"]).all()
    assert (once["layers.0.norm1.weight"] == tiny_weights()["layers.0.norm1.weight"]).all()


def test_sinusoids_are_those_of_training() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed: the train extra brings it")
    from training.model import sinusoids as trained

    assert np.array_equal(sinusoids(700, 256), trained(700, 256, torch.zeros(1)).numpy())


def test_a_missing_weight_and_a_wrong_shape_are_refused_by_name() -> None:
    weights = tiny_weights()
    with pytest.raises(ValueError, match=r"layers\.0\.ff1\.weight"):
        build({**weights, "layers.0.ff1.weight": weights["layers.0.ff1.weight"].T}, TINY)
    del weights["layers.1.attention.r_w_bias"]
    with pytest.raises(KeyError, match=r"layers\.1\.attention\.r_w_bias"):
        build(weights, TINY)
