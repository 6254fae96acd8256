"""The signals that end a jam, counted: the first asks, a second one insists."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType, TracebackType

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Ctrl-C, the system, the terminal's closing, and Ctrl-Break, as far as the system has them."""
_OF_THE_GROUP = ("SIGINT", "SIGHUP")
"""Those that a terminal sends to main and its children alike."""


class Signals:
    """From entry to exit these signals only count. Owned by main."""

    def __init__(self) -> None:
        self.count = 0
        """How many have come."""
        self._previous: list[tuple[signal.Signals, object]] = []

    def __enter__(self) -> Signals:
        for number in _known(_NAMES):
            self._previous.append((number, signal.signal(number, self._on_signal)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous:
            signal.signal(number, handler)  # type: ignore[arg-type]  # as it was given to us

    @contextlib.contextmanager
    def kept_from_children(self) -> Iterator[None]:
        """Whoever is started in here never gets a terminal's signals; main gets them afterwards."""
        if not hasattr(signal, "pthread_sigmask"):
            yield
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _known(_OF_THE_GROUP))
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.count += 1


def _known(names: tuple[str, ...]) -> list[signal.Signals]:
    return [signal.Signals[name] for name in names if name in signal.Signals.__members__]
