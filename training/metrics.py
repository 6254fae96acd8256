"""metrics.jsonl in a run's folder: a line for each progress line and each validation."""

from __future__ import annotations

import json
from pathlib import Path

METRICS = "metrics.jsonl"
NOTHING = -1
"""A step before all others: a rewind to it keeps no line."""


class Metrics:
    """Appends lines; the file is closed after each, so that a kill loses at most the one being written."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / METRICS

    def write(self, **values: float) -> None:
        """One line."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    def rewind(self, step: int) -> None:
        """Drops what was written after the checkpoint of `step`: the resumed run writes it again."""
        kept = [line for line in self.lines() if line["step"] <= step]
        partial = self._path.with_name(f"{METRICS}.partial")
        partial.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        partial.replace(self._path)

    def lines(self) -> list[dict[str, float]]:
        """What has been written; a line cut short by a kill is left out."""
        if not self._path.exists():
            return []
        out = []
        for line in self._path.read_text(encoding="utf-8").splitlines():
            if line.endswith("}"):
                out.append(json.loads(line))
        return out


class NoMetrics(Metrics):
    """Of the processes that do not write."""

    def write(self, **values: float) -> None:
        """Nothing."""

    def rewind(self, step: int) -> None:
        """Nothing."""
