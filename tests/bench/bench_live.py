"""What `jamd bench` measures of the daemon, on real JACK ports: from start to ready, from phrase end to answer, idle.

    python tests/bench/bench_live.py --model jamd/models/S.onnx --phrases 30

A keyboard plays phrases into the daemon and goes on while the answer sounds. From `--events`, in milliseconds:

    over       the phrase was over (its last note, and the silence that ends it) -> first note of the answer sent
    lateness   a note was due                                                    -> it was sent
    ready      the process was started                                           -> wire and brain are ready

From the frames at which JACK carried them, in milliseconds beyond its own period (a message that comes in with one
period can go out with the next one at the soonest, and at its beginning: then this is at most 0):

    thru       a key, or its end        -> the same on the synth's port
    barge_in   a key into an answer     -> the last note-off of what sounded there

Targets on a quiet machine of two cores: over p99 at most 5 ms, lateness p99 at most 1 ms with real-time priority, thru
p99 at most 1 ms, barge_in at most 10 ms, ready at most 1.5 s, `jamd ports` at most 0.3 s. Needs jackd and JACK-Client.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from _pytest.outcomes import Failed

from jamd.bench import processes
from jamd.bench.figures import spread
from jamd.bench.processes import cpu_percent
from jamd.config import SHIPPED_MODEL
from tests.daemon.live import ROOT, Jamd, jamd, scale, wait_until
from tests.daemon.peers import MS, Heard, Instrument, closing, sounding
from tests.jack import jack_up

PHRASE = (60, 62, 64, 65, 67, 69, 71, 72)
GAP_S, ANSWER_S, IDLE_S = 0.1, 1.0, 5.0
LONGEST = MS * 500
"""What takes longer is lost: then it is the same note of the next phrase."""
TROUBLE = ("backlog", "behind", "replaced", "refused")


def memory_mib(pids: dict[str, int]) -> dict[str, float]:
    """Resident memory of each process."""
    return {name: processes.memory_mib(pid) for name, pid in pids.items()}


def play(keyboard: Instrument, daemon: Jamd, phrases: int) -> None:
    """Plays them one after the other, each into the answer to the one before."""
    for _ in range(phrases):
        before = len(daemon.events("phrase_end"))
        keyboard.play(scale(PHRASE, GAP_S))
        keyboard.finish()
        with contextlib.suppress(Failed):  # a stalled machine may cost the brain its place, and us a phrase
            wait_until(lambda n=before: len(daemon.events("phrase_end")) > n, "a phrase to end", 3.0)
        time.sleep(ANSWER_S)


class Clocked(Instrument):
    """One whose frames are the server's, so that those of two can be compared; it writes down what it has sent."""

    def __init__(self, name: str) -> None:
        self.sent: list[Heard] = []
        super().__init__(name)

    def _process(self, frames: int) -> None:
        now = self._frame = self.client.last_frame_time
        self.sent += [Heard(max(at, now), data) for at, _, data in sorted(self._waiting) if at < now + frames]
        super()._process(frames)


def thru(sent: list[Heard], heard: list[Heard], period: int) -> list[float]:
    """Milliseconds beyond a period, for all that was sent; it can go out at the start of the period it came in."""
    found = list[float]()
    for event in sent:
        ways = (other.frame - event.frame for other in heard if other.data == event.data)
        found += [(way - period) / MS for way in islice((way for way in ways if -period < way < LONGEST), 1)]
    return found


def barge_in(sent: list[Heard], heard: list[Heard], period: int) -> list[float]:
    """The same, from each key that was struck while something else sounded until that was silent."""
    found = list[float]()
    for key in (event for event in sent if event.note_on):
        sounds = sounding(other for other in heard if other.frame <= key.frame)
        ends = [e.frame for e in heard if e.frame > key.frame and e.note_off and e.key in sounds]
        found += [(max(ends[: len(sounds)]) - key.frame - period) / MS] if len(sounds) > 1 and ends else []
    return found


