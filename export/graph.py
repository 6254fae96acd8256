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
float mask: a matrix product with r for the distances C .. 0 (see matrices.py), the relative shift of the paper
(drop the first N of the N (C + 1) numbers: row i moves left by N - 1 - i, and every column is one key), and a
rotation of the columns from key order into slot order. What the shift leaves in the columns of the future is
hidden by `mask`. The scale 1 / sqrt(dh) is in W_q, u and v.

Lengths of parts are read on the host, so a captured CUDA graph would repeat those of its capture for ever; columns
stand on the device, but picking them one by one is slow on a CPU. So R, 2 or C, is fixed when a file is loaded
(add_free_dimension_override_by_name; R_long for the long layers): ONNX Runtime then drops the other branch.

Matrices are stored as float16, or as bytes with scales, under their names in training. What depends on weights
alone (widening, scaling, joining, r = R W_kR) may be written as nodes: ONNX Runtime computes them once, at load.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from export import int8
from export.matrices import MATRICES, Matrices, u
from export.nodes import CONTRIBUTED, Nodes, Weights, is_matrix
from jamd.engine.info import FP32, INT8, ModelInfo

OPSET, IR_VERSION = 24, 11
"""Opset 24 brings TensorScatter, which writes a ring in place; onnxruntime 1.25 reads both."""
LAYER_NORM_EPS = 1e-5


def stored(weights: Weights, precision: str = FP32) -> dict[str, NDArray[np.float32]]:
    """The weights as the file holds them: matrices rounded, vectors and biases as they are."""
    return {name: _stored(name, w, precision) for name, w in weights.items()}


def _stored(name: str, weight: NDArray[np.float32], precision: str) -> NDArray[np.float32]:
    if not is_matrix(name, weight):
        return weight.astype(np.float32)
    if precision == INT8 and name.startswith("layers.") and not name.endswith(".r.weight"):
        return int8.rounded(weight)
    return weight.astype(np.float16).astype(np.float32)


