"""Runs of the graph: what each is told besides the memory, and the logits it leaves. Knows no stream of tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from jamd.engine.block import Array, Block
from jamd.engine.cuda import Graphs
from jamd.engine.memory import Memory
from jamd.engine.ring import MAX_PIECE, Ring, Rings
from jamd.engine.runtime import Runtime

Logits = NDArray[np.float32]


class Runs:
    """All runs of one session over its memory: each kind is bound once, since all arrays stay where they are."""

    def __init__(self, runtime: Runtime, memory: Memory) -> None:
        self._runtime, self._memory = runtime, memory
        self._step, self._pieces = (_Inputs(runtime, longest) for longest in (1, MAX_PIECE))
        self._bound: dict[tuple[int, int, int], _Run] = {}  # by length, rows and bank
        self._logits: dict[int, Block] = {}  # by rows
        self.graphs = Graphs() if runtime.graphs else None
        """Those that are captured; None where there are none."""

    def run(self, tokens: NDArray[np.int64], rows: int, rings: Rings) -> Logits:
        """Feeds the next tokens; logits after each of the last `rows`, [rows, V], valid until the next run."""
        length, bank = len(tokens), self._memory.current
        inputs = self._step if length == 1 else self._pieces
        inputs.fill(tokens, rows, rings)
        run = self._bound.get((length, rows, bank))
        if run is None:
            run = self._bound[length, rows, bank] = self._bind(inputs, length, rows)
        options = self.graphs.options(length, bank) if self.graphs else None
        self._runtime.inference.run_with_iobinding(run.binding, options)
        self._memory.flip()
        return run.logits.read("logits")

    def _bind(self, inputs: _Inputs, length: int, rows: int) -> _Run:
        binding = self._runtime.inference.io_binding()
        inputs.bind(binding, length)
        self._memory.bind(binding)
        if rows not in self._logits:
            shape = rows, self._runtime.info.vocab_size
            self._logits[rows] = Block({"logits": (np.float32, shape)}, self._runtime.device)
        self._logits[rows].bind_output(binding, "logits", "logits")
        return _Run(binding, self._logits[rows])


@dataclass(frozen=True, slots=True)
class _Run:
    """One kind of run."""

    binding: ort.IOBinding
    logits: Block


class _Inputs:
    """What a run of at most `longest` tokens is told; sent to the device in one piece where that is not the CPU."""

    def __init__(self, runtime: Runtime, longest: int) -> None:
        info, columns = runtime.info, runtime.graphs
        layout: dict[str, Array] = {"token": (np.int64, (longest,)), "first": (np.int64, (1,))}
        for ring in info.rings:
            capacity = info.capacity_of(ring)
            layout[f"slot{ring}"] = np.int64, (1,)
            layout[f"rotation{ring}"] = np.int64, (capacity if columns else 2,)
            layout[f"mask{ring}"] = np.float32, (longest, capacity)
        self._host = Block(layout)
        self._there = Block(layout, runtime.device) if runtime.apart else self._host
        arrays = self._host.arrays
        self._token, self._first = arrays["token"], arrays["first"]
        self._places = {r: [arrays[f"{name}{r}"] for name in ("slot", "rotation", "mask")] for r in info.rings}
        self._turn = Ring.columns if columns else Ring.rotation
        self._of_shapes = {"first", *(f"rotation{ring}" for ring in info.rings if not columns)}
        """Those that tell ONNX Runtime how large its arrays are: it reads them on the host, wherever it runs."""

    def fill(self, tokens: NDArray[np.int64], rows: int, rings: Rings) -> None:
        """For a run of the next tokens, with the logits of the last `rows`."""
        length = len(tokens)
        self._token[:length] = tokens
        self._first[0] = length - rows
        for name, ring in rings.by_name.items():
            slot, rotation, mask = self._places[name]
            slot[0] = ring.slot
            rotation[:] = self._turn(ring, length)
            ring.mask(mask[:length])
        if self._there is not self._host:
            self._there.copy_from(self._host)

    def bind(self, run: ort.IOBinding, length: int) -> None:
        """The inputs of a run of `length` tokens."""
        for name in self._host.arrays:
            block = self._host if name in self._of_shapes else self._there
            block.bind_input(run, name, rows=length if name.startswith(("token", "mask")) else None)
