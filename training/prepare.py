"""`python -m training prepare`: reads the sets' archives and writes the tokens of every variant to a cache.

CACHE/tokens.bin holds uint16 (little-endian) ids, the pieces one after the other, each from its BOS on;
CACHE/manifest.json says what lies where. The same data, variants and seed give the same bytes, however many
workers there are.
"""

from __future__ import annotations

import json
import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import click
import numpy as np

from jamd.errors import ConfigError, JamdError
from jamd.music.events import Kind, Performed
from jamd.remi.encoder import tokenize
from jamd.remi.vocabulary import BAR, DURATION_OPEN, FINGERPRINT, NOTE_ON, SIZE, TEMPO_CLASS
from training.augment import Key, variant_log
from training.corpus import sets
from training.corpus.piece import PieceRow

TOKENS, MANIFEST = "tokens.bin", "manifest.json"
DTYPE = np.dtype("<u2")
TRAIN = "train"


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
        error.add_note(
            f"while reading {job.set_name}/{job.row.piece}"
        )  # a fault of ours: says where, and stops
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

    def add(self, done: Done) -> None:
        """Appends the variants of a piece, or notes that it was skipped."""
        job, row = done.job, done.job.row
        figures = self.figures.setdefault(job.set_name, Counter())
        if done.error:
            self.skipped.setdefault(job.set_name, []).append({"piece": row.piece, "why": done.error})
            return
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
                    "split": row.split,
                    "variant": variant,
                    "start": self._start,
                    "length": len(ids),
                    "notes": counts["notes"],
                    "flat_velocity": done.flat_velocity,
                }
            )
            self._start += len(ids)

    def close(
        self, chosen: Sequence[sets.SourceSet], checksums: dict[str, str], settings: dict[str, Any]
    ) -> dict[str, Any]:
        """Writes the manifest and returns it."""
        manifest = {
            "fingerprint": FINGERPRINT,
            "vocabulary_size": SIZE,
            "tokens": self._start,
            "dtype": DTYPE.str,
            "settings": settings,
            "sources": [
                {
                    "set": s.name,
                    "licence": s.licence,
                    "tier": s.tier,
                    "sha256": checksums[s.name],
                    "pieces": self.figures.get(s.name, Counter())["pieces"],
                    "skipped": self.skipped.get(s.name, []),
                    "figures": dict(self.figures.get(s.name, {})),
                }
                for s in chosen
            ],
            "pieces": self.pieces,
        }
        partial_file = self._folder / f"{MANIFEST}.partial"
        partial_file.write_text(json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8")
        partial_file.replace(self._folder / MANIFEST)
        return manifest


def measure(ids: np.ndarray) -> dict[str, int]:
    """What a run of ids holds: tokens, notes, bars, tempo changes and open notes."""
    return {
        "tokens": len(ids),
        "notes": int(np.count_nonzero((ids >= NOTE_ON.first) & (ids < NOTE_ON.first + len(NOTE_ON)))),
        "bars": int(np.count_nonzero(ids == BAR)),
        "tempi": int(
            np.count_nonzero((ids >= TEMPO_CLASS.first) & (ids < TEMPO_CLASS.first + len(TEMPO_CLASS)))
        ),
        "open": int(np.count_nonzero(ids == DURATION_OPEN)),
    }


def jobs_of(source: sets.SourceSet, folder: Path, variants: int, seed: int) -> list[Job]:
    """A job for every line of the set's manifest."""
    return [Job(source.name, folder, row, variants, seed) for row in sets.rows(folder)]


def results(jobs: Sequence[Job], workers: int) -> Iterator[Done]:
    """Runs jobs and gives their results in the order of the jobs, whatever the number of workers."""
    if workers <= 1:
        yield from map(run, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(run, jobs, chunksize=2)


def prepare(
    data: Path, names: Sequence[str], out: Path, workers: int, variants: int, seed: int
) -> dict[str, Any]:
    """Writes the cache and returns its manifest; a bad piece is named, skipped and counted.

    Raises ConfigError for an unknown set or an archive that cannot be used. An older cache is replaced only
    when the new one is whole.
    """
    chosen = sets.named(names)
    checksums = {s.name: sets.checksum(s.archive(data)) for s in chosen}
    tokens = _begin(out)
    with tempfile.TemporaryDirectory() as scratch, tokens.open("wb") as file:
        jobs: list[Job] = []
        for source in chosen:
            folder = sets.unpack(source.archive(data), Path(scratch) / source.name)
            jobs += jobs_of(source, folder, variants, seed)
        cache = Cache(out, file)
        with click.progressbar(results(jobs, workers), length=len(jobs), label="Tokenizing") as bar:
            for done in bar:
                cache.add(done)
                if done.error:
                    click.echo(f"\nskipped {done.job.set_name}/{done.job.row.piece}: {done.error}", err=True)
    (out / MANIFEST).unlink(missing_ok=True)  # never a manifest beside tokens that are not its own
    tokens.replace(out / TOKENS)
    return cache.close(
        chosen, checksums, {"variants": variants, "seed": seed, "sets": [s.name for s in chosen]}
    )


def _begin(out: Path) -> Path:
    """Makes the cache's folder and gives the file that tokens are written to until all is done."""
    tokens = out / f"{TOKENS}.partial"
    try:
        out.mkdir(parents=True, exist_ok=True)
        tokens.touch()
    except OSError as error:
        raise ConfigError(
            f"{out} cannot be written: {error.strerror}.", "Name another folder by --out."
        ) from error
    return tokens


def summary(manifest: dict[str, Any]) -> list[str]:
    """A line for each set."""
    lines = []
    for source in manifest["sources"]:
        f = Counter(source["figures"])
        notes, bars, pieces = max(f["notes"], 1), max(f["bars"], 1), max(f["pieces"], 1)
        lines.append(
            f"{source['set']}: {f['pieces']} pieces, {len(source['skipped'])} skipped, "
            f"{f['tokens']:,} tokens, "
            f"{f['tokens'] / notes:.2f} a note, {f['tempi'] / bars:.3f} tempi a bar, "
            f"{f['open'] / notes:.1%} open, "
            f"{f['struck'] - f['notes']} merged, {f['irregular_bars']} irregular bars, "
            f"{f['milliseconds'] / pieces / 1000:.2f} s a piece"
        )
    return lines


_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("prepare")
@click.option("--data", type=_FOLDER, required=True, metavar="DIR", help="Where the *.tar.xz lie.")
@click.option("--sets", "names", default=",".join(sets.SETS), show_default=True, help="Names and commas.")
@click.option("--out", type=_FOLDER, required=True, metavar="CACHE", help="What is written.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--variants", type=click.IntRange(1), default=4, show_default=True, help="Of a training piece.")
@click.option("--seed", type=int, default=1, show_default=True, help="Decides every augmentation.")
def prepare_command(data: Path, names: str, out: Path, workers: int, variants: int, seed: int) -> None:
    """Turn the archives of a data folder into tokens.

    \b
    Example:
      python -m training prepare --data data --sets pop909,piano_rolls --out cache --workers 2
    """
    try:
        chosen = [n.strip() for n in names.split(",") if n.strip()]
        manifest = prepare(data, chosen, out, workers, variants, seed)
    except JamdError as error:
        click.echo(str(error), err=True)
        raise SystemExit(error.exit_code) from error
    for line in summary(manifest):
        click.echo(line)
    click.echo(f"{manifest['tokens']:,} tokens in {out / TOKENS}")
