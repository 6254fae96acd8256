"""The first line of a recording: it says how the jam was played, wherever somebody reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jamd import __version__
from jamd.config import Settings
from jamd.daemon.played import HowPlayed, facts, how_played
from jamd.music.charts import Chart


@pytest.mark.parametrize("chart", ["", "Am7 | D7", " | ".join(["F#m7b5", "B7"] * 24), "# a blues\nF7 | Bb7"])
def test_what_it_says_can_be_read_again(chart: str) -> None:
    settings = Settings().with_options(turn_mode="duet", harmony_chart=chart)
    said = json.loads(json.dumps(facts(settings, 7)))
    assert how_played(said, Path("a.jsonl")) == HowPlayed(__version__, 7, settings)


def test_a_chart_from_a_file_stands_there_itself(tmp_path: Path) -> None:
    path = tmp_path / "blues.txt"
    path.write_text("F7 | Bb7", encoding="utf-8")
    said = facts(Settings().with_options(harmony_chart=str(path)), 7)
    path.unlink()
    how = how_played(said, Path("a.jsonl"))
    assert how is not None and Chart.read(how.settings.harmony.chart) == Chart.parse("F7 | Bb7")


@pytest.mark.parametrize("missing", ["settings", "seed"])
def test_a_line_of_before_this_was_said_says_nothing(missing: str) -> None:
    said = {key: value for key, value in facts(Settings(), 7).items() if key != missing}
    assert how_played(said, Path("a.jsonl")) is None
