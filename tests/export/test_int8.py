"""Laws of a model in eight bits: the same ring, and a rounding that trained weights hardly notice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from export import int8
from export.graph import build, stored
from export.verify import TOLERANCE, Reference, check
from jamd.config import SHIPPED_MODEL
from jamd.engine.info import FP32, INT8
from jamd.engine.onnx_file import read_info
from jamd.engine.session import Session
from jamd.remi import vocabulary
from tests.engine.literal import literal, segment_start, sliding_start
from tests.tiny import TINY, tiny_model, tiny_weights

HEADROOM = 64
"""As export leaves it."""
SMALL = replace(TINY, precision=INT8)
IDS = np.random.default_rng(8).integers(0, TINY.vocab_size, TINY.mem_len + 5 * TINY.tgt_len + 3)
COSTS, DIVERGES = 0.01, 1e-3
"""Most that eight bits may cost the shipped weights: of their bits a note, and nats a token from float32."""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx", info=SMALL)


def told(window=segment_start, weights: dict[str, np.ndarray] | None = None) -> Reference:
    weights = stored(tiny_weights(), INT8) if weights is None else weights
    logits, k, v = (a.astype(np.float32) for a in literal(weights, TINY, IDS.tolist(), window(TINY)))
    return Reference(IDS, logits, k[:, :, -TINY.mem_len :], v[:, :, -TINY.mem_len :])


# ---- the bytes -------------------------------------------------------------------------------------------


@given(st.integers(1, 5), st.integers(1, 300), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_a_weight_is_moved_by_half_a_step_of_its_block_at_most(rows: int, columns: int, seed: int) -> None:
    weight = np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)
    codes, scales = int8.quantised(weight)
    steps = np.repeat(scales, codes.shape[2], axis=1)[:, :columns]
    assert (np.abs(int8.rounded(weight) - weight) <= steps * 0.5001).all()
    assert codes.shape == (rows, -(-columns // int8.block(columns)), int8.block(columns))


@given(st.integers(1, 300), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_weights_that_were_rounded_once_become_the_same_bytes_again(columns: int, seed: int) -> None:
    weight = int8.rounded(np.random.default_rng(seed).standard_normal((3, columns)).astype(np.float32))
    assert np.allclose(int8.rounded(weight), weight, rtol=1e-6, atol=0)


def test_a_row_of_zeros_stays_one() -> None:
    assert (int8.rounded(np.zeros((2, 70), np.float32)) == 0).all()


# ---- the file --------------------------------------------------------------------------------------------


def test_matrices_of_the_layers_are_bytes_and_the_file_says_so(path: Path) -> None:
    held = {i.name: i for i in onnx.load(path).graph.initializer}
    for kind in ("attention.q", "attention.o", "ff1", "ff2"):
        assert held[f"layers.1.{kind}.weight.int8"].data_type == onnx.TensorProto.UINT8
    assert held["embedding.weight.half"].data_type == onnx.TensorProto.FLOAT16
    assert read_info(path) == replace(SMALL, name="tiny")


def test_a_step_reads_a_quarter_of_the_weights_and_the_whole_memory() -> None:
    assert SMALL.floor_bytes == TINY.parameters + TINY.memory_bytes


def test_the_larger_of_two_equals_looks_back_further_and_then_computes_finer() -> None:
    far = replace(SMALL, mem_len=SMALL.mem_len + 9, capacity=SMALL.capacity + 9)
    assert sorted([far, SMALL, TINY], key=lambda info: info.rank) == [SMALL, TINY, far]


def test_a_model_file_is_converted_by_a_command_with_its_card_and_stays_in_eight_bits(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed: the train extra brings it")
    from export.__main__ import main

    first, second, third = (tmp_path / f"{name}.onnx" for name in "abc")
    tiny_model(first, info=replace(TINY, capacity=TINY.mem_len + TINY.tgt_len + HEADROOM, card="# Mine"))
    for options in ([first, "--int8", "--out", second], [second, "--out", third]):
        done = CliRunner().invoke(main, [*map(str, options), "--only-installed"])
        assert done.exit_code == 0, done.output
    assert read_info(second) == replace(read_info(first), precision=INT8, name="b")
    assert read_info(third) == replace(read_info(second), name="c")
    held = [{i.name: numpy_helper.to_array(i) for i in onnx.load(p).graph.initializer} for p in (second, third)]
    assert all((found == held[1][name]).all() for name, found in held[0].items() if name.endswith("weight.int8"))


def test_weights_read_back_are_what_the_bytes_stand_for(path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed: the train extra brings it")
    from export.weights import load

    for name, meant in stored(tiny_weights(), INT8).items():
        exact = not name.endswith(("r_w_bias", "r_r_bias"))
        assert np.allclose(load(path).weights[name].numpy(), meant, rtol=0 if exact else 1e-5, atol=1e-6 * (not exact))


# ---- the ring --------------------------------------------------------------------------------------------


def test_it_is_the_model_that_its_bytes_stand_for_over_a_stream_longer_than_memory(path: Path) -> None:
    report = check(path, told())
    assert report.passed
    assert report.precision == INT8
    assert TOLERANCE[FP32] < report.logits_error < TOLERANCE[INT8]


def test_rewinds_and_a_fork_leave_every_bit_as_it_was(path: Path) -> None:
    report = check(path, told())
    assert report.rewinds > 3
    assert report.repeat_error == 0


def test_a_draft_in_a_fork_leaves_no_trace(path: Path) -> None:
    session = Session.load(path, "cpu")
    session.feed(IDS[:70].tolist())
    session.fork().feed(IDS[5:60].tolist())
    found = session.feed_each(IDS[70:100].tolist())
    session.reset()
    session.feed(IDS[:70].tolist())
    assert (session.feed_each(IDS[70:100].tolist()) == found).all()


def test_a_token_is_little_moved_by_what_is_fed_beside_it(path: Path) -> None:
    """Activations have scales of their own in each row; what is left is rounding that falls the other way."""
    session = Session.load(path, "cpu")
    together = session.feed_each(IDS.tolist())
    session.reset()
    alone = np.stack([session.step(token) for token in IDS.tolist()])
    assert np.abs(together - alone).max() < TOLERANCE[INT8] * np.abs(alone).max()


def test_a_sliding_window_does_not_pass(path: Path) -> None:
    assert not check(path, told(sliding_start)).passed


def test_another_position_bias_does_not_pass(path: Path) -> None:
    weights = stored(tiny_weights(), INT8)
    weights["layers.1.attention.r_r_bias"] = -weights["layers.1.attention.r_r_bias"]
    assert not check(path, told(weights=weights)).passed


# ---- the music -------------------------------------------------------------------------------------------


def test_eight_bits_cost_the_trained_weights_almost_nothing(tmp_path: Path) -> None:
    """On music that the model itself has made; what real music says stands in the README.

    The shipped file holds rounded weights, so the finer ones are drawn among those that would be rounded to them.
    """
    pytest.importorskip("torch", reason="torch is not installed: the train extra brings it")
    from export.reference import weights_of
    from export.weights import load_model

    rng, files = np.random.default_rng(5), {precision: tmp_path / f"{precision}.onnx" for precision in (FP32, INT8)}
    weights = {
        name: unrounded(w, rng) if w.ndim == 2 and name.startswith("layers.") else w
        for name, w in weights_of(load_model(SHIPPED_MODEL)[0]).items()
    }
    for precision, file in files.items():
        onnx.save_model(build(weights, replace(read_info(SHIPPED_MODEL), precision=precision)), str(file))
    assert files[INT8].stat().st_size < 0.65 * files[FP32].stat().st_size
    whole, small = (Session.load(file, "cpu") for file in files.values())
    ids = music(whole, 400)
    whole.reset()
    p, q = (log_softmax(session.feed_each(ids[:-1])) for session in (whole, small))
    notes = sum(vocabulary.family_of(token) is vocabulary.NOTE_ON for token in ids)
    finely, coarsely = (-rows[np.arange(len(ids) - 1), ids[1:]].sum() / np.log(2) / notes for rows in (p, q))
    assert notes > 20
    assert abs(coarsely - finely) < COSTS * finely
    assert (np.exp(p) * (p - q)).sum(1).mean() < DIVERGES
    assert (p.argmax(1) == q.argmax(1)).mean() > 0.97


def unrounded(weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Weights anywhere within half a step of these."""
    codes, scales = int8.quantised(weight)
    steps = np.repeat(scales, codes.shape[2], axis=1)[:, : weight.shape[1]]
    return (weight + rng.uniform(-0.5, 0.5, weight.shape) * steps).astype(np.float32)


def music(session: Session, length: int) -> list[int]:
    rng, ids = np.random.default_rng(3), [vocabulary.BOS]
    while len(ids) < length:
        p = np.exp(log_softmax(session.step(ids[-1])[None])[0])
        ids.append(int(rng.choice(len(p), p=p / p.sum())))
    return ids


def log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))
