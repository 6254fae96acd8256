"""What is kept of a jam: where its log stands, the .mid files made of it, and those of jams that crashed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from types import TracebackType

from jamd.config import Record
from jamd.errors import ConfigError, MidiFileError
from jamd.midi.recording import build_midi, recover

_MUSIC = (b'"type":"performed"', b'"type":"played"')
RECOVERY_S = 0.2
"""How long the start waits for it: main has nothing else to do while its children load."""


class Keeping:
    """From entry to exit there is a jam; at the exit its recording is made, however it ended. Owned by main."""

    def __init__(self, record: Record, wanted: Path | None, say: Callable[[str], None]) -> None:
        """`wanted`: where else the .mid is to go. ConfigError where the folder for recordings cannot be had."""
        self._record, self._wanted, self._say = record, wanted, say
        self._scratch: Path | None = None
        if not record.on and wanted is not None:
            self._scratch = Path(tempfile.mkdtemp(prefix="jamd-"))  # nothing else would hold the log
        self.log = _new_log(self._scratch or record.folder) if record.on or wanted else None
        """Where the wire writes; None: it does not."""

    def __enter__(self) -> Keeping:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.log is not None and _holds_music(self.log):
                self._keep(self.log)
            elif self.log is not None:
                self._forget(self.log, failed=error is not None)
        except MidiFileError as failure:
            if error is None:
                raise
            self._say(str(failure))  # and the error that ended the jam goes on
        else:
            if self._scratch is not None:
                shutil.rmtree(self._scratch, ignore_errors=True)

    def _keep(self, log: Path) -> None:
        """The .mid beside the log, and a copy where it was asked for: nothing is lost if that fails."""
        mid = log.with_suffix(".mid")
        build_midi(log, mid)
        if self._record.on:
            self._say(f"recorded {mid}")
        if self._wanted is not None:
            _copy(mid, self._wanted)
            self._say(f"wrote {self._wanted}")

    def _forget(self, log: Path, failed: bool) -> None:
        """A log without music: it goes, and what stands where the .mid was wanted stays as it was."""
        with contextlib.suppress(OSError):
            log.unlink(missing_ok=True)
        if self._wanted is not None and not failed:
            self._say(f"nothing was played: {self._wanted} was not written")


def start_recovery(record: Record, say: Callable[[str], None]) -> Thread | None:
    """Makes the .mid of jams that ended in a crash, beside whatever else is done; None where none are kept."""
    if not record.on:
        return None
    thread = Thread(target=_recover, args=(record.folder, say), name="jamd-recovery", daemon=True)
    thread.start()
    return thread


def _recover(folder: Path, say: Callable[[str], None]) -> None:
    try:
        found = recover(folder)
    except OSError as error:
        say(f"cannot look for unfinished recordings in {folder}: {error.strerror}")
        return
    for mid in found.built:
        say(f"recovered {mid}")
    for log, reason in found.broken:
        say(f"cannot recover {log}: {reason}")


def _new_log(folder: Path) -> Path:
    """A new log's path in a folder, which is made where it is missing."""
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


def _holds_music(log: Path) -> bool:
    """True if anybody played anything: the performer, or jamd."""
    try:
        with log.open("rb") as lines:
            return any(music in line for line in lines for music in _MUSIC)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # what cannot be read may hold music: whoever reads it says why it cannot


def _copy(mid: Path, wanted: Path) -> None:
    """All of it or nothing: what stood there before stays until the copy is whole."""
    part = wanted.with_name(wanted.name + ".part")
    try:
        shutil.copyfile(mid, part)
        os.replace(part, wanted)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise MidiFileError(f"Cannot write {wanted}: {error.strerror}.", f"What was played is in {mid}.") from error
