"""training/model.py against a plain, slow, literal computation of the formulas, in double precision."""

from __future__ import annotations

import dataclasses
import math

import pytest

torch = pytest.importorskip("torch", reason="the model needs torch: pip install -e .[train]")

from training.dropout import Dropout  # noqa: E402  (after the skip)
from training.model import Memory, ModelConfig, TransformerXL, parameters_of, relative_shift  # noqa: E402

CONFIG = ModelConfig(
    n_layer=2, d_model=12, n_head=2, d_head=5, d_inner=16, tgt_len=4, mem_len=10, vocab_size=23, dropout=0.0
)
LONG = dataclasses.replace(CONFIG, n_layer=3, mem_len=6, long_mem_len=17, long_layers=(1,))
CLOSE = {"rtol": 1e-9, "atol": 1e-10}


def model_of(config: ModelConfig = CONFIG) -> TransformerXL:
    """A model in double precision with every parameter away from its start (norms, biases, u and v too)."""
    torch.manual_seed(7)
    model = TransformerXL(config).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


def stream(lanes: int, segments: int) -> list[torch.Tensor]:
    """Segments of random tokens, longer together than the memory."""
    generator = torch.Generator().manual_seed(3)
    shape = (lanes, CONFIG.tgt_len)
    return [torch.randint(0, CONFIG.vocab_size, shape, generator=generator) for _ in range(segments)]


def norm(x, weight, bias):
    mean = sum(x) / len(x)
    variance = sum((x - mean) ** 2) / len(x)
    return (x - mean) / torch.sqrt(variance + 1e-5) * weight + bias


