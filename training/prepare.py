"""`python -m training prepare`: reads the sets' archives and writes the tokens of every variant to a cache.

CACHE/tokens.bin holds uint16 (little-endian) ids, the pieces one after the other, each from its BOS on;
CACHE/manifest.json says what lies where. The same data, variants and seed give the same bytes, however many
workers there are.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import click
import numpy as np

from jamd.errors import ConfigError, JamdError
from jamd.music.events import Kind, Performed
from jamd.remi.encoder import tokenize
from jamd.remi.vocabulary import BAR, DURATION_OPEN, FINGERPRINT, NOTE_ON, SIZE, TEMPO_CLASS
from training import places
from training.augment import Key, variant_log
from training.corpus import sets
from training.corpus.licence import MEANING, PERMISSIVE, strictest
from training.corpus.piece import PieceRow

TOKENS, MANIFEST = "tokens.bin", "manifest.json"
DTYPE = np.dtype("<u2")
TRAIN, VALID = "train", "valid"


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of one set, with all its variants."""

    set_name: str
    folder: Path
    row: PieceRow
    variants: int
    seed: int


@dataclass(slots=True)
class Done:
    """What a worker hands back: the ids of each variant, and figures; `error` is why a piece was skipped."""

    job: Job
    ids: list[np.ndarray] = field(default_factory=list)
    struck: int = 0
    irregular_bars: int = 0
    flat_velocity: bool = False
    seconds: float = 0.0
    error: str = ""


def run(job: Job) -> Done:
    """Reads a piece and tokenizes its variants; a bad file becomes a Done with `error`."""
    began = time.monotonic()
    done = Done(job)
    try:
        piece = sets.SETS[job.set_name].read(job.folder, job.row)
        done.flat_velocity, done.irregular_bars = piece.flat_velocity, piece.irregular_bars
        train = job.row.split == TRAIN
        for variant in range(job.variants if train else 1):
            entries = variant_log(piece, Key(job.seed, job.set_name, job.row.piece, variant), train=train)
            if not entries:
                raise JamdError(f"{job.row.piece} has no notes")
            done.struck += sum(isinstance(e, Performed) and e.kind is Kind.NOTE_ON for e in entries)
            done.ids.append(np.asarray(tokenize(entries), dtype=DTYPE))
    except (JamdError, OSError, ValueError) as error:
        done.error, done.ids = (str(error).splitlines() or [repr(error)])[0], []
    except Exception as error:
        error.add_note(f"while reading {job.set_name}/{job.row.piece}")  # a fault of ours: says where, and stops
        raise
    done.seconds = time.monotonic() - began
    return done


