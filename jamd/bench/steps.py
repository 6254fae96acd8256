"""How fast a model runs: a step against its floor, a prefill, and what an answer needs to its first note.

Steps, prefills and reads of the floor take turns, so that what else runs on the machine disturbs all alike; medians are
compared. To be run in a process of its own (see `apart`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from jamd.bench.apart import apart
from jamd.bench.figures import Figures, percentile
from jamd.config import Engine
from jamd.engine.budget import Speed
from jamd.engine.floor import Reader
from jamd.engine.ring import MAX_PIECE
from jamd.engine.session import Session
from jamd.engine.speed import TAIL_TOKENS

STEPS, READS, COLD = 24, 6, 3
"""Of a round; the first of each find a cold cache, and are not counted."""
BANDWIDTH_BYTES = 256 << 20


@dataclass(slots=True)
class Times:
    """Milliseconds of each action, by the clock on the wall and by this thread's own."""

    wall: dict[str, list[float]] = field(default_factory=dict)
    thread: dict[str, list[float]] = field(default_factory=dict)

    def take(self, name: str, action: Callable[[], object], *, count: bool = True) -> None:
        """Does it once."""
        wall, thread = time.perf_counter(), time.thread_time()
        action()
        wall, thread = time.perf_counter() - wall, time.thread_time() - thread
        if count:
            self.wall.setdefault(name, []).append(wall * 1e3)
            self.thread.setdefault(name, []).append(thread * 1e3)


def all_models(engine: Engine, paths: list[Path], threads: list[int], seconds: float) -> list[Figures]:
    """Each model on each number of threads; where CUDA graphs are at work, without them too."""
    return [figures for path in paths for n in threads for figures in _both_ways(path, engine.device, n, seconds)]


def _both_ways(path: Path, device: str, threads: int, seconds: float) -> Iterator[Figures]:
    found = apart(one_model, path, device, threads, seconds)
    yield found
    if found["device"] == "cuda":
        yield apart(one_model, path, device, threads, seconds, "to compare")


def one_model(path: Path, device: str, threads: int, seconds: float, without_graphs: str = "") -> Figures:
    """Loads a model and measures it for a while."""
    start = time.perf_counter()
    session = Session.load(path, device, threads, without_graphs=without_graphs)
    load_ms = (time.perf_counter() - start) * 1e3
    times = _measure(session, seconds)
    return {
        "model": path.stem,
        "device": session.runs_on,
        "threads": threads,
        "mem_len": session.info.longest_memory,
        "precision": session.info.precision,
        "load_ms": round(load_ms, 1),
        **figures(times, session.info.floor_bytes, alone=threads == 1 and session.device == "cpu"),
    }


def read_gib_s() -> float:
    """What one thread reads of memory in a second, in GiB."""
    reader = Reader(BANDWIDTH_BYTES)
    ms = median([reader.ms() for _ in range(COLD + READS)][COLD:])
    return round(BANDWIDTH_BYTES / (1 << 30) / (ms / 1e3), 1)


def figures(times: Times, floor_bytes: int, *, alone: bool) -> Figures:
    """What the times say; `alone`: all the work was this thread's."""
    wall = {name: median(found) for name, found in times.wall.items()}
    own = {name: median(found) for name, found in times.thread.items()}
    speed = Speed(wall["step"], wall["begin"], wall["prefill"])
    return {
        "step_p50_ms": round(wall["step"], 3),
        "step_p99_ms": round(percentile(times.wall["step"], 99), 3),
        "tokens_s": round(speed.tokens_s),
        "prefill_64_ms": round(wall["prefill"], 3),
        "begin_ms": round(wall["begin"], 3),
        "floor_bytes": floor_bytes,
        "floor_ms": round(wall["floor"], 3),
        "step_in_floors": round(wall["step"] / wall["floor"], 2),
        "step_in_floors_own_clock": round(own["step"] / own["floor"], 2) if alone and own["floor"] else None,
        "response_ms": round(speed.response_ms, 1),
    }


def _measure(session: Session, seconds: float) -> Times:
    info, times = session.info, Times()
    reader = Reader(info.floor_bytes)
    tokens = [i % info.vocab_size for i in range(MAX_PIECE)]

    def begin() -> None:
        held = session.snapshot()
        session.feed(tokens[:TAIL_TOKENS])
        del held

    end = time.perf_counter() + seconds
    while not times.wall or time.perf_counter() < end:
        for i in range(COLD + READS):
            times.take("floor", reader.ms, count=i >= COLD)
        for i in range(COLD + STEPS):
            times.take("step", lambda: session.step(tokens[0]), count=i >= COLD)
        for name, action in (("prefill", lambda: session.feed(tokens)), ("begin", begin)):
            session.feed([0] * (-session.position % info.tgt_len or info.tgt_len))  # up to a segment's start
            times.take(name, action)
    return times
