"""`python -m training train`: options, signals and exit codes of the training loop."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any

import click

from jamd.errors import JamdError
from training import settings as settings_of
from training.train import train

_FOLDER = click.Path(path_type=Path, file_okay=False)


@contextmanager
def stop_on_signals() -> Iterator[Event]:
    """SIGTERM and the first Ctrl-C set the event; a second signal ends the process as usual."""
    stopped = Event()
    before: dict[int, Any] = {}

    def stop(number: int, _frame: FrameType | None) -> None:
        stopped.set()
        signal.signal(number, before[number])
        click.echo("stopping after this step (once more to insist)", err=True)

    for number in (signal.SIGTERM, signal.SIGINT):
        before[number] = signal.signal(number, stop)
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@click.command("train")
@click.option("--config", metavar="NAME", help="S, M, L or a TOML file; a resumed run knows its own.")
@click.option("--cache", type=_FOLDER, required=True, metavar="CACHE", help="What `prepare` wrote.")
@click.option("--out", type=_FOLDER, required=True, metavar="RUN", help="Folder of the run.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint in RUN, if there is one.")
@click.option("--hours", type=float, help="Length of the schedule in hours, pauses not counted.")
@click.option("--max-steps", type=int, help="Length of the schedule in steps.")
@click.option("--batch", type=int, help="Lanes.")
@click.option("--lr", type=float, help="Learning rate after warm-up.")
@click.option("--seed", type=int, help="Of the weights, the dropout and the order of pieces.")
@click.option("--threads", type=int, help="CPU threads.")
@click.option("--amp", type=click.Choice(settings_of.AMP), help="bf16 or not; auto asks the chip.")
@click.option("--device", metavar="NAME", help="cpu or cuda.")
@click.option("--short-mem-len", type=int, metavar="TOKENS", help="Memory of a young run: cheaper steps.")
@click.option("--short-share", type=float, metavar="0..1", help="The part of the run that counts as young.")
@click.option("--log-every", type=int, metavar="STEPS", help="Progress lines.")
@click.option("--valid-every", type=int, metavar="STEPS", help="Validations.")
@click.option("--save-every", type=int, metavar="STEPS", help="Checkpoints.")
@click.option("--patience", type=int, metavar="N", help="Validations without a better one that end the run.")
def train_command(config: str | None, cache: Path, out: Path, resume: bool, **options: Any) -> None:
    """Train a model, or go on training it. SIGTERM and Ctrl-C save and stop.

    \b
    Example:
      python -m training train --config S --cache cache --out runs/S --hours 4 --threads 2
      python -m training train --cache cache --out runs/S --resume
    """
    try:
        chosen = settings_of.load(config) if config else None
        with stop_on_signals() as stopped:
            train(chosen, options, cache, out, resume=resume, stopped=stopped.is_set, say=click.echo)
    except JamdError as error:
        click.echo(str(error), err=True)
        raise SystemExit(error.exit_code) from error
