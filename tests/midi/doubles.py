"""Ports, a recorder and an ear for tests: what came in by script, what went out in a list, what sounds after it."""

from __future__ import annotations

from dataclasses import dataclass, field

from jamd.midi.pacing import Wake
from jamd.midi.wire import Wire
from jamd.music.actions import Action
from jamd.music.events import LogEntry, Performed
from jamd.music.messages import Looked, Welcome
from jamd.music.told import Aside

MS = 1_000_000
WELCOME = Welcome(7, "S.onnx", "digest", 2_500_000, "cpu", "1.22.0")
@dataclass
class ScriptedInput:
    """Delivers what stands in `script` (instant, bytes) when its time has come, stamped with the poll."""

    script: list[tuple[int, bytes]] = field(default_factory=list)
    name: str = "script"

    def poll(self, now: int) -> list[tuple[int, bytes]]:
        due = [data for at, data in self.script if at <= now]
        self.script = [(at, data) for at, data in self.script if at > now]
        return [(now, data) for data in due]

    def close(self) -> None:
        pass


@dataclass
class RecordingOutput:
    """Keeps what it is sent."""

    sent: list[bytes] = field(default_factory=list)
    name: str = "recording"

    def send(self, message: bytes) -> None:
        self.sent.append(message)

    def close(self) -> None:
        pass


@dataclass
class RecordingRecorder:
    """Keeps what it is told."""

    entries: list[LogEntry] = field(default_factory=list)
    played_events: list[tuple[Performed, int]] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    asides: list[Aside] = field(default_factory=list)
    looks: list[Looked] = field(default_factory=list)
    decisions: list[dict[str, int | bool | str]] = field(default_factory=list)
    flushes: list[bool] = field(default_factory=list)
    failure: str = ""
    closed: bool = False

    def entry(self, entry: LogEntry, said: int | None = None) -> None:
        self.entries.append(entry)

    def told(self, message: Aside) -> None:
        self.asides.append(message)

    def looked(self, looked: Looked, said: int) -> None:
        self.looks.append(looked)

    def decided(self, what: str, time_ns: int, **facts: int | bool | str) -> None:
        self.decisions.append({"what": what, "time_ns": time_ns, **facts})

    def played(self, event: Performed, due_ns: int) -> None:
        self.played_events.append((event, due_ns))

    def action(self, action: Action) -> None:
        self.actions.append(action)

    def flush(self, *, soon: bool) -> bool:
        self.flushes.append(soon)
        return not soon

    def close(self) -> None:
        self.closed = True


def waited(wire: Wire, wake: Wake, now: int) -> int:
    """When a pacer wakes that looks around meanwhile."""
    while now < wake.at_ns:
        now = min(now + wake.look_ns, wake.at_ns)
        if wire.look(now):
            break
    return now


class Ear:
    """A strict synthesizer: knows which keys and pedals are down, and refuses what a synth should not be sent."""

    def __init__(self) -> None:
        self.keys: set[tuple[int, int]] = set()
        self.pedals: dict[int, int] = {}
        self.struck = 0

    def hear(self, message: bytes) -> None:
        kind, channel, key = message[0] & 0xF0, message[0] & 0x0F, (message[0] & 0x0F, message[1])
        if kind == 0x90:
            assert message[2] > 0
            assert key not in self.keys, f"{key} is struck while it sounds"
            self.keys.add(key)
            self.struck += 1
        elif kind == 0x80:
            assert key in self.keys, f"{key} is released, but does not sound"
            self.keys.remove(key)
        elif kind == 0xB0 and message[1] == 64:
            self.pedals[channel] = message[2]

    @property
    def silent(self) -> bool:
        return not self.keys and not any(self.pedals.values())
