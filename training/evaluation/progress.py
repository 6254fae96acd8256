"""How the parts of an evaluation say how far they are; what shows it stands in command.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Tick = Callable[[int], None]
Watch = Callable[[int, str], AbstractContextManager[Tick]]
"""`with watch(length, label) as tick:` follows a part of that length; `tick(n)` says that n more are done."""


@contextmanager
def unwatched(length: int, label: str) -> Iterator[Tick]:
    """Shows nothing."""
    yield lambda _: None
