"""OSC over the loopback: what is asked for is an action of the table, rubbish is counted, changes are told once."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket

from jamd.config import Osc as Settings
from jamd.daemon.osc import MANY, TROUBLE_NS, Osc
from jamd.errors import ConfigError
from jamd.music.actions import TABLE, Action, Spec
from jamd.music.messages import Report

PATIENCE_S = 5.0


class Peer:
    """Another program: sends to jamd's port, and hears what jamd sends."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(PATIENCE_S)
        self.port = int(self._socket.getsockname()[1])

    def send(self, data: bytes, port: int) -> None:
        self._socket.sendto(data, ("127.0.0.1", port))

    def hear(self, number: int) -> list[tuple[str, object]]:
        """The next messages: address and first argument."""
        packets = [OscPacket(self._socket.recv(4096)).messages[0].message for _ in range(number)]
        return [(message.address, *message) for message in packets]  # type: ignore[misc]

    def close(self) -> None:
        self._socket.close()


def free_port() -> int:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def packet(address: str, *arguments: float | str | bool) -> bytes:
    builder = OscMessageBuilder(address)
    for argument in arguments:
        builder.add_arg(argument)
    return builder.build().dgram


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with closing(Peer()) as peer:
        yield peer


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def osc(peer: Peer, port: int) -> Iterator[Osc]:
    with closing(Osc(Settings(port=port, to=f"127.0.0.1:{peer.port}"))) as osc:
        yield osc


def asked(osc: Osc, send: Callable[[], None], end: Callable[[], None]) -> list[Action]:
    """The actions of what is sent; a `keep` behind it says that all has come."""
    send()
    end()
    actions: list[Action] = []
    deadline = time.monotonic() + PATIENCE_S
    while not (actions and actions[-1].name == "keep"):
        assert time.monotonic() < deadline, actions
        actions += osc.actions(7)
    return actions[:-1]


@pytest.fixture(scope="module")
def ask(osc: Osc, peer: Peer, port: int) -> Callable[..., list[Action]]:
    def ask(*packets: bytes) -> list[Action]:
        end = packet("/jamd/keep")
        return asked(osc, lambda: [peer.send(data, port) for data in packets] and None, lambda: peer.send(end, port))

    return ask


@given(st.sampled_from(list(TABLE.values())), st.integers(0, 127))
def test_every_action_is_reached_with_a_value_of_its_range(
    ask: Callable[..., list[Action]], spec: Spec, position: int
) -> None:
    value = spec.scaled(position)
    arguments = () if value is None else (value,)
    (action,) = ask(packet(f"/jamd/{spec.name}", *arguments))
    assert (action.time_ns, action.name) == (7, spec.name)
    assert action.value == value and spec.check(action.value) == action.value


def test_a_button_acts_when_it_is_pressed_and_not_when_it_is_let_go(ask: Callable[..., list[Action]]) -> None:
    pressed = [packet("/jamd/undo", value) for value in (1.0, 0.0, True, False, 0)]
    assert [action.name for action in ask(*pressed)] == ["undo", "undo"]
    assert [action.value for action in ask(*(packet("/jamd/hand_over", v) for v in (1.0, False)))] == [1.0, 0.0]
    assert [action.value for action in ask(packet("/jamd/hand_over"))] == [None]  # the other way round


def test_a_bundle_is_all_that_it_holds(ask: Callable[..., list[Action]]) -> None:
    bundle = OscBundleBuilder(IMMEDIATELY)
    for data in (packet("/jamd/mode", "trade"), packet("/jamd/bars", 4)):
        bundle.add_content(OscPacket(data).messages[0].message)
    assert ask(bundle.build().dgram) == [Action(7, "mode", "trade"), Action(7, "bars", 4.0)]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (packet("/jamd/temperatur", 1.0), '/jamd/temperatur is no action. Did you mean "temperature"?'),
        (packet("/other/mode", "duet"), "/other/mode is no action."),
        (packet("/jamd/temperature", 9.0), "/jamd/temperature must be a number, 0.05 to 2, not 9"),
        (packet("/jamd/temperature"), "/jamd/temperature must be a number, 0.05 to 2, not nothing"),
        (packet("/jamd/mode", 3), "/jamd/mode must be call-response, trade, duet or continue, not 3"),
        (b"rubbish", "OSC Packet should"),
        (b"", "OSC Packet should"),
        (b"#bundle\0" + bytes(8) + b"\0\0\0\x7f", "holds nothing"),
    ],
)
def test_what_is_not_understood_is_said_once_a_second_and_ends_nothing(
    osc: Osc, ask: Callable[..., list[Action]], data: bytes, why: str
) -> None:
    osc.trouble(TROUBLE_NS)  # what came before
    osc._next_report_ns = 0
    assert ask(data, data) == []
    report = osc.trouble(2 * TROUBLE_NS)
    assert report is not None and report.what == "osc_refused" and report.facts["messages"] == 2
    assert why in str(report.facts["why"])
    assert ask(data) == [] and osc.trouble(3 * TROUBLE_NS - 1) is None
    again = osc.trouble(3 * TROUBLE_NS)
    assert again is not None and again.facts["messages"] == 1


