"""What there is to know of the installed onnxruntime itself."""

from __future__ import annotations

import re

from onnxruntime.capi import onnxruntime_pybind11_state as state

ORT_ERRORS: tuple[type[Exception], ...] = (
    *(e for e in vars(state).values() if isinstance(e, type) and issubclass(e, Exception)),
    RuntimeError,
)
"""All that it raises; its own classes have no common base."""
QUIET = 4
"""Log severity: fatal only. A missing CUDA is no error: what really runs is asked and said afterwards."""


def first_line(error: Exception) -> str:
    """What an error says, without the pages that may follow; of CUDA's, without those that go before."""
    if failure := re.search(r"CUDA failure [^;\n]*", str(error)):
        return failure[0].strip()
    return (str(error).splitlines() or [type(error).__name__])[0]
