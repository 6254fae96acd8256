"""`python -m training listen`: makes a blind listening kit of several players, or counts what listeners said."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from jamd.config import SHIPPED_MODEL
from jamd.engine.improviser import Improviser
from jamd.engine.session import Session
from jamd.errors import ConfigError, JamdError, ModelError
from training.batches import REPORT
from training.checkpoint import load_model
from training.evaluation import kit, ratings
from training.evaluation.answers import improviser
from training.evaluation.songs import gather
from training.evaluation.torch_stream import TorchStream
from training.gpt2 import GPT2

XL, GPT2_NAME = "transformer-xl", "gpt-2"
_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("listen")
@click.option("--data", type=_FOLDER, metavar="DIR", help="Where the *.tar.xz lie.")
@click.option("--sets", "names", metavar="NAMES", help="Names and commas; every set that is there by default.")
@click.option("--out", type=_FOLDER, metavar="KIT", help="A new folder.")
@click.option("--model", type=_FILE, default=SHIPPED_MODEL, metavar="MODEL.onnx", help="The shipped one by default.")
@click.option("--gpt2", type=click.Path(path_type=Path), metavar="RUN", help="A run of GPT-2, to play as well.")
@click.option("--calls", type=click.IntRange(1), default=10, show_default=True, help="How many.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of songs, answers and order.")
@click.option("--wav/--no-wav", default=True, show_default=True, help="Sound files too, where fluidsynth is.")
@click.option("--soundfont", type=_FILE, metavar="FILE.sf2", help="For the sound files.")
@click.option("--score", "sheets", type=_FILE, multiple=True, metavar="CSV", help="Count filled-in sheets instead.")
@click.option("--key", type=_FILE, metavar="JSON", help="The kit's key/key.json, with --score.")
def listen_command(
    data: Path | None,
    names: str | None,
    out: Path | None,
    model: Path,
    gpt2: Path | None,
    calls: int,
    seed: int,
    wav: bool,
    soundfont: Path | None,
    sheets: tuple[Path, ...],
    key: Path | None,
) -> None:
    """Make a blind listening kit: numbered answers to the same calls, of the model, of GPT-2, of a Continuator,
    and the true ones. The songs are those that evaluation reports on. Or count what listeners wrote.

    \b
    Examples:
      python -m training listen --data data --sets pop909 --out kit --calls 12
      python -m training listen --score anna.csv --score ben.csv --key kit/key/key.json
    """
    try:
        if sheets:
            _count(sheets, key, seed)
            return
        if data is None or out is None:
            raise ConfigError("A kit needs songs and a place.", "Name them: listen --data DIR --out KIT")
        kit.check(out)
        font = _soundfont(soundfont) if wav else None
        players = _players(model, gpt2, seed)
        sets = [name.strip() for name in names.split(",") if name.strip()] if names else None
        found = gather(data, sets, split=REPORT, without_groups=(), at_most=calls)
        with click.progressbar(length=calls, label="Playing") as bar:
            made = kit.write(kit.trials(found.songs, players, calls, seed), out, seed, font, bar.update)
    except JamdError as error:
        click.echo(str(error), err=True)
        raise SystemExit(error.exit_code) from error
    click.echo(f"{made} calls in {out}: read {out / 'README.txt'} first, and {out / kit.KEY} last.")


def _players(model: Path, gpt2: Path | None, seed: int) -> dict[str, Improviser]:
    """Who plays besides the Continuator; ModelError for a run that is none of GPT-2."""
    players = {XL: improviser(Session.load(model), seed)}
    if gpt2 is not None:
        loaded, _ = load_model(gpt2)
        if not isinstance(loaded, GPT2):
            raise ModelError(f"{gpt2} is no run of GPT-2.", "--model takes a Transformer-XL, as an .onnx.")
        players[GPT2_NAME] = improviser(TorchStream(loaded), seed)
    return players


def _soundfont(named: Path | None) -> Path | None:
    """The soundfont to play with; says so when there will be no sound."""
    if named is not None and not named.is_file():
        raise ConfigError(f"There is no soundfont {named}.", "Leave --soundfont out to look for one.")
    font = named or kit.find_soundfont()
    if font is None or shutil.which("fluidsynth") is None:
        missing = "a soundfont (.sf2)" if font is None else "fluidsynth"
        click.echo(f"No sound files, only .mid: {missing} is not installed.", err=True)
        return None
    return font


def _count(sheets: tuple[Path, ...], key: Path | None, seed: int) -> None:
    """Prints a line for each player."""
    if key is None:
        raise ConfigError("Only the key says who played.", "Name it: --key KIT/key/key.json")
    found = [rating for sheet in sheets for rating in ratings.read(sheet, key)]
    for player, cells in ratings.score(found, seed).items():
        told = (f"{name.replace('_', ' ')} {_spoken(cell)}" for name, cell in cells.items())
        click.echo(f"{player}: {', '.join(told)}")


def _spoken(cell: dict[str, float] | None) -> str:
    return "-" if cell is None else f"{cell['value']:.2f} ({cell['low']:.2f} to {cell['high']:.2f})"
