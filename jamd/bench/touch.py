"""How soon the wire does what a key asks for: the note goes through, and the answer that it cuts is silent.

A real wire process with a .mid file for a performer, beside a model that never stops. Its output takes the time when it
is handed a message: what a MIDI system adds, on both sides, is left out.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

from jamd.bench.alone import wire_alone
from jamd.bench.figures import Figures, spread
from jamd.bench.lateness import SETTLE_S, inference
from jamd.bench.tune import keys
from jamd.config import Midi, Settings
from jamd.midi.messages import to_bytes
from jamd.midi.port_types import PortSpec
from jamd.music.events import Kind, Performed
from jamd.music.plan import Plan, PlannedNote

MS = 1_000_000
CHORD = (48, 52, 55, 59, 62, 64)
"""What jamd plays, and every key cuts; the performer's keys are higher."""
SOON_NS, LONG_NS = 20 * MS, 60_000 * MS
"""When a chord begins after the key before it, and how long it would sound."""
PATIENCE_S, LOOK_S = 5.0, 0.02
Sent = tuple[int, bytes]


class TimedOutput:
    """An output that writes down when it was handed what."""

    def __init__(self, path: Path) -> None:
        self.name, self._path, self._sent = "timed", path, list[Sent]()

    def send(self, message: bytes) -> None:
        """Takes the time."""
        self._sent.append((time.monotonic_ns(), message))

    def close(self) -> None:
        """Writes all down."""
        self._path.write_text(json.dumps([(at, message.hex()) for at, message in self._sent]), encoding="utf-8")


def open_timed(path: Path, spec: PortSpec, api: str) -> TimedOutput:
    """Opens it, whatever the wire was to play to."""
    return TimedOutput(path)


@dataclass(frozen=True, slots=True)
class Touches:
    """What was performed, and what the wire then sent."""

    performed: Sequence[Performed]
    sent: Sequence[Sent]

    def thru_ms(self) -> list[float]:
        """From each event until it was handed on."""
        found = list[float]()
        for event in self.performed:
            sent = (at for at, message in self.sent if at >= event.time_ns and message == to_bytes(event))
            found += [(at - event.time_ns) / MS for at in islice(sent, 1)]
        return found

    def barge_in_ms(self) -> list[float]:
        """From each key until the last note-off of the chord that it has cut."""
        struck = [event.time_ns for event in self.performed if event.kind is Kind.NOTE_ON]
        offs = [at for at, message in self.sent if message[0] & 0xF0 == 0x80 and message[1] in CHORD]
        until = [*struck[1:], struck[-1] + LONG_NS] if struck else []
        cut = ([at for at in offs if key <= at < end] for key, end in zip(struck, until, strict=True))
        return [(max(ends) - key) / MS for key, ends in zip(struck, cut, strict=True) if len(ends) == len(CHORD)]


def touch(settings: Settings, model: Path, count: int) -> Figures:
    """Milliseconds, for so many keys."""
    with tempfile.TemporaryDirectory(prefix="jamd-bench-") as folder, inference(settings, model):
        time.sleep(SETTLE_S)
        touches = play(settings, Path(folder), count)
    return {"thru_ms": spread(touches.thru_ms()), "barge_in_ms": spread(touches.barge_in_ms())}


def play(settings: Settings, folder: Path, count: int) -> Touches:
    """A performer strikes a key, jamd begins a chord, which the next key cuts; and so on."""
    tune, log = keys(folder, count), folder / "sent.json"
    midi = replace(Midi(), in_=f"file:{tune}", out=f"file:{folder / 'out.mid'}", thru=True)
    performed = list[Performed]()
    with wire_alone(Settings(midi=midi, player=settings.player), partial(open_timed, log)) as wire:
        deadline = time.monotonic() + PATIENCE_S
        while len(performed) < 2 * count and time.monotonic() < deadline:
            for event in (message for message in wire.told(LOOK_S) if isinstance(message, Performed)):
                performed.append(event)
                deadline = time.monotonic() + PATIENCE_S
                if event.kind is Kind.NOTE_ON:
                    wire.play(_chord(sum(e.kind is Kind.NOTE_ON for e in performed), event.time_ns + SOON_NS))
        wire.stop()
    sent = json.loads(log.read_text(encoding="utf-8"))
    return Touches(performed, [(at, bytes.fromhex(message)) for at, message in sent])


def _chord(heard: int, due_ns: int) -> Plan:
    return Plan(heard, due_ns, tuple(PlannedNote(due_ns, due_ns + LONG_NS, pitch, 64) for pitch in CHORD))
