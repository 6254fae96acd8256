"""K and V of all layers on one device: allocated once, bound once, never copied out while music is on."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from jamd.engine.block import Block
from jamd.engine.info import ModelInfo


class Memory:
    """One or two banks of K and V, each [1, n_head, capacity, d_head] per layer; its session alone sees it.

    One bank: the graph writes into what it reads, which is safe because TensorScatter alone does it, in place
    (on the CPU). Two banks: it reads one and writes the other, then they change places (on CUDA).
    """

    def __init__(self, info: ModelInfo, device: str = "cpu", banks: int = 1) -> None:
        self.info = info
        self.current = 0
        """The bank that holds the memory now."""
        self._layout = {
            f"{kind}_{layer}": (np.float32, (1, info.n_head, info.capacity_of(info.ring_of(layer)), info.d_head))
            for layer in range(info.n_layer)
            for kind in "kv"
        }
        self._banks = [Block(self._layout, device) for _ in range(banks)]  # in one piece each: large pages

    @property
    def following(self) -> int:
        """The bank that the next run writes."""
        return (self.current + 1) % len(self._banks)

    def bind(self, run: ort.IOBinding) -> None:
        """The run reads the memory as it is now and writes what it will be after it."""
        for name in self._layout:
            self._banks[self.current].bind_input(run, name)
            self._banks[self.following].bind_output(run, f"{name}_next", name)

    def flip(self) -> None:
        """A run is done: what it has written is the memory now."""
        self.current = self.following

    def copy_from(self, other: Memory) -> None:
        """Becomes equal to `other`, a memory of the same model on the same device."""
        self._banks[self.current].copy_from(other._banks[other.current])

    def read(self, name: str) -> NDArray[np.float32]:
        """A copy of one tensor, [n_head, capacity, d_head]: for checks only."""
        return np.array(self._banks[self.current].read(name)[0])


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