@given(st.lists(st.binary(max_size=60) | st.binary(max_size=60).map(lambda b: b"/jamd/mode\0\0," + b), max_size=8))
def test_no_packet_whatever_ends_a_jam(ask: Callable[..., list[Action]], packets: list[bytes]) -> None:
    for action in ask(*packets):
        assert TABLE[action.name].check(action.value) == action.value


def test_bundles_in_bundles_without_end_are_refused(osc: Osc, ask: Callable[..., list[Action]]) -> None:
    nested = b""
    for _ in range(2000):
        nested = b"#bundle\0" + bytes(7) + b"\x01" + (len(nested).to_bytes(4, "big") + nested if nested else b"")
    assert ask(nested) == []


def test_a_flood_is_read_in_portions(peer: Peer) -> None:
    port = free_port()
    with closing(Osc(Settings(port=port))) as osc:
        for _ in range(2 * MANY):
            peer.send(packet("/jamd/keep"), port)
        assert 0 < len(osc.actions(0)) <= MANY


def test_the_state_goes_out_and_only_what_has_changed(osc: Osc, peer: Peer) -> None:
    facts = [("ready", {"process": "brain", "pid": 1}), ("state", {"state": "listening"}), ("late", {"pitch": 3})]
    facts += [("state", {"state": "thinking"}), ("action", {"name": "mode", "value": "duet"})]
    facts += [("action", {"name": "mode", "value": "duet"}), ("action", {"name": "undo"}), ("note_in", {"pitch": 60})]
    facts += [("action", {"name": "temperature", "value": 1.5}), ("mode", {"mode": "trade", "why": "no beats"})]
    for what, said in facts:
        osc.tell(Report(0, what, said))  # type: ignore[arg-type]  # facts of any kind
    told = peer.hear(7)
    assert told == [
        ("/jamd/state", "listening"),
        ("/jamd/late", 0),
        ("/jamd/late", 1),
        ("/jamd/state", "thinking"),
        ("/jamd/mode", "duet"),
        ("/jamd/temperature", 1.5),
        ("/jamd/mode", "trade"),
    ]


def test_nothing_is_opened_where_nothing_is_asked_for() -> None:
    osc = Osc(Settings())
    osc.tell(Report(0, "state", {"state": "playing"}))
    assert osc.waits_on == [] and osc.actions(0) == [] and osc.trouble(0) is None
    osc.close()


def test_only_this_machine_is_listened_to_unless_more_is_asked_for() -> None:
    for listen in ("127.0.0.1", "0.0.0.0"):
        settings = Settings(port=free_port()) if listen == "127.0.0.1" else Settings(port=free_port(), listen=listen)
        with closing(Osc(settings)) as osc:
            assert osc.waits_on[0].getsockname()[0] == listen


def test_a_port_that_is_taken_and_a_mirror_are_refused_in_a_sentence(osc: Osc, port: int) -> None:
    with pytest.raises(ConfigError, match=rf"cannot listen for OSC on 127.0.0.1:{port}: {os.strerror(98)}"):
        Osc(Settings(port=port))
    with pytest.raises(ConfigError, match="hear itself"):
        Osc(Settings(port=port, to=f"localhost:{port}"))


@pytest.mark.parametrize("host", ["nowhere.invalid", "127.0.0..1", "a..b", "x" * 70, "nul\0nul"])
def test_a_host_that_nobody_has_or_that_is_none_is_refused_in_a_sentence(host: str) -> None:
    for key, settings in (("to", Settings(to=f"{host}:9000")), ("listen", Settings(port=free_port(), listen=host))):
        with pytest.raises(ConfigError, match=re.escape(f"[osc] {key}: there is no host {host}")) as caught:
            Osc(settings)
        assert caught.value.exit_code == 2
