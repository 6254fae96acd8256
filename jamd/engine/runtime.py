"""Opens a model file in ONNX Runtime on the device that is there. Knows nothing of what the model plays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as state

from jamd.engine import cuda
from jamd.engine.cuda import CUDA
from jamd.engine.info import COMMON, EXPORT_HINT, LONG, ModelInfo
from jamd.engine.library import ORT_ERRORS, QUIET, first_line
from jamd.engine.onnx_file import read_info
from jamd.errors import ModelError

VERSION = str(ort.__version__)
"""Of ONNX Runtime."""
DEVICES = ("auto", "cpu", "cuda")
CPU = "CPUExecutionProvider"
NO_CUDA = "CUDA was asked for, and does not work here."
CUDA_HINT = (
    'Run with --device cpu, or install the CUDA libraries: pip install "jamd[cuda]". '
    "`nvidia-smi` shows whether the driver works."
)
BEFORE_GRAPHS = "the model was exported before its steps could be captured"
TWO_LENGTHS = {f"R{ring}": 2 for ring in (COMMON, LONG)}
"""How the graph is told of a ring's rotation: two lengths to cut at, or one number for each of its columns."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """An open model: weights and threads, shared by a session and its forks."""

    inference: Any
    """The onnxruntime.InferenceSession; several sessions may run it, each on memory of its own."""
    info: ModelInfo
    device: str
    """What really runs: `cpu` or `cuda`."""
    apart: bool = False
    """True where that is no CPU: memory changes banks, and what a run is told is sent to it."""
    graphs: bool = False
    """True where steps are captured as CUDA graphs."""
    without_graphs: str = ""
    """On CUDA: why they are not."""

    @classmethod
    def open(cls, path: Path, device: str = "auto", threads: int = 1, without_graphs: str = "") -> Runtime:
        """Opens `path`; `without_graphs` says why CUDA shall not capture graphs, if it shall not.

        ModelError for a file that is no model of jamd's, or `cuda` where there is none.
        """
        if device not in DEVICES:
            raise ValueError(f"device must be one of {', '.join(DEVICES)}, not {device!r}")
        if not path.is_file():
            raise ModelError(f"There is no model file {path}.", "Name one with --model FILE.onnx.")
        on_cuda = device != "cpu" and cuda.works()
        if on_cuda and not without_graphs:
            try:
                return cls._with_graphs(path, threads)
            except ModelError as error:  # perhaps of the file itself: it is opened again below
                without_graphs = error.message
        inference = _open(path, threads, [cuda.provider(graphs=False), CPU] if on_cuda else [CPU], TWO_LENGTHS)
        info = _info(inference, path)
        if CUDA in inference.get_providers():  # asked for and not there, it is left out silently
            return cls(inference, info, "cuda", apart=True, without_graphs=without_graphs)
        if device == "cuda":
            raise ModelError(NO_CUDA, CUDA_HINT)
        return cls(inference, info, "cpu")

    @classmethod
    def _with_graphs(cls, path: Path, threads: int) -> Runtime:
        """On CUDA, ready to capture; ModelError where that cannot be."""
        info = read_info(path)
        columns = {f"R{ring}": info.capacity_of(ring) for ring in info.rings}
        inference = _open(path, threads, [cuda.provider(graphs=True), CPU], columns)
        shapes = {value.name: value.shape for value in inference.get_inputs()}
        if CUDA not in inference.get_providers() or shapes["rotation"] != [info.capacity]:
            raise ModelError(BEFORE_GRAPHS, EXPORT_HINT)
        return cls(inference, _info(inference, path), "cuda", apart=True, graphs=True)


def _open(path: Path, threads: int, providers: list[Any], lengths: Mapping[str, int]) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = QUIET
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # an idle musician burns no CPU
    for name, length in lengths.items():
        options.add_free_dimension_override_by_name(name, length)
    try:
        return ort.InferenceSession(str(path), options, providers=providers)
    except state.NotImplemented as error:
        raise ModelError(
            f"onnxruntime {VERSION} is too old for {path}: {first_line(error)}",
            "Install onnxruntime 1.25 or newer.",
        ) from error
    except ORT_ERRORS as error:
        raise ModelError(
            f"{path} is not a model that can be loaded; it may be incomplete. {first_line(error)}",
            EXPORT_HINT,
        ) from error


def _info(inference: Any, path: Path) -> ModelInfo:
    """The file's metadata, checked against the graph's own shapes."""
    info = ModelInfo.from_metadata(inference.get_modelmeta().custom_metadata_map, path)
    shapes = {value.name: value.shape for value in inference.get_inputs()}
    expected = {
        f"{kind}_{layer}": [1, info.n_head, info.capacity_of(info.ring_of(layer)), info.d_head]
        for layer in range(info.n_layer)
        for kind in "kv"
    }
    places = {f"{name}{ring}" for name in ("slot", "rotation", "mask") for ring in info.rings}
    held = {name: shape for name, shape in shapes.items() if name[:2] in ("k_", "v_")}
    if held != expected or not places | {"token", "first"} <= shapes.keys():
        raise ModelError(f"{path}: the graph is not what its metadata says.", EXPORT_HINT)
    return info
