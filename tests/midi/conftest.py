"""Fixtures for the tests of the wire."""

from __future__ import annotations

from tests.jack import jack_server

__all__ = ["jack_server"]
