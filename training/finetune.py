"""`python -m training finetune`: a model learns from a player's own recordings, and goes back into a file for jamd.

It stops when the files that were held out get less likely, and keeps the best. Ctrl-C exports the best so far, and
leaves the run's folder beside it, as a kill does: --resume goes on there, to the same end as if nothing had happened.
What was learnt is never lost: the folder goes when the run is over and the model stands, not before.
"""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from export import to_onnx, weights
from jamd.config import SHIPPED_MODEL
from jamd.errors import ConfigError, JamdError
from training import checkpoint, places, takes
from training.batches import TOKENS
from training.checkpoint import BEST, LAST, Checkpoint
from training.command import stop_on_signals
from training.corpus.recordings import Folder, Recording, read_folder
from training.model import TransformerXL
from training.settings import ADAMW, ModelSizes, Settings, TrainSettings
from training.takes import Plan, Takes
from training.train import Trainer, digest_of, spoken

DROPOUT = 0.1
"""At least: a few files are soon known by heart."""
EPOCHS, PATIENCE = 20, 4
"""Of the learnt files; validations, one an epoch, without a better one that end it sooner."""
LR = 2e-4
"""A fifth of what the model was first trained with: it is to learn a manner, not to forget its music."""
WARMUP = 50
"""Steps at most: Adam knows nothing yet of the gradients."""
BATCH = 4
"""Few lanes: more steps out of little music."""
BEGUN = "begun.json"
"""In the run's folder: the model that it began with, and how likely that found the held-out files."""
INSTALLED = ("",)
"""Parity is checked on the onnxruntime that is here: the model is for the player who makes it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finetune came to."""

    out: str
    base: str
    files: int
    held_out: int
    skipped: int
    tokens: int
    """Seen, those of the other cache among them."""
    steps: int
    """Of the model that was written."""
    seconds: float
    before: float
    """Bits a note of the files held out, of the model that it began with."""
    after: float
    """And of the one that was written."""


