"""`python -m training evaluate`: options, the printed report and exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from jamd.config import SHIPPED_MODEL
from jamd.errors import ConfigError, JamdError
from training.evaluation import plot as picture
from training.evaluation.evaluate import BITS, CONTEXTS, MUSIC, PAIRS, Settings, evaluate
from training.evaluation.progress import Tick
from training.evaluation.report import lines
from training.evaluation.songs import SPLITS

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)


@contextmanager
def bar(length: int, label: str) -> Iterator[Tick]:
    """A progress bar on standard error, as a progress.Watch."""
    with click.progressbar(length=length, label=label, file=sys.stderr) as shown:
        yield shown.update


@click.command("evaluate")
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    default=SHIPPED_MODEL,
    metavar="MODEL",
    help="An .onnx, a checkpoint or a run's folder; the shipped one by default.",
)
@click.option("--beside", type=click.Path(path_type=Path), metavar="MODEL", help="Another one, say a GPT-2.")
@click.option("--data", type=_FOLDER, required=True, metavar="DIR", help="Where the *.tar.xz lie.")
@click.option("--sets", metavar="NAMES", help="Names and commas; all that lie in DIR by default.")
@click.option("--train", type=_FOLDER, metavar="CACHE", help="What the model and the n-grams learnt from.")
@click.option("--split", type=click.Choice(SPLITS), default=SPLITS[0], show_default=True, help="Which pieces.")
@click.option("--songs", type=click.IntRange(1), metavar="N", help="At most so many of each set.")
@click.option("--contexts", default=",".join(map(str, CONTEXTS)), show_default=True, help="Tokens and commas.")
@click.option("--pairs", type=click.IntRange(1), default=PAIRS, show_default=True, help="Answers on each grid.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Processes.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of every draw.")
@click.option("--skip", type=click.Choice((BITS, MUSIC)), multiple=True, help="Leaves a part out.")
@click.option("--json", "as_json", is_flag=True, help="The last line is one JSON object.")
@click.option("--plot", type=_FILE, metavar="FILE.png", help="Draws the tables.")
def evaluate_command(
    model: Path,
    beside: Path | None,
    data: Path,
    sets: str | None,
    train: Path | None,
    split: str,
    songs: int | None,
    contexts: str,
    pairs: int,
    workers: int,
    seed: int,
    skip: tuple[str, ...],
    as_json: bool,
    plot: Path | None,
) -> None:
    """Measure a model on music that trained nothing, beside baselines: bits a note, and what it plays.

    Rows of a manifest marked train, and pieces whose group trained CACHE, are left out. Of the rows marked valid
    `report` takes the half that never stopped a training, and all rows that are neither. The keys of --json are in
    training/evaluation/report.py.

    \b
    Example:
      python -m training evaluate --data data --sets pop909 --train cache --json --plot table.png
    """
    try:
        chosen = [name.strip() for name in sets.split(",") if name.strip()] if sets else None
        settings = Settings(
            data, chosen, train, split, songs, _lengths(contexts), workers, seed, frozenset(skip), pairs,
            beside,
        )  # fmt: skip
        if plot is not None:
            picture.check(plot)
        if plot is not None and settings.skip == {BITS, MUSIC}:
            raise ConfigError("There is no table to draw: everything is skipped.", "Leave out --skip or --plot.")
        result = evaluate(model, settings, bar)
        _tell(result, as_json=as_json)
        if plot is not None:
            picture.draw(result, plot)
    except JamdError as error:
        click.echo(str(error), err=True)
        raise SystemExit(error.exit_code) from error


def _tell(result: dict[str, Any], *, as_json: bool) -> None:
    """Prints all that was measured, which may have taken hours, before anything else is done with it."""
    for line in lines(result):
        click.echo(line)
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False, allow_nan=False))


def _lengths(text: str) -> tuple[int, ...]:
    """Context lengths in rising order; ConfigError for what is none."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words or not all(word.isdecimal() and int(word) > 0 for word in words):
        raise ConfigError(f'--contexts "{text}" is no list of lengths.', "For example --contexts 512,4096.")
    return tuple(sorted({int(word) for word in words}))
