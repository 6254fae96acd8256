"""Laws of CUDA: two banks, captured graphs, what is done where they fail. Those of the device itself want a GPU.

The others run on the CPU with a stand-in for ONNX Runtime on CUDA, which replays a graph as CUDA does: whatever is
bound later, it repeats what was bound when its id was first run.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper
from onnxruntime.capi.onnxruntime_pybind11_state import Fail

from jamd.engine import cuda, runtime
from jamd.engine.block import LINE, Block
from jamd.engine.cuda import CUDA, GRAPH_ID, UNCAPTURED
from jamd.engine.runtime import Runtime
from jamd.engine.session import Session
from jamd.errors import ModelError
from tests.tiny import TINY, tiny_model

LENGTH = 3 * TINY.capacity
IDS = np.random.default_rng(2).integers(0, TINY.vocab_size, LENGTH).tolist()
HOW_CLOSE = 1e-3
"""Of logits on another device, whose sums add up in another order."""

NOT_NOW = "CUDA failure 900: operation not permitted when stream is capturing"


def play(session: Session) -> np.ndarray:
    """Steps and pieces over a stream longer than memory, with what goes back in it; the logits of each call."""
    told = []
    for first in range(0, LENGTH - 12, 12):
        told += [session.step(i) for i in IDS[first : first + 5]]
        mark, kept = session.mark(), session.snapshot()
        told.append(session.feed(IDS[first + 5 : first + 9]))
        session.rewind(mark)
        told += [session.step(i) for i in IDS[first + 5 : first + 8]]
        session.restore(kept)
        told += [*session.feed_each(IDS[first + 5 : first + 12])]
        if first % 48 == 0:
            told += [session.fork().step(IDS[0])]
    return np.stack(told)


# ---- on the CPU, with a stand-in -------------------------------------------------------------------------


class StandIn:
    """ONNX Runtime on CUDA: an InferenceSession of the CPU that captures and replays by id."""

    def __init__(self, path: str, options: ort.SessionOptions, providers: list[Any]) -> None:
        asked = dict(p for p in providers if isinstance(p, tuple))[CUDA]
        self.captures = "enable_cuda_graph" in asked
        self._inference = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.captured: dict[int, ort.IOBinding] = {}
        self.ran: list[int] = []
        self.bindings = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inference, name)

    def get_providers(self) -> list[str]:
        return [CUDA, "CPUExecutionProvider"]

    def io_binding(self) -> ort.IOBinding:
        self.bindings += 1
        return self._inference.io_binding()

    def run_with_iobinding(self, binding: ort.IOBinding, options: ort.RunOptions | None = None) -> None:
        graph = int(options.get_run_config_entry(GRAPH_ID)) if options else UNCAPTURED
        assert self.captures == (options is not None)
        self.ran.append(graph)
        if graph == UNCAPTURED:
            self._inference.run_with_iobinding(binding)
        elif graph not in self.captured:
            for _ in range(3):  # twice uncaptured, then as it was captured
                self._inference.run_with_iobinding(binding)
            self.captured[graph] = binding
        else:
            self.replay(graph)

    def replay(self, graph: int) -> None:
        self._inference.run_with_iobinding(self.captured[graph])


class Refusing(StandIn):
    """Does not open a session that captures."""

    def __init__(self, path: str, options: ort.SessionOptions, providers: list[Any]) -> None:
        super().__init__(path, options, providers)
        if self.captures:
            raise Fail("all compute graph nodes have not been partitioned to the CUDAExecutionProvider")


class Breaking(StandIn):
    """Fails when it captures."""

    def run_with_iobinding(self, binding: ort.IOBinding, options: ort.RunOptions | None = None) -> None:
        if options and options.get_run_config_entry(GRAPH_ID) != str(UNCAPTURED):
            raise Fail(f"Error in execution: a.cc:1 {NOT_NOW} ; GPU=0\nand more")
        super().run_with_iobinding(binding, options)


class Stale(StandIn):
    """Replays what it read on the host at its capture: here all of it."""

    def replay(self, graph: int) -> None:
        pass


class Failing(StandIn):
    """Runs nothing: a driver too old, a card that is full."""

    def run_with_iobinding(self, binding: ort.IOBinding, options: ort.RunOptions | None = None) -> None:
        raise Fail("CUDA failure 35")


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[[type[StandIn]], None]:
    """A machine with CUDA, as far as a stand-in goes: blocks of a device are others on the CPU."""
    make = Block.__init__

    def opened(path: str, options: ort.SessionOptions, providers: list[Any]) -> Any:
        on_cuda = any(isinstance(p, tuple) for p in providers)
        return kind[0](path, options, providers) if on_cuda else real(path, options, providers=providers)

    kind, real = [StandIn], ort.InferenceSession

    def choose(stand_in: type[StandIn]) -> None:
        kind[0] = stand_in

    monkeypatch.setattr(cuda, "works", lambda: True)
    monkeypatch.setattr(Block, "__init__", lambda self, layout, device="cpu": make(self, layout))
    monkeypatch.setattr(runtime, "ort", Overlay(ort, InferenceSession=opened))
    return choose


class Overlay:
    """A module with a few names of its own."""

    def __init__(self, module: Any, **names: Any) -> None:
        self.__dict__.update(names)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def seen(session: Session) -> StandIn:
    return session._runtime.inference


def test_captured_steps_play_what_the_cpu_plays(model_path: Path, on) -> None:
    session = Session.load(model_path, "cuda")
    assert session.runs_on == "cuda"
    assert seen(session).captured
    np.testing.assert_allclose(play(session), play(Session.load(model_path, "cpu")), atol=1e-5)


def test_without_graphs_cuda_plays_the_same_bits(model_path: Path, on) -> None:
    graphs, plain = Session.load(model_path), Session.load(model_path, without_graphs="as asked")
    assert plain.runs_on == "cuda without graphs (as asked)"
    assert set(seen(plain).ran) == {UNCAPTURED}
    assert play(graphs).tobytes() == play(plain).tobytes()


def test_each_direction_of_the_banks_is_a_graph_of_its_own_and_of_one_session(model_path: Path, on) -> None:
    session = Session.load(model_path)
    ran = seen(session).ran
    ran.clear()
    for token in range(6):
        session.step(token)
    there, back = ran[:2]
    assert ran == [there, back] * 3
    fork = session.fork()
    fork.feed([1, 2])
    fork.step(3), fork.step(4), session.step(5)
    assert ran[6] == UNCAPTURED
    assert not {there, back} & set(ran[7:9])
    assert ran[9] == there
    assert all(graph > 0 for graph in (*ran[7:9], there, back))


def test_steps_are_captured_at_load_and_bound_no_more_afterwards(model_path: Path, on) -> None:
    session = Session.load(model_path)
    stand_in = seen(session)
    graphs, bindings = set(stand_in.captured), stand_in.bindings
    for token in range(40):
        session.step(token)
    assert (set(stand_in.captured), stand_in.bindings) == (graphs, bindings)
    assert len(graphs) == 2


def test_arrays_stay_where_they_are_each_on_a_line_of_its_own(model_path: Path, on) -> None:
    session = Session.load(model_path)
    blocks = [session._runs._step._there, session._runs._step._host, *session._memory._banks]
    assert blocks[0] is not blocks[1]
    before = [{name: a.ctypes.data for name, a in block.arrays.items()} for block in blocks]
    play(session)
    assert [{name: a.ctypes.data for name, a in block.arrays.items()} for block in blocks] == before
    assert all((address - min(at.values())) % LINE == 0 for at in before for address in at.values())


@pytest.mark.parametrize(
    ("stand_in", "reason"),
    [
        (Refusing, "have not been partitioned to the CUDAExecutionProvider"),
        (Breaking, f"graphs ({NOT_NOW})"),
        (Stale, "captured steps are not what they are uncaptured"),
    ],
)
def test_where_capture_fails_cuda_plays_without_and_says_why(model_path: Path, on, stand_in, reason: str) -> None:
    on(stand_in)
    session = Session.load(model_path)
    assert session.device == "cuda"
    assert session.runs_on.startswith("cuda without graphs (")
    assert reason in session.runs_on
    assert "\n" not in session.runs_on
    assert set(seen(session).ran) == {UNCAPTURED}
    np.testing.assert_allclose(play(session), play(Session.load(model_path, "cpu")), atol=1e-5)


def test_a_model_whose_rotation_is_told_by_lengths_alone_plays_without_graphs(
    model_path: Path, tmp_path: Path, on
) -> None:
    """As files were before: lengths are read on the host, and a capture would repeat the first for ever."""
    model = onnx.load(str(model_path))
    for value in model.graph.input:
        if value.name == "rotation":
            value.type.tensor_type.shape.dim[0].dim_value = 2
    onnx.save_model(model, str(tmp_path / "before.onnx"))
    session = Session.load(tmp_path / "before.onnx")
    assert session.runs_on == "cuda without graphs (the model was exported before its steps could be captured)"
    assert play(session).tobytes() == play(Session.load(tmp_path / "before.onnx", "cpu")).tobytes()


def test_a_cuda_that_fails_when_it_runs_is_left_for_the_cpu(model_path: Path, on) -> None:
    on(Failing)
    assert Session.load(model_path, "auto").runs_on == "cpu"
    with pytest.raises(ModelError, match="does not run on cuda") as caught:
        Session.load(model_path, "cuda")
    assert "--device cpu" in caught.value.hint


def test_what_is_no_model_is_refused_on_cuda_too(model_path: Path, tmp_path: Path, on) -> None:
    model = onnx.load(str(model_path))
    held = {p.key: p.value for p in model.metadata_props} | {"capacity": "80"}
    del model.metadata_props[:]
    helper.set_model_props(model, held)
    onnx.save_model(model, str(tmp_path / "wrong.onnx"))
    with pytest.raises(ModelError, match="the graph is not what its metadata says"):
        Session.load(tmp_path / "wrong.onnx", "cuda")


def test_an_onnxruntime_that_copies_through_the_host_is_not_used_on_cuda(monkeypatch) -> None:
    monkeypatch.setattr(cuda, "ort", Overlay(ort, __version__="1.25.1", get_available_providers=lambda: [CUDA]))
    assert not cuda.works()


# ---- on a GPU --------------------------------------------------------------------------------------------

a_gpu = pytest.mark.skipif(not cuda.works(), reason="there is no GPU here that works with CUDA")


@a_gpu
@pytest.mark.parametrize("without_graphs", ["", "as asked"])
@pytest.mark.parametrize("info", [TINY, replace(TINY, d_head=64, capacity=72)])  # even sizes run another attention
def test_cpu_and_cuda_agree_over_a_stream_longer_than_memory(tmp_path: Path, without_graphs: str, info) -> None:
    path = tiny_model(tmp_path / "m.onnx", info=info)
    there, here = Session.load(path, "cuda", without_graphs=without_graphs), Session.load(path, "cpu")
    assert there.runs_on == ("cuda without graphs (as asked)" if without_graphs else "cuda")
    np.testing.assert_allclose(play(there), play(here), atol=HOW_CLOSE)
    for mine, theirs in zip(there.kv(LENGTH - 60, LENGTH - 12), here.kv(LENGTH - 60, LENGTH - 12), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=HOW_CLOSE)


@a_gpu
def test_on_a_gpu_captured_steps_are_what_they_are_uncaptured(model_path: Path) -> None:
    graphs, plain = (Session.load(model_path, "cuda", without_graphs=why) for why in ("", "as asked"))
    np.testing.assert_allclose(play(graphs), play(plain), atol=1e-5)


@a_gpu
@pytest.mark.parametrize("without_graphs", ["", "as asked"])
def test_no_node_runs_on_the_cpu_and_none_copies_between_devices(
    model_path: Path, tmp_path: Path, monkeypatch, without_graphs: str
) -> None:
    """The profile tells; what it cannot tell is copied by hand: the logits alone."""

    def profiled() -> ort.SessionOptions:
        options = ort.SessionOptions()
        options.enable_profiling, options.profile_file_prefix = True, str(tmp_path / "profile")
        return options

    read: list[str] = []
    monkeypatch.setattr(runtime, "ort", Overlay(ort, SessionOptions=profiled))
    monkeypatch.setattr(Block, "read", spied(Block.read, read))
    session = Session.load(model_path, "cuda", without_graphs=without_graphs)
    play(session)
    events = json.loads(Path(session._runtime.inference.end_profiling()).read_text(encoding="utf-8"))
    nodes = [event["args"] for event in events if event["cat"] == "Node" and "op_name" in event["args"]]
    assert {node["op_name"] for node in nodes} >= {"TensorScatter", "Attention"}
    assert not [node["op_name"] for node in nodes if "Memcpy" in node["op_name"]]
    assert {node["provider"] for node in nodes} == {CUDA}
    assert set(read) == {"logits"}


def spied(method: Callable[..., Any], names: list[str]) -> Callable[..., Any]:
    def call(block: Block, name: str) -> Any:
        names.append(name)
        return method(block, name)

    return call


def test_runtimes_differ_in_nothing_but_where_and_how_they_run(model_path: Path, on) -> None:
    graphs, plain = Runtime.open(model_path), Runtime.open(model_path, without_graphs="as asked")
    assert (graphs.graphs, plain.graphs, graphs.apart, plain.apart) == (True, False, True, True)
    assert graphs.info == plain.info == Runtime.open(model_path, "cpu").info
