"""The model as a stream: tokens in, logits out, the memory inside. Knows no MIDI, no grammar and no clock."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from jamd.engine.info import ModelInfo
from jamd.engine.memory import Memory, Spares
from jamd.engine.ring import MAX_PIECE, Mark, Ring, Rings
from jamd.engine.runtime import CUDA_HINT, ORT_ERRORS, Runtime
from jamd.errors import ModelError

Logits = NDArray[np.float32]
WARM = (1, 8, MAX_PIECE)
"""Lengths that are run once at load; others pay about a millisecond the first time."""


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Snapshot:
    """The whole state of a session at one moment; it stays what it is whatever the session does. Opaque.

    When nobody holds it any more, its memory serves the session's next snapshot.
    """

    memory: Memory
    rings: Rings


class _Places:
    """What a run is told of a ring; the arrays stay where they are."""

    def __init__(self, capacity: int) -> None:
        self.slot = np.zeros(1, np.int64)
        self.rotation = np.zeros(2, np.int64)
        self.mask = np.zeros((MAX_PIECE, capacity), np.float32)

    def fill(self, ring: Ring, length: int) -> None:
        """For a run of the next `length` tokens."""
        self.slot[0] = ring.slot
        self.rotation[:] = ring.rotation(length)
        ring.mask(self.mask[:length])


class Session:
    """One stream of tokens through the model.

    Not for two threads at once. `feed` cuts its ids into runs, none padded: each takes all that is left, but
    at most 64, and never crosses the end of a segment. So the cuts depend on `position` and the number of ids
    alone. The same ids in the same calls give the same bits; in other calls the same but for rounding (1e-6).
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._memory = Memory(runtime.info, runtime.device, runtime.banks)
        self._spares = Spares(runtime.info, runtime.device)
        self._rings = Rings(runtime.info)
        self._runs: dict[tuple[int, int, int], ort.IOBinding] = {}  # by length, rows asked for and bank
        self._tokens = np.zeros(MAX_PIECE, np.int64)
        self._first = np.zeros(1, np.int64)
        self._places = {name: _Places(runtime.info.capacity_of(name)) for name in runtime.info.rings}
        self._logits = np.zeros((MAX_PIECE, runtime.info.vocab_size), np.float32)

    @classmethod
    def load(cls, path: str | Path, device: str = "auto", threads: int = 1) -> Session:
        """Opens a model file and runs it once; `device` is auto, cpu or cuda, `threads` of the CPU.

        ModelError for a file that is no model of jamd's, and for `cuda` where it does not work.
        """
        runtime = Runtime.open(Path(path), device, threads)
        try:
            session = cls(runtime)
            session._warm_up()
        except ORT_ERRORS as error:  # the model is sound, or it would not have opened
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
        length = len(tokens)
        self._tokens[:length] = tokens
        self._first[0] = length - rows
        for name, ring in self._rings.by_name.items():
            self._places[name].fill(ring, length)
        self._runtime.inference.run_with_iobinding(self._binding(length, rows))
        self._memory.flip()
        self._rings.advance(length)
        return self._logits[:rows]

    def _binding(self, length: int, rows: int) -> ort.IOBinding:
        """What such a run reads and writes: bound once, since the arrays stay where they are."""
        key = length, rows, self._memory.current
        run = self._runs.get(key)
        if run is None:
            run = self._runs[key] = self._bind(length, rows)
        elif self._runtime.rebind:
            self._bind_inputs(run, length)
        return run

    def _bind(self, length: int, rows: int) -> ort.IOBinding:
        run = self._runtime.inference.io_binding()
        self._bind_inputs(run, length)
        run.bind_ortvalue_output("logits", ort.OrtValue.ortvalue_from_numpy(self._logits[:rows]))
        memory = self._memory
        for name, value in memory.banks[memory.current].items():
            run.bind_ortvalue_input(name, value)
        for name, value in memory.banks[memory.following].items():
            run.bind_ortvalue_output(f"{name}_next", value)
        return run

    def _bind_inputs(self, run: ort.IOBinding, length: int) -> None:
        inputs: dict[str, NDArray[Any]] = {
            "token": self._tokens[:length],
            "first": self._first,
        }
        for ring, places in self._places.items():
            inputs |= {f"slot{ring}": places.slot, f"rotation{ring}": places.rotation}
            inputs[f"mask{ring}"] = places.mask[:length]
        for name, array in inputs.items():
            run.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(array))

    def _warm_up(self) -> None:
        for length in WARM:
            for _ in range(self._runtime.banks):
                self._run(np.zeros(min(length, self.info.tgt_len), np.int64), rows=1)
            self.reset()
        _ = self.snapshot(), self.snapshot()  # leaves two spares: an answer's ground, and a turn's
