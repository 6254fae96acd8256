"""Named arrays in one piece of memory, on the CPU or on a GPU: bound by their addresses, copied in one go."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

Array = tuple[type[np.generic], tuple[int, ...]]
"""Its kind and shape."""
LINE = 256
"""Bytes from array to array are a multiple: on a GPU each begins as evenly as if CUDA had allocated it."""


class Block:
    """Arrays that stay where they are; zero at first."""

    def __init__(self, layout: Mapping[str, Array], device: str = "cpu") -> None:
        self._layout, self._device = layout, device
        sizes = [math.prod(shape) * np.dtype(kind).itemsize for kind, shape in layout.values()]
        ends = np.cumsum([-(-size // LINE) * LINE for size in sizes]).tolist()
        self._starts = dict(zip(layout, [0, *ends], strict=False))
        self._bytes = np.empty(ends[-1], np.uint8)
        self._bytes.fill(0)  # written now: a first touch in play costs more
        self._value = ort.OrtValue.ortvalue_from_numpy(self._bytes, device, 0)
        self.arrays: dict[str, NDArray[Any]] = {}
        """What stands in it, to be read and written; nothing where it is not on the CPU."""
        if device == "cpu":
            self.arrays = {name: self._array(name, self._bytes) for name in layout}

    def copy_from(self, other: Block) -> None:
        """Becomes equal to a block of the same layout, from the CPU or on the same device."""
        if self.arrays:
            np.copyto(self._bytes, other._bytes)
        else:
            self._value.update_inplace(other._bytes if other.arrays else other._value)

    def read(self, name: str) -> NDArray[Any]:
        """One array: where it stands on the CPU, else a copy of it."""
        return self.arrays[name] if self.arrays else self._array(name, self._value.numpy())

    def bind_input(self, run: ort.IOBinding, name: str, *, rows: int | None = None) -> None:
        """A run reads this array: all of it, or the first `rows`."""
        run.bind_input(name, *self._at(name, rows))

    def bind_output(self, run: ort.IOBinding, output: str, name: str) -> None:
        """A run writes its output into this array."""
        run.bind_output(output, *self._at(name))

    def _at(self, name: str, rows: int | None = None) -> tuple[str, int, type[np.generic], list[int], int]:
        kind, shape = self._layout[name]
        shape = shape if rows is None else (rows, *shape[1:])
        return self._device, 0, kind, list(shape), self._value.data_ptr() + self._starts[name]

    def _array(self, name: str, whole: NDArray[np.uint8]) -> NDArray[Any]:
        kind, shape = self._layout[name]
        start = self._starts[name]
        return whole[start : start + math.prod(shape) * np.dtype(kind).itemsize].view(kind).reshape(shape)
