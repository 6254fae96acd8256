"""The whole daemon, as it is started by hand, with a .mid file for a performer: from start to ready, idle, and playing.

Every other phrase ends by its silence, so that the answer was drafted; the others with a controller that ends the turn
at once, so that nothing was. The wire is the real one but for its ports, which are files: what a MIDI system adds is
left out.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jamd.bench.figures import Figures, Unavailable, spread
from jamd.bench.processes import children, cpu_percent, share_mib
from jamd.bench.start import command, environment
from jamd.bench.tune import END_TURN, phrases
from jamd.config import Settings, spell

SETTLE_S, IDLE_S = 2.5, 2.5
"""The wire looks less often when nobody has played for two seconds."""
FIRST_MS = int((SETTLE_S + IDLE_S) * 1000) + 500
DRAFTED_MS, COLD_MS = 1400, 1000
"""From the beginning of a phrase to that of the next: notes (0.4 s), a silence (0.35 s) if it is drafted, an answer."""
READY_S, END_S = 60.0, 30.0
ANSWER_NS, NEAR_NS = 1_000_000_000, 100_000_000
Event = dict[str, Any]


def live(settings: Settings, model: Path, count: int) -> Figures:
    """One run with so many phrases of each kind; times in milliseconds where they do not say seconds."""
    cold = [bool(i % 2) for i in range(2 * count)]
    begins = [FIRST_MS + (i + 1) // 2 * DRAFTED_MS + i // 2 * COLD_MS for i in range(2 * count)]
    with tempfile.TemporaryDirectory(prefix="jamd-bench-") as name:
        folder = Path(name)
        words = _words(settings, model, folder, phrases(folder, begins, cold))
        start_ns = time.monotonic_ns()
        with _started(words, folder) as process:
            used = _watch(process, folder, begins[-1] / 1e3)
        events = _events(folder)
    ready = {e["process"]: round((e["t_ns"] - start_ns) / 1e9, 2) for e in _of(events, "ready")}
    drafted_ms, cold_ms = first_notes(events)
    return {
        "wire_ready_s": ready.get("wire"),
        "ready_s": max(ready.values()),
        **used,
        "drafted_ms": spread(drafted_ms),
        "cold_ms": spread(cold_ms),
        "notes_played": len(_of(events, "note_out")),
        "notes_left_out": len(_of(events, "late")),
    }


def first_notes(events: Sequence[Event]) -> tuple[list[float], list[float]]:
    """Milliseconds from the end of each phrase to the first note of its answer: drafted, and cold.

    A phrase is over when its silence has been long enough, or when the controller came.
    """
    drafted, cold = list[float](), list[float]()
    asked = [e["t_ns"] for e in _of(events, "action") if e["name"] == "end_turn"]
    sent = sorted(e["t_ns"] for e in _of(events, "note_out"))
    for over_ns in (e["over_ns"] for e in _of(events, "phrase_end")):
        near = [at for at in asked if abs(over_ns - at) < NEAR_NS]
        since_ns = near[0] if near else over_ns
        first = next((at for at in sent if at >= since_ns), None)
        if first is not None and first - since_ns < ANSWER_NS:
            (cold if near else drafted).append((first - since_ns) / 1e6)
    return drafted, cold


def _of(events: Sequence[Event], what: str) -> list[Event]:
    return [event for event in events if event["what"] == what]


def _words(settings: Settings, model: Path, folder: Path, tune: Path) -> list[str]:
    """The command line of the daemon; its settings stand in a file."""
    engine, realtime = settings.engine, settings.player.realtime
    lines = ["[engine]", f"model = {json.dumps(str(model.resolve()))}", f"device = {spell(engine.device)}"]
    lines += [f"threads = {engine.threads}", "[player]", f"realtime = {spell(realtime)}"]
    lines += ["[turn]", 'entry = "immediate"', "bars = 2", "[sampling]", "seed = 3"]
    lines += ["[record]", "on = false", "[bindings]", f'end_turn = "cc {END_TURN}"']
    config = folder / "jamd.toml"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    options = ["--in", f"file:{tune}", "--out", f"file:{folder / 'out.mid'}", "--events", str(folder / "events.jsonl")]
    return command("--config", str(config), "listen", *options)


@contextlib.contextmanager
def _started(words: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "printed.txt").open("wb") as printed:
        process = subprocess.Popen(words, env=environment(), stdout=printed, stderr=printed)
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


def _watch(process: subprocess.Popen[bytes], folder: Path, last_s: float) -> Figures:
    """What its processes use while it waits, and have taken when it has played; it is over after this."""
    used: Figures = {"idle_cpu_percent": None, "memory_mib": None}
    pids = {"main": process.pid, **_ready(process, folder)}
    with contextlib.suppress(Unavailable):
        time.sleep(SETTLE_S)
        used["idle_cpu_percent"] = cpu_percent(pids, IDLE_S)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(last_s - SETTLE_S - IDLE_S)
    with contextlib.suppress(Unavailable):
        used["memory_mib"] = _memory(pids)
    with contextlib.suppress(subprocess.TimeoutExpired):  # it goes by itself when all is answered
        process.wait(END_S)
    return used


def _memory(pids: dict[str, int]) -> dict[str, float]:
    """Of each process, and of all; the spare wire is among the others."""
    others = [pid for pid in children(pids["main"]) if pid not in pids.values()]
    found = {name: share_mib(pid) for name, pid in pids.items()} | {"others": sum(map(share_mib, others))}
    return {**found, "all": round(sum(found.values()), 1)}


def _ready(process: subprocess.Popen[bytes], folder: Path) -> dict[str, int]:
    """The process ids of wire and brain, as soon as both are ready."""
    deadline = time.monotonic() + READY_S
    while process.poll() is None and time.monotonic() < deadline:
        found = {str(e["process"]): int(e["pid"]) for e in _of(_events(folder), "ready")}
        if {"wire", "brain"} <= found.keys():
            return found
        time.sleep(0.02)
    lines = (folder / "printed.txt").read_text(encoding="utf-8").splitlines()
    raise Unavailable(f"jamd listen did not start: {' '.join(lines[-2:])}")


def _events(folder: Path) -> list[Event]:
    path = folder / "events.jsonl"
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]
