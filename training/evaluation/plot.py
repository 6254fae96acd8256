"""Draws the report's tables as a picture. Knows matplotlib, and no screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jamd.errors import ConfigError
from training import places
from training.evaluation import report

Table = tuple[str, Sequence[str], Mapping[str, Sequence[str]]]
ROW, FIRST, COLUMN = 0.27, 4.2, 2.1
"""Inches: height of a row, width of the first column and of the others."""


def check(path: Path) -> None:
    """ConfigError, before anything is measured, for a picture that could not be written afterwards."""
    if path.suffix[1:].lower() not in FigureCanvasAgg.get_supported_filetypes():
        raise ConfigError(f"{path} is no name for a picture.", "Name a .png file by --plot.")
    places.try_file(path, "--plot")


def draw(result: Mapping[str, Any], path: Path) -> None:
    """Writes a picture in the format that the name of `path` asks for; ConfigError when it cannot be written."""
    tables = tables_of(result)
    heights = [len(rows) + 3 for _, _, rows in tables]
    wide = max(len(headings) for _, headings, _ in tables)
    figure = Figure(figsize=(FIRST + COLUMN * wide, ROW * sum(heights)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(tables), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, (title, headings, rows) in zip(axes, tables, strict=True):
        _draw(axis, title, headings, rows)
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise ConfigError(f"The picture {path} cannot be written: {error}", "Name a .png file by --plot.") from error


def tables_of(result: Mapping[str, Any]) -> list[Table]:
    """Title, headings and rows of every table of a result."""
    out: list[Table] = []
    for name in result.get("bits_per_note", {}):
        out.append((f"{name}: bits a note", *report.bits_rows(result, name)))
        out.append((f"{name}: ratios and gains", *report.ratio_rows(result, name)))
    for grid, spoken in report.GRIDS.items() if result["music"] else ():
        out.append((f"answers {spoken}", *report.music_rows(result["music"][grid]["columns"])))
    if not out:
        raise ConfigError("There is no table to draw: everything was skipped.", "Leave out --skip or --plot.")
    return out


def _draw(axis: Axes, title: str, headings: Sequence[str], rows: Mapping[str, Sequence[str]]) -> None:
    axis.axis("off")
    axis.set_title(title, loc="left", fontsize=10, fontweight="bold")
    if rows and headings:
        shown = axis.table(
            cellText=[list(cells) for cells in rows.values()],
            rowLabels=list(rows),
            colLabels=list(headings),
            loc="center",
            cellLoc="center",
        )
        shown.auto_set_font_size(False)
        shown.set_fontsize(8)
