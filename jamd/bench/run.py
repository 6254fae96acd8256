"""All sections one after the other: what is measured on which model, for how long; one that cannot be says why."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from jamd import __version__
from jamd.bench.apart import apart
from jamd.bench.figures import Figures, Unavailable
from jamd.bench.hour import hour
from jamd.bench.lateness import lateness
from jamd.bench.live import live
from jamd.bench.start import start
from jamd.bench.steps import all_models, read_gib_s
from jamd.bench.touch import touch
from jamd.config import Settings
from jamd.daemon.choosing import at_hand
from jamd.engine.runtime import VERSION
from jamd.errors import JamdError

BUDGET_MS = 20.0
"""Of the verdicts, where the settings have none."""
SECTIONS = {
    "start": "import, and jamd ports",
    "engine": "steps of each model",
    "live": "phrases and answers",
    "touch": "thru and barge-in",
    "lateness": "notes under load",
    "hour": "an hour of music",
}
"""And what people are told meanwhile."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured: these take about a minute."""

    model_s: float = 2.5
    """For each model on each number of threads."""
    phrases: int = 8
    """Of each kind."""
    touches: int = 40
    """Keys that go through and cut an answer."""
    late_s: float = 2.0
    """For each load."""
    minutes: float = 60.0
    """Of music, in the hour."""


def bench(
    settings: Settings,
    progress: Callable[[str], object],
    sections: Collection[str] = tuple(SECTIONS),
    extent: Extent | None = None,
) -> Figures:
    """What was found, with the keys of `jamd.bench.keys`; JamdError where there is no model."""
    extent, engine = extent or Extent(), settings.engine
    model = engine.path
    found: Figures = {
        "version": __version__,
        "onnxruntime": VERSION,
        "cpus": cpus(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "budget_ms": engine.budget_ms or BUDGET_MS,
        "skipped": {},
    }
    work: dict[str, Callable[[], Figures]] = {
        "start": start,
        "engine": lambda: _engine(settings, extent.model_s),
        "live": lambda: live(settings, model, extent.phrases),
        "touch": lambda: touch(settings, model, extent.touches),
        "lateness": lambda: lateness(settings, model, extent.late_s),
        "hour": lambda: apart(hour, model, engine.device, engine.threads, extent.minutes),
    }
    for name in (name for name in SECTIONS if name in sections):
        progress(f"{name}: {SECTIONS[name]}")
        try:
            found[name] = work[name]()
        except (Unavailable, JamdError) as error:
            found["skipped"][name] = str(error)
    return found


def cpus() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _engine(settings: Settings, seconds: float) -> Figures:
    engine = settings.engine
    threads = sorted({engine.threads, *range(1, min(cpus(), 2) + 1)})
    paths: list[Path] = list(at_hand(engine))
    return {"read_gib_s": apart(read_gib_s), "models": all_models(engine, paths, threads, seconds)}
