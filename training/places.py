"""Where a command writes: tried before its work begins, and a sentence where it cannot."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jamd.errors import ConfigError


@contextmanager
def writing(path: Path, hint: str = "Name another place by --out.") -> Iterator[None]:
    """ConfigError with this hint where the system refuses what is done inside: to write to `path`."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}.", hint) from error


def try_folder(path: Path) -> None:
    """Makes the folder if need be, and tries to write in it; ConfigError where that fails."""
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()


def try_file(path: Path, option: str = "--out") -> None:
    """Whether a file can be written in the folder of `path`, which must be there; ConfigError where it cannot."""
    with writing(path, f"Name another file by {option}."):
        tempfile.TemporaryFile(dir=path.parent).close()
