"""A graph as it is written: nodes, constants and the weights of training. Knows nothing of what it computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

CONTRIBUTED = "com.microsoft"
"""ONNX Runtime's own operators: each of its builds has them."""
Weights = Mapping[str, NDArray[np.float32]]


def is_matrix(name: str, weight: NDArray[np.float32]) -> bool:
    """Whether a weight is a matrix that a product reads."""
    return weight.ndim == 2 and name.endswith(".weight")


class Nodes:
    """Nodes and initializers in their order; a value's name is the name of the node that makes it."""

    def __init__(self, weights: Weights) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.weights = weights

    def node(self, op: str, name: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Writes a node with one output."""
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def split(self, name: str, value: str, sizes: str, parts: Sequence[str], axis: int) -> list[str]:
        """Cuts `value` along an axis; the names of its parts."""
        names = [f"{name}.{part}" for part in parts]
        self.nodes.append(helper.make_node("Split", [value, sizes], names, name=name, axis=axis))
        return names

    def joined(self, name: str, parts: Sequence[str]) -> str:
        """Parts one below the other."""
        return parts[0] if len(parts) == 1 else self.node("Concat", name, parts, axis=0)

    def constant(self, name: str, value: object, kind: type = np.float32) -> str:
        """Puts a value into the file."""
        self.initializers.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def half(self, name: str) -> str:
        """A matrix in float16, under its name in training."""
        return self.constant(f"{name}.half", self.weights[name], np.float16)

    def weight(self, name: str) -> str:
        """A weight of training; a matrix is stored in float16 and widened at load."""
        if not is_matrix(name, self.weights[name]):
            return self.constant(name, self.weights[name])
        return self.node("Cast", name, [self.half(name)], to=TensorProto.FLOAT)