def sinusoid(distance: int, d_model: int) -> torch.Tensor:
    angles = [distance * 10000.0 ** (-2 * n / d_model) for n in range(d_model // 2)]
    return torch.tensor([math.sin(a) for a in angles] + [math.cos(a) for a in angles], dtype=torch.float64)


class Literal:
    """One lane of the model, token by token, head by head, key by key, from the formulas of the docstring.

    `sliding`: the control, which forgets a token for each token (as stock step-by-step code does).
    """

    def __init__(self, model: TransformerXL, *, sliding: bool = False) -> None:
        self.w, self.config, self.sliding = dict(model.named_parameters()), model.config, sliding
        self.past: list[list[torch.Tensor]] = [[] for _ in range(model.config.n_layer)]

    def segment(self, tokens: list[int]) -> list[torch.Tensor]:
        """Logits after each token; afterwards `past` is the memory of the next segment."""
        now: list[list[torch.Tensor]] = [[] for _ in self.past]
        out = [self._token(token, now) for token in tokens]
        for layer, (old, new) in enumerate(zip(self.past, now, strict=True)):
            old.extend(h.detach() for h in new)
            del old[: max(0, len(old) - self.config.memory_of(layer))]
        return out

    def _token(self, token: int, now: list[list[torch.Tensor]]) -> torch.Tensor:
        h = math.sqrt(self.config.d_model) * self.w["embedding.weight"][token]
        for layer, (old, new) in enumerate(zip(self.past, now, strict=True)):
            new.append(h)
            h = self._layer(f"layers.{layer}.", old, new)
        h = norm(h, self.w["norm.weight"], self.w["norm.bias"])
        return self.w["embedding.weight"] @ h + self.w["logits_bias"]

    def _layer(self, name: str, old: list[torch.Tensor], new: list[torch.Tensor]) -> torch.Tensor:
        w = {k.removeprefix(name): v for k, v in self.w.items() if k.startswith(name)}
        if self.sliding:
            old = old[max(0, len(old) + len(new) - 1 - self.config.mem_len) :]
        known = [norm(x, w["norm1.weight"], w["norm1.bias"]).detach() for x in old]
        known += [norm(x, w["norm1.weight"], w["norm1.bias"]) for x in new]
        heads = [self._head(w, known, n) for n in range(self.config.n_head)]
        h = new[-1] + w["attention.o.weight"] @ torch.cat(heads)
        inner = w["ff1.weight"] @ norm(h, w["norm2.weight"], w["norm2.bias"]) + w["ff1.bias"]
        return h + w["ff2.weight"] @ torch.clamp(inner, min=0) + w["ff2.bias"]

    def _head(self, w: dict[str, torch.Tensor], known: list[torch.Tensor], n: int) -> torch.Tensor:
        rows = slice(n * self.config.d_head, (n + 1) * self.config.d_head)
        wq, wk, wv, wr = (w[f"attention.{x}.weight"][rows] for x in "qkvr")
        u, v = w["attention.r_w_bias"][n], w["attention.r_r_bias"][n]
        q = wq @ known[-1]
        scores = []
        for j, x in enumerate(known):
            k, r = wk @ x, wr @ sinusoid(len(known) - 1 - j, self.config.d_model)
            scores.append((q @ k + q @ r + u @ k + v @ r) / math.sqrt(self.config.d_head))
        weights = torch.softmax(torch.stack(scores), 0)
        return sum(a * (wv @ x) for a, x in zip(weights, known, strict=True))


@pytest.mark.parametrize("config", [CONFIG, LONG])
def test_model_equals_the_formulas_over_a_stream_longer_than_the_memory_and_across_a_lane_reset(
    config: ModelConfig,
) -> None:
    model = model_of(config)
    lanes = [Literal(model), Literal(model)]
    memory = None
    for number, tokens in enumerate(stream(2, 7)):
        if number == 5:  # lane 1 begins a new piece, lane 0 goes on
            lanes[1] = Literal(model)
            memory = memory.reset(torch.tensor([False, True]))
        logits, memory = model(tokens, memory)
        for lane, literal in enumerate(lanes):
            wanted = torch.stack(literal.segment(tokens[lane].tolist()))
            torch.testing.assert_close(logits[lane], wanted, **CLOSE)
            for held, past in zip(memory.hidden, literal.past, strict=True):
                assert min(memory.valid[lane], held.shape[1]) == len(past)
                torch.testing.assert_close(held[lane, held.shape[1] - len(past) :], torch.stack(past), **CLOSE)


@pytest.mark.parametrize("config", [CONFIG, LONG])
def test_gradients_equal_those_of_the_formulas(config: ModelConfig) -> None:
    model = model_of(config)
    literal, memory = Literal(model), None
    segments = stream(1, 4)
    for tokens in segments:
        logits, memory = model(tokens, memory)
        wanted = torch.stack(literal.segment(tokens[0].tolist()))
    aim = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    names, parameters = zip(*model.named_parameters(), strict=True)
    ours = torch.autograd.grad((logits[0] * aim).sum(), parameters)
    theirs = torch.autograd.grad((wanted * aim).sum(), parameters)
    for name, a, b in zip(names, ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-9, msg=lambda m, n=name: f"{n}: {m}")


def test_segment_recurrence_is_not_a_sliding_window() -> None:
    model = model_of()
    segments, window, memory = stream(1, 7), Literal(model, sliding=True), None
    apart = []
    for tokens in segments:
        logits, memory = model(tokens, memory)
        apart.append((logits[0] - torch.stack(window.segment(tokens[0].tolist()))).abs().max().item())
    assert apart[0] < 1e-9  # alike while nothing has to be forgotten
    assert apart[-1] > 1e-3


def test_no_gradient_flows_into_memory() -> None:
    model = model_of()
    first, second = stream(2, 2)
    _, memory = model(first)
    assert not any(h.requires_grad for h in memory.hidden)
    leaves = tuple(h.clone().requires_grad_() for h in memory.hidden)
    logits, following = model(second, Memory(leaves, memory.valid))
    grads = torch.autograd.grad(logits.sum(), leaves, allow_unused=True)
    assert all(g is None for g in grads)
    assert not any(h.requires_grad for h in following.hidden)


def test_empty_memory_is_a_fully_masked_one_not_zeros() -> None:
    model = model_of()
    tokens = stream(2, 1)[0]
    nothing, _ = model(tokens)
    zeros = tuple(torch.zeros(2, CONFIG.mem_len, CONFIG.d_model).double() for _ in range(CONFIG.n_layer))
    noise = tuple(torch.randn(2, CONFIG.mem_len, CONFIG.d_model).double() for _ in range(CONFIG.n_layer))
    masked, _ = model(tokens, Memory(noise, torch.zeros(2, dtype=torch.int64)))
    attended, _ = model(tokens, Memory(zeros, torch.full((2,), CONFIG.mem_len)))
    torch.testing.assert_close(masked, nothing, **CLOSE)
    assert (attended - nothing).abs().max() > 1e-3


def test_a_lane_does_not_hear_the_others() -> None:
    model = model_of()
    first, second = stream(3, 2)
    _, memory = model(first)
    together, _ = model(second, memory.reset(torch.tensor([True, False, True])))
    _, alone = model(first[1:2])
    torch.testing.assert_close(together[1:2], model(second[1:2], alone)[0], **CLOSE)
    torch.testing.assert_close(together[2:3], model(second[2:3])[0], **CLOSE)


def test_a_shortened_memory_is_that_of_a_model_with_less() -> None:
    model, memory = model_of(), None
    short, short_memory = model_of(dataclasses.replace(CONFIG, mem_len=6)), None
    for tokens in stream(2, 5):
        logits, memory = model(tokens, memory.newest(6) if memory else None)
        wanted, short_memory = short(tokens, short_memory)
        torch.testing.assert_close(logits, wanted, **CLOSE)
    assert memory.newest(6).valid.tolist() == [6, 6]


def test_a_shorter_context_shortens_the_long_layers_and_the_others_no_further() -> None:
    assert LONG.with_memory(12) == dataclasses.replace(LONG, long_mem_len=12)
    assert LONG.with_memory(4) == dataclasses.replace(LONG, mem_len=4, long_mem_len=0, long_layers=())
    assert CONFIG.with_memory(4) == dataclasses.replace(CONFIG, mem_len=4)
    assert (LONG.longest_memory, CONFIG.longest_memory) == (17, CONFIG.mem_len)


def test_the_future_is_not_heard() -> None:
    model = model_of()
    first, second = stream(1, 2)
    _, memory = model(first)
    other = second.clone()
    other[0, 2] = (other[0, 2] + 1) % CONFIG.vocab_size
    a, b = model(second, memory)[0], model(other, memory)[0]
    torch.testing.assert_close(a[:, :2], b[:, :2], **CLOSE)
    assert (a[:, 2:] - b[:, 2:]).abs().max() > 1e-6


@pytest.mark.parametrize(("qlen", "mem_len"), [(1, 10), (3, 2), (6, 4), (4, 0)])
def test_any_segment_length_and_memory_length_agree_with_the_formulas(qlen: int, mem_len: int) -> None:
    model = model_of(dataclasses.replace(CONFIG, mem_len=mem_len))
    literal, memory = Literal(model), None
    tokens = torch.cat(stream(1, 6), 1)[:, : 4 * qlen]
    for piece in tokens.split(qlen, 1):
        logits, memory = model(piece, memory)
        torch.testing.assert_close(logits[0], torch.stack(literal.segment(piece[0].tolist())), **CLOSE)
        assert memory.hidden[0].shape[1] <= mem_len


def test_relative_shift_puts_every_distance_under_its_key() -> None:
    qlen, mlen = 3, 4
    klen = qlen + mlen
    by_distance = torch.arange(klen, -1, -1).expand(2, qlen, klen + 1)
    shifted = relative_shift(by_distance.contiguous())
    for i in range(qlen):
        for j in range(mlen + i + 1):
            assert shifted[0, i, j] == mlen + i - j


def test_parameters_have_the_names_and_shapes_that_export_reads() -> None:
    wide = CONFIG.n_head * CONFIG.d_head
    d, inner, vocab = CONFIG.d_model, CONFIG.d_inner, CONFIG.vocab_size
    wanted = {"embedding.weight": (vocab, d), "norm.weight": (d,), "norm.bias": (d,), "logits_bias": (vocab,)}
    for i in range(CONFIG.n_layer):
        layer = {f"{n}.{p}": (d,) for n in ("norm1", "norm2") for p in ("weight", "bias")}
        layer |= {f"attention.{x}.weight": (wide, d) for x in "qkvr"} | {"attention.o.weight": (d, wide)}
        layer |= {f"attention.{x}": (CONFIG.n_head, CONFIG.d_head) for x in ("r_w_bias", "r_r_bias")}
        layer |= {"ff1.weight": (inner, d), "ff1.bias": (inner,), "ff2.weight": (d, inner), "ff2.bias": (d,)}
        wanted |= {f"layers.{i}.{name}": shape for name, shape in layer.items()}
    model = TransformerXL(CONFIG)
    assert {name: tuple(p.shape) for name, p in model.state_dict().items()} == wanted
    assert parameters_of(model) == sum(math.prod(shape) for shape in wanted.values())


def test_bf16_autocast_stays_near_full_precision() -> None:
    model = model_of().float()
    first, second = stream(2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        rough, memory = model(second, model(first)[1])
    exact, exact_memory = model(second, model(first)[1])
    assert (rough.float() - exact).abs().max() < 0.05 * exact.abs().max()
    assert memory.hidden[0].dtype == exact_memory.hidden[0].dtype == torch.float32


def test_dropout_keeps_the_mean_drops_its_share_and_follows_the_seed() -> None:
    dropout, x = Dropout(0.25), torch.ones(400, 503)
    torch.manual_seed(1)
    once, again = dropout(x), dropout(x)
    torch.manual_seed(1)
    assert torch.equal(dropout(x), once) and not torch.equal(once, again)
    assert abs((once == 0).double().mean().item() - 0.25) < 0.01
    assert abs(once.double().mean().item() - 1) < 0.02
    assert dropout.eval()(x) is x