class Cache:
    """Writes the token file and collects its manifest, which comes last, whole. Owned by the main process."""

    def __init__(self, folder: Path, file: BinaryIO) -> None:
        self._folder, self._file = folder, file
        self._start = 0
        self.pieces: list[dict[str, Any]] = []
        self.figures: dict[str, Counter[str]] = {}
        self.skipped: dict[str, list[dict[str, str]]] = {}
        self.licences: dict[str, Counter[str]] = {}
        self.tiers: dict[str, set[str]] = {}

    def add(self, done: Done) -> None:
        """Appends the variants of a piece, or notes that it was skipped."""
        job, row = done.job, done.job.row
        figures = self.figures.setdefault(job.set_name, Counter())
        if done.error:
            self.skipped.setdefault(job.set_name, []).append({"piece": row.piece, "why": done.error})
            return
        source = sets.SETS[job.set_name]
        licence, tier = row.licence if source.mixed else source.licence, source.tier_of(row)
        self.licences.setdefault(job.set_name, Counter())[licence] += 1
        self.tiers.setdefault(job.set_name, set()).add(tier)
        figures["pieces"] += 1
        figures["irregular_bars"] += done.irregular_bars
        figures["milliseconds"] += round(done.seconds * 1000)
        figures["struck"] += done.struck
        for variant, ids in enumerate(done.ids):
            self._file.write(ids.tobytes())
            counts = measure(ids)
            figures.update(counts)
            self.pieces.append(
                {
                    "set": job.set_name,
                    "piece": row.piece,
                    "group": row.group,
                    "licence": licence,
                    "tier": tier,
                    "split": row.split,
                    "bars": row.bars,
                    "variant": variant,
                    "start": self._start,
                    "length": len(ids),
                    "notes": counts["notes"],
                    "flat_velocity": done.flat_velocity,
                }
            )
            self._start += len(ids)

    def close(self, chosen: Sequence[Chosen], checksums: dict[str, str], settings: dict[str, Any]) -> dict[str, Any]:
        """Writes the manifest and returns it."""
        sources = [self._source(c, checksums[c.source.name]) for c in chosen]
        manifest = {
            "fingerprint": FINGERPRINT,
            "vocabulary_size": SIZE,
            "tokens": self._start,
            "dtype": DTYPE.str,
            "tier": strictest([s["tier"] for s in sources]),
            "settings": settings,
            "sources": sources,
            "pieces": self.pieces,
        }
        partial_file = self._folder / f"{MANIFEST}.partial"
        partial_file.write_text(json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8")
        partial_file.replace(self._folder / MANIFEST)
        return manifest

    def _source(self, chosen: Chosen, checksum: str) -> dict[str, Any]:
        name = chosen.source.name
        return {
            "set": name,
            "licence": chosen.source.licence,
            "credit": chosen.source.credit,
            "licences": dict(self.licences.get(name, {})),
            "tier": strictest(sorted(self.tiers.get(name, ()))),
            "sha256": checksum,
            "pieces": self.figures.get(name, Counter())["pieces"],
            "left_for_licence": chosen.left,
            "moved_to_valid": chosen.moved,
            "skipped": self.skipped.get(name, []),
            "figures": dict(self.figures.get(name, {})),
        }


def measure(ids: np.ndarray) -> dict[str, int]:
    """What a run of ids holds: tokens, notes, bars, tempo changes and open notes."""
    return {
        "tokens": len(ids),
        "notes": int(np.count_nonzero((ids >= NOTE_ON.first) & (ids < NOTE_ON.first + len(NOTE_ON)))),
        "bars": int(np.count_nonzero(ids == BAR)),
        "tempi": int(np.count_nonzero((ids >= TEMPO_CLASS.first) & (ids < TEMPO_CLASS.first + len(TEMPO_CLASS)))),
        "open": int(np.count_nonzero(ids == DURATION_OPEN)),
    }


@dataclass(slots=True)
class Chosen:
    """A set that is taken, unpacked in `folder`, and what of it."""

    source: sets.SourceSet
    folder: Path
    rows: list[PieceRow]
    left: int = 0
    """Pieces of a mixed set that were left out for their licence."""
    moved: int = 0
    """Training pieces that validate instead, since their group has a validation piece in some set."""

    def jobs(self, variants: int, seed: int) -> list[Job]:
        """A job for every piece."""
        return [Job(self.source.name, self.folder, row, variants, seed) for row in self.rows]


def choose(source: sets.SourceSet, data: Path, into: Path, *, any_licence: bool) -> Chosen:
    """The pieces of a set; of a mixed one only those for any use, unless any licence will do."""
    folder = source.open(data, into)
    rows = source.rows_in(folder, data)
    fit = [r for r in rows if any_licence or not source.mixed or source.tier_of(r) == PERMISSIVE]
    return Chosen(source, folder, fit, len(rows) - len(fit))


def keep_groups_whole(chosen: Sequence[Chosen]) -> None:
    """A group with a validation piece in any of the sets validates, all of it, in all of them."""
    validates = {row.group for c in chosen for row in c.rows if row.split != TRAIN}
    for c in chosen:
        before = c.rows
        c.rows = [replace(r, split=VALID) if r.split == TRAIN and r.group in validates else r for r in before]
        c.moved = sum(old is not new for old, new in zip(before, c.rows, strict=True))


def results(jobs: Sequence[Job], workers: int) -> Iterator[Done]:
    """Runs jobs and gives their results in the order of the jobs, whatever the number of workers."""
    if workers <= 1:
        yield from map(run, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(run, jobs, chunksize=2)


def prepare(
    data: Path, names: Sequence[str], out: Path, workers: int, variants: int, seed: int, *, any_licence: bool = False
) -> dict[str, Any]:
    """Writes the cache and returns its manifest; a bad piece is named, skipped and counted.

    Raises ConfigError for an unknown set, an archive that cannot be used, or when no piece can be. An older cache is
    replaced only when the new one is whole.
    """
    sources = sets.named(names)
    checksums = {s.name: s.checksum(data) for s in sources}
    tokens = _begin(out)
    with tempfile.TemporaryDirectory() as scratch, tokens.open("wb") as file:
        chosen = [choose(s, data, Path(scratch) / s.name, any_licence=any_licence) for s in sources]
        keep_groups_whole(chosen)
        jobs = [job for c in chosen for job in c.jobs(variants, seed)]
        cache = Cache(out, file)
        with click.progressbar(results(jobs, workers), length=len(jobs), label="Tokenizing") as bar:
            for done in bar:
                cache.add(done)
                if done.error:
                    click.echo(f"\nskipped {done.job.set_name}/{done.job.row.piece}: {done.error}", err=True)
    if not cache.pieces:
        tokens.unlink()
        raise ConfigError(_nothing(chosen), "Name other sets by --sets, or take --any-licence.")
    (out / MANIFEST).unlink(missing_ok=True)  # never a manifest beside tokens that are not its own
    tokens.replace(out / TOKENS)
    settings = {"variants": variants, "seed": seed, "sets": [s.name for s in sources], "any_licence": any_licence}
    return cache.close(chosen, checksums, settings)


def _nothing(chosen: Sequence[Chosen]) -> str:
    taken, left = (sum(counts) for counts in zip(*((len(c.rows), c.left) for c in chosen), strict=True))
    return f"No piece to write: {taken} cannot be read, {left} are left for their licence."


def _begin(out: Path) -> Path:
    """Makes the cache's folder and gives the file that tokens are written to until all is done."""
    places.try_folder(out)
    return out / f"{TOKENS}.partial"


def summary(manifest: dict[str, Any]) -> list[str]:
    """A line for each set, and what its licence means where that is not any use."""
    lines = []
    for source in manifest["sources"]:
        f = Counter(source["figures"])
        notes, bars, pieces = max(f["notes"], 1), max(f["bars"], 1), max(f["pieces"], 1)
        lines.append(
            f"{source['set']}: {f['pieces']} pieces, {len(source['skipped'])} skipped, "
            f"{source['left_for_licence']} left for their licence, {source['moved_to_valid']} moved to valid, "
            f"{f['tokens']:,} tokens, "
            f"{f['tokens'] / notes:.2f} a note, {f['tempi'] / bars:.3f} tempi a bar, "
            f"{f['open'] / notes:.1%} open, "
            f"{f['struck'] - f['notes']} merged, {f['irregular_bars']} irregular bars, "
            f"{f['milliseconds'] / pieces / 1000:.2f} s a piece"
        )
    lines += [
        f"LICENCE: {s['set']} is {s['tier']} ({s['licence']}): {MEANING[s['tier']]}."
        for s in manifest["sources"]
        if s["tier"] != PERMISSIVE
    ]
    return [*lines, f"Tier {manifest['tier']}: {MEANING[manifest['tier']]}."]


_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("prepare")
@click.option("--data", type=_FOLDER, required=True, metavar="DIR", help="Where the *.tar.xz lie.")
@click.option("--sets", "names", default=",".join(sets.DEFAULT), show_default=True, help="Names and commas.")
@click.option("--any-licence", is_flag=True, help="All pieces of sets with mixed licences.")
@click.option("--out", type=_FOLDER, required=True, metavar="CACHE", help="What is written.")
@click.option("--workers", type=click.IntRange(1), default=os.cpu_count, help="Processes; as many as cores.")
@click.option("--variants", type=click.IntRange(1), default=4, show_default=True, help="Of a training piece.")
@click.option("--seed", type=int, default=1, show_default=True, help="Decides every augmentation.")
def prepare_command(
    data: Path, names: str, any_licence: bool, out: Path, workers: int, variants: int, seed: int
) -> None:
    """Turn the archives of a data folder into tokens.

    By default those whose licences permit weights for any use. Other sets are taken when they are named, MAESTRO
    too (from its folder, maestro-v3.0.0); the summary and the manifest say what that means for the weights.

    \b
    Examples:
      python -m training prepare --data data --out cache --workers 2
      python -m training prepare --data data --sets pop909,asap --out cache
    """
    try:
        chosen = [n.strip() for n in names.split(",") if n.strip()]
        manifest = prepare(data, chosen, out, workers, variants, seed, any_licence=any_licence)
    except JamdError as error:
        click.echo(str(error), err=True)
        raise SystemExit(error.exit_code) from error
    for line in summary(manifest):
        click.echo(line)
    click.echo(f"{manifest['tokens']:,} tokens in {out / TOKENS}")
