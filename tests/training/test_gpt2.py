"""GPT-2 is what it says, as large as the Transformer-XL beside it, and trained and scored by the same loop."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the model needs torch: pip install -e .[train]")

from hypothesis import given  # noqa: E402  (after the skip)
from hypothesis import strategies as st  # noqa: E402

from jamd.errors import ConfigError, ModelError  # noqa: E402
from jamd.remi.vocabulary import SIZE  # noqa: E402
from tests.training.bench import Bench, Killed, kill_at  # noqa: E402
from training import checkpoint, settings  # noqa: E402
from training.architecture import build, config_of, lanes_for, size_of  # noqa: E402
from training.gpt2 import GPT2, GPT2Config  # noqa: E402
from training.model import TransformerXL, parameters_of  # noqa: E402
from training.settings import ModelSizes, Settings, TrainSettings  # noqa: E402

CONFIG = GPT2Config(n_layer=2, d_model=12, n_head=2, d_head=5, d_inner=16, context=12, vocab_size=23, dropout=0.0)
CLOSE = {"rtol": 1e-9, "atol": 1e-10}


def model_of(config: GPT2Config = CONFIG) -> GPT2:
    """A model in double precision with every parameter away from its start."""
    torch.manual_seed(7)
    model = GPT2(config).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


def stream(lanes: int, length: int, seed: int = 3) -> torch.Tensor:
    return torch.randint(0, CONFIG.vocab_size, (lanes, length), generator=torch.Generator().manual_seed(seed))


def literal(model: GPT2, tokens: list[int]) -> torch.Tensor:
    """Logits [T, V] of one window by the formulas: token by token, head by head, key by key."""
    w, c = dict(model.named_parameters()), model.config

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        mean = sum(x) / len(x)
        variance = sum((x - mean) ** 2) / len(x)
        return (x - mean) / torch.sqrt(variance + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]

    rows = [w["embedding.weight"][t] + w["position.weight"][i] for i, t in enumerate(tokens)]
    for name in (f"layers.{n}" for n in range(c.n_layer)):
        normed = [norm(h, f"{name}.norm1") for h in rows]
        q, k, v = (
            [(w[f"{name}.{p}.weight"] @ x + w[f"{name}.{p}.bias"]).view(c.n_head, c.d_head) for x in normed]
            for p in "qkv"
        )
        for i, h in enumerate(rows):
            heads = []
            for head in range(c.n_head):
                scores = torch.stack([q[i][head] @ k[j][head] for j in range(i + 1)]) / math.sqrt(c.d_head)
                weights = scores.exp() / scores.exp().sum()
                heads.append(sum(a * v[j][head] for j, a in enumerate(weights)))
            h = h + w[f"{name}.o.weight"] @ torch.cat(heads) + w[f"{name}.o.bias"]
            x = w[f"{name}.ff1.weight"] @ norm(h, f"{name}.norm2") + w[f"{name}.ff1.bias"]
            x = 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
            rows[i] = h + w[f"{name}.ff2.weight"] @ x + w[f"{name}.ff2.bias"]
    return torch.stack([w["embedding.weight"] @ norm(h, "norm") for h in rows])


@torch.no_grad()
def test_a_window_is_the_formulas() -> None:
    model, tokens = model_of(), stream(2, CONFIG.context)
    logits, memory = model(tokens)
    for lane in range(2):
        torch.testing.assert_close(logits[lane], literal(model, tokens[lane].tolist()), **CLOSE)
    assert memory.hidden[0].shape == (2, 0)  # a whole window leaves no room for what was before


@torch.no_grad()
def test_scored_windows_overlap_and_streams_begin_at_position_0() -> None:
    """A lane's logits are those of its last `context` tokens or of its whole stream, whatever its neighbours do."""
    model, stride = model_of(), 4
    tokens, memory = stream(2, 6 * stride), None
    begun = [0, 0]
    for i in range(6):
        here = slice(i * stride, (i + 1) * stride)
        if i in (1, 4):  # lane 1 begins a new piece
            begun[1] = i * stride
            memory = memory.reset(torch.tensor([False, True]))
        logits, memory = model(tokens[:, here], memory)
        for lane in range(2):
            start = max(begun[lane], here.stop - CONFIG.context)
            wanted = literal(model, tokens[lane, start : here.stop].tolist())[-stride:]
            torch.testing.assert_close(logits[lane], wanted, **CLOSE)


@torch.no_grad()
def test_a_shortened_memory_is_a_shorter_context() -> None:
    model, tokens = model_of(), stream(2, 12)
    _, memory = model(tokens[:, :8])
    logits, _ = model(tokens[:, 8:], memory.newest(3))
    torch.testing.assert_close(logits[1], literal(model, tokens[1, 5:].tolist())[-4:], **CLOSE)


