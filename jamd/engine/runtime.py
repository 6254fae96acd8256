"""Opens a model file in ONNX Runtime on the device that is there. Knows nothing of what the model plays."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as state

from jamd.engine.info import EXPORT_HINT, ModelInfo
from jamd.errors import ModelError

VERSION = str(ort.__version__)
"""Of ONNX Runtime."""
DEVICES = ("auto", "cpu", "cuda")
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
NO_CUDA = "CUDA was asked for, and does not work here."
CUDA_HINT = (
    'Run with --device cpu, or install the CUDA libraries: pip install "jamd[cuda]". '
    "`nvidia-smi` shows whether the driver works."
)
ORT_ERRORS: tuple[type[Exception], ...] = (
    *(e for e in vars(state).values() if isinstance(e, type) and issubclass(e, Exception)),
    RuntimeError,
)
"""All that ONNX Runtime raises; its own classes have no common base."""
QUIET = 4
"""Log severity: fatal only. A missing CUDA is no error: what really runs is asked and said afterwards."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """An open model: weights and threads, shared by a session and its forks."""

    inference: Any
    """The onnxruntime.InferenceSession; several sessions may run it, each on memory of its own."""
    info: ModelInfo
    device: str
    """What really runs: `cpu` or `cuda`."""
    banks: int
    """Of each memory: 1 where the graph works in place, 2 where it changes banks."""
    rebind: bool
    """True where inputs are copied to the device when they are bound: they must be bound for every run."""

    @classmethod
    def open(cls, path: Path, device: str = "auto", threads: int = 1) -> Runtime:
        """Opens `path`. ModelError for a file that is no model of jamd's, or `cuda` where there is none."""
        if device not in DEVICES:
            raise ValueError(f"device must be one of {', '.join(DEVICES)}, not {device!r}")
        if not path.is_file():
            raise ModelError(f"There is no model file {path}.", "Name one with --model FILE.onnx.")
        inference = _open(path, threads, [CPU] if device == "cpu" else [*_cuda(), CPU])
        info = _info(inference, path)
        if CUDA in inference.get_providers():  # asked for and not there, it is left out silently
            return cls(inference, info, "cuda", banks=2, rebind=True)
        if device == "cuda":
            raise ModelError(NO_CUDA, CUDA_HINT)
        return cls(inference, info, "cpu", banks=1, rebind=False)


def _open(path: Path, threads: int, providers: Sequence[Any]) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = QUIET
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # an idle musician burns no CPU
    try:
        return ort.InferenceSession(str(path), options, providers=list(providers))
    except state.NotImplemented as error:
        raise ModelError(
            f"onnxruntime {ort.__version__} is too old for {path}: {_first_line(error)}",
            "Install onnxruntime 1.25 or newer.",
        ) from error
    except ORT_ERRORS as error:
        raise ModelError(
            f"{path} is not a model that can be loaded; it may be incomplete. {_first_line(error)}",
            EXPORT_HINT,
        ) from error


def _cuda() -> list[Any]:
    """CUDA with its options, if this onnxruntime was built with it."""
    if CUDA not in ort.get_available_providers():
        return []
    ort.set_default_logger_severity(QUIET)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it misses
        ort.preload_dlls(msvc=False)  # finds CUDA libraries that pip has installed
    return [(CUDA, {"use_tf32": "0"})]  # TF32 keeps 10 bits, and parity would be lost


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


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
