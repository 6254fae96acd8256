"""Curves of one run or several as a picture: loss, bits a note on validation, learning rate, over tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jamd.errors import JamdError, ModelError
from training import places
from training.metrics import METRICS, Metrics

PICTURE = "curves.png"
"""In a run's folder."""
PANELS = (
    (("loss", "valid_loss"), "loss, nats a token"),
    (("bits_per_note",), "validation, bits a note"),
    (("lr",), "learning rate"),
)
"""Keys of metrics.jsonl drawn into one panel, and its label."""


def draw(runs: Sequence[Path], out: Path) -> Figure:
    """Draws the curves of these run folders over each other; writes the PNG `out` whole or not at all."""
    figure = Figure(figsize=(8, 9), layout="constrained")
    panels = figure.subplots(len(PANELS), 1, sharex=True)
    for n, run in enumerate(runs):
        lines = Metrics(run).lines()
        for axes, (keys, _) in zip(panels, PANELS, strict=True):
            for key in keys:
                points = [(line["tokens"] / 1e6, line[key]) for line in lines if key in line]
                thin = (
                    {"alpha": 0.4, "linewidth": 0.8} if key == "loss" else {"marker": "." if len(points) < 50 else ""}
                )
                label = f"{run.resolve().name}, training" if key == "loss" else run.resolve().name
                axes.plot([x for x, _ in points], [y for _, y in points], color=f"C{n % 10}", label=label, **thin)
    for axes, (_, label) in zip(panels, PANELS, strict=True):
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    panels[0].legend()
    panels[-1].set_xlabel("training tokens, millions")
    partial = out.with_name(f"{out.name}.partial")
    FigureCanvasAgg(figure)
    figure.savefig(partial, format="png")
    partial.replace(out)
    return figure


@click.command("curves")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The PNG to write.")
def curves_command(runs: tuple[Path, ...], out: Path) -> None:
    """Draw the curves of RUNS (their folders) over each other, a Transformer-XL's and a GPT-2's for example."""
    try:
        for run in runs:
            if not (run / METRICS).is_file():
                raise ModelError(f"{run} holds no {METRICS}, so it is no run's folder.", "Name what --out named.")
        places.try_file(out)
        draw(runs, out)
    except JamdError as error:
        click.echo(str(error), err=True)
        raise SystemExit(error.exit_code) from error
    click.echo(f"{out}")
