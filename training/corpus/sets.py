"""THE table of training sets: name, licence tier, reader; and how a set's archive is opened."""

from __future__ import annotations

import hashlib
import lzma
import tarfile
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jamd.errors import ConfigError, MidiFileError, did_you_mean
from training.corpus import asap, generic, maestro, midi, piano_rolls, pop909, score
from training.corpus.licence import PERMISSIVE, tier_of
from training.corpus.manifest import MANIFEST, rows
from training.corpus.piece import Piece, PieceRow

SUFFIX = ".tar.xz"
UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class SourceSet:
    """A training set. `read(folder, row)` makes a Piece of one of its rows, or raises a JamdError."""

    name: str
    licence: str
    tier: str
    """What its weights may be used for, see `licence.MEANING`; of a mixed set: the best of its pieces."""
    read: Callable[[Path, PieceRow], Piece]
    credit: str = ""
    """Whom a card of the weights names."""
    mixed: bool = False
    """Each piece has a licence of its own, in the manifest."""
    rows: Callable[[Path], list[PieceRow]] = rows
    """The pieces in the folder that `open` gave."""
    table: Callable[[Path], Path] | None = None
    """Of a set that is a folder, not an archive: its table in a data folder."""

    def archive(self, data: Path) -> Path:
        """Where its archive, or the table of its folder, lies in a data folder."""
        return self.table(data) if self.table is not None else data / f"{self.name}{SUFFIX}"

    def open(self, data: Path, into: Path) -> Path:
        """The folder with its pieces, unpacked into `into` if need be; ConfigError when it cannot be had."""
        archive = self.archive(data)
        return archive.parent if self.table is not None else unpack(archive, into)

    def rows_in(self, folder: Path, data: Path) -> list[PieceRow]:
        """The pieces in the folder that `open` gave; MidiFileError, with the archive's name, for a bad table."""
        try:
            return self.rows(folder)
        except MidiFileError as error:
            raise MidiFileError(f"{self.archive(data)}: {error.message}", error.hint) from error

    def checksum(self, data: Path) -> str:
        """SHA-256 of its archive; of a folder, of its table and all files that the table names, told as lines.

        ConfigError when the archive or the table is not there; a piece that is not counts as missing.
        """
        archive = self.archive(data)
        whole = checksum(archive)
        if self.table is None:
            return whole
        pieces = [row.piece for row in self.rows_in(archive.parent, data)]
        files = [(piece, archive.parent / piece) for piece in pieces]
        lines = [f"{piece} {checksum(path) if path.is_file() else 'missing'}" for piece, path in files]
        return hashlib.sha256("\n".join([whole, *lines]).encode()).hexdigest()

    def tier_of(self, row: PieceRow) -> str:
        """The tier of one piece."""
        return tier_of(row.licence) if self.mixed else self.tier


# wjazzd_comped is wjazzd with a left hand: one of them trains, not both
_NC = maestro.LICENCE
_ROWS = (
    SourceSet(
        "pop909", "MIT", "A", pop909.read, credit="music-x-lab/POP909-Dataset; Dsqvival/hierarchical-structure-analysis"
    ),
    SourceSet("piano_rolls", "MIT", "A", piano_rolls.read, credit="Stanford University, pianoroll/pianolatron-data"),
    SourceSet("openscore_lieder", "CC0 1.0", "A", score.reader(score.LIEDER), credit="OpenScore Lieder Corpus"),
    SourceSet(
        "mutopia_keyboard",
        "PD, CC BY or CC BY-SA",
        "A",
        score.reader(score.PLAIN),
        credit="the Mutopia Project and its typesetters",
        mixed=True,
    ),
    SourceSet(
        "chopin_first_editions", "CC BY 4.0", "A", score.reader(score.CHOPIN), credit="the Fryderyk Chopin Institute"
    ),
    SourceSet(
        "piano_midi_de",
        "believed CC BY-SA (DE)",
        "SA",
        score.reader(score.PIANO_MIDI_DE),
        credit="Bernd Krueger, piano-midi.de",
    ),
    SourceSet(
        "wjazzd",
        "believed ODbL 1.0",
        "SA",
        score.reader(score.WJAZZD),
        credit="the Jazzomat Research Project, Weimar Jazz Database",
    ),
    SourceSet(
        "wjazzd_comped",
        "believed ODbL 1.0",
        "SA",
        score.reader(score.WJAZZD_COMPED),
        credit="the Jazzomat Research Project, Weimar Jazz Database",
    ),
    SourceSet("asap", _NC, "NC", asap.read, credit="CPJKU/asap-dataset", rows=asap.rows),
    SourceSet(
        "maestro",
        _NC,
        "NC",
        maestro.read,
        credit="MAESTRO v3.0.0, Google Magenta",
        rows=maestro.rows,
        table=maestro.table,
    ),
    SourceSet("joplin_kern", _NC, "NC", score.reader(score.PLAIN), credit="Craig Stuart Sapp"),
    SourceSet("piano_rolls_welte_red_nc", _NC, "NC", piano_rolls.read, credit="Stanford University, SUPRA"),
    SourceSet("nottingham", "GPL-3.0", "GPL", score.reader(score.PLAIN), credit="jukedeck/nottingham-dataset"),
    SourceSet("djazz", "GPL-3.0", "GPL", score.reader(score.LEAD_SHEET), credit="DYCI2/Djazz"),
    SourceSet(
        "openewld",
        "MIT and a doubtful claim of public domain",
        "?",
        score.reader(score.LEAD_SHEET),
        credit="00sapo/OpenEWLD",
    ),
)
SETS = {row.name: row for row in _ROWS}
DEFAULT = tuple(row.name for row in _ROWS if row.tier == PERMISSIVE)
"""What trains weights for any use."""
WITHOUT_NOTES = {"improvisor_leadsheets": "it holds chord charts and solos as text, no MIDI"}
"""Sets of the data folder that no reader reads, and why."""


