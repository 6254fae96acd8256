"""The conductor that the settings ask for, and the port that its clock comes from."""

from __future__ import annotations

import pytest

from jamd.config import Settings
from jamd.daemon import clocks
from jamd.daemon.clocks import make_conductor, open_clock
from jamd.errors import ConfigError, PortError
from jamd.midi.file_ports import FileInput
from jamd.midi.port_types import Device, NullInput, PortSpec, Virtual
from jamd.midi.smf import MidiLog
from jamd.music.messages import Transport
from jamd.music.timeline import Metre, Timeline
from tests.midi.clock_sources import Sent, steady

FILE = FileInput(MidiLog((Timeline(0, 0, 500_000_000),), 1, 0, 0, 0, 0, 0), "call.mid")


class Port(NullInput):
    """A port that is there."""

    def __init__(self, name: str) -> None:
        self.name, self.closed = name, False

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Port]:
    """The ports that were opened; each is called Piano, or as a virtual port wants to be."""
    ports: list[Port] = []

    def open_input(spec: PortSpec, api: str) -> Port:
        assert isinstance(spec, Device | Virtual)
        ports.append(Port("Piano" if isinstance(spec, Device) else spec.name))
        return ports[-1]

    monkeypatch.setattr(clocks, "open_input", open_input)
    return ports


def with_clock(name: str, **options: float | bool | str) -> Settings:
    return Settings().with_options(clock_in=name, **options)


@pytest.mark.parametrize("name", ["", "off"])
def test_without_a_name_no_port_is_opened(name: str, opened: list[Port]) -> None:
    assert open_clock(with_clock(name), Port("Piano")) is None and opened == []


def test_the_port_that_is_played_on_is_not_opened_twice(opened: list[Port]) -> None:
    assert open_clock(with_clock("pian"), Port("Piano")) is None and opened[0].closed
    assert open_clock(with_clock("pian"), Port("Drums")) is opened[1] and not opened[1].closed
    other = open_clock(with_clock("virtual"), Port("Piano"))
    assert other is not None and other.name == "jamd-clock"


@pytest.mark.parametrize(("name", "file"), [("Drums", True), ("file:a.mid", False), ("synth:", False)])
def test_a_clock_that_is_none_is_refused_with_what_to_do(name: str, file: bool, opened: list[Port]) -> None:
    with pytest.raises(ConfigError, match="--clock"):
        open_clock(with_clock(name), FILE if file else Port("Piano"))
    assert opened == []


def test_a_clock_that_names_nothing_is_refused() -> None:
    with pytest.raises(PortError):
        open_clock(with_clock("virtual:"), Port("Piano"))


def follow(settings: Settings, sent: list[Sent]) -> list[Timeline | Transport]:
    conductor = make_conductor(settings, Port("Piano"), None, lambda report: None, goes_on=False)
    conductor.greet(0, None)
    for one in sent:
        conductor.hear(one.message, one.came_ns)
    return conductor.entries(sent[-1].came_ns)


def test_the_settings_say_the_metre_and_whether_a_clock_is_followed() -> None:
    sent = steady(120, 4)
    assert follow(with_clock("off"), sent) == []
    found = follow(with_clock("", clock_metre="3/4"), sent)
    assert isinstance(found[0], Timeline) and found[0].metre == Metre(3, 4)
    led, roll = follow(with_clock("", clock_bpm=90.0, clock_send=True), sent)
    assert isinstance(led, Timeline) and led.bpm == pytest.approx(90) and isinstance(roll, Transport)
