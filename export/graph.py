"""The ring-memory graph: Transformer-XL for ONNX Runtime, node by node. Knows neither torch nor files.

For T tokens (T free, at most 64, none across the end of a segment) and a ring of C slots:

    token    [T] int64        what is fed
    first    [1] int64        the first token whose logits are asked for: 0 for all, T - 1 for the last alone
    slot     [1] int64        the slot of the first token; T slots are written from there, round the ring
    rotation [R] int64        turns key order into slot order; with t = (slot + T) mod C either two lengths to cut
                              at, (C - t, t), or for each of the C slots its column in key order
    mask     [T, C] float32   0 where token i may look, -1e9 elsewhere
    slot_long, rotation_long, mask_long    the same for the ring of the long layers, where a model has any
    k_l, v_l [1, H, C, dh]    of each layer; k_l_next, v_l_next may be the same buffers
    logits   [N, V] float32   after each of the N = T - first tokens

The last layer makes K and V of all tokens, and all else of the N alone: a seventh of a long prefill is saved.

The content term (q + u) . k is the Attention operator's own; the position term (q + v) . r goes in as its
float mask: a matrix product with r for the distances C .. 0, the relative shift of the paper (drop the first
N of the N (C + 1) numbers: row i moves left by N - 1 - i, and every column is one key), and a rotation of the
columns from key order into slot order. What the shift leaves in the columns of the future is hidden by
`mask`. The scale 1 / sqrt(dh) is in W_q, u and v.

Lengths of parts are read on the host, so a captured CUDA graph would repeat those of its capture for ever; columns
stand on the device, but picking them one by one is slow on a CPU. So R, 2 or C, is fixed when a file is loaded
(add_free_dimension_override_by_name; R_long for the long layers): ONNX Runtime then drops the other branch.

Matrices are stored as float16 under their names in training. All that depends on weights alone (widening,
scaling, joining, r = R W_kR) is written as nodes that ONNX Runtime computes once, when it loads the file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from jamd.engine.info import ModelInfo

OPSET, IR_VERSION = 24, 11
"""Opset 24 brings TensorScatter, which writes a ring in place; onnxruntime 1.25 reads both."""
LAYER_NORM_EPS = 1e-5
Weights = Mapping[str, NDArray[np.float32]]


def stored(weights: Weights) -> dict[str, NDArray[np.float32]]:
    """The weights as the file holds them: matrices rounded to float16, vectors and biases as they are."""
    return {
        name: w.astype(np.float16).astype(np.float32) if _is_matrix(name, w) else w.astype(np.float32)
        for name, w in weights.items()
    }


def build(weights: Weights, info: ModelInfo) -> onnx.ModelProto:
    """The checked model. `weights` have the names and shapes of training/model.py ([out, in] as in torch).

    KeyError for a missing weight, ValueError for a wrong shape.
    """
    graph = _Graph(_fitting(weights, info), info)
    inputs, outputs = _interface(info)
    model = helper.make_model(
        helper.make_graph(graph.nodes, "transformer_xl", inputs, outputs, graph.initializers),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="jamd export",
    )
    helper.set_model_props(model, info.to_metadata())
    onnx.checker.check_model(model, full_check=True)
    return model


def sinusoids(distances: int, d_model: int) -> NDArray[np.float32]:
    """R for the distances `distances` .. 0, [distances + 1, d_model]: sines, then cosines, as in training."""
    frequency = 10000.0 ** (-np.arange(0, d_model, 2) / d_model)
    angle = np.arange(distances, -1, -1)[:, None] * frequency
    return np.concatenate([np.sin(angle), np.cos(angle)], -1).astype(np.float32)


def _is_matrix(name: str, weight: NDArray[np.float32]) -> bool:
    return weight.ndim == 2 and name.endswith(".weight")


def shapes(info: ModelInfo) -> dict[str, tuple[int, ...]]:
    """Every weight of a model of these sizes, by its name in training, with its shape."""
    d, wide, inner = info.d_model, info.n_head * info.d_head, info.d_inner
    layer: dict[str, tuple[int, ...]] = {
        **{f"attention.{x}.weight": (wide, d) for x in "qkvr"},
        "attention.o.weight": (d, wide),
        "attention.r_w_bias": (info.n_head, info.d_head),
        "attention.r_r_bias": (info.n_head, info.d_head),
        **{f"norm{n}.{x}": (d,) for n in "12" for x in ("weight", "bias")},
        "ff1.weight": (inner, d),
        "ff1.bias": (inner,),
        "ff2.weight": (d, inner),
        "ff2.bias": (d,),
    }
    whole = {"embedding.weight": (info.vocab_size, d), "norm.weight": (d,), "norm.bias": (d,)}
    layers = {f"layers.{i}.{name}": shape for i in range(info.n_layer) for name, shape in layer.items()}
    return {**whole, "logits_bias": (info.vocab_size,), **layers}


def _fitting(weights: Weights, info: ModelInfo) -> Weights:
    for name, shape in shapes(info).items():
        if weights[name].shape != shape:
            raise ValueError(f"{name} has the shape {weights[name].shape}, and the sizes ask for {shape}")
    return weights


def _interface(info: ModelInfo) -> tuple[list[onnx.ValueInfoProto], list[onnx.ValueInfoProto]]:
    def value(name: str, kind: int, *shape: int | str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    number, real = TensorProto.INT64, TensorProto.FLOAT
    caches = [f"{kind}_{layer}" for layer in range(info.n_layer) for kind in "kv"]

    def cache(name: str) -> tuple[int, ...]:
        return 1, info.n_head, info.capacity_of(info.ring_of(int(name[2:]))), info.d_head

    inputs = [
        value("token", number, "T"),
        value("first", number, 1),
        *(value(f"slot{ring}", number, 1) for ring in info.rings),
        *(value(f"rotation{ring}", number, f"R{ring}") for ring in info.rings),
        *(value(f"mask{ring}", real, "T", info.capacity_of(ring)) for ring in info.rings),
        *(value(name, real, *cache(name)) for name in caches),
    ]
    outputs = [value("logits", real, "N", info.vocab_size)]
    return inputs, outputs + [value(f"{name}_next", real, *cache(name)) for name in caches]


@dataclass(frozen=True, slots=True)
class _Rows:
    """What a layer computes besides K and V."""

    masks: Mapping[str, str]
    """By ring, [rows, C]."""
    count: str
    """[1]: how many rows."""
    cut: bool = False
    """True where these are only the rows that are asked for."""


class _Graph:
    """Nodes and initializers as they are written; a value's name is the name of the node that makes it."""

    def __init__(self, weights: Weights, info: ModelInfo) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._weights, self._info = weights, info
        self._whole()

    def _node(self, op: str, name: str, inputs: Sequence[str], **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def _split(self, name: str, value: str, sizes: str, parts: Sequence[str], axis: int) -> list[str]:
        names = [f"{name}.{part}" for part in parts]
        self.nodes.append(helper.make_node("Split", [value, sizes], names, name=name, axis=axis))
        return names

    def _constant(self, name: str, value: object, kind: type = np.float32) -> str:
        self.initializers.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def _weight(self, name: str) -> str:
        """A weight of training; a matrix is stored in float16 and widened at load."""
        weight = self._weights[name]
        if not _is_matrix(name, weight):
            return self._constant(name, weight)
        self._constant(f"{name}.half", weight, np.float16)
        return self._node("Cast", name, [f"{name}.half"], to=TensorProto.FLOAT)

    def _norm(self, name: str, value: str) -> str:
        scale, bias = self._weight(f"{name}.weight"), self._weight(f"{name}.bias")
        return self._node("LayerNormalization", name, [value, scale, bias], axis=-1, epsilon=LAYER_NORM_EPS)

    def _whole(self) -> None:
        self._constants(self._info)
        embedding = self._weight("embedding.weight")
        h = self._node("Mul", "h", [self._node("Gather", "embedded", [embedding, "token"]), "scale.embedding"])
        info, top = self._info, self._info.n_layer - 1
        every = _Rows({ring: f"mask{ring}" for ring in info.rings}, self._node("Shape", "T", ["token"]))
        asked = {info.ring_of(top): self._asked(f"mask{info.ring_of(top)}")}
        last = _Rows(asked, self._node("Shape", "N", [self._asked("token")]), cut=True)
        for layer in range(info.n_layer):
            h = self._layer(layer, h, last if layer == top else every)
        self._node("Gemm", "logits", [self._norm("norm", h), embedding, self._weight("logits_bias")], transB=1)

    def _constants(self, info: ModelInfo) -> None:
        heads, size = info.n_head, info.d_head
        self._constant("sizes.one_head_each", [1] * heads, np.int64)
        self._constant("sizes.k_and_v", [heads] * 2, np.int64)
        self._constant("sizes.d_head_each", [size] * heads, np.int64)
        self._constant("shape.heads", [1, -1, heads, size], np.int64)
        self._constant("shape.two_heads", [1, -1, 2 * heads, size], np.int64)
        self._constant("shape.joined", [-1, heads * size], np.int64)
        self._constant("shape.row", [1, heads, -1], np.int64)
        self._constant("two", [2], np.int64)
        for ring in info.rings:
            self._node("Equal", f"cut{ring}", [self._node("Shape", f"R{ring}.told", [f"rotation{ring}"]), "two"])
            self._constant(f"shape.scores{ring}", [1, heads, -1, info.capacity_of(ring)], np.int64)
            self._constant(f"R{ring}", sinusoids(info.capacity_of(ring), info.d_model).T)  # [d, C + 1]
        self._constant("axis.row", [2], np.int64)
        self._constant("end", [np.iinfo(np.int64).max], np.int64)
        self._constant("scale.query", 1 / math.sqrt(size))
        self._constant("scale.embedding", math.sqrt(info.d_model))

    def _asked(self, value: str) -> str:
        """The rows of `value` whose logits are asked for, [T, ..] -> [N, ..]."""
        return self._node("Slice", f"{value}.asked", [value, "first", "end"])

    def _layer(self, layer: int, h: str, rows: _Rows) -> str:
        """h [T, d] -> [rows, d]."""
        at = f"layers.{layer}"
        x = self._norm(f"{at}.norm1", h)  # [T, d]
        k, v = self._remember(layer, x)
        if rows.cut:
            x, h = self._asked(x), self._asked(h)
        heads = self._attention(layer, x, k, v, rows)  # [rows, H dh]
        h = self._node("Gemm", f"{at}.h", [heads, self._weight(f"{at}.attention.o.weight"), h], transB=1)
        x = self._norm(f"{at}.norm2", h)
        w1, b1 = self._weight(f"{at}.ff1.weight"), self._weight(f"{at}.ff1.bias")
        x = self._node("Relu", f"{at}.relu", [self._node("Gemm", f"{at}.ff1", [x, w1, b1], transB=1)])
        w2, b2 = self._weight(f"{at}.ff2.weight"), self._weight(f"{at}.ff2.bias")
        return self._node("Add", f"{at}.out", [self._node("Gemm", f"{at}.ff2", [x, w2, b2], transB=1), h])

    def _remember(self, layer: int, x: str) -> tuple[str, str]:
        """Writes K and V of x [T, d], normed, into the ring; the whole rings, [1, H, C, dh]."""
        at = f"layers.{layer}.attention"
        weights = [self._weight(f"{at}.{name}.weight") for name in "kv"]
        joined = self._node("Concat", f"{at}.kv.weight", weights, axis=0)  # [2 H dh, d]
        kv = self._by_head(self._node("Gemm", f"{at}.kv", [x, joined], transB=1), "shape.two_heads")
        parts = self._split(f"{at}.each", kv, "sizes.k_and_v", ("k", "v"), axis=1)
        caches, slot = (f"k_{layer}", f"v_{layer}"), f"slot{self._info.ring_of(layer)}"
        k, v = (
            self._node("TensorScatter", f"{cache}_next", [cache, new, slot], axis=2, mode="circular")
            for cache, new in zip(caches, parts, strict=True)
        )
        return k, v

    def _by_head(self, value: str, shape: str) -> str:
        """[T, heads dh] -> [1, heads, T, dh]."""
        value = self._node("Reshape", f"{value}.heads", [value, shape])
        return self._node("Transpose", f"{value}.first", [value], perm=[0, 2, 1, 3])

    def _attention(self, layer: int, x: str, k: str, v: str, rows: _Rows) -> str:
        """x [rows, d], normed -> the heads' outputs side by side, [rows, H dh]."""
        at, ring = f"layers.{layer}.attention", self._info.ring_of(layer)
        root = math.sqrt(self._info.d_head)
        u, bias_v = (self._weights[f"{at}.{name}"] / root for name in ("r_w_bias", "r_r_bias"))
        query = self._node("Mul", f"{at}.q.scaled", [self._weight(f"{at}.q.weight"), "scale.query"])
        query = self._node("Gemm", f"{at}.q", [x, query, self._constant(f"{at}.u", u.ravel())], transB=1)
        content = self._by_head(query, "shape.heads")  # (q + u) / sqrt(dh), [1, H, rows, dh]
        step = self._constant(f"{at}.v_minus_u", (bias_v - u)[None, :, None])  # [1, H, 1, dh]
        query = self._node("Add", f"{at}.position", [content, step])
        scores = self._position_term(at, query, ring, rows)
        heads = self._node("Attention", at, [content, k, v, scores], scale=1.0)  # [1, H, rows, dh]
        heads = self._node("Transpose", f"{at}.by_token", [heads], perm=[0, 2, 1, 3])
        return self._node("Reshape", f"{at}.joined", [heads, "shape.joined"])

    def _position_term(self, at: str, query: str, ring: str, rows: _Rows) -> str:
        """query (q + v) / sqrt(dh), [1, H, rows, dh] -> BD by slot plus mask, [1, H, rows, C].

        One matrix product per head: only constants of two dimensions are packed for the chip ahead of time.
        """
        heads = [str(i) for i in range(self._info.n_head)]
        r = self._node("MatMul", f"{at}.r", [self._weight(f"{at}.r.weight"), f"R{ring}"])  # [H dh, C + 1]
        tables = self._split(f"{at}.r.heads", r, "sizes.d_head_each", heads, axis=0)  # H of [dh, C + 1]
        queries = self._split(f"{at}.position.heads", query, "sizes.one_head_each", heads, axis=1)
        products = [
            self._node("MatMul", f"{at}.by_distance.{i}", [q, table])
            for i, q, table in zip(heads, queries, tables, strict=True)
        ]
        scores = self._node("Concat", f"{at}.by_distance", products, axis=1)  # [1, H, rows, C + 1]
        scores = self._node("Reshape", f"{at}.row", [scores, "shape.row"])
        scores = self._node("Slice", f"{at}.shifted", [scores, rows.count, "end", "axis.row"])
        scores = self._node("Reshape", f"{at}.by_key", [scores, f"shape.scores{ring}"])
        scores = self._turned(at, scores, ring)
        return self._node("Add", f"{at}.masked", [scores, rows.masks[ring]])

    def _turned(self, at: str, scores: str, ring: str) -> str:
        """Columns in key order -> columns in slot order: cut in two, or picked one by one."""
        parts, turned, rotation = [f"{at}.turn.old", f"{at}.turn.new"], f"{at}.turned", f"rotation{ring}"
        cut = [
            helper.make_node("Split", [scores, rotation], parts, name=f"{at}.turn", axis=3),
            helper.make_node("Concat", parts[::-1], [f"{turned}.cut"], name=f"{turned}.cut", axis=3),
        ]
        picked = [helper.make_node("Gather", [scores, rotation], [f"{turned}.picked"], name=f"{turned}.picked", axis=3)]
        branches = {
            branch: helper.make_graph(
                nodes, f"{turned}.{branch}", [], [helper.make_empty_tensor_value_info(nodes[-1].name)]
            )
            for branch, nodes in (("then_branch", cut), ("else_branch", picked))
        }
        return self._node("If", f"{at}.by_slot", [f"cut{ring}"], **branches)
