"""K and V of all layers on one device: allocated once, bound once, never copied out while music is on."""

from __future__ import annotations

import math

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from jamd.engine.info import ModelInfo


class Memory:
    """One or two banks of K and V, each [1, n_head, capacity, d_head] per layer; its session alone sees it.

    One bank: the graph writes into what it reads, which is safe because TensorScatter alone does it, in place
    (on the CPU). Two banks: it reads one and writes the other, then they change places (on CUDA).
    """

    def __init__(self, info: ModelInfo, device: str = "cpu", banks: int = 1) -> None:
        self.info, self._device = info, device
        self.current = 0
        """The bank that holds the memory now."""
        self._blocks: list[NDArray[np.float32]] = []
        self.banks = [self._bank() for _ in range(banks)]

    @property
    def following(self) -> int:
        """The bank that the next run writes."""
        return (self.current + 1) % len(self.banks)

    def flip(self) -> None:
        """A run is done: what it has written is the memory now."""
        self.current = self.following

    def copy_from(self, other: Memory) -> None:
        """Becomes equal to `other`, a memory of the same model on the same device."""
        if self._blocks:
            np.copyto(self._blocks[self.current], other._blocks[other.current])
        else:
            mine, theirs = self.banks[self.current], other.banks[other.current]
            ort.copy_tensors(list(theirs.values()), list(mine.values()))

    def read(self, name: str) -> NDArray[np.float32]:
        """A copy of one tensor, [n_head, capacity, d_head]: for checks only."""
        return np.array(self.banks[self.current][name].numpy()[0])

    def _bank(self) -> dict[str, ort.OrtValue]:
        info = self.info
        shapes = {
            f"{kind}_{layer}": (1, info.n_head, info.capacity_of(info.ring_of(layer)), info.d_head)
            for layer in range(info.n_layer)
            for kind in ("k", "v")
        }
        if self._device != "cpu":
            nothing = {shape: np.zeros(shape, np.float32) for shape in set(shapes.values())}
            return {n: ort.OrtValue.ortvalue_from_numpy(nothing[s], self._device, 0) for n, s in shapes.items()}
        # In one piece: large pages, and a snapshot is one copy. Written now: a first touch in play costs more.
        block = np.empty(sum(map(math.prod, shapes.values())), np.float32)
        block.fill(0)
        self._blocks.append(block)
        parts = np.split(block, np.cumsum([math.prod(shape) for shape in shapes.values()])[:-1])
        return {
            name: ort.OrtValue.ortvalue_from_numpy(part.reshape(shape))
            for (name, shape), part in zip(shapes.items(), parts, strict=True)
        }


class Spares:
    """Memories that nobody uses: the next snapshot takes one, since fresh pages cost more than the copy."""

    def __init__(self, info: ModelInfo, device: str) -> None:
        self._info, self._device = info, device
        self._idle: list[Memory] = []

    def copy_of(self, memory: Memory) -> Memory:
        """A memory equal to `memory`, to be handed back to `take`."""
        copy = self._idle.pop() if self._idle else Memory(self._info, self._device)
        copy.copy_from(memory)
        return copy

    def take(self, memory: Memory) -> None:
        """Nobody uses `memory` any more."""
        self._idle.append(memory)
