"""Ports of the computer's MIDI systems through python-rtmidi: the only module that knows that library.

It has no ready-made package for Python 3.13 and later. Another binding (pylibremidi has some) would stand
beside this module with the same three functions: `list_ports`, `open_input`, `open_output`.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from threading import Thread
from typing import Any

from jamd.errors import PortError
from jamd.midi.names import match
from jamd.midi.port_types import Device, PortInfo, Virtual

AUTO = "auto"
OUR_NAME = "jamd"
_ORDER = ("jack", "alsa", "core", "winmm")
"""Who runs a JACK server wants it used; ALSA's ports are there in any case."""
_QUEUE = 16_384
"""Messages that may wait for a poll: a burst of thousands must be kept whole."""
_CLOSE_S = 0.3
"""Closing can hang (a dead server, a deadlock in the library): it is given up after this."""
_SETTLE_S = 0.03
"""A JACK connection holds from the server's next period on (21 ms at 1024 frames): what is sent before may be
lost (seen for 6 first messages of 60 on a busy machine), and the first thing sent may be a note-off that is owed."""
_LEAVE_S = 0.03
"""What was sent last is out some periods of the server later, and is lost with a port that has gone by then: closed
at once, 6 of 64 ports took all their note-offs with them on a busy machine; after this rest none did."""
_LONGEST_NAME = 50
_NO_SYSTEM_HINT = "Start a JACK server, or on Linux load ALSA's sequencer: sudo modprobe snd-seq."


class RtMidiInput:
    """An input port with the library's own queue: no callback, no foreign thread in Python."""

    def __init__(self, port: Any, name: str) -> None:
        self._port, self.name = port, name

    def poll(self, now: int) -> list[tuple[int, bytes]]:
        """All that has come, stamped `now`: the library's own times are differences, and drift."""
        messages = []
        while (message := self._port.get_message()) is not None:
            messages.append((now, bytes(message[0])))
        return messages

    def close(self) -> None:
        """Lets the port go."""
        _close(self._port)


class RtMidiOutput:
    """An output port."""

    def __init__(self, port: Any, name: str) -> None:
        self._port, self.name = port, name

    def send(self, message: bytes) -> None:
        """Hands the message to the MIDI system; PortError where it does not take it."""
        try:
            self._port.send_message(message)
        except (_library().RtMidiError, ValueError) as error:
            raise PortError(f"{self.name} does not take a message: {error}.") from error

    def close(self) -> None:
        """Sends what still waits, and lets the port go."""
        time.sleep(_LEAVE_S)
        _close(self._port)


def list_ports(api: str = AUTO) -> list[PortInfo]:
    """The ports that are there; PortError where there is no MIDI system."""
    found = []
    for kind, direction in (("MidiIn", "in"), ("MidiOut", "out")):
        for system, client in _clients(kind, api, OUR_NAME):
            found += [PortInfo(name, direction, system) for name in client.get_ports()]
            client.delete()
    return found


def open_input(spec: Device | Virtual, api: str = AUTO) -> RtMidiInput:
    """Opens a port to listen to; PortError where it cannot be had."""
    port, name = _open("MidiIn", spec, api, "in")
    port.ignore_types(sysex=True, timing=False, active_sense=True)  # the clock comes in, chatter stays out
    return RtMidiInput(port, name)


def open_output(spec: Device | Virtual, api: str = AUTO) -> RtMidiOutput:
    """Opens a port to play to, ready for its first message; PortError where it cannot be had."""
    port, name = _open("MidiOut", spec, api, "out")
    if isinstance(spec, Device):
        time.sleep(_SETTLE_S)
    return RtMidiOutput(port, name)


def _open(kind: str, spec: Device | Virtual, api: str, direction: str) -> tuple[Any, str]:
    """An open port and its name, on the first MIDI system that has it."""
    own = spec.name if isinstance(spec, Virtual) else OUR_NAME
    if ":" in own or len(own.encode()) > _LONGEST_NAME:
        hint = f"Choose one without a colon, of at most {_LONGEST_NAME} letters."
        raise PortError(f'A port cannot be called "{own}".', hint)
    client_name = f"{own}-{direction}"
    clients = [client for _, client in _clients(kind, api, client_name)]
    try:
        if isinstance(spec, Virtual):
            port, name = clients[0], f"{client_name}:{direction}"
            _open_virtual(port, name, direction)
        else:
            port, name = _find(clients, spec.name)
            _open_device(port, name, direction)
        clients.remove(port)
        return port, name
    finally:
        for unused in clients:
            unused.delete()


def _find(clients: list[Any], wanted: str) -> tuple[Any, str]:
    """The client that sees the port, and the port's whole name."""
    ours = (f"{OUR_NAME}-in", f"{OUR_NAME}-out")
    everything: list[str] = []
    for port in clients:
        names = port.get_ports()
        if any(wanted.casefold() in name.casefold() for name in names):
            return port, match(wanted, names, ours)
        everything += names
    return clients[0], match(wanted, everything, ours)  # which says that there is none


def _open_device(port: Any, name: str, direction: str) -> None:
    try:
        port.open_port(port.get_ports().index(name), direction)
    except (_library().RtMidiError, ValueError) as error:  # ValueError: it has gone since it was listed
        hint = "Another program may hold it, or it was just unplugged: close that program, or plug it in again."
        raise PortError(f"The port {name} cannot be opened: {error}.", hint) from error


def _open_virtual(port: Any, name: str, direction: str) -> None:
    try:
        port.open_virtual_port(direction)
    except NotImplementedError as error:
        hint = "Make a port with loopMIDI, and name that one."
        raise PortError("This system has no virtual ports.", hint) from error
    except _library().RtMidiError as error:
        raise PortError(f"The virtual port {name} cannot be opened: {error}.") from error


def _clients(kind: str, api: str, name: str) -> list[tuple[str, Any]]:
    """A client for each MIDI system that answers, or for the one asked for; PortError if none does."""
    library = _library()
    known = {library.get_api_name(number): number for number in library.get_compiled_api()}
    wanted = [system for system in _ORDER if system in known] if api == AUTO else [api]
    options = {"queue_size_limit": _QUEUE} if kind == "MidiIn" else {}
    clients, reasons = [], []
    for system in wanted:
        if system not in known:
            hint = f"It knows {', '.join(s for s in _ORDER if s in known)}."
            raise PortError(f'The MIDI library on this machine knows no "{system}".', hint)
        try:
            with _quiet_stderr():
                clients.append((system, getattr(library, kind)(known[system], name, **options)))
        except library.RtMidiError as error:
            reasons.append(f"{system}: {str(error).rpartition(': ')[2]}")
    if not clients:
        raise PortError(f"No MIDI system answers ({'; '.join(reasons)}).", _NO_SYSTEM_HINT)
    return clients


def _library() -> Any:
    """python-rtmidi, imported late: everything that plays no ports works on machines without it."""
    try:
        import rtmidi
    except ImportError as error:
        if "libasound" in str(error):
            raise PortError("A system package is missing: libasound2 (Debian: apt install libasound2).") from error
        hint = "Install it: pip install python-rtmidi. Ready-made packages exist for Python up to 3.12."
        raise PortError(f"There is no python-rtmidi here ({error}).", hint) from error
    return rtmidi


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Keeps the C libraries of JACK and ALSA from telling people what jamd will tell them better."""
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def _close(port: Any) -> None:
    def close() -> None:
        port.close_port()
        port.delete()

    closer = Thread(target=close, name="close MIDI port", daemon=True)
    closer.start()
    closer.join(_CLOSE_S)