def finetune(
    base: Path,
    data: Path,
    out: Path,
    plan: Plan,
    train: TrainSettings,
    *,
    epochs: int = EPOCHS,
    mix: Path | None = None,
    force: bool = False,
    resume: bool = False,
    stopped: Callable[[], bool] = lambda: False,
    say: Callable[[str], None] = print,
    now: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Trains the model `base` on the recordings in `data`, and exports the best to `out` with a card beside it.

    `train.hours`, where set, may end it before `epochs` have passed. With `resume` a run that was stopped or killed
    goes on; everything else must be as it was. JamdError for what cannot be used, and, unless `force`, when no training
    made the held-out files any likelier: then nothing is written.
    """
    _check_target(out)
    model, held = weights.load_model(base)
    found = read_folder(data)
    with _run_folder(out, say, resume=resume) as folder:
        anew = not (folder / LAST).exists()
        cache = takes.write(found, plan, folder, mix, _with_bar)
        for name, why in found.skipped:
            say(f"skipped {name}: {why}")
        settings = settings_for(model, cache, train, epochs)
        trainer = Trainer(settings, cache, folder, now, lambda line: say(line) if line.startswith("step") else None)
        before = _begin(trainer, model, base, folder) if anew else _go_on(trainer, cache, base, folder)
        trainer.run(stopped)
        learnt, after = _learnt(trainer, folder, force=force)
        outcome = _outcome(base, out, found, cache, trainer, before, learnt, after)
        model.load_state_dict(learnt.weights)
        _export(model, out, card_of(outcome, held, settings, cache), card_text(outcome))
        if trainer.finished:
            shutil.rmtree(folder)
    return outcome


@contextmanager
def _run_folder(out: Path, say: Callable[[str], None], *, resume: bool) -> Iterator[Path]:
    """The folder beside the new model in which its run stands; what fails leaves it, if one could go on there."""
    folder = out.with_suffix(".run")
    if (folder / LAST).exists() and not resume:
        raise ConfigError(f"{folder} holds a run that was not over.", "Go on with it by --resume, or delete it.")
    with places.writing(folder):
        folder.mkdir(exist_ok=True)
    if any(folder.iterdir()) and not (folder / TOKENS).exists():
        raise ConfigError(f"{folder} holds something else than a run.", "Name another file by --out.")
    try:
        yield folder
    except BaseException:  # Ctrl-C too
        if (folder / LAST).exists():
            say(f"What was learnt is kept in {folder}: the same command with --resume goes on from there.")
        else:
            shutil.rmtree(folder)
        raise


def _with_bar(recordings: Sequence[Recording]) -> Iterator[Recording]:
    with click.progressbar(recordings, label="Tokenizing") as bar:
        yield from bar


def _check_target(out: Path) -> None:
    if out.suffix != ".onnx":
        raise ConfigError(f"{out} is no name for a model.", "Name a file that ends with .onnx.")
    places.try_folder(out.parent)
    if out.is_dir():
        raise ConfigError(f"{out} is a folder.", "Name a file that ends with .onnx.")


def settings_for(model: TransformerXL, cache: Takes, train: TrainSettings, epochs: int) -> Settings:
    """The model's own sizes, and a falling rate over `epochs` with a validation after each."""
    config = model.config
    sizes = {f.name: getattr(config, f.name) for f in dataclasses.fields(ModelSizes) if hasattr(config, f.name)}
    segments = sum(math.ceil((title[0].length - 1) / config.tgt_len) for title in cache.train())
    epoch = max(math.ceil(segments / train.batch), 1)
    larger = ModelSizes(**sizes | {"dropout": max(config.dropout, DROPOUT)})
    falling = dataclasses.replace(
        train,
        max_steps=epoch * epochs,
        valid_every=epoch,
        save_every=epoch,
        log_every=min(epoch, 50),
        warmup_steps=min(WARMUP, epoch),
        decay_share=1.0,
        final_lr=0.1,
        optimizer=ADAMW,
    )
    return Settings(larger, falling)


def _begin(trainer: Trainer, model: TransformerXL, base: Path, folder: Path) -> float:
    """Puts the weights into the trainer; bits a note of the held-out files before anything is learnt."""
    trainer.begin(model.state_dict())
    before = trainer.validate().bits_per_note
    (folder / BEGUN).write_text(json.dumps({"base": str(base.resolve()), "before": before}), encoding="utf-8")
    return before


def _go_on(trainer: Trainer, cache: Takes, base: Path, folder: Path) -> float:
    """Goes on with the run in the folder; the same bits a note. ConfigError where it was begun otherwise."""
    begun, last = json.loads((folder / BEGUN).read_text(encoding="utf-8")), checkpoint.load(folder / LAST)
    if last.training is not None and last.training["cache"] != digest_of(cache):
        raise ConfigError(
            "The run was begun with other recordings, or with another --held-out, --variants, --seed or --mix.",
            f"Put them back as they were, or delete {folder} to begin anew with what is there now.",
        )
    same = last.card["settings"] == dataclasses.asdict(trainer.settings) and begun["base"] == str(base.resolve())
    if not same:
        raise ConfigError(
            "The run was begun with another model or other options.", f"Name those, or delete {folder} to begin anew."
        )
    trainer.restore(last)
    return float(begun["before"])


def _learnt(trainer: Trainer, folder: Path, *, force: bool) -> tuple[Checkpoint, float]:
    """The best of a run, or its last when that is wanted even where nothing got better; and its bits a note.

    The last word is the model's as it stands, not an epoch's ago. JamdError where nothing was learnt. Nothing in the
    folder changes: a run that goes on has its own best.
    """
    counters, score = trainer.counters, trainer.score()
    if counters.step > 0 and (score.loss < counters.best_loss or (force and not counters.best_step)):
        return trainer.snapshot(), score.bits_per_note
    if counters.best_step > 0:
        return checkpoint.load(folder / BEST), counters.best_bits_per_note
    raise JamdError(
        f"In {counters.step} steps nothing was learnt that makes the held-out files likelier: nothing was written.",
        "Write it all the same with --resume --force; or, to try more recordings or a lower --lr, delete "
        f"{folder} and begin anew.",
    )


def _outcome(
    base: Path,
    out: Path,
    found: Folder,
    cache: Takes,
    trainer: Trainer,
    before: float,
    learnt: Checkpoint,
    after: float,
) -> Outcome:
    return Outcome(
        out=str(out),
        base=base.stem,
        files=len(found.recordings),
        held_out=len(cache.valid("")),
        skipped=len(found.skipped),
        tokens=learnt.card["tokens"],
        steps=learnt.card["step"],
        seconds=round(trainer.watch.elapsed, 1),
        before=round(before, 4),
        after=round(after, 4),
    )


def _export(model: TransformerXL, out: Path, card: dict[str, Any], text: str) -> None:
    """Writes the model, proved to be the one that was trained, and its card beside it."""
    to_onnx.export_model(model, out, to_onnx.facts(card), text, INSTALLED)
    with places.writing(out.with_suffix(".md")):
        out.with_suffix(".md").write_text(text, encoding="utf-8")


def card_of(outcome: Outcome, held: Checkpoint, settings: Settings, cache: Takes) -> dict[str, Any]:
    """The facts that ride in the file: what the base said of itself, and what was learnt since."""
    return {
        "step": outcome.steps,
        "tokens": outcome.tokens,
        "hours": outcome.seconds / 3600,
        "bits_per_note": outcome.after,
        "finetuned": dataclasses.asdict(outcome) | {"out": Path(outcome.out).name},
        "base": held.card,
        "settings": {
            "model": dataclasses.asdict(settings.model) | {"dropout": held.config.dropout},
            "train": dataclasses.asdict(settings.train),
        },
        "sources": [*held.card.get("sources", []), *cache.manifest["sources"]],
        "cache_settings": cache.manifest["settings"],
    }


def card_text(outcome: Outcome) -> str:
    """The model card, Markdown."""
    name = Path(outcome.out).stem
    return f"""# {name}: {outcome.base}, and what it learnt from its player

{outcome.base} (its own card tells data, licences and limits), trained on with {outcome.files} recordings of one player:
{outcome.steps} steps, {outcome.tokens:,} tokens. Recordings that could not be used: {outcome.skipped}.

Bits a note of what was held out (recordings: {outcome.held_out}): {outcome.before:.3f} before, and {outcome.after:.3f}
after.
They decided when to stop, so the second number flatters a little.

The weights hold traces of those recordings: who passes the file on passes them on.

    python -m training finetune --from {outcome.base} --data RECORDINGS --out {name}.onnx
"""


_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


@click.command("finetune")
@click.option("--from", "base", type=click.Path(path_type=Path, exists=True), metavar="MODEL", help="An .onnx, a "
              "checkpoint or a run's folder; without it the model that came with jamd.")  # fmt: skip
@click.option("--data", type=_FOLDER, required=True, metavar="FOLDER", help="Your .mid files and jamd's recordings.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, metavar="NEW.onnx",
              help="The model to write, for jamd listen --model.")  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), default=EPOCHS, show_default=True, help="How often a file is heard.")
