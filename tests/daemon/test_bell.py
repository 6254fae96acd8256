"""The bell: who waits is woken, and nobody waits to ring."""

from __future__ import annotations

import multiprocessing

from jamd.daemon.bell import RINGS, Bell


def test_who_waits_hears_that_it_has_rung_once_however_often() -> None:
    bell = Bell()
    assert not bell.wait(0)
    for _ in range(3):
        bell.ring()
    assert bell.wait(60) and not bell.wait(0)
    bell.close()


def test_a_bell_that_nobody_hears_holds_nobody_up() -> None:
    bell = Bell()
    for _ in range(100 * RINGS):
        bell.ring()
    assert bell.wait(0)
    bell.close()


def test_it_rings_from_another_process_and_goes_on_when_that_has_died() -> None:
    bell, context = Bell(), multiprocessing.get_context("spawn")
    for _ in range(2):
        child = context.Process(target=_ring, args=(bell,))
        child.start()
        assert bell.wait(60)
        child.join()
    assert not bell.wait(0)
    bell.close()


def _ring(bell: Bell) -> None:
    bell.ring()
