"""GPT-2 as a session: it hears what it was fed, and forgets what is older than its window."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.evaluation.torch_stream import TorchStream
from training.gpt2 import GPT2, GPT2Config

CONFIG = GPT2Config(n_layer=2, d_model=16, n_head=2, d_head=8, d_inner=24, context=8, vocab_size=20, dropout=0.5)
IDS = [1, 5, 2, 7, 3, 9, 4, 11, 6, 13, 8]


@pytest.fixture
def stream() -> TorchStream:
    torch.manual_seed(0)
    model = GPT2(CONFIG)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return TorchStream(model)


def test_the_logits_are_those_of_the_newest_window(stream: TorchStream) -> None:
    with torch.inference_mode():
        expected = stream._model(torch.tensor([IDS[-CONFIG.context :]]))[0][0, -1].numpy()
    assert np.allclose(stream.feed(IDS), expected)
    stream.reset()
    assert np.allclose([stream.step(token) for token in IDS][-1], expected, atol=1e-5)


def test_what_was_restored_goes_on_as_before(stream: TorchStream) -> None:
    stream.feed(IDS[:5])
    held = stream.snapshot()
    first = stream.feed(IDS[5:])
    stream.restore(held)
    assert np.array_equal(stream.feed(IDS[5:]), first)


def test_a_new_stream_has_heard_nothing(stream: TorchStream) -> None:
    fresh = stream.feed([3])
    stream.feed(IDS)
    stream.reset()
    assert np.array_equal(stream.feed([3]), fresh)
    with pytest.raises(ValueError, match="nothing to feed"):
        stream.feed([])
