"""A JACK server and a model for the daemon's live tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.live import ringing_model
from tests.jack import jack_server, jack_up, need_jackd

__all__ = ["impatient_server", "jack_server", "model"]


@pytest.fixture(scope="module")
def impatient_server() -> Iterator[str]:
    """A JACK server for tests that kill: it does not wait long for the dead, nor for who is slow."""
    need_jackd()
    with jack_up(timeout_ms=30) as name:
        yield name


@pytest.fixture(scope="package")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose answers ring."""
    return ringing_model(tmp_path_factory.mktemp("model") / "ringing.onnx")
