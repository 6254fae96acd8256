"""How the matrices of a layer are stored and multiplied: in float32, or in eight bits.

Both do the same: a product with weights of training that stand one below the other ([out, in] as in torch; those of
queries divided by sqrt(dh)), and the position term, (q + v) . r for each distance, from the content's q + u.

In eight bits a row's weights are cut into blocks with a scale each, and MatMulNBits does the same with the rows of
activations: so a token's numbers do not depend on what is fed beside it, and a step reads a byte a weight. The table
r = R W_kR of all distances is quantised as well; W_kR stands in the file for those who read weights back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from export import int8
from export.nodes import CONTRIBUTED, Nodes
from jamd.engine.info import FP32, INT8, ModelInfo

Array = NDArray[np.float32]


class Matrices(Protocol):
    """What a layer asks for."""

    def product(self, name: str, x: str, weights: Sequence[str], *, bias: str = "", to: str = "") -> str:
        """x [T, in] times the weights, [T, out]; plus `bias` [out], added to `to` [T, out]."""

    def by_distance(self, at: str, content: str, ring: str) -> str:
        """content (q + u) / sqrt(dh), [1, H, rows, dh] -> (q + v) . r / sqrt(dh), [1, H, rows, C + 1]."""


class Float:
    """In float32, widened from float16 when the file is loaded."""

    def __init__(self, nodes: Nodes, info: ModelInfo) -> None:
        self._nodes, self._info = nodes, info
        for ring in info.rings:
            nodes.constant(f"R{ring}", sinusoids(info.capacity_of(ring), info.d_model).T)  # [d, C + 1]
        nodes.constant("shape.table", [1, info.n_head, info.d_head, -1], np.int64)

    def product(self, name: str, x: str, weights: Sequence[str], *, bias: str = "", to: str = "") -> str:
        """See Matrices."""
        parts = [_scaled(self._nodes, weight, self._nodes.weight(weight)) for weight in weights]
        matrix = self._nodes.joined(f"{name}.weight", parts)
        if not (bias and to):
            return self._nodes.node("Gemm", name, [x, matrix, *filter(None, [bias or to])], transB=1)
        product = self._nodes.node("Gemm", f"{name}.product", [x, matrix, bias], transB=1)
        return self._nodes.node("Add", name, [product, to])

    def by_distance(self, at: str, content: str, ring: str) -> str:
        """See Matrices. A row of the table is a distance: so one token's products read it from end to end."""
        nodes = self._nodes
        step = nodes.constant(f"{at}.v_minus_u", v_minus_u(nodes, at, self._info))
        r = nodes.node("MatMul", f"{at}.r", [nodes.weight(f"{at}.r.weight"), f"R{ring}"])  # [H dh, C + 1]
        r = nodes.node("Reshape", f"{at}.r.heads", [r, "shape.table"])
        r = nodes.node("Transpose", f"{at}.r.rows", [r], perm=[0, 1, 3, 2])  # [1, H, C + 1, dh]
        query = nodes.node("Add", f"{at}.position", [content, step])
        return nodes.node("FusedMatMul", f"{at}.by_distance", [query, r], transB=1, domain=CONTRIBUTED)


class Int8:
    """In eight bits."""

    def __init__(self, nodes: Nodes, info: ModelInfo) -> None:
        self._nodes, self._info = nodes, info
        self._sinusoids = {ring: sinusoids(info.capacity_of(ring), info.d_model) for ring in info.rings}
        nodes.constant("sizes.one_head_each", [1] * info.n_head, np.int64)

    def product(self, name: str, x: str, weights: Sequence[str], *, bias: str = "", to: str = "") -> str:
        """See Matrices."""
        nodes, matrices = self._nodes, [self._nodes.weights[weight] for weight in weights]
        codes, scales = [], []
        for weight, matrix in zip(weights, matrices, strict=True):
            code, scale = self._stored(weight, matrix)
            codes.append(code)
            scales.append(_scaled(nodes, weight, scale))
        code, scale = nodes.joined(f"{name}.int8", codes), nodes.joined(f"{name}.scales", scales)
        shape = sum(map(len, matrices)), matrices[0].shape[1]
        if not to:
            return self._times(name, x, code, scale, shape, bias)
        return nodes.node("Add", name, [self._times(f"{name}.product", x, code, scale, shape, bias), to])

    def by_distance(self, at: str, content: str, ring: str) -> str:
        """See Matrices. (v - u) . r depends on no token: it is the product's bias."""
        nodes, info = self._nodes, self._info
        nodes.half(f"{at}.r.weight")  # read by nobody who plays
        step = v_minus_u(nodes, at, info)
        nodes.constant(f"{at}.v_minus_u", step)
        table = self._sinusoids[ring] @ nodes.weights[f"{at}.r.weight"].astype(np.float16).astype(np.float32).T
        heads = [str(head) for head in range(info.n_head)]
        queries = nodes.split(f"{at}.heads", content, "sizes.one_head_each", heads, axis=1)
        products = []
        for head, query, r in zip(heads, queries, np.split(table, info.n_head, axis=1), strict=True):
            code, scale = self._stored(f"{at}.r.{head}", r)
            bias = nodes.constant(f"{at}.bias.{head}", r @ step[0, int(head), 0])
            products.append(self._times(f"{at}.by_distance.{head}", query, code, scale, r.shape, bias))
        return nodes.node("Concat", f"{at}.by_distance", products, axis=1)

    def _stored(self, name: str, matrix: Array) -> tuple[str, str]:
        codes, scales = int8.quantised(matrix)
        return self._nodes.constant(f"{name}.int8", codes, np.uint8), self._nodes.constant(f"{name}.scales", scales)

    def _times(self, name: str, x: str, codes: str, scales: str, shape: tuple[int, ...], bias: str) -> str:
        """x [.., in] times the transposed matrix [out, in] of that shape, plus a bias."""
        inputs = [x, codes, scales, *(["", "", bias] if bias else [])]
        sizes = {"N": shape[0], "K": shape[1], "bits": int8.BITS, "block_size": int8.block(shape[1])}
        return self._nodes.node("MatMulNBits", name, inputs, domain=CONTRIBUTED, accuracy_level=int8.INTEGERS, **sizes)


MATRICES: dict[str, type[Float] | type[Int8]] = {FP32: Float, INT8: Int8}
"""By a model's precision."""


def sinusoids(distances: int, d_model: int) -> Array:
    """R for the distances `distances` .. 0, [distances + 1, d_model]: sines, then cosines, as in training."""
    frequency = 10000.0 ** (-np.arange(0, d_model, 2) / d_model)
    angle = np.arange(distances, -1, -1)[:, None] * frequency
    return np.concatenate([np.sin(angle), np.cos(angle)], -1).astype(np.float32)


def u(nodes: Nodes, at: str, info: ModelInfo) -> Array:
    """r_w_bias / sqrt(dh), [H, dh]."""
    return nodes.weights[f"{at}.r_w_bias"] / math.sqrt(info.d_head)


def v_minus_u(nodes: Nodes, at: str, info: ModelInfo) -> Array:
    """(r_r_bias - r_w_bias) / sqrt(dh), [1, H, 1, dh]."""
    step = nodes.weights[f"{at}.r_r_bias"] / math.sqrt(info.d_head) - u(nodes, at, info)
    return np.asarray(step[None, :, None], np.float32)


def _scaled(nodes: Nodes, weight: str, value: str) -> str:
    """What belongs to the matrix of queries, divided by sqrt(dh)."""
    return nodes.node("Mul", f"{weight}.scaled", [value, "scale.query"]) if weight.endswith(".q.weight") else value
