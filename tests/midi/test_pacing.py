"""Waiting on a fake clock: never too early, spinning only where priority allows it."""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from jamd.midi.pacing import PRIORITY, SPIN_NS, Pacer, Wake, quiet_garbage, request_priority


@dataclass
class Clock:
    """Time that passes by sleeping, and a little with every look."""

    now: int = 0
    oversleeps: int = 0
    sleeps_part: float = 1.0
    naps: list[int] = field(default_factory=list)
    looks: int = 0

    def __call__(self) -> int:
        self.looks += 1
        self.now += 10
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(round(seconds * 1e9))
        self.now += round(seconds * self.sleeps_part * 1e9) + self.oversleeps


def test_with_priority_it_sleeps_until_shortly_before_and_spins_the_rest() -> None:
    clock = Clock(oversleeps=100_000)
    woke = Pacer(True, clock, clock.sleep).wait(Wake(1_000_000, True, 2_000_000))
    assert 1_000_000 <= woke <= 1_000_010
    assert len(clock.naps) == 1 and clock.naps[0] <= 1_000_000 - SPIN_NS and clock.looks > 1000


@pytest.mark.parametrize(("spins", "exact"), [(False, True), (True, False), (False, False)])
def test_otherwise_it_only_sleeps(spins: bool, exact: bool) -> None:
    clock = Clock(oversleeps=70_000)
    woke = Pacer(spins, clock, clock.sleep).wait(Wake(1_000_000, exact, 2_000_000))
    assert 1_000_000 <= woke <= 1_080_000 and clock.looks < 5


def test_a_sleep_that_ends_early_is_gone_on_with() -> None:
    clock = Clock(sleeps_part=0.5)
    assert Pacer(False, clock, clock.sleep).wait(Wake(1_000_000, False, 2_000_000)) >= 1_000_000


def test_while_it_waits_it_looks_around_as_often_as_it_is_told() -> None:
    clock, looks = Clock(oversleeps=5_000), list[int]()
    Pacer(False, clock, clock.sleep).wait(Wake(1_000_000, False, 200_000), lambda now: bool(looks.append(now)))
    assert len(looks) == 5 and all(b - a <= 210_000 for a, b in pairwise([0, *looks]))


@pytest.mark.parametrize("exact", [False, True])
def test_who_is_called_is_awake_at_once(exact: bool) -> None:
    clock = Clock()
    woke = Pacer(True, clock, clock.sleep).wait(Wake(1_000_000, exact, 100_000), lambda now: now >= 300_000)
    assert 300_000 <= woke < 400_000


def test_what_is_past_is_not_waited_for() -> None:
    clock = Clock(now=5000)
    assert Pacer(True, clock, clock.sleep).wait(Wake(4000, True, 2_000_000)) < 6000 and clock.naps == []


def test_priority_is_reported_as_it_was_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int, int]] = []
    monkeypatch.setattr(os, "sched_setscheduler", lambda *a: asked.append((a[0], a[1], a[2].sched_priority)))
    assert request_priority() and asked == [(0, os.SCHED_FIFO, PRIORITY)]

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    assert not request_priority()
    monkeypatch.delattr(os, "sched_setscheduler")
    assert not request_priority()


def test_the_garbage_collector_is_quiet_afterwards() -> None:
    try:
        quiet_garbage()
        assert not gc.isenabled() and gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.enable()
