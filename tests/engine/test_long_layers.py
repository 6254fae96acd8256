"""Laws of a model whose long layers look further back than the others: two rings that move as one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.graph import stored
from jamd.engine.info import ModelInfo
from jamd.engine.ring import MAX_PIECE
from jamd.engine.session import Session
from jamd.errors import ModelError
from tests.engine.literal import literal, memory_of, segment_start
from tests.tiny import TINY, tiny_model, tiny_weights

LONG = replace(TINY, n_layer=3, long_mem_len=101, long_layers=(1,))
TOP = replace(TINY, n_layer=2, long_mem_len=101, long_layers=(1,))
"""The last layer, which computes fewer rows than the others, is a long one."""
LENGTH = 2 * (LONG.long_mem_len + LONG.tgt_len) + 7
IDS = [int(i) for i in np.random.default_rng(6).integers(0, LONG.vocab_size, LENGTH)]
PARITY = 1e-4


@pytest.fixture(scope="module", params=[LONG, TOP], ids=["inside", "on top"])
def info(request: pytest.FixtureRequest) -> ModelInfo:
    return request.param


@pytest.fixture(scope="module")
def session(info: ModelInfo, tmp_path_factory: pytest.TempPathFactory) -> Session:
    return Session.load(tiny_model(tmp_path_factory.mktemp("long") / "long.onnx", info=info), "cpu")


@pytest.fixture(scope="module")
def formulas(info: ModelInfo) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return literal(stored(tiny_weights(info)), info, IDS, segment_start(info))


def far(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max())


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(1, 3 * MAX_PIECE), max_size=20), drafts=st.lists(st.integers(0, 14), max_size=20))
def test_logits_equal_the_formulas_however_tokens_are_fed_and_drafts_taken_back(
    session: Session, formulas: tuple[np.ndarray, ...], cuts: list[int], drafts: list[int]
) -> None:
    session.reset()
    for count, draft in zip([*cuts, LENGTH], [*drafts, *[0] * len(cuts), 0], strict=False):
        done = session.position
        if done >= LENGTH:
            break
        mark = session.mark()
        if draft:
            session.feed(IDS[:draft])
            session.rewind(mark)
        found = session.feed_each(IDS[done : done + count])
        assert far(found, formulas[0][done : done + len(found)]) < PARITY


def test_the_final_memory_equals_the_formulas(session: Session, formulas: tuple[np.ndarray, ...]) -> None:
    session.reset()
    session.feed(IDS)
    k, v = session.kv(LENGTH - TINY.mem_len, LENGTH)
    assert far(k, formulas[1][:, :, -TINY.mem_len :]) < PARITY
    assert far(v, formulas[2][:, :, -TINY.mem_len :]) < PARITY


def test_the_long_memory_matters(session: Session, info: ModelInfo) -> None:
    short = replace(info, long_mem_len=0, long_layers=())
    forgetful = literal(stored(tiny_weights(info)), short, IDS, segment_start(short))[0]
    session.reset()
    assert far(session.feed_each(IDS), forgetful) > 100 * PARITY


def test_a_long_layer_reaches_back_exactly_its_memory(tmp_path: Path) -> None:
    info = replace(TINY, long_mem_len=101, long_layers=(0,))
    session = Session.load(tiny_model(tmp_path / "m.onnx", info=info), "cpu")
    start = 8 * info.tgt_len
    edge = start - info.long_mem_len

    def second_layer_keys(changed: int) -> np.ndarray:
        """K of layer 1 at `start`: what the token saw in layer 0, whose K and V depend on single tokens."""
        session.reset()
        session.feed([(i + 1) % info.vocab_size if at == changed else i for at, i in enumerate(IDS[: start + 1])])
        return session.kv(start, start + 1)[0][1]

    untouched = second_layer_keys(LENGTH)
    assert far(second_layer_keys(edge - 1), untouched) == 0
    assert far(second_layer_keys(edge), untouched) > PARITY


def test_snapshots_and_forks_hold_both_rings(session: Session, formulas: tuple[np.ndarray, ...]) -> None:
    session.reset()
    session.feed(IDS[:150])
    snapshot, fork = session.snapshot(), session.fork()
    session.feed(IDS[::-1])
    assert far(fork.feed(IDS[150:200]), formulas[0][199]) < PARITY
    session.restore(snapshot)
    assert far(session.feed(IDS[150:]), formulas[0][-1]) < PARITY


def test_a_rewind_too_far_is_refused_whole(session: Session, info: ModelInfo) -> None:
    session.reset()
    session.feed(IDS[:130])
    mark = session.mark()
    session.feed(IDS[: info.headroom + info.tgt_len + 1])
    assert not session.holds(mark)
    with pytest.raises(ValueError, match="to token 130"):
        session.rewind(mark)
    assert session.position == 130 + info.headroom + info.tgt_len + 1


def test_the_sizes_ride_in_the_file(session: Session, info: ModelInfo, tmp_path: Path) -> None:
    assert (session.info.long_mem_len, session.info.long_layers) == (info.long_mem_len, info.long_layers)
    slots = sum(memory_of(info, layer) - info.mem_len + info.capacity for layer in range(info.n_layer))
    assert session.info.memory_bytes == 2 * slots * info.n_head * info.d_head * 4
    old = {k: v for k, v in TINY.to_metadata().items() if not k.startswith("long_")}
    assert ModelInfo.from_metadata(old, tmp_path / "model.onnx") == TINY


@pytest.mark.parametrize("wrong", [{"long_mem_len": "7"}, {"long_layers": "1"}, {"long_layers": "x"}])
def test_sizes_that_cannot_be_are_refused(wrong: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="metadata that cannot be used"):
        ModelInfo.from_metadata(TINY.to_metadata() | wrong, tmp_path / "m.onnx")


def test_layers_that_are_not_there_cannot_be_long() -> None:
    with pytest.raises(ValueError, match="not among 2"):
        replace(TINY, long_mem_len=99, long_layers=(2,))
