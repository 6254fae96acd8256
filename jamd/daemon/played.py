"""How a jam was played, as the first line of its recording says it, and back: version, seed, settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jamd import __version__
from jamd.config import Settings
from jamd.daemon import harmony

SECTIONS = ("midi", "clock", "turn", "sampling", "harmony", "fences", "engine", "player")
"""Those that matter to what is played; what controls asked for stands in the recording itself."""


@dataclass(frozen=True, slots=True)
class HowPlayed:
    """What a replay must know before the first note."""

    version: str
    """Of jamd."""
    seed: int
    settings: Settings


def facts(settings: Settings, seed: int) -> dict[str, Any]:
    """What the recording says first. Its chart does not depend on where somebody stands when he replays it."""
    table = settings.table(SECTIONS)
    table["harmony"]["chart"] = harmony.chart_text(settings)
    return {"version": __version__, "seed": seed, "settings": table}


def how_played(record: Mapping[str, Any], source: Path) -> HowPlayed | None:
    """What `facts` said; None where a recording is of before it was said, ConfigError for settings nobody knows."""
    table, seed = record.get("settings"), record.get("seed")
    if not isinstance(table, dict) or type(seed) is not int:
        return None
    return HowPlayed(str(record.get("version")), seed, Settings().with_table(table, str(source)))


def with_model(settings: Settings, model: str) -> Settings:
    """The same settings for another model."""
    return replace(settings, engine=replace(settings.engine, model=model))
