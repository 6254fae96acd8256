"""How fast the model runs here: one step against its floor, and a prefill of 64 tokens in steps.

    python tests/bench/bench_engine.py --model jamd/models/S.onnx --json

The floor of a step is the time to read, on one thread, as many bytes as there are weights and K and V of all
slots. Floor, steps and prefills take turns, so that what else runs on the machine disturbs all alike; medians
are compared. Targets for size S on one thread: a step at most 2.7 floors, a prefill at most 10 steps.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy loads: the floor is one thread's
sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import onnxruntime

from jamd.engine import LARGE_PAGES
from jamd.engine.info import ModelInfo
from jamd.engine.ring import MAX_PIECE
from jamd.engine.sampling import Sampler
from jamd.engine.session import Session

STEPS, READS, LENGTHS = 24, 6, (2, 8, 16, MAX_PIECE)
"""Steps and reads of the floor in a round; the first of each find a cold cache and are not counted."""
COLD = 3


class Times:
    """Milliseconds of each action, by the clock on the wall and by this thread's own."""

    def __init__(self) -> None:
        self.wall: dict[str, list[float]] = {}
        self.thread: dict[str, list[float]] = {}

    def take(self, name: str, action: Callable[..., object], *arguments: object, count: bool = True) -> None:
        """Does it once; a run that does not count finds a cold cache."""
        wall, thread = time.perf_counter(), time.thread_time()
        action(*arguments)
        wall, thread = time.perf_counter() - wall, time.thread_time() - thread
        if count:
            self.wall.setdefault(name, []).append(wall * 1e3)
            self.thread.setdefault(name, []).append(thread * 1e3)


def ratios(times: dict[str, list[float]]) -> dict[str, float]:
    """A step in floors, a prefill in steps, by medians; the floor is what the faster reader needs."""
    middle = {name: float(np.median(found)) for name, found in times.items()}
    floor = min(middle["dot"], middle["max"])
    return {
        "floor_ms": round(floor, 3),
        "step_in_floors": round(middle["step"] / floor, 2),
        "prefill_64_in_steps": round(middle[f"prefill {MAX_PIECE}"] / middle["step"], 2),
    }


def floor_readers(info: ModelInfo) -> dict[str, Callable[[], object]]:
    """The fastest ways NumPy knows to read that many bytes."""
    floats = info.parameters + info.memory_bytes // 4
    data = np.random.default_rng(0).random(floats, np.float32)
    return {"dot": lambda: np.dot(data, data), "max": data.max}


def measure(session: Session, seconds: float) -> Times:
    """All actions, over rounds in which they take turns."""
    info, times, rng = session.info, Times(), np.random.default_rng(1)
    readers = floor_readers(info)
    sampler, allowed = Sampler(1.0, 0.95), np.arange(info.vocab_size) < 128  # as many as the grammar leaves
    logits = session.feed(rng.integers(0, info.vocab_size, info.mem_len + info.tgt_len).tolist())
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, read in readers.items():
            for i in range(READS):
                times.take(name, read, count=i >= COLD)
        token = int(rng.integers(info.vocab_size))
        for i in range(STEPS):
            times.take("step", session.step, token, count=i >= COLD)
        for i in range(COLD + 1):
            times.take("choose", sampler.choose, logits, allowed, token, i, count=i == COLD)
        times.take("snapshot", lambda: [session.snapshot()].clear())
        for length in LENGTHS:
            session.feed([0] * (-session.position % info.tgt_len or info.tgt_len))  # up to a segment's start
            times.take(f"prefill {length}", session.feed, rng.integers(0, info.vocab_size, length).tolist())
    return times


def report(session: Session, times: Times, load_ms: float) -> dict[str, Any]:
    """All numbers, in milliseconds; `thread` leaves out what other programs took of this core."""
    info = session.info
    return {
        "model": info.name,
        "device": session.device,
        "onnxruntime": onnxruntime.__version__,
        "large_pages": LARGE_PAGES.items() <= os.environ.items(),
        "load_ms": round(load_ms, 1),
        "floor_bytes": info.parameters * 4 + info.memory_bytes,
        **ratios(times.wall),
        "thread": ratios(times.thread),
        "ms": {
            name: {f"p{q}": round(float(np.percentile(found, q)), 3) for q in (10, 50, 90, 99)}
            for name, found in times.wall.items()
        },
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument("--device", default="cpu", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--threads", default=1, type=int, help="CPU threads; the targets are for one")
    parser.add_argument("--seconds", default=6.0, type=float)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--small-pages", action="store_true", help="without jamd.engine.LARGE_PAGES")
    options = parser.parse_args()
    if not options.small_pages and not LARGE_PAGES.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **LARGE_PAGES})
    start = time.perf_counter()
    session = Session.load(options.model, options.device, options.threads)
    load_ms = (time.perf_counter() - start) * 1e3
    told = report(session, measure(session, options.seconds), load_ms)
    if options.json:
        print(json.dumps(told))
        return
    print(f"{told['model']} on {told['device']}, onnxruntime {told['onnxruntime']}; milliseconds")
    for name, found in told["ms"].items():
        print(f"  {name:12}" + "".join(f"{q:>6} {value:8.3f}" for q, value in found.items()))
    for clock, by in (("wall", told), ("own", told["thread"])):
        print(f"by the {clock} clock a step is {by['step_in_floors']} floors of {by['floor_ms']} ms,", end=" ")
        print(f"a prefill of {MAX_PIECE} is {by['prefill_64_in_steps']} steps")
    print(f"loaded in {told['load_ms']} ms")


if __name__ == "__main__":
    main()
