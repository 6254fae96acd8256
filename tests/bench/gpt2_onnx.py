"""GPT-2 with a KV cache in ONNX Runtime: a graph for one step, written node by node, and its session.

Attention is the GroupQueryAttention operator, with which onnxruntime-genai plays such models: at a context of 2048 a
step of M takes 0.7 of what it takes with the standard Attention behind TensorScatter.
"""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from export import int8
from jamd.engine.info import FP32, INT8
from tests.bench.rivals import Logits, Weights, Window, layer_of, turned
from training.gpt2 import GPT2, GPT2Config
from training.model import LAYER_NORM_EPS


class OrtGPT2:
    """The same GPT-2 in ONNX Runtime: one graph for a step; K and V are read and written where they stand."""

    def __init__(self, graph: onnx.ModelProto, config: GPT2Config) -> None:
        self._window = Window(config.context)
        self._inference = ort.InferenceSession(
            graph.SerializeToString(), _options(), providers=["CPUExecutionProvider"]
        )
        self._run = self._inference.io_binding()
        self._token, self._position = np.zeros(1, np.int64), np.zeros(1, np.int64)
        self._before, self._seen = np.zeros(1, np.int32), np.zeros((), np.int32)
        self._logits = np.zeros((1, config.vocab_size), np.float32)
        inputs = {"token": self._token, "position": self._position, "before": self._before, "seen": self._seen}
        for name, array in inputs.items():
            self._run.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(array))
        self._run.bind_ortvalue_output("logits", ort.OrtValue.ortvalue_from_numpy(self._logits))
        self._caches = np.empty((2 * config.n_layer, *_cache(config)), np.float32)  # in one piece: large pages
        self._caches.fill(0)
        for name, array in zip(_cache_names(config), self._caches, strict=True):
            value = ort.OrtValue.ortvalue_from_numpy(array)
            self._run.bind_ortvalue_input(name, value)
            self._run.bind_ortvalue_output(f"{name}_next", value)

    def step(self, token: int) -> Logits:
        """Feeds one token; the logits of what comes next, [V]."""
        at = self._window.take()
        self._token[0], self._position[0], self._before[0], self._seen[()] = token, at, at, at + 1
        self._inference.run_with_iobinding(self._run)
        return self._logits[0].copy()


def _options() -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return options


def _cache(config: GPT2Config) -> tuple[int, ...]:
    return 1, config.n_head, config.context, config.d_head


def _cache_names(config: GPT2Config) -> list[str]:
    return [f"{kind}_{layer}" for layer in range(config.n_layer) for kind in "kv"]


def gpt2_graph(model: GPT2, precision: str = FP32) -> onnx.ModelProto:
    """A step of GPT-2 for ONNX Runtime, its layers' matrices in `precision`; in eight bits as jamd's are.

    token, position [1] int64; before [1] int32: tokens in the cache; seen [] int32: one more; k_l, v_l
    [1, H, context, dh] of each layer -> logits [1, V]; k_l_next, v_l_next, to be bound to the same buffers.
    """
    return _Graph(model, precision).made()


class _Graph:
    """Nodes and constants as they are written; a value's name is the name of the node that makes it."""

    def __init__(self, model: GPT2, precision: str) -> None:
        self._config, self._weights, self._precision = model.config, model.state_dict(), precision
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def made(self) -> onnx.ModelProto:
        config = self._config
        value, number, real = helper.make_tensor_value_info, TensorProto.INT64, TensorProto.FLOAT
        self._whole()
        inputs = [value("token", number, [1]), value("position", number, [1])]
        inputs += [value("before", TensorProto.INT32, [1]), value("seen", TensorProto.INT32, [])]
        inputs += [value(name, real, _cache(config)) for name in _cache_names(config)]
        outputs = [value("logits", real, [1, config.vocab_size])]
        outputs += [value(f"{name}_next", real, _cache(config)) for name in _cache_names(config)]
        return helper.make_model(
            helper.make_graph(self._nodes, "gpt2", inputs, outputs, self._constants),
            opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)],
            ir_version=10,
        )

    def _whole(self) -> None:
        self._constant("shape.sequence", torch.tensor([1, 1, -1]))
        self._constant("shape.row", torch.tensor([1, -1]))
        token, position = (
            self._node("Gather", f"{name}.row", self._constant(f"{name}.weight", self._weights[f"{name}.weight"]), at)
            for name, at in (("embedding", "token"), ("position", "position"))
        )
        h = self._node("Add", "h", token, position)
        for layer in range(self._config.n_layer):
            h = self._layer(layer, layer_of(self._weights, layer), h)
        out = self._constant("out", turned(self._weights["embedding.weight"]))
        self._node("Gemm", "logits", self._norm("norm", self._weights, "norm", h), out)

    def _layer(self, layer: int, w: Weights, h: str) -> str:
        at = f"layers.{layer}"
        qkv = self._linear(f"{at}.qkv", w, "qkv", self._norm(f"{at}.norm1", w, "norm1", h))
        qkv = self._node("Reshape", f"{at}.sequence", qkv, "shape.sequence")
        caches = [f"k_{layer}", f"v_{layer}"]
        self._nodes.append(
            helper.make_node(
                "GroupQueryAttention",
                [qkv, "", "", *caches, "before", "seen"],
                [f"{at}.heads", *(f"{name}_next" for name in caches)],
                name=f"{at}.heads",
                domain="com.microsoft",
                num_heads=self._config.n_head,
                kv_num_heads=self._config.n_head,
            )
        )
        heads = self._node("Reshape", f"{at}.row", f"{at}.heads", "shape.row")
        h = self._node("Add", f"{at}.h", h, self._linear(f"{at}.o", w, "o", heads))
        x = self._linear(f"{at}.ff1", w, "ff1", self._norm(f"{at}.norm2", w, "norm2", h))
        x = self._node("Gelu", f"{at}.gelu", x, approximate="tanh")
        return self._node("Add", f"{at}.out", h, self._linear(f"{at}.ff2", w, "ff2", x))

    def _node(self, op: str, name: str, *inputs: str, **attributes: object) -> str:
        self._nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def _constant(self, name: str, value: Tensor) -> str:
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def _linear(self, name: str, w: Weights, of: str, x: str) -> str:
        bias = self._constant(f"{name}.bias", w[f"{of}.bias"])
        weight = w[f"{of}.weight"]  # [in, out]
        if self._precision != INT8:
            return self._node("Gemm", name, x, self._constant(f"{name}.weight", weight), bias)
        codes, scales = map(torch.from_numpy, int8.quantised(weight.t().numpy()))
        matrix = self._constant(f"{name}.int8", codes), self._constant(f"{name}.scales", scales)
        return self._node(
            "MatMulNBits",
            name,
            x,
            *matrix,
            "",
            "",
            bias,
            domain="com.microsoft",
            K=weight.shape[0],
            N=weight.shape[1],
            bits=int8.BITS,
            block_size=int8.block(weight.shape[0]),
            accuracy_level=int8.INTEGERS,
        )

    def _norm(self, name: str, w: Weights, of: str, x: str) -> str:
        parts = (self._constant(f"{name}.{kind}", w[f"{of}.{kind}"]) for kind in ("weight", "bias"))
        return self._node("LayerNormalization", name, x, *parts, epsilon=LAYER_NORM_EPS)