def build(weights: Weights, info: ModelInfo) -> onnx.ModelProto:
    """The checked model. `weights` have the names and shapes of training/model.py ([out, in] as in torch).

    KeyError for a missing weight, ValueError for a wrong shape.
    """
    nodes = Nodes(_fitting(weights, info))
    _Graph(nodes, MATRICES[info.precision](nodes, info), info).write()
    inputs, outputs = _interface(info)
    model = helper.make_model(
        helper.make_graph(nodes.nodes, "transformer_xl", inputs, outputs, nodes.initializers),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIBUTED, 1)],
        ir_version=IR_VERSION,
        producer_name="jamd export",
    )
    helper.set_model_props(model, info.to_metadata())
    onnx.checker.check_model(model, full_check=True)
    return model


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
    """Writes the model into `nodes`."""

    def __init__(self, nodes: Nodes, matrices: Matrices, info: ModelInfo) -> None:
        self._nodes, self._matrices, self._info = nodes, matrices, info

    def write(self) -> None:
        """All of it, tokens to logits."""
        self._constants(self._info)
        nodes, info, top = self._nodes, self._info, self._info.n_layer - 1
        embedding = nodes.weight("embedding.weight")
        h = nodes.node("Mul", "h", [nodes.node("Gather", "embedded", [embedding, "token"]), "scale.embedding"])
        every = _Rows({ring: f"mask{ring}" for ring in info.rings}, nodes.node("Shape", "T", ["token"]))
        asked = {info.ring_of(top): self._asked(f"mask{info.ring_of(top)}")}
        last = _Rows(asked, nodes.node("Shape", "N", [self._asked("token")]), cut=True)
        for layer in range(info.n_layer):
            h = self._layer(layer, h, last if layer == top else every)
        nodes.node("Gemm", "logits", [self._norm("norm", h), embedding, nodes.weight("logits_bias")], transB=1)

    def _constants(self, info: ModelInfo) -> None:
        heads, size, constant = info.n_head, info.d_head, self._nodes.constant
        for kinds in (1, 2, 3):
            constant(f"shape.heads.{kinds}", [1, -1, kinds * heads, size], np.int64)
        for kinds in (2, 3):
            constant(f"sizes.heads.{kinds}", [heads] * kinds, np.int64)
        constant("shape.joined", [-1, heads * size], np.int64)
        constant("shape.row", [1, heads, -1], np.int64)
        constant("two", [2], np.int64)
        for ring in info.rings:
            told = self._nodes.node("Shape", f"R{ring}.told", [f"rotation{ring}"])
            self._nodes.node("Equal", f"cut{ring}", [told, "two"])
            constant(f"shape.scores{ring}", [1, heads, -1, info.capacity_of(ring)], np.int64)
        constant("axis.row", [2], np.int64)
        constant("end", [np.iinfo(np.int64).max], np.int64)
        constant("no_bias", np.zeros(2 * heads * size))
        constant("scale.query", 1 / math.sqrt(size))
        constant("scale.embedding", math.sqrt(info.d_model))

    def _asked(self, value: str) -> str:
        """The rows of `value` whose logits are asked for, [T, ..] -> [N, ..]."""
        return self._nodes.node("Slice", f"{value}.asked", [value, "first", "end"])

    def _norm(self, name: str, value: str) -> str:
        scale, bias = self._nodes.weight(f"{name}.weight"), self._nodes.weight(f"{name}.bias")
        return self._nodes.node("LayerNormalization", name, [value, scale, bias], axis=-1, epsilon=LAYER_NORM_EPS)

    def _layer(self, layer: int, h: str, rows: _Rows) -> str:
        """h [T, d] -> [rows, d]."""
        at, weight, product = f"layers.{layer}", self._nodes.weight, self._matrices.product
        x = self._norm(f"{at}.norm1", h)  # [T, d]
        if rows.cut:
            (k, v), x, h = self._heads(layer, x, "kv"), self._asked(x), self._asked(h)
            (content,) = self._heads(layer, x, "q")
        else:
            content, k, v = self._heads(layer, x, "qkv")
        k, v = (self._remembered(f"{kind}_{layer}", new) for kind, new in (("k", k), ("v", v)))
        heads = self._attention(layer, content, k, v, rows)  # [rows, H dh]
        h = product(f"{at}.h", heads, [f"{at}.attention.o.weight"], to=h)
        x = self._norm(f"{at}.norm2", h)
        x = product(f"{at}.ff1", x, [f"{at}.ff1.weight"], bias=weight(f"{at}.ff1.bias"))
        x = self._nodes.node("Relu", f"{at}.relu", [x])
        return product(f"{at}.out", x, [f"{at}.ff2.weight"], bias=weight(f"{at}.ff2.bias"), to=h)

    def _heads(self, layer: int, x: str, kinds: str) -> list[str]:
        """x [T, d], normed -> (q + u) / sqrt(dh), k and v, or some of them, each [1, H, T, dh]."""
        at, nodes = f"layers.{layer}.attention", self._nodes
        bias = ""
        if "q" in kinds:
            first = nodes.constant(f"{at}.u", u(nodes, at, self._info).ravel())
            bias = nodes.joined(f"{at}.{kinds}.bias", [first, "no_bias"][: len(kinds)])
        weights = [f"{at}.{kind}.weight" for kind in kinds]
        value = self._matrices.product(f"{at}.{kinds}", x, weights, bias=bias)  # [T, kinds H dh]
        value = nodes.node("Reshape", f"{value}.heads", [value, f"shape.heads.{len(kinds)}"])
        value = nodes.node("Transpose", f"{value}.first", [value], perm=[0, 2, 1, 3])  # [1, kinds H, T, dh]
        if len(kinds) == 1:
            return [value]
        return nodes.split(f"{at}.{kinds}.each", value, f"sizes.heads.{len(kinds)}", kinds, axis=1)

    def _remembered(self, cache: str, new: str) -> str:
        """Writes K or V of the T tokens into its ring; the whole ring, [1, H, C, dh]."""
        slot = f"slot{self._info.ring_of(int(cache[2:]))}"
        return self._nodes.node("TensorScatter", f"{cache}_next", [cache, new, slot], axis=2, mode="circular")

    def _attention(self, layer: int, content: str, k: str, v: str, rows: _Rows) -> str:
        """content (q + u) / sqrt(dh), [1, H, rows, dh] -> the heads' outputs side by side, [rows, H dh]."""
        at, ring, nodes = f"layers.{layer}.attention", self._info.ring_of(layer), self._nodes
        scores = self._by_slot(at, self._matrices.by_distance(at, content, ring), ring, rows)
        heads = nodes.node("Attention", at, [content, k, v, scores], scale=1.0)  # [1, H, rows, dh]
        heads = nodes.node("Transpose", f"{at}.by_token", [heads], perm=[0, 2, 1, 3])
        return nodes.node("Reshape", f"{at}.joined", [heads, "shape.joined"])

    def _by_slot(self, at: str, scores: str, ring: str, rows: _Rows) -> str:
        """The position term by distance, [1, H, rows, C + 1] -> by slot, plus the mask, [1, H, rows, C]."""
        nodes = self._nodes
        scores = nodes.node("Reshape", f"{at}.row", [scores, "shape.row"])
        scores = nodes.node("Slice", f"{at}.shifted", [scores, rows.count, "end", "axis.row"])
        scores = nodes.node("Reshape", f"{at}.by_key", [scores, f"shape.scores{ring}"])
        scores = self._turned(at, scores, ring)
        return nodes.node("Add", f"{at}.masked", [scores, rows.masks[ring]])

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
        return self._nodes.node("If", f"{at}.by_slot", [f"cut{ring}"], **branches)
