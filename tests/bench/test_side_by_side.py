"""What jamd is compared with is what it says it is; the turns are fair, and the figures those of the rounds."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the others run in torch: pip install -e .[train]")

import numpy as np  # noqa: E402  (after the skip)
from numpy.typing import NDArray  # noqa: E402
from torch import nn  # noqa: E402

from export import verify  # noqa: E402
from export.reference import reference  # noqa: E402
from jamd.engine.info import FP32, INT8  # noqa: E402
from tests.bench import side_by_side  # noqa: E402
from tests.bench.gpt2_onnx import OrtGPT2, gpt2_graph  # noqa: E402
from tests.bench.rivals import LiteralXL, TorchGPT2  # noqa: E402
from tests.bench.side_by_side import JAMD, LITERAL, ORT, TORCH, System  # noqa: E402
from training.gpt2 import GPT2, GPT2Config  # noqa: E402
from training.model import ModelConfig, TransformerXL  # noqa: E402

XL = ModelConfig(n_layer=2, d_model=12, n_head=2, d_head=6, d_inner=16, tgt_len=5, mem_len=7, vocab_size=23)
GPT = GPT2Config(n_layer=2, d_model=16, n_head=2, d_head=8, d_inner=24, context=12, vocab_size=23)
CLOSE = 1e-5


def far_from_its_start(model: nn.Module) -> nn.Module:
    """No bias is zero, no two positions are alike."""
    torch.manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


def ids_of(length: int) -> NDArray[np.int64]:
    return np.random.default_rng(3).integers(0, 23, length)


# ---- the others ----------------------------------------------------------------------------------------------


def test_the_literal_transformer_xl_is_the_one_of_training_over_all_segment_ends() -> None:
    model, ids = far_from_its_start(TransformerXL(XL)), ids_of(4 * XL.tgt_len + XL.mem_len + 2)
    assert isinstance(model, TransformerXL)
    expected = reference(model, ids).logits
    literal = LiteralXL(model)
    found = np.stack([literal.step(int(token)) for token in ids])
    assert np.abs(found - expected).max() < CLOSE


def test_the_literal_transformer_xl_may_be_fed_many_tokens_first() -> None:
    model, ids = far_from_its_start(TransformerXL(XL)), ids_of(24)
    assert isinstance(model, TransformerXL)
    singly, at_once = LiteralXL(model), LiteralXL(model)
    for token in ids[:-1]:
        singly.step(int(token))
    at_once.feed(ids[:13].tolist())
    at_once.feed(ids[13:-1].tolist())
    assert np.abs(at_once.step(int(ids[-1])) - singly.step(int(ids[-1]))).max() < CLOSE


def in_torch(model: GPT2) -> TorchGPT2:
    return TorchGPT2(model)


def in_onnx_runtime(model: GPT2) -> OrtGPT2:
    return OrtGPT2(gpt2_graph(model), model.config)


@pytest.mark.parametrize("play", [in_torch, in_onnx_runtime])
def test_gpt2_with_a_cache_is_gpt2_over_a_whole_window(play: Callable[[GPT2], TorchGPT2 | OrtGPT2]) -> None:
    model, ids = far_from_its_start(GPT2(GPT)), ids_of(GPT.context)
    assert isinstance(model, GPT2)
    player = play(model)
    found = np.stack([player.step(int(token)) for token in ids])
    assert np.abs(found - window(model, ids)).max() < CLOSE


@pytest.mark.parametrize("play", [in_torch, in_onnx_runtime])
def test_in_a_full_window_a_token_takes_the_last_one_s_place(play: Callable[[GPT2], TorchGPT2 | OrtGPT2]) -> None:
    model, ids = far_from_its_start(GPT2(GPT)), ids_of(GPT.context + 2)
    assert isinstance(model, GPT2)
    player = play(model)
    found = [player.step(int(token)) for token in ids][-1]
    assert np.abs(found - window(model, np.append(ids[: GPT.context - 1], ids[-1]))[-1]).max() < CLOSE


def test_gpt2_in_eight_bits_is_gpt2_with_rounded_weights() -> None:
    model, ids = far_from_its_start(GPT2(GPT)), ids_of(GPT.context)
    assert isinstance(model, GPT2)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    player = OrtGPT2(gpt2_graph(model, INT8), model.config)
    found = np.stack([player.step(int(token)) for token in ids])
    expected = window(side_by_side.rounded(model, INT8), ids)
    assert np.abs(found - expected).max() < verify.TOLERANCE[INT8] * np.abs(expected).max()
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


@torch.no_grad()
def window(model: GPT2, ids: NDArray[np.int64]) -> NDArray[np.float32]:
    return np.asarray(model(torch.from_numpy(ids[None]))[0][0])


def test_what_is_not_the_model_it_should_be_ends_the_bench() -> None:
    ids, logits = ids_of(3), np.zeros((3, 23), np.float32)
    assert side_by_side.checked("same", lambda token: logits[0] + 5e-5, ids, logits) == pytest.approx(5e-5)
    assert side_by_side.checked("coarse", lambda token: logits[0] + 0.03, ids, logits, INT8) == pytest.approx(0.03)
    for off, precision in ((2e-4, FP32), (np.nan, FP32), (0.1, INT8), (np.nan, INT8)):
        with pytest.raises(SystemExit, match=f"other, {precision}, is not the model"):
            side_by_side.checked("other", lambda token, off=off: logits[0] + off, ids, logits, precision)


# ---- the turns -----------------------------------------------------------------------------------------------


class Race:
    """Systems whose steps take as long as they are told to, on a clock of their own."""

    def __init__(self) -> None:
        self.now, self.order = 0.0, list[str]()

    def system(self, name: str, *ms: float) -> Callable[[int], NDArray[np.float32]]:
        """Steps take so long in turn, then the last of it for ever."""
        left = list(ms)

        def step(token: int) -> NDArray[np.float32]:
            self.order.append(name)
            self.now += (left.pop(0) if len(left) > 1 else left[0]) / 1e3
            return np.zeros(1, np.float32)

        return step

    def times(self, *steps: Callable[[int], NDArray[np.float32]], rounds: int, count: int) -> list[list[float]]:
        return side_by_side.in_turns(steps, rounds, count, lambda: self.now)


def test_all_take_turns_of_as_many_steps_and_each_begins_once() -> None:
    race = Race()
    race.times(race.system("a", 1), race.system("b", 2), race.system("c", 3), rounds=3, count=1)
    assert "".join(race.order) == "aabbcc" + "bbccaa" + "ccaabb"


def test_the_first_step_of_a_turn_is_not_counted_and_a_round_is_the_median_of_the_others() -> None:
    race = Race()
    [times] = race.times(race.system("a", 40, 1, 2, 9, 40, 4), rounds=2, count=3)
    assert times == pytest.approx([2, 4])


def test_a_turn_of_slow_steps_is_shorter_but_one_step_is_counted() -> None:
    race = Race()
    times = race.times(race.system("a", 80), race.system("b", 20), rounds=1, count=9)
    assert "".join(race.order) == "aa" + "bbb"
    assert times == [pytest.approx([80]), pytest.approx([20])]


# ---- the figures ---------------------------------------------------------------------------------------------


def system(name: str, context: int, precision: str = FP32) -> System:
    return System("M", context, name, precision, 10, 0.0, lambda token: np.zeros(1, np.float32))


def told(systems: Sequence[System], times: Sequence[list[float]]) -> dict[str, object]:
    return {
        "systems": side_by_side.rows(systems, times),
        "memory": [side_by_side.memory(systems, times, FP32)],
    }


def test_ratios_are_taken_within_a_round_to_jamd_at_the_same_context_in_each_precision() -> None:
    systems = [system(JAMD, 512), system(LITERAL, 512), system(JAMD, 2048), system(ORT, 2048), system(JAMD, 512, INT8)]
    times = [[1.0, 2.0, 4.0], [30.0, 40.0, 80.0], [2.0, 5.0, 8.0], [2.0, 5.0, 16.0], [0.5, 1.0, 1.0]]
    rows = side_by_side.rows(systems, times)
    assert [row["times_jamd"] for row in rows] == [
        {FP32: {"p25": 1, "p50": 1, "p75": 1}, INT8: {"p25": 2, "p50": 2, "p75": 4}},
        {FP32: {"p25": 20, "p50": 20, "p75": 30}, INT8: {"p25": 40, "p50": 60, "p75": 80}},
        {FP32: {"p25": 1, "p50": 1, "p75": 1}},
        {FP32: {"p25": 1, "p50": 1, "p75": 2}},
        {FP32: {"p25": 0.25, "p50": 0.5, "p75": 0.5}, INT8: {"p25": 1, "p50": 1, "p75": 1}},
    ]
    assert rows[1]["step_ms"] == {"p25": 30, "p50": 40, "p75": 80}
    found = side_by_side.memory(systems, times, FP32)
    assert (found["short"], found["long"]) == (512, 2048)
    assert found["step"] == {"p25": 2, "p50": 2, "p75": 2.5}


def test_the_table_says_what_is_asked_where_something_is() -> None:
    systems = [system(JAMD, 512), system(TORCH, 512), system(JAMD, 2048), system(JAMD, 512, INT8)]
    lines = side_by_side.table(told(systems, [[1.0], [2.5], [2.0], [0.5]])).splitlines()
    assert lines[1].endswith("2.00 (2.00 to 2.00)")
    assert "2.50 (2.50 to 2.50) asked: 2 " in lines[2]
    assert lines[2].endswith("5.00 (5.00 to 5.00) asked: 3.5")
    assert lines[5] == "M, fp32: memory 2048 against 512: 2.00 (2.00 to 2.00)  asked: 2.2 or less"


def test_one_context_has_no_memories_to_compare() -> None:
    assert len(side_by_side.table(told([system(JAMD, 512)], [[1.0]])).splitlines()) == 2


def test_a_whole_comparison_on_the_tiniest_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = tmp_path / "tiny.toml"
    sizes.write_text("[model]\nn_layer = 2\nd_model = 32\nn_head = 2\nd_head = 16\nd_inner = 48\ntgt_len = 24\n")
    found = side_by_side.compared(str(sizes), [30, 50], rounds=2)
    assert [(row["context"], row["system"], row["precision"]) for row in found["systems"]] == [
        (context, *who)
        for context in (30, 50)
        for who in ((JAMD, FP32), (LITERAL, FP32), (JAMD, INT8), (TORCH, FP32), (ORT, FP32), (ORT, INT8))
    ]
    assert capsys.readouterr().err.count(" of its torch model") == 12
    assert json.loads(json.dumps(found)) == found