def answers(events: list[dict[str, Any]]) -> list[float]:
    """Milliseconds from the end of each phrase to the first note of its answer."""
    sent = sorted(event["t_ns"] for event in events if event["what"] == "note_out")
    found = list[float]()
    for end in (event["over_ns"] for event in events if event["what"] == "phrase_end"):
        first = next((t_ns for t_ns in sent if t_ns >= end), None)
        if first is not None and first - end < ANSWER_S * 1e9:
            found.append((first - end) / 1e6)
    return found


def session(model: Path, phrases: int, realtime: bool) -> dict[str, Any]:
    """One run of the daemon, with or without real-time priority."""
    config = f"[player]\nrealtime = {str(realtime).lower()}\n"
    keyboard, synth = Clocked("Keyboard"), Clocked("Synth")
    words = ("--in", "Keyboard", "--out", "Synth", "--entry", "immediate", "--bars", "2", "--no-record")
    with tempfile.TemporaryDirectory() as folder, closing(keyboard, synth):
        start_ns = time.monotonic_ns()
        with jamd(Path(folder), *words, model=model, config=config) as daemon:
            daemon.wait_ready()
            ready = {event["process"]: (event["t_ns"] - start_ns) / 1e9 for event in daemon.events("ready")}
            granted = next(event["realtime"] for event in daemon.events("ready") if event["process"] == "wire")
            time.sleep(3.0)  # the spare wire loads
            pids = {"main": daemon.process.pid, "wire": daemon.pids("wire")[0], "brain": daemon.pids("brain")[0]}
            idle = cpu_percent(pids, IDLE_S)
            play(keyboard, daemon, phrases)
            busy = memory_mib(pids)
            daemon.end()
            events = daemon.events()
        sent, heard, period = keyboard.sent, synth.heard(), keyboard.client.blocksize
    late = [event["late_ms"] for event in events if event["what"] == "note_out"]
    return {
        "realtime": granted,
        "ready_s": {name: round(seconds, 2) for name, seconds in ready.items()},
        "idle_cpu_percent": idle,
        "memory_mib": busy,
        "over": spread(answers(events)),
        "thru": spread(thru(sent, heard, period)),
        "barge_in": spread(barge_in(sent, heard, period)),
        "lost": len(sent) - len(thru(sent, heard, period)),
        "unheard": len(sent) - sum(event["what"] in ("note_in", "note_off_in") for event in events),
        "lateness": spread(late),
        "left_out": sum(event["what"] == "late" for event in events),
        **{what: sum(event["what"] == what for event in events) for what in TROUBLE},
    }


def ports_s(times: int = 5) -> dict[str, float]:
    """Seconds that `jamd ports` takes."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "jamd", "ports"], cwd=ROOT, check=True, capture_output=True)
        found.append(time.perf_counter() - start)
    return spread(found)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default=SHIPPED_MODEL, type=Path)
    parser.add_argument("--phrases", default=30, type=int)
    options = parser.parse_args()
    model = options.model.resolve()
    with jack_up(timeout_ms=30):
        told: dict[str, Any] = {"model": model.name, "ports_s": ports_s()}
        for name, realtime in (("with_priority", True), ("without", False)):
            told[name] = session(model, options.phrases, realtime)
    told["load"] = os.getloadavg()[0]
    print(f"jamd ports: {told['ports_s']['p50']:.2f} s")
    for name in ("with_priority", "without"):
        run = told[name]
        print(f"{name}: ready after {run['ready_s']} s, idle CPU {run['idle_cpu_percent']} %")
        print(f"  {run['thru']['n']} messages went through, {run['lost']} were lost, {run['unheard']} before jamd")
        for row in ("over", "lateness", "thru", "barge_in"):
            print(f"  {row:10}" + "".join(f"{key:>5} {value or 0:9.3f}" for key, value in run[row].items()))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
