"""The bench runs whole, on the tiniest model and for the shortest time; what it finds is what it says it finds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jamd import config
from jamd.bench import live, processes, run
from jamd.bench.apart import apart, beside
from jamd.bench.figures import Unavailable
from jamd.bench.keys import keys_of, meanings, unknown
from jamd.bench.report import table
from jamd.bench.run import SECTIONS, Extent, bench
from jamd.config import Settings
from jamd.errors import ModelError
from tests.daemon.live import alive
from tests.tiny import tiny_model

SHORT = Extent(model_s=0.05, phrases=1, touches=3, late_s=0.1, minutes=0.25)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A tiny model that came with jamd, and nobody who waits for silence."""
    path = tiny_model(tmp_path / "S.onnx")
    monkeypatch.setattr(config, "SHIPPED_MODEL", path)
    monkeypatch.setattr(live, "SETTLE_S", 0.1)
    monkeypatch.setattr(live, "IDLE_S", 0.1)
    monkeypatch.setattr(live, "FIRST_MS", 1500)
    return Settings()


def test_all_sections_find_what_the_table_of_keys_says_and_nothing_else(settings: Settings) -> None:
    told: list[str] = []
    found: dict[str, Any] = bench(settings, told.append, extent=SHORT)
    assert found["skipped"] == {}
    assert [line.partition(":")[0] for line in told] == list(SECTIONS)
    assert unknown(found) == set()
    assert set(meanings()) - set(keys_of(found)) == set()
    assert {m["threads"] for m in found["engine"]["models"]} >= {1}
    assert found["lateness"]["alone"]["n"] == 20
    assert found["touch"]["thru_ms"]["n"] == 6
    assert found["hour"]["tokens"] > 100 and found["live"]["notes_played"] > 0
    assert json.loads(json.dumps(found)) == found
    assert table(found)


def test_a_section_that_cannot_says_why_and_the_others_go_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot() -> dict[str, Any]:
        raise Unavailable("there is no such thing here")

    monkeypatch.setattr(run, "start", cannot)
    found = bench(settings, print, ("start", "hour"), SHORT)
    assert found["skipped"] == {"start": "there is no such thing here"}
    assert "start" not in found and "hour" in found


def test_a_model_that_is_not_there_is_an_error_before_anything_is_measured(settings: Settings) -> None:
    told: list[str] = []
    with pytest.raises(ModelError, match="there is no model file"):
        bench(settings.with_options(engine_model="none.onnx"), told.append, extent=SHORT)
    assert told == []


def test_the_budget_of_the_verdicts_is_that_of_the_settings_or_twenty(settings: Settings) -> None:
    assert bench(settings, print, ())["budget_ms"] == 20
    assert bench(settings.with_options(engine_budget_ms=35.0), print, ())["budget_ms"] == 35


# ---- processes -----------------------------------------------------------------------------------------------


def test_work_apart_is_done_by_a_process_with_large_pages_and_its_errors_come_back() -> None:
    assert "hugetlb" in apart(_tunables)
    with pytest.raises(ModelError, match="gone"):
        apart(_failing)
    with pytest.raises(Unavailable, match="has died"):
        apart(_dying)


def test_a_load_ends_with_what_it_was_a_load_for() -> None:
    import multiprocessing

    with beside(_forever):
        (load,) = multiprocessing.active_children()
        assert load.pid is not None and alive(load.pid)
    assert not alive(load.pid)


def test_where_linux_does_not_say_what_a_process_uses_that_is_not_measured() -> None:
    with pytest.raises(Unavailable, match="Linux"):
        processes.memory_mib("none")


def _tunables() -> str:
    import os

    return os.environ["GLIBC_TUNABLES"]


def _failing() -> None:
    raise ModelError("it is gone", "Bring it back.")


def _dying() -> None:
    import os

    os._exit(3)


def _forever() -> None:
    while True:
        pass