def named(names: Collection[str]) -> list[SourceSet]:
    """The sets of these names, each once; ConfigError for none, and for one that no reader is known for."""
    out = []
    if not names:
        raise ConfigError("No set is named.", f"Known sets: {', '.join(SETS)}.")
    for name in dict.fromkeys(names):
        if name in WITHOUT_NOTES:
            raise ConfigError(f'No reader for "{name}": {WITHOUT_NOTES[name]}.', f"Known sets: {', '.join(SETS)}.")
        if name not in SETS:
            known = f"Known sets: {', '.join(SETS)}."
            raise ConfigError(f'No reader for a set "{name}".', f"{did_you_mean(name, SETS)} {known}".strip())
        out.append(SETS[name])
    return out


def of_folder(data: Path) -> list[SourceSet]:
    """All sets in a folder: the known ones in the table's order, then strangers by name.

    A stranger is read like the known set that it has in its name (`pop909_more`), as far as it has that set's files,
    else by `generic`; its licences are those of its manifest. ConfigError when there is no such folder.
    """
    if not data.is_dir():
        raise ConfigError(f"There is no folder {data}.", "Name the folder of the archives by --data.")
    known = [s for s in _ROWS if s.archive(data).is_file()]
    others = sorted(p.name.removesuffix(SUFFIX) for p in data.glob(f"*{SUFFIX}"))
    return known + [_stranger(name) for name in others if name not in SETS and name not in WITHOUT_NOTES]


def _stranger(name: str) -> SourceSet:
    akin = max((s for s in _ROWS if s.table is None and s.name in name), key=lambda s: len(s.name), default=None)
    if akin is None:
        return SourceSet(name, UNKNOWN, UNKNOWN, generic.read, mixed=True)
    return SourceSet(
        name, UNKNOWN, UNKNOWN, partial(_read_akin, akin.read), mixed=True, rows=partial(_rows_akin, akin.rows)
    )


def _rows_akin(akin: Callable[[Path], list[PieceRow]], folder: Path) -> list[PieceRow]:
    """The rows as the known set has them, or, where it finds nothing in its places, those of the manifest."""
    return akin(folder) or rows(folder)


def _read_akin(akin: Callable[[Path, PieceRow], Piece], folder: Path, row: PieceRow) -> Piece:
    """The piece as the known set is read; by `generic` where that set's files or tracks are not there."""
    try:
        piece = akin(folder, row)
    except (midi.MissingFileError, FileNotFoundError):
        return generic.read(folder, row)
    return piece if piece.notes else generic.read(folder, row)


def checksum(archive: Path) -> str:
    """SHA-256 of an archive; ConfigError when it is not there."""
    try:
        with archive.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"{archive} cannot be read: {error.strerror}.", "Name the folder by --data.") from error


def unpack(archive: Path, into: Path) -> Path:
    """Unpacks an archive in one pass and gives the folder of its manifest; ConfigError when it has none."""
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(into, filter="data")  # the filter refuses paths that lead outside
    except (OSError, tarfile.TarError, lzma.LZMAError, zlib.error, EOFError) as error:
        why = str(error).partition("\n")[0].rstrip(":")
        raise ConfigError(f"{archive} cannot be unpacked: {why}", "Is the archive complete?") from error
    found = sorted(into.rglob(MANIFEST))
    if not found:
        raise ConfigError(f"{archive} holds no {MANIFEST}.", "Every set names its pieces there.")
    return found[0].parent
