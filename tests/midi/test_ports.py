"""Ports by name, and a MIDI library that refuses: each time a sentence and what to do."""

from __future__ import annotations

import builtins
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jamd.errors import MidiFileError, PortError
from jamd.midi import rtmidi_ports
from jamd.midi.file_ports import FileInput
from jamd.midi.port_types import Device, File, NullInput, NullOutput, PortInfo, Virtual
from jamd.midi.ports import list_ports, open_input, open_output, panic, parse_spec
from tests.midi.files import NOTE, one_track


class LibraryError(Exception):
    """What the library raises."""


class Client:
    """A client of a MIDI library that is not there."""

    def __init__(self, house: House, system: str, name: str, kind: str) -> None:
        self.house, self.system, self.name, self.kind = house, system, name, kind
        self.opened: list[Any] = []
        self.sent: list[bytes] = []
        self.deleted = self.closed = False
        house.clients.append(self)

    def get_ports(self) -> list[str]:
        return self.house.ports[self.system]

    def open_port(self, number: int, name: str) -> None:
        self.house.refuse()
        self.opened.append((number, name))

    def open_virtual_port(self, name: str) -> None:
        self.house.refuse()
        self.opened.append(name)

    def ignore_types(self, **types: bool) -> None:
        self.ignored = types

    def send_message(self, message: bytes) -> None:
        self.house.refuse()
        self.sent.append(message)

    def close_port(self) -> None:
        self.house.hang.wait(30)
        self.closed = True

    def delete(self) -> None:
        self.deleted = True


class House:
    """A MIDI library with two systems, and what its clients saw."""

    def __init__(self) -> None:
        self.ports: dict[str, list[str]] = {"alsa": ["Piano:Piano 20:0"], "jack": ["Synth:in", "Strings:in"]}
        self.down: set[str] = set()
        self.error: Exception | None = None
        self.hang = threading.Event()
        self.hang.set()
        self.clients: list[Client] = []
        self.library = SimpleNamespace(
            RtMidiError=LibraryError,
            get_compiled_api=lambda: [2, 3],
            get_api_name=lambda number: {2: "alsa", 3: "jack"}[number],
            MidiIn=self._maker("MidiIn"),
            MidiOut=self._maker("MidiOut"),
        )

    def _maker(self, kind: str) -> Callable[..., Client]:
        def make(number: int, name: str, **options: int) -> Client:
            system = self.library.get_api_name(number)
            if system in self.down:
                raise LibraryError(f"Midi::initialize: {system} is not running")
            assert ("queue_size_limit" in options) == (kind == "MidiIn")
            return Client(self, system, name, kind)

        return make

    def refuse(self) -> None:
        if self.error:
            raise self.error

    @property
    def left(self) -> list[Client]:
        return [client for client in self.clients if not client.deleted]


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    built = House()
    monkeypatch.setattr(rtmidi_ports, "_library", lambda: built.library)
    return built


# ---- what is meant ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("virtual", Virtual("jamd")),
        ("virtual:Left Hand", Virtual("Left Hand")),
        ("file:a b.mid", File(Path("a b.mid"))),
        ("file:~/a.mid", File(Path.home() / "a.mid")),
        ("Digital Piano", Device("Digital Piano")),
        ("Client:port", Device("Client:port")),
        ("virtually", Device("virtually")),
    ],
)
def test_a_spec_says_what_is_meant(text: str, spec: object) -> None:
    assert parse_spec(text) == spec


@pytest.mark.parametrize("text", ["", "  ", "virtual:", "virtual: ", "file:"])
def test_a_spec_that_names_nothing_is_refused_with_the_ways_to_name(text: str) -> None:
    with pytest.raises(PortError) as caught:
        parse_spec(text)
    assert "virtual:NAME" in caught.value.hint


def test_a_file_is_an_input_that_waits_and_an_output_that_is_deaf(tmp_path: Path) -> None:
    path = tmp_path / "a.mid"
    path.write_bytes(one_track(NOTE))
    port = open_input(File(path), "auto")
    assert isinstance(port, FileInput) and port.name == str(path) and port.poll(10**9) == []
    assert isinstance(open_output(File(path), "auto"), NullOutput)
    with pytest.raises(MidiFileError):
        open_input(File(tmp_path / "none.mid"), "auto")


def test_null_ports_hear_nothing_and_take_everything() -> None:
    assert NullInput().poll(5) == [] and NullInput().timelines(5) == []
    NullOutput().send(b"\x90\x3c\x40")


# ---- opening ---------------------------------------------------------------------------------------------


def test_a_device_is_opened_on_the_system_that_has_it_and_the_other_is_left_alone(house: House) -> None:
    port = open_output(Device("piano"), "auto")
    assert port.name == "Piano:Piano 20:0"
    assert [(c.system, c.name, c.opened) for c in house.left] == [("alsa", "jamd-out", [(0, "out")])]
    port.close()
    assert house.left == []


