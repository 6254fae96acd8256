"""The listener: every event of the performer, none of anybody else, and through at once."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jamd.midi.echo import EchoGuard
from jamd.midi.keyboard import Keyboard
from jamd.midi.ledger import SIZE, Ledger
from jamd.midi.listener import Listener
from jamd.midi.messages import control, note_off, note_on
from jamd.music.events import Kind, Performed
from tests.midi.doubles import MS, Ear


def listener(sent: list[bytes] | None = None, *, armed: bool = False, **options: Any) -> Listener:
    keyboard = Keyboard((sent if sent is not None else []).append, Ledger(bytearray(SIZE)))
    return Listener(keyboard, EchoGuard(armed), **options)


def test_events_carry_the_instant_at_which_they_came() -> None:
    ears = listener()
    assert ears.hear(note_on(2, 60, 64) + note_off(2, 60), 7) == [
        Performed(7, Kind.NOTE_ON, 60, 64, 2),
        Performed(7, Kind.NOTE_OFF, 60, 0, 2),
    ]


def test_note_ons_are_counted_on_from_a_predecessors_and_nothing_else_is() -> None:
    ears = listener(heard=10)
    ears.hear(note_on(0, 60, 64) + b"\x90\x3c\x00" + note_off(0, 60) + control(0, 64, 127) + b"\xc0\x05", 0)
    assert ears.heard == 11


def test_only_the_wanted_channel_is_heard_and_passed_on() -> None:
    sent: list[bytes] = []
    ears = listener(sent, channel=3, thru=True)
    events = ears.hear(note_on(3, 60, 64) + note_on(4, 61, 64) + control(2, 1, 1), 0)
    assert [event.channel for event in events] == [3]
    assert sent == [note_on(3, 60, 64)] and ears.foreign == 2 and ears.heard == 1


def test_a_flood_of_clock_and_sensing_is_neither_heard_nor_passed_on() -> None:
    sent: list[bytes] = []
    ears = listener(sent, thru=True)
    assert ears.hear(b"\xf8\xfe" * 10_000, 0) == [] and sent == [] and ears.counts["stray"] == 0


def test_what_no_log_holds_goes_through_as_it_came() -> None:
    sent: list[bytes] = []
    ears = listener(sent, thru=True)
    messages = [b"\xe0\x00\x50", b"\xd0\x33", b"\xa0\x3c\x10", control(0, 1, 99), b"\xc0\x05"]
    events = ears.hear(b"".join(messages), 0)
    assert sent == messages and [event.kind for event in events] == [Kind.CONTROL, Kind.PROGRAM]


def test_a_release_velocity_goes_through() -> None:
    sent: list[bytes] = []
    listener(sent, thru=True).hear(note_on(0, 60, 64) + note_off(0, 60, 33), 0)
    assert sent == [note_on(0, 60, 64), note_off(0, 60, 33)]


def test_without_thru_nothing_goes_through() -> None:
    sent: list[bytes] = []
    listener(sent).hear(note_on(0, 60, 64) + control(0, 64, 127) + b"\xe0\x00\x50", 0)
    assert sent == []


@given(st.lists(st.binary(max_size=8)))
def test_whatever_comes_in_the_synth_hears_keys_on_and_off_in_turn(deliveries: list[bytes]) -> None:
    ear = Ear()
    keyboard = Keyboard(ear.hear, Ledger(bytearray(SIZE)))
    ears = Listener(keyboard, EchoGuard(), thru=True)
    for data in deliveries:
        ears.hear(data, 0)
    keyboard.silence()
    assert not ear.keys


def test_echoes_are_not_heard_and_not_passed_on() -> None:
    sent: list[bytes] = []
    guard = EchoGuard(armed=True)
    ears = Listener(Keyboard(sent.append, Ledger(bytearray(SIZE))), guard, thru=True)
    guard.sent(note_on(0, 60, 64), 0)
    assert ears.hear(note_on(0, 60, 64), 10 * MS) == []
    assert ears.heard == 0 and sent == [] and ears.counts["echoes"] == 1
