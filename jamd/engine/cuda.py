"""CUDA: whether it works here, how ONNX Runtime is asked for it, and which runs are replayed as captured graphs.

A captured graph is launched as a whole, in place of some hundred kernels one by one. It repeats what it saw when it
was captured: addresses, shapes, and every number that was read on the host. So what changes from step to step must
stand on the device, at addresses that stay, and each direction of the two banks of memory is a graph of its own.
"""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnxruntime as ort

from jamd.engine.library import ORT_ERRORS, QUIET

CUDA = "CUDAExecutionProvider"
OLDEST = (1, 26)
"""The first onnxruntime that copies from device to device on CUDA: a snapshot would go through the host without."""
GRAPH_ID, UNCAPTURED = "gpu_graph_id", -1


def works() -> bool:
    """True where a CUDA device can be reached."""
    if CUDA not in ort.get_available_providers() or tuple(map(int, ort.__version__.split(".")[:2])) < OLDEST:
        return False
    ort.set_default_logger_severity(QUIET)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it misses
        ort.preload_dlls(msvc=False)  # finds CUDA libraries that pip has installed
    try:
        ort.OrtValue.ortvalue_from_shape_and_type([1], np.int64, "cuda", 0)
    except ORT_ERRORS:
        return False
    return True


def provider(*, graphs: bool) -> Any:
    """CUDA with its options, as a session is asked for it."""
    options = {"use_tf32": "0"}  # TF32 keeps 10 bits, and parity would be lost
    return CUDA, {**options, "enable_cuda_graph": "1"} if graphs else options


class Graphs:
    """The captured graphs of one session: its steps, one graph for each bank that is read. Other runs are not captured.

    ONNX Runtime captures a graph when its id is first run, after it has run it twice uncaptured: no harm, since a run
    reads one bank and writes the other.
    """

    _ids = itertools.count(1)
    """One series for all: sessions that share the weights share the captured graphs too."""

    def __init__(self, banks: int = 2) -> None:
        self._on = True
        self._steps = [_options(next(self._ids)) for _ in range(banks)]
        self._others = _options(UNCAPTURED)

    def options(self, length: int, bank: int) -> ort.RunOptions:
        """Of a run of so many tokens that reads this bank."""
        return self._steps[bank] if self._on and length == 1 else self._others

    @contextlib.contextmanager
    def off(self) -> Iterator[None]:
        """Nothing is captured or replayed meanwhile."""
        self._on = False
        try:
            yield
        finally:
            self._on = True


def _options(graph: int) -> ort.RunOptions:
    options = ort.RunOptions()
    options.add_run_config_entry(GRAPH_ID, str(graph))
    return options
