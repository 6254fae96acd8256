"""The model as a stream: tokens in, logits out, the memory inside. Knows no MIDI, no grammar and no clock."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jamd.engine.cuda import Graphs
from jamd.engine.info import ModelInfo
from jamd.engine.library import ORT_ERRORS, first_line
from jamd.engine.memory import Memory, Spares
from jamd.engine.ring import MAX_PIECE, Mark, Rings
from jamd.engine.runs import Logits, Runs
from jamd.engine.runtime import CUDA_HINT, Runtime
from jamd.errors import ModelError

WARM = (1, 8, MAX_PIECE)
"""Lengths that are run once at load; others pay about a millisecond the first time."""
TRIED, TOLERANCE = 8, 1e-4
"""Steps that captured graphs are tried with at load: enough that each is replayed; what they may differ in."""


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Snapshot:
    """The whole state of a session at one moment; it stays what it is whatever the session does. Opaque.

    When nobody holds it any more, its memory serves the session's next snapshot.
    """

    memory: Memory
    rings: Rings


class Session:
    """One stream of tokens through the model.

    Not for two threads at once. `feed` cuts its ids into runs, none padded: each takes all that is left, but
    at most 64, and never crosses the end of a segment. So the cuts depend on `position` and the number of ids
    alone. The same ids in the same calls give the same bits; in other calls the same but for rounding (1e-6).
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._memory = Memory(runtime.info, runtime.device, banks=2 if runtime.apart else 1)
        self._spares = Spares(runtime.info, runtime.device)
        self._runs = Runs(runtime, self._memory)
        self._rings = Rings(runtime.info)

    @classmethod
    def load(cls, path: str | Path, device: str = "auto", threads: int = 1, *, without_graphs: str = "") -> Session:
        """Opens a model file and runs it once; `device` is auto, cpu or cuda, `threads` of the CPU.

        On CUDA steps are captured as graphs where that works, unless `without_graphs` says why they shall not be.
        ModelError for a file that is no model of jamd's, and for `cuda` where it does not work.
        """
        runtime = Runtime.open(Path(path), device, threads, without_graphs)
        try:
            session = cls(runtime)
            session._warm_up()
        except ORT_ERRORS as error:  # the model is sound, or it would not have opened
            if runtime.graphs:
                return cls.load(path, device, threads, without_graphs=first_line(error))
            if device == "auto" and runtime.device == "cuda":
                return cls.load(path, "cpu", threads)
            raise ModelError(f"{path} does not run on {runtime.device}: {error}", CUDA_HINT) from error
        return session

    @property
    def info(self) -> ModelInfo:
        """Sizes and origin of the model."""
        return self._runtime.info

    @property
    def device(self) -> str:
        """What really runs: `cpu` or `cuda`."""
        return self._runtime.device

    @property
    def runs_on(self) -> str:
        """The same for people: on CUDA with a word on why steps are not captured, where they are not."""
        reason = self._runtime.without_graphs
        return f"{self.device} without graphs ({reason})" if reason else self.device

    @property
    def position(self) -> int:
        """Tokens fed since the stream's start."""
        return self._rings.position

    def step(self, token: int) -> Logits:
        """Feeds one token; the logits of what comes next, [V]."""
        return self.feed((token,))

    def feed(self, ids: Sequence[int]) -> Logits:
        """Feeds tokens; the logits after the last, [V]. ValueError for none or an unknown one."""
        pieces = deque(self._pieces(ids, each=False), maxlen=1)
        if not pieces:
            raise ValueError("nothing to feed")
        return np.array(pieces[0][-1])

    def feed_each(self, ids: Sequence[int]) -> Logits:
        """Feeds tokens as `feed` does; the logits after each of them, [n, V]."""
        nothing = np.zeros((0, self.info.vocab_size), np.float32)
        return np.concatenate([nothing, *(piece.copy() for piece in self._pieces(ids, each=True))])

    def reset(self) -> None:
        """Begins a new stream: nothing has been fed."""
        self._rings = Rings(self.info)

    def mark(self) -> Mark:
        """A place to rewind to."""
        return self._rings.common.mark()

    def holds(self, mark: Mark) -> bool:
        """True while `rewind(mark)` is possible: at least capacity - mem_len - tgt_len tokens long."""
        return self._rings.holds(mark)

    def rewind(self, mark: Mark) -> None:
        """Goes back to `mark` at no cost; ValueError when what stood before it has been overwritten."""
        self._rings.rewind(mark)

    def snapshot(self) -> Snapshot:
        """A copy of everything, to go back further than `rewind` can."""
        memory = self._spares.copy_of(self._memory)
        snapshot = Snapshot(memory, self._rings.copy())
        weakref.finalize(snapshot, self._spares.take, memory).atexit = False
        return snapshot

    def restore(self, snapshot: Snapshot) -> None:
        """Goes back to a snapshot of this session or of a fork; ValueError for one of another model."""
        if snapshot.memory.info is not self.info:
            raise ValueError("a snapshot must be of the same loaded model")
        self._memory.copy_from(snapshot.memory)
        self._rings = snapshot.rings.copy()

    def fork(self, into: Session | None = None) -> Session:
        """An independent session in the same state that shares the weights; `into` reuses an earlier fork."""
        fork = into or Session(self._runtime)
        if fork._runtime is not self._runtime:
            raise ValueError("a fork must be of the same loaded model")
        fork._memory.copy_from(self._memory)
        fork._rings = self._rings.copy()
        return fork

    def kv(self, first: int, last: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """K and V at positions first .. last - 1, each [n_layer, n_head, n, d_head]: for checks alone."""
        info, positions = self.info, np.arange(first, last)
        slots = [positions % info.capacity_of(info.ring_of(layer)) for layer in range(info.n_layer)]
        k, v = ([self._memory.read(f"{kind}_{i}")[:, at] for i, at in enumerate(slots)] for kind in "kv")
        return np.stack(k), np.stack(v)

    # one run

    def _pieces(self, ids: Sequence[int], each: bool) -> Iterator[Logits]:
        """Runs `ids` piece by piece; yields logits, [N, V], valid until the next piece."""
        tokens = np.asarray(ids, np.int64)
        if tokens.size and not 0 <= tokens.min() <= tokens.max() < self.info.vocab_size:
            raise ValueError(f"token ids run from 0 to {self.info.vocab_size - 1}")
        while tokens.size:
            length = self._rings.common.piece(tokens.size)
            yield self._run(tokens[:length], length if each else 1)
            tokens = tokens[length:]

    def _run(self, tokens: NDArray[np.int64], rows: int) -> Logits:
        """Feeds one piece; logits after each of its last `rows` tokens, [rows, V]."""
        logits = self._runs.run(tokens, rows, self._rings)
        self._rings.advance(len(tokens))
        return logits

    def _warm_up(self) -> None:
        for length in WARM:
            for _ in range(2 if self._runtime.apart else 1):
                self._run(np.zeros(min(length, self.info.tgt_len), np.int64), rows=1)
            self.reset()
        if self._runs.graphs:
            self._try_graphs(self._runs.graphs)
        _ = self.snapshot(), self.snapshot()  # leaves two spares: an answer's ground, and a turn's

    def _try_graphs(self, graphs: Graphs) -> None:
        """RuntimeError unless replayed steps are what the same steps are uncaptured."""
        replayed = self._tried()
        with graphs.off():
            plain = self._tried()
        if not np.allclose(replayed, plain, atol=TOLERANCE):
            raise RuntimeError("captured steps are not what they are uncaptured")

    def _tried(self) -> Logits:
        logits = np.stack([self.step(token) for token in range(TRIED)])
        self.reset()
        return logits