def test_the_clock_comes_in_and_sensing_and_system_exclusive_stay_out(house: House) -> None:
    open_input(Device("Strings"), "jack")
    (client,) = house.left
    assert client.opened == [(1, "in")] and client.ignored == {"sysex": True, "timing": False, "active_sense": True}


def test_the_name_of_a_virtual_port_stands_in_what_others_see(house: House) -> None:
    one, other = open_input(Virtual("Left"), "auto"), open_output(Virtual("Left"), "auto")
    assert (one.name, other.name) == ("Left-in:in", "Left-out:out")
    assert [(c.system, c.name, c.opened) for c in house.left] == [
        ("jack", "Left-in", ["in"]),
        ("jack", "Left-out", ["out"]),
    ]


def test_only_the_system_that_was_asked_for_is_used(house: House) -> None:
    with pytest.raises(PortError, match=r'no MIDI port "Piano"'):
        open_output(Device("Piano"), "jack")
    with pytest.raises(PortError, match="core"):
        open_output(Virtual("jamd"), "core")
    assert house.left == []


def test_a_port_that_is_nowhere_is_refused_with_the_ports_of_all_systems(house: House) -> None:
    with pytest.raises(PortError) as caught:
        open_output(Device("Organ"), "auto")
    assert "Piano" in caught.value.hint and "Synth" in caught.value.hint and house.left == []


def test_without_a_midi_system_the_reasons_and_the_ways_out_are_named(house: House) -> None:
    house.down = {"jack", "alsa"}
    for attempt in (list_ports, lambda: open_output(Virtual("jamd"), "auto")):
        with pytest.raises(PortError) as caught:
            attempt()
        assert "jack is not running" in caught.value.message and "modprobe snd-seq" in caught.value.hint


def test_ports_are_listed_by_direction_and_system(house: House) -> None:
    house.down = {"jack"}
    assert list_ports() == [PortInfo("Piano:Piano 20:0", "in", "alsa"), PortInfo("Piano:Piano 20:0", "out", "alsa")]
    assert house.left == []


@pytest.mark.parametrize("error", [LibraryError("busy"), ValueError("gone")])
def test_a_port_that_cannot_be_opened_is_named_with_what_to_do(house: House, error: Exception) -> None:
    house.error = error
    with pytest.raises(PortError) as caught:
        open_output(Device("Piano"), "auto")
    assert "Piano:Piano 20:0" in caught.value.message and "hold it" in caught.value.hint and house.left == []


@pytest.mark.parametrize(
    ("error", "word"), [(LibraryError("full"), "full"), (NotImplementedError(), "no virtual ports")]
)
def test_a_virtual_port_that_cannot_be_opened_is_refused(house: House, error: Exception, word: str) -> None:
    house.error = error
    with pytest.raises(PortError, match=word):
        open_input(Virtual("jamd"), "auto")


@pytest.mark.parametrize("name", ["a:b", "x" * 51])
def test_a_name_that_midi_systems_do_not_take_is_refused(house: House, name: str) -> None:
    with pytest.raises(PortError, match="cannot be called"):
        open_input(Virtual(name), "auto")


def test_a_message_that_is_not_taken_is_a_port_error(house: House) -> None:
    port = open_output(Device("Piano"), "auto")
    house.error = LibraryError("server gone")
    with pytest.raises(PortError, match="server gone"):
        port.send(b"\x90\x3c\x40")


def test_a_close_that_hangs_does_not_hang_us(house: House) -> None:
    port = open_output(Device("Piano"), "auto")
    house.hang.clear()
    port.close()
    assert not house.clients[-1].closed
    house.hang.set()


def test_panic_silences_the_port_and_lets_it_go(house: House) -> None:
    panic("piano", sleep=lambda seconds: None)
    player = next(client for client in house.clients if client.opened)
    assert bytes((0xBF, 120, 0)) in player.sent and bytes((0x8F, 127, 0)) in player.sent and player.closed


def test_panic_overruns_neither_a_programs_queue_nor_a_cable(house: House) -> None:
    def sent() -> int:
        return sum(len(client.sent) for client in house.clients)

    rests: list[tuple[int, float]] = []
    panic("piano", sleep=lambda seconds: rests.append((sent(), seconds)))
    edges = [0, *(count for count, _ in rests), sent()]
    assert max(after - before for before, after in pairwise(edges)) < 200  # ALSA's default queue
    carried = sum(seconds for _, seconds in rests) * 31_250 / 10
    assert 3 * sent() - carried < 4096  # what the kernel keeps for a cable


@pytest.mark.parametrize(
    ("reason", "word"), [("libasound.so.2: cannot open", "libasound2"), ("No module named 'rtmidi'", "pip install")]
)
def test_a_missing_library_is_named_in_a_sentence(monkeypatch: pytest.MonkeyPatch, reason: str, word: str) -> None:
    real = builtins.__import__

    def broken(name: str, *rest: Any) -> Any:
        if name == "rtmidi":
            raise ImportError(reason)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(PortError) as caught:
        list_ports()
    assert word in str(caught.value)
