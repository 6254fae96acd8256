"""Ports by the names that people give them: the seam behind which the MIDI libraries stand."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from jamd.errors import PortError
from jamd.midi import rtmidi_ports
from jamd.midi.file_ports import FileInput
from jamd.midi.ledger import panic_everything
from jamd.midi.port_types import (
    Device,
    File,
    InputPort,
    NullOutput,
    OutputPort,
    OwnSynth,
    PortInfo,
    PortSpec,
    Virtual,
)
from jamd.midi.rtmidi_ports import AUTO, OUR_NAME
from jamd.midi.synth import open_synth

VIRTUAL, VIRTUAL_PREFIX, FILE_PREFIX, OWN_SYNTH = "virtual", "virtual:", "file:", "synth:"
_PANIC_BURST, _PANIC_REST_S = 32, 0.016
"""Messages of a panic at once, and the rest after them: an ALSA program's queue holds 200, and overrun it loses
them all; a MIDI cable carries 1000 a second, with some 1300 waiting before it."""


def parse_spec(text: str) -> PortSpec:
    """What `--in` or `--out` names: `virtual`, `virtual:NAME`, `file:PATH.mid`, `synth:` (only out), or a port.

    PortError where it names nothing.
    """
    if text == VIRTUAL:
        return Virtual(OUR_NAME)
    if text == OWN_SYNTH:
        return OwnSynth()
    virtual, path, name = text.removeprefix(VIRTUAL_PREFIX), text.removeprefix(FILE_PREFIX), text.strip()
    if virtual != text and virtual.strip():
        return Virtual(virtual.strip())
    if path != text and path:
        return File(Path(path).expanduser())
    if name and virtual == text and path == text:
        return Device(name)
    hint = 'Write a name or a part of one, "virtual", "virtual:NAME" or "file:PATH.mid".'
    raise PortError(f'"{text}" names no port.', hint)


def list_ports(api: str = AUTO) -> list[PortInfo]:
    """The ports that are there, inputs first; PortError where there is no MIDI system."""
    return rtmidi_ports.list_ports(api)


def open_input(spec: PortSpec, api: str) -> InputPort:
    """The input that is meant; a file (`FileInput`) waits for its start.

    PortError, or MidiFileError, where it cannot be had.
    """
    if isinstance(spec, File):
        from jamd.midi.smf import read_midi  # only here: it takes longer to load than to list all ports

        return FileInput(read_midi(spec.path), str(spec.path))
    if isinstance(spec, OwnSynth):
        raise PortError("a synth cannot be listened to.", "Name a port, or file:PATH.mid, with --in.")
    return rtmidi_ports.open_input(spec, api)


def open_output(spec: PortSpec, api: str) -> OutputPort:
    """The output that is meant; a file is written from the recording when the jam is over: here it is deaf.

    PortError where it cannot be had.
    """
    if isinstance(spec, File):
        return NullOutput(str(spec.path))
    if isinstance(spec, OwnSynth):
        return open_synth()
    return rtmidi_ports.open_output(spec, api)


def panic(name: str, api: str = AUTO, sleep: Callable[[float], None] = time.sleep) -> None:
    """Silences everything that sounds on the output port `name`, in a second; PortError where it cannot be had."""
    port = open_output(parse_spec(name), api)
    for number, message in enumerate(panic_everything(), 1):
        port.send(message)
        if number % _PANIC_BURST == 0:
            sleep(_PANIC_REST_S)
    port.close()
