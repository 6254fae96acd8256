"""One jam from start to end: what is prepared before the children start, and what is left when they have gone."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from jamd import __version__
from jamd.config import Settings
from jamd.daemon.diary import Diary
from jamd.daemon.signals import Signals
from jamd.daemon.supervisor import Supervisor
from jamd.daemon.words import Job
from jamd.engine import LARGE_PAGES
from jamd.errors import ConfigError
from jamd.midi.ports import FILE_PREFIX
from jamd.midi.recording import build_midi, recover


def jam(settings: Settings, events: Path | None, say: Callable[[str], None], wanted: Path | None = None) -> int:
    """Plays one jam; the exit code. What was recorded is there however it ended; its .mid goes to `wanted` too."""
    model = settings.engine.path  # a missing model is said before anything is opened
    seed = settings.sampling.seed or secrets.randbelow(2**32 - 1) + 1
    wanted = wanted or _wanted_file(settings)
    diary = Diary(say, events)
    with tempfile.TemporaryDirectory(prefix="jamd-") as scratch, Signals() as signals:
        _recover(settings, say)
        log = _log_path(settings, Path(scratch)) if settings.record.on or wanted else None
        ports = f"in {settings.midi.in_}, out {settings.midi.out}"
        say(f"jamd {__version__}: {ports}, model {model.name}, seed {seed}")
        for name, value in LARGE_PAGES.items():
            os.environ.setdefault(name, value)  # for the brain, which begins with it
        try:
            return Supervisor(lambda board: Job(board, settings, seed, log), diary, signals).run()
        finally:
            if log is not None and log.exists():
                _keep(log, settings.record.on, wanted, say)


def _wanted_file(settings: Settings) -> Path | None:
    """The .mid that `--out file:` asks for."""
    out = settings.midi.out
    if not out.startswith(FILE_PREFIX):
        return None
    path = Path(out.removeprefix(FILE_PREFIX)).expanduser()
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent} to write {path.name} to", "Make it, or name another.")
    return path


def _recover(settings: Settings, say: Callable[[str], None]) -> None:
    """The .mid of jams that ended in a crash."""
    if settings.record.on and settings.record.folder.is_dir():
        found = recover(settings.record.folder)
        for mid in found.built:
            say(f"recovered {mid}")
        for log, reason in found.broken:
            say(f"cannot recover {log}: {reason}")


def _log_path(settings: Settings, scratch: Path) -> Path:
    """A new log's path, in the folder for recordings or, where none is kept, in `scratch`."""
    folder = settings.record.folder if settings.record.on else scratch
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot record into {folder}: {error.strerror}",
            "Name another folder with --record DIR, or say --no-record.",
        ) from None
    stem = time.strftime("jam-%Y%m%d-%H%M%S")
    path, number = folder / f"{stem}.jsonl", 2
    while path.exists():
        path, number = folder / f"{stem}-{number}.jsonl", number + 1
    return path


def _keep(log: Path, keep: bool, wanted: Path | None, say: Callable[[str], None]) -> None:
    """The .mid beside the log, and where it was asked for."""
    mid = log.with_suffix(".mid")
    build_midi(log, mid)
    if wanted is not None:
        shutil.copyfile(mid, wanted)
        say(f"wrote {wanted}")
    if keep:
        say(f"recorded {mid}")
