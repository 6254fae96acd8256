"""Measuring a model: on a fake clock the figures are what the clock says, and the session is as it was."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np

from jamd.engine.session import Session
from jamd.engine.speed import measure


class Ticking:
    """A clock that goes on by a millisecond whenever somebody looks."""

    def __init__(self) -> None:
        self._looks = count()

    def __call__(self) -> float:
        return next(self._looks) / 1e3


def test_every_figure_is_there_after_one_round_however_little_time_there_is(model_path: Path) -> None:
    found = measure(Session.load(model_path, "cpu"), 0.0, Ticking())
    assert [round(ms, 6) for ms in (found.step_ms, found.begin_ms, found.prefill_ms)] == [1.0, 1.0, 1.0]


def test_what_was_measured_is_forgotten(model_path: Path) -> None:
    session, fresh = Session.load(model_path, "cpu"), Session.load(model_path, "cpu")
    measure(session, 0.0)
    assert session.position == 0
    np.testing.assert_array_equal(session.feed([5, 6, 7]), fresh.feed([5, 6, 7]))
