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
from training import distributed
from training import settings as settings_of
from training.run import train

_FOLDER, _INPUT = click.Path(path_type=Path, file_okay=False), click.Path(path_type=Path)


@contextmanager
def stop_on_signals() -> Iterator[Event]:
    """SIGTERM and the first Ctrl-C set the event; a second signal ends the process as usual."""
    stopped = Event()
    before: dict[signal.Signals, Any] = {}

    def stop(number: int, _frame: FrameType | None) -> None:
        stopped.set()
        signal.signal(number, before[signal.Signals(number)])
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
@click.option(
    "--init", type=_INPUT, metavar="MODEL", help="A new run begins with the weights of this run or checkpoint."
)
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint in RUN, if there is one.")
@click.option("--architecture", type=click.Choice(settings_of.ARCHITECTURES), help="Of a new run; else its config's.")
@click.option("--hours", type=float, help="Length of the schedule in hours, pauses not counted.")
@click.option("--max-steps", type=int, help="Length of the schedule in steps.")
@click.option("--max-tokens", type=int, help="Length of the schedule in target tokens.")
@click.option("--batch", type=int, help="Lanes.")
@click.option("--lr", type=float, help="Learning rate after warm-up, held until the decay.")
@click.option("--optimizer", type=click.Choice(settings_of.OPTIMIZERS), help="Muon with AdamW, or AdamW alone.")
@click.option("--adamw-lr", type=float, help="AdamW's learning rate beside Muon.")
@click.option("--decay-share", type=float, metavar="0..1", help="The last part of the schedule, in which it falls.")
@click.option("--seed", type=int, help="Of the weights, the dropout and the order of pieces.")
@click.option("--threads", type=int, help="CPU threads.")
@click.option("--amp", type=click.Choice(settings_of.AMP), help="bf16 or not; auto asks the chip.")
@click.option("--device", metavar="NAME", help="cpu or cuda.")
@click.option("--short-mem-len", type=int, metavar="TOKENS", help="Memory of a young run: cheaper steps.")
@click.option("--short-share", type=float, metavar="0..1", help="The part of the run that counts as young.")
@click.option("--log-every", type=int, metavar="STEPS", help="Progress lines.")
@click.option("--valid-every", type=int, metavar="STEPS", help="Validations.")
@click.option("--save-every", type=int, metavar="STEPS", help="Checkpoints.")
@click.option("--patience", type=int, metavar="N", help="Validations without a better one until it decays, then ends.")
def train_command(config: str | None, cache: Path, out: Path, init: Path | None, resume: bool, **options: Any) -> None:
    """Train a model, or go on training it. SIGTERM and Ctrl-C save and stop.

    \b
    Example:
      python -m training train --config S --cache cache --out runs/S --hours 4 --threads 2
      python -m training train --cache cache --out runs/S --resume
      python -m training train --config S --architecture gpt2 --cache cache --out runs/S-gpt2 --max-tokens 100000000

    \b
    On two GPUs:
      torchrun --nproc-per-node 2 -m training train --config M --device cuda --cache cache --out runs/M --hours 9

    To compare two architectures give both the same --max-tokens: GPT-2 fills up its longer windows with more padding.

    A resumed run may be given more --hours, --max-steps or --max-tokens: it holds its learning rate for longer. When
    the rate had begun to fall already, the run goes on from where it began to (hold.pt).

    When --patience validations bring nothing better, the rate begins to fall; when they do so again, the run ends.
    best.pt holds the weights that were best: later commands take them. metrics.jsonl and curves.png show how it went.
    """
    try:
        chosen = settings_of.load(config) if config else None
        with stop_on_signals() as stopped, distributed.joined() as group:
            train(
                chosen, options, cache, out,
                resume=resume, stopped=stopped.is_set, say=click.echo, init=init, group=group,
            )  # fmt: skip
    except JamdError as error:
        click.echo(str(error), err=True)
        raise SystemExit(error.exit_code) from error
