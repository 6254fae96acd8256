"""How late notes are played: a real wire process, whose brain is this one, plays a plan under different loads."""

from __future__ import annotations

import tempfile
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from jamd.bench.alone import WireAlone, wire_alone
from jamd.bench.apart import beside, endless
from jamd.bench.figures import Figures, spread
from jamd.bench.tune import silent_file
from jamd.config import Midi, Settings
from jamd.engine.session import Session
from jamd.music.messages import Report
from jamd.music.plan import Plan, PlannedNote

MS = 1_000_000
GAP_NS = 5 * MS
LEAD_NS = 500 * MS
"""The plan stands so long before its first note."""
LAST_S, LOOK_S = 5.0, 0.1
SETTLE_S = 1.5
"""A load has begun by then."""


def lateness(settings: Settings, model: Path, seconds: float) -> Figures:
    """Milliseconds by which notes are late, alone and under each load."""
    loads: dict[str, AbstractContextManager[None]] = {
        "alone": nullcontext(),
        "inference": inference(settings, model),
        "python": beside(spin),
    }
    found: Figures = {}
    with tempfile.TemporaryDirectory(prefix="jamd-bench-") as folder:
        for name, load in loads.items():
            with load:
                time.sleep(SETTLE_S if name != "alone" else 0.0)
                late_ms, found["realtime"] = play(settings, Path(folder), int(seconds * 1e9) // GAP_NS)
            found[name] = spread(late_ms)
    return found


def inference(settings: Settings, model: Path) -> AbstractContextManager[None]:
    """A load: a brain that never stops."""
    return beside(infer, model, settings.engine.device, settings.engine.threads)


def infer(model: Path, device: str, threads: int) -> None:
    """What it does."""
    session = Session.load(model, device, threads)
    endless(lambda: session.step(0))


def spin() -> None:
    """A load: pure Python."""
    endless(lambda: sum(range(10_000)))


def play(settings: Settings, folder: Path, notes: int) -> tuple[list[float], bool]:
    """The lateness of each of so many notes, and whether the wire has real-time priority."""
    midi = replace(Midi(), in_=f"file:{silent_file(folder)}", out=f"file:{folder / 'out.mid'}")
    plain = Settings(midi=midi, player=settings.player)  # clocks, charts and bindings have nothing to do here
    with wire_alone(plain) as wire:
        wire.play(_plan(time.monotonic_ns() + LEAD_NS, notes))
        told = _reports(wire, (LEAD_NS + notes * GAP_NS) / 1e9 + LAST_S)
        wire.stop()
    return [float(m.facts["late_ms"]) for m in told if m.what in ("note_out", "late")], wire.realtime


def _plan(first_ns: int, notes: int) -> Plan:
    dues = range(first_ns, first_ns + notes * GAP_NS, GAP_NS)
    played = (PlannedNote(due, due + GAP_NS // 2, 48 + i % 24, 64) for i, due in enumerate(dues))
    return Plan(0, first_ns, tuple(played), final=True, yields=False)


def _reports(wire: WireAlone, seconds: float) -> list[Report]:
    """What the wire says until its plan has been played, but no longer."""
    told, deadline = list[Report](), time.monotonic() + seconds
    while time.monotonic() < deadline and not any(report.what == "answer_end" for report in told):
        time.sleep(LOOK_S)
        told += wire.reports()
    return told
