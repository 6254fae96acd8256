"""The ledger: whoever dies, what sounds stands in it."""

from __future__ import annotations

import pytest

from jamd.midi.ledger import CHANNELS, PITCHES, SIZE, Ledger, panic_everything, panic_messages
from jamd.midi.messages import note_off
from tests.midi.doubles import Ear


def test_a_successor_reads_what_its_predecessor_left() -> None:
    memory = bytearray(SIZE + 100)
    first = Ledger(memory)
    first.mark(0, 60)
    first.mark(15, 127)
    first.mark(0, 60)
    first.clear(0, 60)
    first.mark(3, 0)
    first.clear(3, 0)
    first.close()
    second = Ledger(memory)
    assert second.sounding() == [(0, 60), (15, 127)]
    assert second.channels() == [0, 3, 15]
    assert memory[SIZE:] == bytes(100)


def test_every_key_of_every_channel_has_a_cell_of_its_own() -> None:
    ledger = Ledger(bytearray(SIZE))
    keys = [(channel, pitch) for channel in range(CHANNELS) for pitch in range(PITCHES)]
    for key in keys:
        ledger.mark(*key)
    assert ledger.sounding() == keys
    for key in keys:
        ledger.clear(*key)
    assert ledger.sounding() == []


def test_a_key_counts_who_holds_it_and_stays_within_a_byte() -> None:
    ledger = Ledger(bytearray(SIZE))
    ledger.clear(0, 60)
    assert ledger.count(0, 60) == 0
    for _ in range(300):
        ledger.mark(0, 60)
    assert ledger.count(0, 60) == 255


def test_panic_ends_what_sounds_then_quietens_the_channels_used_and_no_others() -> None:
    ledger = Ledger(bytearray(SIZE))
    ledger.mark(2, 60)
    ledger.use(5)
    quiet = [(64, 0), (66, 0), (67, 0), (123, 0), (120, 0)]
    expected = [note_off(2, 60)] + [bytes((0xB0 | channel, *q)) for channel in (2, 5) for q in quiet]
    assert panic_messages(ledger) == expected
    ledger.wipe()
    assert panic_messages(ledger) == []


def test_panic_for_an_unknown_port_ends_every_key() -> None:
    ear = Ear()
    ear.keys = {(channel, pitch) for channel in range(16) for pitch in range(128)}
    ear.pedals = dict.fromkeys(range(16), 127)
    messages = panic_everything()
    for message in messages:
        ear.hear(message)
    assert ear.silent
    assert len(messages) < 2340  # more would not fit into the ring of a JACK port that nobody empties


def test_a_buffer_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match=str(SIZE)):
        Ledger(bytearray(SIZE - 1))
