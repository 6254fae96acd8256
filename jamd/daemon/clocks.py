"""Who says where the beats are, from the settings: the conductor of a wire, and the port that its clock comes from."""

from __future__ import annotations

from collections.abc import Callable

from jamd.config import Settings
from jamd.errors import ConfigError
from jamd.midi.conductor import Conductor, Tempo
from jamd.midi.file_ports import FileInput
from jamd.midi.port_types import Device, InputPort, Virtual
from jamd.midi.ports import VIRTUAL, open_input, parse_spec
from jamd.music.messages import Report
from jamd.music.timeline import Metre

NO_CLOCK = "off"


def open_clock(settings: Settings, source: InputPort) -> InputPort | None:
    """The port of its own that the clock comes from; None where it comes with the playing, or nobody's is followed.

    PortError where it cannot be had, ConfigError where it would be of no use.
    """
    name = settings.clock.in_
    if name in ("", NO_CLOCK):
        return None
    spec = Virtual("jamd-clock") if name == VIRTUAL else parse_spec(name)
    if isinstance(source, FileInput):
        raise ConfigError(
            f"a file is played to its own tempo map, not to the clock of {name}", "Leave out --clock, or the file."
        )
    if not isinstance(spec, Device | Virtual):
        raise ConfigError(f"{name} sends no clock", "Name a port with --clock; jamd ports lists them.")
    port = open_input(spec, settings.midi.api)
    if port.name != source.name:
        return port
    port.close()  # the clock comes with the playing
    return None


def make_conductor(
    settings: Settings,
    source: InputPort,
    port: InputPort | None,
    report: Callable[[Report], object],
    *,
    goes_on: bool,
) -> Conductor:
    """The conductor of a wire that listens to `source`, and for the clock to `port` if that is another."""
    clock = settings.clock
    numerator, denominator = map(int, clock.metre.split("/"))
    tempo = Tempo(clock.bpm, Metre(numerator, denominator), clock.count_in, clock.send, goes_on)
    file = source if isinstance(source, FileInput) else None
    return Conductor(tempo, report, file=file, port=port, follows=clock.in_ != NO_CLOCK)