@click.option("--hours", type=click.FloatRange(0, min_open=True), help="End after so long, if not sooner.")
@click.option("--held-out", type=click.FloatRange(0, 0.5, min_open=True), default=0.1, show_default=True,
              metavar="SHARE", help="Files that are only tested on; one at least.")  # fmt: skip
@click.option("--variants", type=click.IntRange(1), default=8, show_default=True, help="Of a file: keys, paces, turns.")
@click.option("--mix", type=_FOLDER, metavar="CACHE", help="As much of what `prepare` wrote, against forgetting.")
@click.option("--lr", type=click.FloatRange(0, min_open=True), default=LR, show_default=True, help="Learning rate.")
@click.option("--batch", type=click.IntRange(1), default=BATCH, show_default=True, help="Lanes.")
@click.option("--patience", type=click.IntRange(0), default=PATIENCE, show_default=True,
              help="Epochs without a better one that end it; 0: never.")  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="Of all that is left to chance.")
@click.option("--threads", type=click.IntRange(0), default=0, help="CPU threads; 0: torch decides.")
@click.option("--device", default="cpu", show_default=True, metavar="NAME", help="cpu or cuda.")
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped; everything else as it was.")
@click.option("--force", is_flag=True, help="Write the model even if nothing got better.")
def finetune_command(
    base: Path | None,
    data: Path,
    out: Path,
    epochs: int,
    hours: float | None,
    held_out: float,
    variants: int,
    mix: Path | None,
    force: bool,
    resume: bool,
    seed: int,
    **options: Any,
) -> None:
    """Teach a model your own playing: .mid files, and the jams that jamd recorded.

    What you played is learnt, jamd's own answers are only heard. Ctrl-C writes the best so far; --resume goes on from
    there. The last line is JSON.

    \b
    Example:
      python -m training finetune --data ~/Music/jamd --out mine.onnx
      jamd listen --model mine.onnx
    """
    try:
        train = TrainSettings(hours=hours or 0.0, seed=seed, **options)
        with stop_on_signals() as stopping:
            outcome = finetune(
                base or SHIPPED_MODEL, data, out, Plan(held_out, variants, seed), train,
                epochs=epochs, mix=mix, force=force, resume=resume, stopped=stopping.is_set, say=click.echo,
            )  # fmt: skip
    except JamdError as error:
        click.echo(str(error), err=True)
        raise SystemExit(error.exit_code) from error
    click.echo(
        f"{outcome.out}: {outcome.before:.3f} bits/note before, {outcome.after:.3f} after, "
        f"{outcome.files} files ({outcome.held_out} held out), {spoken(outcome.seconds)}"
    )
    click.echo(json.dumps(dataclasses.asdict(outcome)))
