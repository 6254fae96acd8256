"""Laws of the session: it is the model of training, however its tokens are fed, rewound, copied or forked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.graph import stored
from jamd.engine.ring import MAX_PIECE
from jamd.engine.runtime import Runtime
from jamd.engine.session import Session
from tests.engine.literal import literal, segment_start, sliding_start
from tests.tiny import TINY, tiny_weights

LENGTH = 4 * (TINY.mem_len + TINY.tgt_len) + 7
IDS = [int(i) for i in np.random.default_rng(5).integers(0, TINY.vocab_size, LENGTH)]
HEADROOM = TINY.capacity - TINY.mem_len - TINY.tgt_len
PARITY = 1e-4


@pytest.fixture(scope="module")
def reference() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return literal(stored(tiny_weights()), TINY, IDS, segment_start(TINY))


@pytest.fixture(scope="module")
def shared(model_path: Path) -> Session:
    return Session.load(model_path, "cpu")


@pytest.fixture
def session(shared: Session) -> Session:
    shared.reset()
    return shared


def far(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max())


# ---- the model of training -------------------------------------------------------------------------------


def test_logits_equal_the_formulas_over_a_stream_longer_than_memory(session, reference) -> None:
    assert far(session.feed_each(IDS), reference[0]) < PARITY
    assert session.position == LENGTH


def test_the_last_logits_alone_equal_the_formulas_too(session, reference) -> None:
    for first in range(0, LENGTH, 11):
        assert far(session.feed(IDS[first : first + 11]), reference[0][min(first + 11, LENGTH) - 1]) < PARITY


def test_the_final_memory_equals_the_formulas(session, reference) -> None:
    session.feed(IDS)
    k, v = session.kv(LENGTH - TINY.mem_len, LENGTH)
    assert far(k, reference[1][:, :, -TINY.mem_len :]) < PARITY
    assert far(v, reference[2][:, :, -TINY.mem_len :]) < PARITY


def test_a_sliding_window_is_another_model(session) -> None:
    slid = literal(stored(tiny_weights()), TINY, IDS, sliding_start(TINY))[0]
    assert far(session.feed_each(IDS), slid) > 100 * PARITY


def test_memory_reaches_back_exactly_mem_len_from_the_start_of_the_segment(session) -> None:
    start = 4 * TINY.tgt_len
    edge = start - TINY.mem_len

    def second_layer_keys(changed: int) -> np.ndarray:
        """K of layer 1 at `start`: what the token saw in layer 0, whose K and V depend on single tokens."""
        session.reset()
        ids = [(i + 1) % TINY.vocab_size if at == changed else i for at, i in enumerate(IDS[: start + 1])]
        session.feed(ids)
        return session.kv(start, start + 1)[0][1]

    untouched = second_layer_keys(LENGTH)
    assert far(second_layer_keys(edge - 1), untouched) == 0
    assert far(second_layer_keys(edge), untouched) > PARITY


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 3 * MAX_PIECE), max_size=30))
def test_how_tokens_are_fed_changes_nothing_but_rounding(shared, reference, cuts: list[int]) -> None:
    shared.reset()
    done = 0
    for count in cuts:
        if done >= LENGTH:
            break
        logits = shared.feed(IDS[done : done + count])
        done = min(done + count, LENGTH)
        assert far(logits, reference[0][done - 1]) < PARITY


def test_stepping_equals_feeding(session, reference) -> None:
    logits = np.stack([session.step(i) for i in IDS])
    assert far(logits, reference[0]) < PARITY


def test_the_same_calls_give_the_same_bits(session) -> None:
    def play() -> bytes:
        session.reset()
        return b"".join(session.feed(IDS[a:b]).tobytes() for a, b in ((0, 50), (50, 51), (51, 140)))

    assert play() == play()


# ---- reset, rewind, snapshot, fork -----------------------------------------------------------------------


def test_reset_equals_a_new_session(session, model_path: Path) -> None:
    session.feed(IDS)
    session.reset()
    assert session.position == 0
    assert session.feed(IDS[:30]).tobytes() == Session.load(model_path, "cpu").feed(IDS[:30]).tobytes()


@settings(max_examples=40, deadline=None)
@given(before=st.integers(0, LENGTH - 40), astray=st.integers(0, HEADROOM), after=st.integers(1, 40))
def test_a_rewound_session_replays_bit_for_bit(shared, before: int, astray: int, after: int) -> None:
    shared.reset()
    if before:
        shared.feed(IDS[:before])
    mark = shared.mark()
    told = shared.feed(IDS[before : before + after])
    if not shared.holds(mark):
        assert after > HEADROOM
        return
    shared.rewind(mark)
    if astray:
        shared.feed([7] * astray)
    assert shared.holds(mark)
    shared.rewind(mark)
    assert shared.position == before
    assert shared.feed(IDS[before : before + after]).tobytes() == told.tobytes()


def test_rewinding_past_what_was_overwritten_is_refused_and_changes_nothing(session, reference) -> None:
    session.feed(IDS[:100])
    mark = session.mark()
    session.feed(IDS[100:190])
    assert not session.holds(mark)
    with pytest.raises(ValueError, match="restore a snapshot"):
        session.rewind(mark)
    assert session.position == 190
    assert far(session.step(IDS[190]), reference[0][190]) < PARITY


def test_a_mark_dies_with_the_stream_it_was_made_in(session) -> None:
    session.feed(IDS[:20])
    early = session.mark()
    session.feed(IDS[20:30])
    late = session.mark()
    session.rewind(early)
    assert not session.holds(late)
    session.feed(IDS[40:60])  # another stream has grown past the mark
    assert not session.holds(late)
    assert session.holds(early)
    session.reset()
    assert not session.holds(early)


def test_a_snapshot_brings_everything_back_bit_for_bit(session) -> None:
    session.feed(IDS[:90])
    mark, snapshot = session.mark(), session.snapshot()
    told = session.feed(IDS[90:150])
    for astray in (0, 3, LENGTH):
        session.feed([7] * (astray + 1))
        session.restore(snapshot)
        assert session.position == 90
        assert session.holds(mark)
        assert session.feed(IDS[90:150]).tobytes() == told.tobytes()


def test_a_snapshot_stays_what_it_is_while_later_ones_are_made_and_dropped(session) -> None:
    session.feed(IDS[:33])
    kept = session.snapshot()
    told = session.step(IDS[33])
    for _ in range(4):
        session.feed(IDS[:60])
        session.snapshot()
    session.restore(kept)
    assert session.step(IDS[33]).tobytes() == told.tobytes()


def test_a_fork_and_its_session_go_their_own_ways(session) -> None:
    session.feed(IDS[:90])
    fork = session.fork()
    astray = fork.feed([7] * 40)
    told = session.feed(IDS[90:130])
    assert astray.tobytes() != told.tobytes()
    again = session.fork(into=fork)
    assert again is fork
    assert fork.step(IDS[130]).tobytes() == session.step(IDS[130]).tobytes()


def test_a_mark_of_one_session_is_not_a_mark_of_another(session) -> None:
    session.feed(IDS[:30])
    fork = session.fork()
    common = session.mark()
    fork.feed(IDS[30:40])
    session.feed(IDS[30:40])
    assert fork.holds(common)
    assert not fork.holds(session.mark())


def test_what_belongs_to_another_model_is_refused(session, model_path: Path) -> None:
    other = Session.load(model_path, "cpu")
    with pytest.raises(ValueError, match="same loaded model"):
        session.restore(other.snapshot())
    with pytest.raises(ValueError, match="same loaded model"):
        session.fork(into=other)


def test_two_banks_of_memory_give_the_same_bits_as_one(session, model_path: Path) -> None:
    """The way of CUDA, on the CPU: read one bank, write the other, change places, bind for every run."""
    one = Runtime.open(model_path, "cpu")
    paired = Session(Runtime(one.inference, one.info, one.device, apart=True))
    for first in range(0, LENGTH, 23):
        a, b = (s.feed(IDS[first : first + 23]) for s in (session, paired))
        assert a.tobytes() == b.tobytes()
        if first == 46:
            kept, mark = paired.snapshot(), paired.mark()
    paired.restore(kept)
    assert paired.holds(mark)
    session.reset()
    session.feed(IDS[:23])
    session.feed(IDS[23:46])
    session.feed(IDS[46:69])
    assert session.step(IDS[69]).tobytes() == paired.fork().step(IDS[69]).tobytes()


# ---- what is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ids", [[], [-1], [TINY.vocab_size], [0, 10**6]])
def test_what_is_no_token_is_refused_and_nothing_is_fed(session, ids: list[int]) -> None:
    with pytest.raises(ValueError):
        session.feed(ids)
    assert session.position == 0


def test_logits_belong_to_the_caller(session) -> None:
    first = session.step(IDS[0])
    kept = first.copy()
    session.step(IDS[1])
    assert (first == kept).all()
    assert first.shape == (TINY.vocab_size,)
    assert first.dtype == np.float32
