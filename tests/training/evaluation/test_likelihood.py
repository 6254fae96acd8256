"""The bits of tokens are the model's own, for every context, side by side or alone, by torch or by the engine."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from jamd.remi.vocabulary import SIZE  # noqa: E402  (after the skip)
from tests.tiny import TINY, tiny_model  # noqa: E402
from training import checkpoint  # noqa: E402
from training.evaluation import likelihood  # noqa: E402
from training.evaluation.likelihood import OWN, bits, why_not  # noqa: E402
from training.evaluation.stream import Stream  # noqa: E402
from training.gpt2 import GPT2, GPT2Config  # noqa: E402
from training.model import ModelConfig, TransformerXL  # noqa: E402

LENGTHS = (150, 7, 40, 41, 2, 90, 33, 16, 17, 18)
RNG = np.random.default_rng(1)
RUNS = [RNG.integers(1, SIZE, n).astype(np.uint16) for n in LENGTHS]
GPT2_SIZES = GPT2Config(n_layer=2, d_model=16, n_head=2, d_head=8, d_inner=32, context=48, vocab_size=SIZE)


@pytest.fixture(autouse=True)
def single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likelihood, "computes_in_bf16", lambda device: False)


@pytest.fixture(scope="module")
def onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    model = GPT2(GPT2_SIZES)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    path = tmp_path_factory.mktemp("gpt2") / "gpt2.pt"
    checkpoint.save(checkpoint.Checkpoint(GPT2_SIZES, model.state_dict(), {}), path)
    return path


def measured(model: Path, *contexts: int, runs: list[np.ndarray] = RUNS) -> list[list[np.ndarray]]:
    return bits(model, contexts, runs, 1, lambda _: None)


def nats_by_training(path: Path, mem_len: int, run: np.ndarray) -> np.ndarray:
    """What the model of training says, segment after segment, in bits."""
    held = likelihood.load(path)
    model = TransformerXL(dataclasses.replace(held.config, mem_len=mem_len))
    model.load_state_dict(held.weights)
    ids, memory, out = torch.from_numpy(run[None].astype(np.int64)), None, []
    with torch.no_grad():
        for first in range(0, len(run) - 1, TINY.tgt_len):
            past = min(first + TINY.tgt_len, len(run) - 1)
            logits, memory = model.eval()(ids[:, first:past], memory)
            out.append(likelihood._bits(logits[0], ids[0, first + 1 : past + 1]))
    return np.concatenate(out)


@pytest.mark.parametrize("context", [16, 17, 48, 64])
def test_a_context_is_a_memory_of_so_many_tokens_and_a_segment(onnx: Path, context: int) -> None:
    (found,) = measured(onnx, context)
    for run, row in zip(RUNS, found, strict=True):
        np.testing.assert_allclose(row, nats_by_training(onnx, context - TINY.tgt_len, run), atol=2e-3)


def test_a_token_sees_no_further_back_than_its_context(onnx: Path) -> None:
    held = likelihood.load(onnx)
    model = TransformerXL(dataclasses.replace(held.config, n_layer=1))
    model.load_state_dict({k: v for k, v in held.weights.items() if not k.startswith("layers.1")})
    ids = torch.from_numpy(RUNS[0][None, :96].astype(np.int64))
    other = ids.clone()
    other[:, : 96 - 48] = 5
    with torch.inference_mode():
        ends = []
        for row in (ids, other):
            stream = Stream(model.eval(), 16, 32)
            ends.append([stream.feed(row[:, i : i + 16]) for i in range(0, 96, 16)][-1])
    torch.testing.assert_close(*ends)


def test_the_engine_says_the_same_as_torch_with_the_same_memory(onnx: Path) -> None:
    own, same = measured(onnx, OWN, TINY.mem_len + TINY.tgt_len)
    for a, b in zip(own, same, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3)


@pytest.mark.parametrize("kind", ["onnx", "gpt2"])
def test_songs_side_by_side_are_songs_alone(kind: str, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(kind)
    (together,) = measured(path, 32)
    for run, row in zip(RUNS, together, strict=True):
        assert row.shape == (len(run) - 1,)
        ((alone,),) = measured(path, 32, runs=[run])
        np.testing.assert_allclose(row, alone, atol=2e-3)


def test_contexts_longer_than_the_song_and_a_segment_are_all_alike(onnx: Path) -> None:
    a, b, c = measured(onnx, 150 + TINY.tgt_len, 400, 4096)
    for rows in zip(a, b, c, strict=True):
        np.testing.assert_allclose(rows[0], rows[1], atol=2e-3)
        np.testing.assert_allclose(rows[0], rows[2], atol=2e-3)


def test_gpt2_reads_windows_of_which_the_last_tokens_are_scored(gpt2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likelihood, "WINDOW_STRIDE", 8)
    model = checkpoint.load_model(gpt2)[0]
    run = RUNS[0]
    ((found,),) = measured(gpt2, 24, runs=[run])
    ids = torch.from_numpy(run.astype(np.int64))
    for at in (1, 8, 9, 23, 24, 25, 100, 149):
        past = -(-at // 8) * 8
        window = ids[max(past - 24, 0) : at]
        with torch.no_grad():
            logits, _ = model(window[None])
        want = likelihood._bits(logits[0, -1:], ids[at : at + 1])
        if past < len(run):
            np.testing.assert_allclose(found[at - 1], want[0], atol=2e-3)


def test_gpt2_says_nothing_beyond_its_trained_positions(gpt2: Path) -> None:
    model = checkpoint.load_model(gpt2)[0]
    assert why_not(model, 48) is None
    assert "48 trained positions" in (why_not(model, 49) or "")
    sizes = {name: getattr(TINY, name) for name in ModelConfig.__dataclass_fields__ if hasattr(TINY, name)}
    assert why_not(TransformerXL(ModelConfig(**sizes)), 10**6) is None


def test_a_model_that_knows_nothing_pays_for_every_token_alike(tmp_path: Path) -> None:
    sizes = {name: getattr(TINY, name) for name in ModelConfig.__dataclass_fields__ if hasattr(TINY, name)}
    model = TransformerXL(ModelConfig(**sizes))
    torch.nn.init.zeros_(model.embedding.weight)
    path = tmp_path / "nothing.pt"
    checkpoint.save(checkpoint.Checkpoint(model.config, model.state_dict(), {}), path)
    for rows in measured(path, OWN, 20):
        np.testing.assert_allclose(np.concatenate(rows), np.log2(SIZE), rtol=1e-6)


def test_workers_change_nothing(onnx: Path) -> None:
    alone = measured(onnx, OWN, 32)
    ticks: list[int] = []
    shared = bits(onnx, [OWN, 32], RUNS, 2, ticks.append)
    assert sum(ticks) == 2 * sum(LENGTHS)
    for a, b in zip(alone, shared, strict=True):
        for x, y in zip(a, b, strict=True):
            assert x.shape == y.shape
            assert abs(x.mean() - y.mean()) < 0.2  # bf16 in the workers, where the chip has it
