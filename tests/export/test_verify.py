"""Parity must pass for the model, and fail for all that is nearly the model."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from export.graph import stored
from export.verify import TOLERANCE, Reference, check, main
from jamd.engine.info import FP32
from tests.engine.literal import literal, segment_start, sliding_start
from tests.tiny import TINY, tiny_model, tiny_weights

IDS = np.random.default_rng(8).integers(0, TINY.vocab_size, TINY.mem_len + 5 * TINY.tgt_len + 3)


def told(weights: dict[str, np.ndarray], window=segment_start) -> Reference:
    logits, k, v = (a.astype(np.float32) for a in literal(weights, TINY, IDS.tolist(), window(TINY)))
    return Reference(IDS, logits, k[:, :, -TINY.mem_len :], v[:, :, -TINY.mem_len :])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="module")
def truth() -> Reference:
    return told(stored(tiny_weights()))


def test_the_model_passes_with_room_to_spare(path: Path, truth: Reference) -> None:
    report = check(path, truth)
    assert report.passed
    assert max(report.logits_error, report.last_error, report.memory_error) < TOLERANCE[FP32] / 5
    assert report.tokens == len(IDS)
    assert report.rewinds > 3
    assert report.step_ms > 0


@pytest.mark.parametrize(
    ("field", "error"),
    [
        ("logits", "logits_error"),
        ("logits", "last_error"),
        ("keys", "memory_error"),
        ("values", "memory_error"),
    ],
)
def test_a_difference_is_seen_where_it_lies(path: Path, truth: Reference, field: str, error: str) -> None:
    wrong = getattr(truth, field).copy()
    wrong[..., -1, -1] += 0.01 * np.abs(wrong).max()
    report = check(path, dataclasses.replace(truth, **{field: wrong}))
    assert not report.passed
    assert getattr(report, error) > TOLERANCE[FP32]


def test_a_sliding_window_does_not_pass(path: Path) -> None:
    assert not check(path, told(stored(tiny_weights()), sliding_start)).passed


def test_weights_that_were_not_rounded_do_not_pass(path: Path) -> None:
    assert not check(path, told(tiny_weights())).passed


def test_numbers_that_are_none_do_not_pass(path: Path, truth: Reference) -> None:
    assert not check(path, dataclasses.replace(truth, keys=truth.keys * np.nan)).passed


def test_the_command_prints_json_and_fails_when_parity_does(path: Path, truth: Reference, tmp_path, capsys) -> None:
    truth.save(tmp_path / "truth.npz")
    assert main(str(path), str(tmp_path / "truth.npz")) == 0
    assert json.loads(capsys.readouterr().out)["tokens"] == len(IDS)
    dataclasses.replace(truth, logits=truth.logits + 1).save(tmp_path / "lie.npz")
    assert main(str(path), str(tmp_path / "lie.npz")) == 1