def test_more_tokens_than_positions_are_refused() -> None:
    with pytest.raises(ModelError, match="12 positions"):
        model_of()(stream(1, 13))


@pytest.mark.parametrize("name", ["S", "M", "L"])
def test_it_has_the_depth_width_and_size_of_the_transformer_xl_within_1_percent(name: str) -> None:
    sizes = settings.load(name).model
    gpt2 = config_of(dataclasses.replace(sizes, architecture="gpt2"), SIZE)
    assert isinstance(gpt2, GPT2Config)
    assert (gpt2.n_layer, gpt2.d_model, gpt2.n_head) == (sizes.n_layer, sizes.d_model, sizes.n_head)
    assert size_of(gpt2) == pytest.approx(size_of(config_of(sizes, SIZE)), rel=0.01)
    if name == "S":
        assert size_of(gpt2) == parameters_of(build(gpt2))


@pytest.mark.parametrize("name", ["S", "M", "L"])
def test_a_step_has_as_many_target_tokens_as_the_transformer_xls(name: str) -> None:
    loaded = settings.load(name)
    context = loaded.model.context
    assert lanes_for(loaded, context) * context == loaded.train.batch * loaded.model.tgt_len


@given(st.integers(1, 64), st.integers(1, 64), st.integers(1, 64))
def test_windows_share_a_step_without_rest_or_are_refused(batch: int, tgt_len: int, context: int) -> None:
    sizes = ModelSizes(n_layer=1, d_model=8, n_head=2, d_head=4, d_inner=8, tgt_len=tgt_len, context=context)
    of_run = Settings(sizes, TrainSettings(batch=batch))
    if batch * tgt_len % context:
        with pytest.raises(ConfigError, match="context"):
            lanes_for(of_run, context)
    else:
        assert lanes_for(of_run, context) * context == batch * tgt_len


def test_a_killed_run_goes_on_to_the_same_curve(tmp_path: Path) -> None:
    bench = Bench(tmp_path, save_every=6, valid_every=5)
    straight, _ = bench.train("straight", max_steps=14, architecture="gpt2")
    assert isinstance(straight.model, GPT2)
    with pytest.raises(Killed):
        bench.train("killed", max_steps=14, architecture="gpt2", stopped=kill_at(9))
    resumed, _ = bench.train("killed", resume=True)
    assert bench.losses("killed") == bench.losses("straight")
    assert list(bench.losses("straight")) == list(range(1, 15))
    for name, parameter in straight.model.state_dict().items():
        assert torch.equal(parameter, resumed.model.state_dict()[name]), name


def test_it_learns_and_its_checkpoint_gives_it_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    trainer, _ = bench.train("run", max_steps=150, lr=1e-2, architecture="gpt2")
    losses = bench.losses("run")
    assert losses[1] > 0.95 * math.log(SIZE) and sum(losses[s] for s in range(141, 151)) / 10 < 1.5
    assert trainer.counters.best_loss < 2
    model, held = checkpoint.load_model(tmp_path / "run")
    assert isinstance(model, GPT2) and held.config == trainer.config and not model.training
    tokens = torch.arange(1, 9)[None]
    assert torch.equal(model(tokens)[0], trainer.model.eval()(tokens)[0])


def test_both_architectures_hear_the_same_tokens_in_the_same_order(tmp_path: Path, monkeypatch) -> None:
    heard: list[list[int]] = []
    for kind in (TransformerXL, GPT2):
        forward = kind.forward

        def listening(self, tokens, memory=None, forward=forward):
            heard[-1] += tokens[0][tokens[0] != 0].tolist() if self.training else []
            return forward(self, tokens, memory)

        monkeypatch.setattr(kind, "forward", listening)
    bench = Bench(tmp_path, batch=2)
    for architecture in ("transformer-xl", "gpt2"):
        heard.append([])
        bench.train(architecture, max_steps=30, architecture=architecture, context=16, batch=2)
    xl, gpt2 = heard  # the lane that plays the first piece of the pile
    assert xl[:25] == gpt2[:25]


def test_with_equal_tokens_both_architectures_learn_from_as_many(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for architecture in settings.ARCHITECTURES:
        trainer, _ = bench.train(architecture, max_tokens=500, architecture=architecture)
        assert 500 <= trainer.counters.tokens < 500 + bench.config.train.batch * bench.config.model.tgt_len
        assert trainer.counters.decaying


def test_a_run_keeps_its_architecture(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.train("run", max_steps=2, architecture="gpt2")
    with pytest.raises(ConfigError, match="another model"):
        bench.train("run", resume=True, architecture="transformer-xl")
    with pytest.raises(ModelError, match="architecture"):
        held = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
        torch.save(held | {"architecture": "lstm"}, tmp_path / "lstm.pt")
        checkpoint.load(tmp_path / "lstm.pt")
