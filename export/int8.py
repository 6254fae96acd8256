"""Matrices in eight bits, as ONNX Runtime's MatMulNBits reads them: blocks of a row, each with a scale of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BITS = 8
BLOCK, LEAST_BLOCK = 128, 16
"""Columns of a block: 64 is a tenth slower at size M; 256 costs the trained S several times as many bits."""
ZERO, LARGEST = 128, 127
"""The byte that stands for 0, and how far from it the largest weight of a block lies."""
INTEGERS = 4
"""MatMulNBits' accuracy_level that multiplies in integers; others widen the weights anew for each run."""
Array = NDArray[np.float32]


def block(columns: int) -> int:
    """Columns of a block in rows of so many: a power of two."""
    return min(max(LEAST_BLOCK, 1 << (columns - 1).bit_length()), BLOCK)


def quantised(weight: Array) -> tuple[NDArray[np.uint8], Array]:
    """[out, in] -> bytes [out, blocks, block], a row's last block filled up with zeros, and scales [out, blocks]."""
    rows, columns = weight.shape
    size = block(columns)
    padded = np.pad(weight.astype(np.float32), ((0, 0), (0, -columns % size))).reshape(rows, -1, size)
    scales = np.abs(padded).max(-1) / np.float32(LARGEST)
    steps = np.rint(padded / np.where(scales, scales, 1)[..., None])
    return (steps + ZERO).astype(np.uint8), scales


def dequantised(codes: NDArray[np.uint8], scales: Array, columns: int) -> Array:
    """The weights [out, columns] that such bytes stand for."""
    steps = codes.astype(np.float32) - ZERO
    return (steps * scales[..., None]).reshape(len(codes), -1)[:, :columns]


def rounded(weight: Array) -> Array:
    """The weights that a file in eight bits holds in place of these."""
    return dequantised(*quantised(weight), weight.shape[1])
