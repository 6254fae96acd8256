"""How close the clock follower keeps to clocks that wobble, have gaps and jump; printed, nothing is asserted.

    python tests/bench/bench_clock.py                 simulated sources of 150 s each, and how long a clock takes
    python tests/bench/bench_clock.py --live 20       besides, jack_midi_clock into the daemon, on a dummy JACK server

The phase error is the distance of the Timeline that holds from the true source at each of its clocks, in milliseconds,
from the fourth second (after a jump of tempo: the third second) on; `bpm` is the mean error of the Timelines' tempo in
percent, `timelines` how many were made a minute, `first` when the first one stood.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from itertools import chain, pairwise, repeat
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from jamd.midi.clock_pulse import Pulse
from jamd.music.log import read_log
from jamd.music.timeline import Timeline
from tests.midi.clock_sources import (
    CLOCK,
    MS,
    TICKS,
    Sent,
    clocks,
    follow,
    normal,
    phase_errors_ms,
    steady,
    uniform,
    walking,
    without,
    wobbling,
)

SECOND = 1000 * MS


def sources() -> dict[str, tuple[list[Sent], float]]:
    """Every simulated source, and the second from which it is judged."""
    found: dict[str, tuple[list[Sent], float]] = {"steady, 120": (steady(120, 300), 4)}
    for sigma in (2, 3, 4):
        found[f"wobble {sigma} ms (standard deviation), 120"] = wobbling(steady(120, 300), normal(sigma)), 4
    found["wobble 4 ms at most, 120"] = wobbling(steady(120, 300), uniform(4)), 4
    for bpm in (50, 90, 200):
        found[f"wobble 3 ms, {bpm}"] = wobbling(steady(bpm, 2.5 * bpm), normal(3)), 4
    gaps = {"1 clock": (1, 150), "10 clocks": (10, 200), "2 s": (96, 480)}
    for name, (size, every) in gaps.items():
        sent = wobbling(steady(120, 300), normal(2))
        found[f"gaps of {name}, wobble 2 ms"] = without(sent, lambda n, s=size, e=every: n > e and n % e < s), 4
    for old, new in ((120, 123), (120, 130), (120, 90), (120, 180), (60, 120)):
        both = wobbling(clocks(chain(repeat(old, 480), repeat(new, 2400))), normal(2))
        found[f"jump {old} to {new}, wobble 2 ms"] = both, (both[480].meant_ns - both[0].meant_ns) / SECOND + 3
    found["walk of 15 % a clock"] = walking(0.15, 300), 4
    found["ritardando 130 to 90 in 60 s"] = wobbling(clocks([130 - 40 * n / 2640 for n in range(2640)]), normal(2)), 4
    return found


def judged(sent: list[Sent], from_s: float) -> dict[str, float]:
    """How close a follower keeps to a source."""
    found, start_ns = follow(sent), sent[0].meant_ns
    errors = np.abs(phase_errors_ms(found, sent, start_ns + round(from_s * SECOND)))
    lengths = {a.meant_ns: 60 / 24 * SECOND / (b.meant_ns - a.meant_ns) for a, b in pairwise(sent)}
    late = {at: bpm for at, bpm in lengths.items() if at >= start_ns + from_s * SECOND and bpm < 400}
    tempo = [abs(found.at(at).bpm / bpm - 1) for at, bpm in late.items()]
    minutes = (sent[-1].meant_ns - start_ns) / SECOND / 60
    return {
        "p50": float(np.percentile(errors, 50)),
        "p99": float(np.percentile(errors, 99)),
        "max": float(errors.max()),
        "bpm": 100 * float(np.median(tempo)),
        "timelines": len(found.timelines) / minutes,
        "first": (found.timelines[0].time_ns - start_ns) / MS,
    }


def microseconds_a_clock() -> float:
    """What a clock costs the wire."""
    pulse, sent = Pulse(), wobbling(steady(120, 200), normal(2))
    began = time.perf_counter()
    for one in sent:
        pulse.tick(one.came_ns)
    return (time.perf_counter() - began) / len(sent) * 1e6


def live(seconds: float, jitter: int) -> dict[str, float]:
    """jack_midi_clock at 120 into the daemon: its Timelines against the clocks, in the server's count of frames."""
    from jamd.config import SHIPPED_MODEL
    from tests.daemon.live import jamd, scale
    from tests.daemon.peers import Instrument, closing, connect
    from tests.daemon.test_clocks_live import VIRTUAL, midi_clock
    from tests.jack import jack_up

    samples: list[tuple[int, int]] = []
    with tempfile.TemporaryDirectory() as name, jack_up():
        folder, keyboard = Path(name), Instrument("Keyboard")
        with closing(keyboard), jamd(folder, *VIRTUAL, model=SHIPPED_MODEL) as daemon:
            daemon.wait_ready()
            connect("Keyboard:out", "Partner-in:in")
            with midi_clock(120, "Partner-in:in", "-J", str(jitter)) as transport:
                connect("jack_midi_clock:mclk_out", "Keyboard:in")
                transport.transport_start()
                daemon.wait_for("clock")
                keyboard.play(scale((60, 62)))  # or nothing would be kept
                end = time.monotonic() + 4 + seconds
                while time.monotonic() < end:
                    samples.append((time.monotonic_ns(), transport.transport_frame))
                    time.sleep(0.011)
            daemon.end()
        log = read_log(next((folder / "jams").glob("*.jsonl")))
    timelines = [entry for entry in log if isinstance(entry, Timeline)]
    frames = np.array([event.frame for event in keyboard.heard() if event.data == CLOCK])
    late_ms = []
    for at, frame in samples:
        if at > samples[0][0] + 4 * SECOND:
            holds = [t for t in timelines if t.time_ns <= at][-1]
            true = np.interp(frame, frames - frames[0], TICKS * np.arange(len(frames)))  # its jitter is a walk
            late_ms.append((true - (holds.tick_at(at) - timelines[0].downbeat)) * holds.ns_per_quarter / 480 / MS)
    off = np.abs(np.array(late_ms) - np.median(late_ms))
    return {
        "late, median": float(np.median(late_ms)),
        "off it p50": float(np.percentile(off, 50)),
        "p99": float(np.percentile(off, 99)),
        "max": float(off.max()),
        "timelines": len(timelines) / (samples[-1][0] - samples[0][0]) * 60 * SECOND,
    }


def main() -> None:
    """Prints a line a source, and everything as JSON at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--live", type=float, metavar="SECONDS", help="also run jack_midi_clock into the daemon")
    options = parser.parse_args()
    found = {name: judged(*source) for name, source in sources().items()}
    found["a clock, microseconds"] = {"mean": microseconds_a_clock()}
    if options.live:
        for jitter in (0, 15):
            found[f"jack_midi_clock, jitter {jitter} %"] = live(options.live, jitter)
    for name, row in found.items():
        print(f"{name:44}", "  ".join(f"{key} {value:7.2f}" for key, value in row.items()))
    print(json.dumps({name: {key: round(value, 3) for key, value in row.items()} for name, row in found.items()}))


if __name__ == "__main__":
    main()
