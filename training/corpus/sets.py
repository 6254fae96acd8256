"""THE table of training sets: name, licence tier, reader; and how a set's archive is opened."""

from __future__ import annotations

import csv
import hashlib
import lzma
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from jamd.errors import ConfigError, MidiFileError, did_you_mean
from training.corpus import openscore_lieder, piano_rolls, pop909
from training.corpus.piece import Piece, PieceRow

MANIFEST = "manifest.tsv"


@dataclass(frozen=True, slots=True)
class SourceSet:
    """A training set. `read(folder, row)` makes a Piece of a line of its manifest, or raises a JamdError."""

    name: str
    licence: str
    tier: str
    """A: fit for weights under a permissive licence. SA: share-alike. NC: non-commercial."""
    read: Callable[[Path, PieceRow], Piece]

    def archive(self, data: Path) -> Path:
        """Where its archive lies in a data folder."""
        return data / f"{self.name}.tar.xz"


_ROWS = (
    SourceSet("pop909", "MIT", "A", pop909.read),
    SourceSet("piano_rolls", "MIT", "A", piano_rolls.read),
    SourceSet("openscore_lieder", "CC0 1.0", "A", openscore_lieder.read),
)
SETS = {row.name: row for row in _ROWS}


def named(names: Iterable[str]) -> list[SourceSet]:
    """The sets of these names; ConfigError for one that no reader is known for."""
    out = []
    for name in names:
        if name not in SETS:
            known = f"Known sets: {', '.join(SETS)}."
            raise ConfigError(f'No reader for a set "{name}".', f"{did_you_mean(name, SETS)} {known}".strip())
        out.append(SETS[name])
    return out


def checksum(archive: Path) -> str:
    """SHA-256 of an archive; ConfigError when it is not there."""
    try:
        with archive.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(
            f"{archive} cannot be read: {error.strerror}.", "Name the folder by --data."
        ) from error


def unpack(archive: Path, into: Path) -> Path:
    """Unpacks an archive in one pass and gives the folder of its manifest; ConfigError when it has none."""
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(into, filter="data")  # the filter refuses paths that lead outside
    except (OSError, tarfile.TarError, lzma.LZMAError, EOFError) as error:
        raise ConfigError(f"{archive} cannot be unpacked: {error}", "Is the archive complete?") from error
    found = sorted(into.rglob(MANIFEST))
    if not found:
        raise ConfigError(f"{archive} holds no {MANIFEST}.", "Every set names its pieces there.")
    return found[0].parent


def rows(folder: Path) -> list[PieceRow]:
    """The pieces of a set; MidiFileError when the manifest lacks a column."""
    with (folder / MANIFEST).open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    try:
        return [
            PieceRow(c["piece"], c["group"], c["split"], c["licence"] or "", c["note"] or "") for c in lines
        ]
    except KeyError as error:
        raise MidiFileError(f"{MANIFEST} has no column {error}") from error
