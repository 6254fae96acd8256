"""Which pieces of a data folder are measured, and reading them: nothing that trained is ever among them."""

from __future__ import annotations

import hashlib
import multiprocessing
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jamd.errors import ConfigError, JamdError, did_you_mean
from training.batches import REPORT, STOP, TRAIN, VALID, half_of
from training.corpus import sets
from training.corpus.piece import PieceRow
from training.evaluation.progress import Watch, unwatched
from training.evaluation.song import Song, song_of

__all__ = ["ALL", "SPLITS", "Gathered", "Song", "gather", "songs"]

ALL = "all"
SPLITS = (REPORT, STOP, ALL)


@dataclass(slots=True)
class Gathered:
    """What a data folder gave."""

    songs: list[Song] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    """Pieces not measured, by reason: `trained` (its group is in the training data), `train`, `other half`."""
    skipped: list[str] = field(default_factory=list)
    """Pieces that could not be read, `set/piece: why`, and whole archives, `archive: why`."""


@dataclass(frozen=True, slots=True)
class Job:
    """One piece to read."""

    source: sets.SourceSet
    folder: Path
    row: PieceRow


def songs(data: Path, names: Sequence[str] | None, *, split: str, without_groups: Collection[str]) -> list[Song]:
    """The songs of the archives in `data`; see `gather`."""
    return gather(data, names, split=split, without_groups=without_groups).songs


def gather(
    data: Path,
    names: Sequence[str] | None,
    *,
    split: str,
    without_groups: Collection[str],
    at_most: int | None = None,
    workers: int = 1,
    watch: Watch = unwatched,
) -> Gathered:
    """Reads the chosen pieces of the sets `names` (None: of every archive there), in an order of their own.

    `split`: `report` takes the reporting half of the valid rows and every row that is neither train nor
    valid, `stop` the other half, `all` every row. Pieces of `without_groups` are left out in any case.
    `at_most` pieces of each set are read, chosen by the hash of their names. A bad file, or archive, is skipped and
    named. ConfigError when nothing is left.
    """
    out = Gathered()
    with tempfile.TemporaryDirectory() as scratch:
        jobs: list[Job] = []
        for source in _sources(data, names):
            folder = Path(scratch) / source.name
            try:
                folder = source.open(data, folder)
                rows = source.rows_in(folder, data)
            except JamdError as error:
                out.skipped.append(error.message)
                continue
            chosen = [row for row in rows if _wanted(row, split, without_groups, out.left_out)]
            chosen.sort(key=lambda row: hashlib.sha256(f"{source.name}/{row.piece}".encode()).digest())
            jobs += [Job(source, folder, row) for row in chosen[:at_most]]
        with watch(len(jobs), "Reading") as tick:
            for job, read in zip(jobs, _results(jobs, workers), strict=True):
                tick(1)
                if isinstance(read, Song):
                    out.songs.append(read)
                else:
                    out.skipped.append(f"{job.source.name}/{job.row.piece}: {read}")
    if not out.songs:
        raise ConfigError(f"No piece of {data} is left to measure: {_reasons(out)}.", _hint(out, split))
    return out


def _sources(data: Path, names: Sequence[str] | None) -> list[sets.SourceSet]:
    """The sets asked for, by name or by the folder's archives; ConfigError when there are none."""
    there = sets.of_folder(data)
    if not there:
        raise ConfigError(f"{data} holds no archive of a set.", "Name the folder of the *.tar.xz by --data.")
    found = {source.name: source for source in there}
    chosen = []
    for name in dict.fromkeys(names or found):
        if name not in found:
            has = f"{data} holds {', '.join(found)}."
            raise ConfigError(f'No set "{name}" in {data}.', f"{did_you_mean(name, found)} {has}".strip())
        chosen.append(found[name])
    return chosen


def _wanted(row: PieceRow, split: str, without: Collection[str], left_out: Counter[str]) -> bool:
    """Whether a row is measured; if not, its reason is counted."""
    reason = ""
    if row.group in without:
        reason = "trained"
    elif split != ALL and row.split == TRAIN:
        reason = "train"
    elif split != ALL and (half_of(row.group) if row.split == VALID else REPORT) != split:
        reason = "other half"
    if reason:
        left_out[reason] += 1
    return not reason


def _results(jobs: Sequence[Job], workers: int) -> Iterator[Song | str]:
    """The songs in the order of the jobs, whatever the number of workers."""
    if workers <= 1 or len(jobs) < 2:
        yield from map(_read, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(_read, jobs)


def _read(job: Job) -> Song | str:
    """The song, or why it cannot be had."""
    try:
        return song_of(job.source.read(job.folder, job.row), job.source.name, job.row.piece, job.row.group)
    except (JamdError, OSError, ValueError) as error:
        return (str(error).splitlines() or [repr(error)])[0]


def _reasons(out: Gathered) -> str:
    told = [f"{count} {_SPOKEN[reason]}" for reason, count in sorted(out.left_out.items()) if count]
    told += [f"{len(out.skipped)} cannot be read ({out.skipped[0]})"] if out.skipped else []
    return ", ".join(told) or "its manifests name none"


_SPOKEN = {
    "trained": "are in the training data",
    "train": "are marked train",
    "other half": "belong to the other half of the validation part",
}


def _hint(out: Gathered, split: str) -> str:
    if split == ALL or not out.left_out.keys() - {"trained"}:
        return ""
    return "--split all measures every row that is not in the training data."
