"""The model at work: the session with its ring memory, and sampling. The only room with onnxruntime."""

from __future__ import annotations

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
"""Before onnxruntime loads: from 1.31 on it else keeps a database of its use in the home folder, and writes to it
while somebody plays."""

LARGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""Environment for a process that will run the model, to be set before it starts: glibc then puts the weights on
large pages, and a step of size S takes a seventh less, a quarter less where others use the cache too. Where there
is no glibc of 2.35 or newer, nothing happens."""
