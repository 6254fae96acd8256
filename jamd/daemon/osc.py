"""Open Sound Control: `/jamd/ACTION value` from other programs, and jamd's state to them. Lives in main, alone with
python-osc; music never waits for it.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
from collections.abc import Iterator

from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket

from jamd import config
from jamd.errors import ConfigError, did_you_mean
from jamd.music.actions import TABLE, Action, Value
from jamd.music.messages import Report

ROOT = "/jamd/"
MANY = 256
"""So many packets are read at one look: a flood shall not keep main from its children."""
TROUBLE_NS = 1_000_000_000
"""What is not understood is reported no more often."""
Host = tuple[str, int]


class Osc:
    """Owns its two sockets. Without a port nothing comes in, without a `to` nothing goes out."""

    def __init__(self, settings: config.Osc) -> None:
        """ConfigError where the port is taken, or a name is not known."""
        self._to = _resolved(config.address(settings.to), "to")
        own = _resolved((settings.listen, settings.port), "listen") if settings.port else None
        if own is not None and self._to is not None and own[1] == self._to[1] and self._to[0] in _ours(own[0]):
            raise ConfigError("[osc] to is jamd's own port: it would hear itself", "Name another port.")
        logging.getLogger().addHandler(logging.NullHandler())  # else python-osc prints what it does not know
        self._in, self._out = (_listening(own) if own else None), (_sending() if self._to else None)
        self._late = self._refused = 0
        self._why = ""
        self._next_report_ns = 0
        self._told: dict[str, Value] = {}

    @property
    def waits_on(self) -> list[socket.socket]:
        """What main can be woken by. Windows wakes nobody for a socket: there main looks when it looks."""
        return [self._in] if self._in is not None and sys.platform != "win32" else []

    def actions(self, now: int) -> list[Action]:
        """What was asked for since the last look, oldest first."""
        wanted: list[Action] = []
        for packet in self._packets():
            try:
                messages = [timed.message for timed in OscPacket(packet).messages]
                if not messages:
                    raise ValueError("a packet that holds nothing")
                wanted += filter(None, [_action(message.address, list(message), now) for message in messages])
            except Exception as error:  # of python-osc too, which lets many kinds through: no packet ends a jam
                self._refused += 1
                self._why = self._why or (str(error) or type(error).__name__)
        return wanted

    def trouble(self, now: int) -> Report | None:
        """What was not understood, once a second."""
        if not self._refused or now < self._next_report_ns:
            return None
        self._next_report_ns = now + TROUBLE_NS
        report = Report(now, "osc_refused", {"messages": self._refused, "why": self._why})
        self._refused, self._why = 0, ""
        return report

    def tell(self, report: Report) -> None:
        """Sends what a report says to those who show it: the state, late notes, what was set."""
        facts = report.facts
        match report.what:
            case "state":
                self._send("state", str(facts["state"]))
            case "ready" if facts["process"] == "brain":
                self._send("state", "listening")
                self._send("late", self._late)
            case "late":
                self._late += 1
                self._send("late", self._late)
            case "mode":
                self._send("mode", str(facts["mode"]))  # the one that it is, not the one that was asked for
            case "action" if "value" in facts:
                self._send(str(facts["name"]), facts["value"])

    def close(self) -> None:
        """Closes the sockets."""
        for opened in (self._in, self._out):
            if opened is not None:
                opened.close()

    def _packets(self) -> Iterator[bytes]:
        if self._in is not None:
            with contextlib.suppress(OSError):  # nothing more, for now
                for _ in range(MANY):
                    yield self._in.recv(1 << 16)

    def _send(self, name: str, value: float | str) -> None:
        """Only what has changed: two programs that tell each other everything come to rest."""
        if self._out is None or self._to is None or self._told.get(name) == value:
            return
        self._told[name] = value
        builder = OscMessageBuilder(ROOT + name)
        builder.add_arg(value)
        with contextlib.suppress(OSError):  # nobody needs to listen
            self._out.sendto(builder.build().dgram, self._to)


def _action(address: str, arguments: list[object], now: int) -> Action | None:
    """What a message asks for; None for the letting go of a button. ValueError where it is nothing known."""
    name = address.removeprefix(ROOT)
    if name not in TABLE or not address.startswith(ROOT):
        raise ValueError(f"{address} is no action. {did_you_mean(name, TABLE)}".rstrip())
    spec = TABLE[name]
    if spec.kind == "trigger":
        return Action(now, name) if not arguments or arguments[0] else None
    if not arguments and spec.kind == "switch":
        return Action(now, name)
    try:
        return Action(now, name, spec.check(_number(arguments[0]) if arguments else "nothing"))
    except ValueError as error:
        raise ValueError(f"{address} {error}") from None


def _number(value: object) -> object:
    """A float as it was meant: OSC sends 1.1 with 24 bits, and true as a type of its own."""
    if isinstance(value, bool):
        return float(value)
    return round(value, 5) if isinstance(value, float) else value


def _resolved(address: Host | None, key: str) -> Host | None:
    if address is None:
        return None
    try:
        found = socket.getaddrinfo(*address, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
    except (OSError, ValueError):  # a name that nobody has, or that is none
        raise ConfigError(f"[osc] {key}: there is no host {address[0]}", "Write 127.0.0.1 for this machine.") from None
    return str(found[0]), int(found[1])


def _ours(host: str) -> tuple[str, ...]:
    return (host, "127.0.0.1", "0.0.0.0") if host in ("127.0.0.1", "0.0.0.0") else (host,)


def _listening(address: Host) -> socket.socket:
    opened = _sending()
    try:
        opened.bind(address)
    except OSError as error:
        opened.close()
        reason = error.strerror or error
        message = f"cannot listen for OSC on {address[0]}:{address[1]}: {reason}"
        raise ConfigError(message, "Choose another port under [osc].") from None
    return opened


def _sending() -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setblocking(False)
    return opened
