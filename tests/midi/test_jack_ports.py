"""Real ports on a real server (JACK's dummy driver): nothing is lost, and what goes wrong is a sentence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from jamd.errors import PortError
from jamd.midi.ledger import SIZE, Ledger
from jamd.midi.messages import control, note_off, note_on
from jamd.midi.pacing import Pacer
from jamd.midi.port_types import Device, InputPort, OutputPort, PortInfo, Virtual
from jamd.midi.ports import list_ports, open_input, open_output, panic
from jamd.midi.recorder import NullRecorder
from jamd.midi.wire import Wire, WireSettings
from jamd.music.events import Performed
from jamd.music.plan import Plan, PlannedNote
from tests.midi.doubles import MS, Ear

PATIENCE_S = 10.0
"""A test that waits longer fails; no test asserts how long it took."""

pytestmark = pytest.mark.usefixtures("jack_server")


class Desk:
    """Opens ports and closes them all at the end."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def listens(self, spec: Device | Virtual) -> InputPort:
        return self._stack.enter_context(closing(open_input(spec, "jack")))

    def plays(self, spec: Device | Virtual) -> OutputPort:
        return self._stack.enter_context(closing(open_output(spec, "jack")))


@pytest.fixture
def desk() -> Iterator[Desk]:
    with ExitStack() as stack:
        yield Desk(stack)


def collect(port: InputPort, enough: Callable[[list[bytes]], bool]) -> list[bytes]:
    """What comes in until it is enough; what has come when patience is at its end."""
    came: list[bytes] = []
    deadline = time.monotonic() + PATIENCE_S
    while not enough(came) and time.monotonic() < deadline:
        came += [data for _, data in port.poll(time.monotonic_ns())]
        time.sleep(0.001)
    return came


def count(number: int) -> Callable[[list[bytes]], bool]:
    return lambda came: len(came) >= number


def test_virtual_ports_are_seen_under_their_names(desk: Desk) -> None:
    desk.listens(Virtual("Left Hand"))
    desk.plays(Virtual("Left Hand"))
    assert list_ports("jack") == [
        PortInfo("Left Hand-out:out", "in", "jack"),
        PortInfo("Left Hand-in:in", "out", "jack"),
    ]


def test_a_burst_of_a_thousand_messages_is_kept_whole_and_in_order(desk: Desk) -> None:
    ear = desk.listens(Virtual("Ear"))
    hand = desk.plays(Device("ear"))
    burst = [note_on(number % 16, number % 128, 1 + number % 127) for number in range(1000)]
    for message in burst:
        hand.send(message)
    assert collect(ear, count(1000)) == burst


def test_the_clock_comes_in_and_sensing_stays_out(desk: Desk) -> None:
    ear, hand = desk.listens(Virtual("Ear")), desk.plays(Device("Ear-in:in"))
    for message in (b"\xf8", b"\xfe", b"\xfa", note_on(0, 60, 64)):
        hand.send(message)
    assert collect(ear, count(3)) == [b"\xf8", b"\xfa", note_on(0, 60, 64)]


def test_what_was_sent_before_the_close_still_arrives(desk: Desk) -> None:
    ear, hand = desk.listens(Virtual("Ear")), open_output(Device("Ear"), "jack")
    offs = [note_off(0, pitch) for pitch in range(48)]
    for message in offs:
        hand.send(message)
    hand.close()
    assert collect(ear, count(48)) == offs


def test_names_are_resolved_on_the_server(desk: Desk) -> None:
    for name in ("Grand Piano", "Upright Piano"):
        desk.listens(Virtual(name))
    assert desk.plays(Device("GRAND")).name == "Grand Piano-in:in"
    with pytest.raises(PortError) as ambiguous:
        open_output(Device("piano"), "jack")
    assert "Grand Piano-in:in" in ambiguous.value.message and "Upright Piano-in:in" in ambiguous.value.message
    with pytest.raises(PortError) as none:
        open_output(Device("Grant Piano"), "jack")
    assert 'Did you mean "Grand Piano' in none.value.hint


def test_panic_silences_a_port_of_which_nothing_is_known(desk: Desk) -> None:
    ear = desk.listens(Virtual("Expander"))
    panic("expander", "jack")
    came = collect(ear, count(2128))
    assert {control(15, 120, 0), note_off(0, 60), note_off(15, 127)} <= set(came)


def test_without_a_server_there_is_one_sentence_and_no_noise(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nobody")
    with pytest.raises(PortError, match="No MIDI system answers"):
        list_ports("jack")
    assert capfd.readouterr() == ("", "")


# ---- the wire on real ports ------------------------------------------------------------------------------


class Jam:
    """A wire on virtual ports with a performer before it and an ear behind it."""

    def __init__(self, desk: Desk) -> None:
        self.ear = Ear()
        self.came: list[bytes] = []
        self.performed: list[Performed] = []
        source, sink = desk.listens(Virtual("jamd")), desk.plays(Virtual("jamd"))
        self._listener, self.hand = desk.listens(Device("jamd-out:out")), desk.plays(Device("jamd-in:in"))
        self.wire = Wire(
            WireSettings(thru=True),
            source,
            sink,
            Ledger(bytearray(SIZE)),
            NullRecorder(),
            self._to_brain,
            lambda _: None,
        )
        self._pacer = Pacer(False)

    def _to_brain(self, message: object) -> bool:
        if isinstance(message, Performed):
            self.performed.append(message)
        return True

    def run(self, enough: Callable[[], bool]) -> None:
        now = time.monotonic_ns()
        deadline = now + int(PATIENCE_S * 1e9)
        while not enough() and now < deadline:
            now = self._pacer.wait(self.wire.step(now), self.wire.look)
            self.listen()
        assert enough()

    def listen(self) -> None:
        for _, message in self._listener.poll(time.monotonic_ns()):
            self.came.append(message)
            self.ear.hear(message)


def test_a_performance_goes_through_whole_and_the_answer_ends_when_the_performer_plays(desk: Desk) -> None:
    jam = Jam(desk)
    call = [message for pitch in range(48, 72) for message in (note_on(0, pitch, 64), note_off(0, pitch))]
    for message in call:
        jam.hand.send(message)
    jam.run(lambda: len(jam.came) == len(call))
    assert jam.came == call and jam.wire.heard == 24
    soon = time.monotonic_ns() + 20 * MS
    notes = tuple(PlannedNote(soon, soon + 60_000 * MS, pitch, 64) for pitch in (60, 64, 67))
    jam.wire.take(Plan(24, soon, notes))
    jam.run(lambda: len(jam.ear.keys) == 3)
    jam.hand.send(note_on(0, 36, 99))
    jam.run(lambda: jam.ear.keys == {(0, 36)})
    jam.wire.close(time.monotonic_ns())
    jam.run(lambda: jam.ear.silent)


def test_rubbish_on_the_port_costs_no_note(desk: Desk) -> None:
    jam = Jam(desk)
    for number in range(100):
        for rubbish in (b"\x40", b"\x90\x3c", b"\xf4", b"\xf8", b"\xfe", b"\xb0\x07\x7f"):
            jam.hand.send(rubbish)
        jam.hand.send(note_on(0, number, 64))
        jam.hand.send(b"\x90" + bytes((number, 0)))
    jam.run(lambda: jam.wire.heard == 100 and jam.ear.struck == 100 and not jam.ear.keys)
    notes = [event.number for event in jam.performed if event.kind.value == "note_on"]
    assert notes == list(range(100))
