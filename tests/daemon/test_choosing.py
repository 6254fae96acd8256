"""Which model plays: the one that is named, or with a budget the largest that keeps it; and once for a whole jam."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from jamd import config
from jamd.config import Engine, Settings
from jamd.daemon import choosing
from jamd.daemon.choosing import at_hand, load_model
from jamd.daemon.words import Job
from jamd.engine.budget import Speed
from jamd.engine.pace import Pace
from jamd.errors import ModelError
from jamd.music.messages import Report
from tests.tiny import TINY, tiny_model


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models that came with jamd: S, and a larger one; on this machine everything is fast."""
    tiny_model(tmp_path / "M.onnx", info=replace(TINY, n_layer=3))
    path = tiny_model(tmp_path / "S.onnx")
    monkeypatch.setattr(config, "SHIPPED_MODEL", path)
    monkeypatch.setattr(choosing, "measure", lambda session: Speed(0.1 * session.info.n_layer, 0.5, 1.0))
    return tmp_path


def load(engine: Engine) -> tuple[str, list[Report]]:
    told: list[Report] = []
    loaded = load_model(engine, told.append)
    assert loaded.session.info.name == loaded.path.stem
    return loaded.path.stem, told


def test_without_a_budget_the_named_model_plays_or_else_s_and_nothing_is_measured(
    shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(choosing, "measure")
    assert load(Engine()) == ("S", [])
    assert load(Engine(model=str(shipped / "M.onnx"))) == ("M", [])


def test_with_a_budget_the_largest_plays_and_a_line_says_so(shipped: Path) -> None:
    name, (told,) = load(Engine(budget_ms=20.0))
    assert name == "M"
    assert (told.what, told.facts["model"], told.facts["budget_ms"], told.facts["left"]) == ("budget", "M", 20.0, "")


def test_the_largest_that_is_too_slow_is_left_for_the_next_and_the_line_says_that(
    shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "measure", lambda session: Speed(2 * session.info.n_layer - 3, 0.5, 1.0))
    name, (told,) = load(Engine(budget_ms=20.0))
    assert (name, told.facts["left"]) == ("S", "M needs 22 ms")


def test_a_named_model_is_at_hand_beside_those_that_came_with_jamd_and_each_only_once(shipped: Path) -> None:
    mine = tiny_model(shipped.parent / "mine.onnx")
    assert [path.stem for path in at_hand(Engine(model=str(mine)))] == ["mine", "M", "S"]
    assert [path.stem for path in at_hand(Engine(model=str(shipped / "." / "S.onnx")))] == ["S", "M"]
    assert [path.stem for path in at_hand(Engine())] == ["S", "M"]
    assert load(Engine(model=str(mine), budget_ms=20.0))[0] == "mine"


def test_a_model_that_was_chosen_before_is_not_measured_again(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(choosing, "measure")
    engine = Engine(model=str(shipped / "S.onnx"), budget_ms=1.0)
    assert load_model(engine, print, known=True).path.stem == "S"


def test_a_budget_that_nothing_keeps_is_refused(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "measure", lambda session: Speed(5.0, 0.5, 1.0))
    with pytest.raises(ModelError, match="no model keeps a budget of 20 ms"):
        load(Engine(budget_ms=20.0))


def test_the_pace_begins_with_what_was_measured(shipped: Path) -> None:
    assert load_model(Engine(budget_ms=20.0), print).pace.margin_ns < Pace().margin_ns


def test_a_jam_keeps_to_its_model_and_does_not_choose_again() -> None:
    job = Job("board", Settings().with_options(engine_budget_ms=20.0, clock_bpm=90.0), 7, None)
    kept = job.keeping_to(Path("M.onnx"))
    assert (kept.settings.engine.model, kept.settings.engine.budget_ms, kept.chosen) == ("M.onnx", 20.0, True)
    assert (kept.settings.clock, kept.board, kept.seed) == (job.settings.clock, job.board, job.seed)
