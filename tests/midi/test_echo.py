"""The echo guard: our own notes do not count as the performer's."""

from __future__ import annotations

from jamd.midi.echo import LOOP_NOTES, LOOP_NS, WINDOW_NS, EchoGuard
from jamd.midi.messages import control, note_off, note_on
from tests.midi.doubles import MS

FIRST = note_on(0, 60, 64)


def test_what_was_sent_comes_back_once() -> None:
    guard = EchoGuard(armed=True)
    guard.sent(FIRST, 0)
    assert guard.is_echo(FIRST, 5 * MS)
    assert not guard.is_echo(FIRST, 6 * MS)  # this one is the performer's
    assert guard.echoes == 1


def test_channel_and_velocity_may_change_on_the_way_and_pitch_and_kind_may_not() -> None:
    for message, is_echo in ((note_on(5, 60, 1), True), (note_on(0, 61, 64), False), (note_off(0, 60), False)):
        guard = EchoGuard(armed=True)
        guard.sent(FIRST, 0)
        assert guard.is_echo(message, MS) == is_echo


def test_a_note_on_with_velocity_0_is_the_echo_of_a_note_off() -> None:
    guard = EchoGuard(armed=True)
    guard.sent(note_off(0, 60), 0)
    assert guard.is_echo(b"\x90\x3c\x00", MS)


def test_later_than_the_window_it_is_the_performer() -> None:
    guard = EchoGuard(armed=True)
    guard.sent(FIRST, 0)
    guard.sent(control(0, 64, 127), 0)
    guard.looked(WINDOW_NS)
    assert guard.is_echo(control(0, 64, 127), WINDOW_NS)
    guard.looked(WINDOW_NS + 1)
    assert not guard.is_echo(FIRST, WINDOW_NS + 2)


def test_a_wire_that_was_held_up_knows_its_own_notes_when_it_looks_again() -> None:
    guard = EchoGuard(armed=True)
    guard.looked(0)
    guard.sent(FIRST, MS)
    assert guard.is_echo(FIRST, 10 * WINDOW_NS)


def test_two_devices_are_trusted_until_every_note_has_come_back_for_a_while() -> None:
    guard, apart = EchoGuard(), LOOP_NS // (LOOP_NOTES - 1)
    seen = []
    for number in range(LOOP_NOTES + 1):
        guard.sent(note_on(0, 60 + number, 64), number * apart)
        seen.append(guard.is_echo(note_on(0, 60 + number, 64), number * apart + 5 * MS))
    assert seen == [False] * (LOOP_NOTES - 1) + [True, True]


def test_one_note_that_does_not_come_back_clears_the_suspicion() -> None:
    guard = EchoGuard()
    for number in range(100):
        guard.looked(number * 100 * MS)
        guard.sent(FIRST, number * 100 * MS)
        if number % 10:
            assert not guard.is_echo(FIRST, number * 100 * MS + 5 * MS)
    assert not guard.armed


def test_a_machine_that_repeats_a_key_for_half_a_second_is_no_loop() -> None:
    guard = EchoGuard()
    for number in range(500):
        assert not guard.is_echo(FIRST, number * MS)
        guard.sent(FIRST, number * MS)


def test_controllers_that_come_back_prove_no_loop() -> None:
    guard = EchoGuard()
    for number in range(3000):
        guard.sent(control(0, 1, 5), number * MS)
        assert not guard.is_echo(control(0, 1, 5), number * MS)
    assert not guard.armed
