"""Trade over a MIDI clock: the first note of each answer against the downbeat.

    python tests/bench/bench_trade.py                 simulated clocks: how far off the decision is
    python tests/bench/bench_trade.py --live 60       besides, so many answers over jack_midi_clock, on dummy JACK

Turns of one bar. Milliseconds, late is positive; `off` is the distance from the median, which a person hears as rushing
and dragging (a steady lateness is a latency, and can be set off).

    decided     simulated: the follower hears the clock, the partner (with a stand-in for the model) drafts, and the
                instant for which the answer's first note is planned stands against the bar line as the clock was meant
    heard       live: the first note at jack_midi_dump against the first clock of its bar at the same port, both in its
                frames; the ports' own two periods of 5.3 ms are in it
    sent        live: the first note left the wire, against the instant for which it was planned
    server      live: the server's count of frames against the even pace nearest to it: what it slips, nobody foresees
    clock       live: a beat of the clock against its mean beat, what nobody foresees either. The jitter of
                jack_midi_clock is a walk: a clock is so much longer or shorter, and the next begins where it ends, so
                bar lines are nowhere but where their clocks come; the performer plays to them
    missing     downbeats without a note within half a beat

The live part needs jackd, jack_midi_clock and jack_midi_dump, and a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from jamd.config import SHIPPED_MODEL
from jamd.engine.partner import Manners
from jamd.music.events import Kind, Performed
from tests.engine.band import START, Band
from tests.midi.clock_sources import (
    CLOCK,
    MS,
    PER_QUARTER,
    Sent,
    follow,
    in_periods,
    normal,
    steady,
    walking,
    without,
    wobbling,
)

BAR_CLOCKS = 96
BPM = 120
PERIOD = 256
"""Frames, 5.3 ms: in shorter periods the dummy driver loses frames as soon as it is held up."""
PITCHES = (60, 62, 64, 65, 67, 69, 71)
NOTE_S = 0.22
PARTS = ("heard", "sent", "server", "clock")
FIRST_BAR = 2
"""The performer begins here: the follower is given four seconds."""


def spread(errors: Sequence[float]) -> dict[str, float]:
    """How errors lie: with their signs, and around their median."""
    if not errors:
        return {"n": 0}
    values = np.array(errors)
    off = np.abs(values - np.median(values))
    found = {"p50": np.percentile(values, 50), "p99": np.percentile(values, 99), "min": values.min()}
    found |= {"max": values.max(), "off p50": np.percentile(off, 50), "off p99": np.percentile(off, 99)}
    return {"n": len(errors), **{name: round(float(value), 2) for name, value in found.items()}}


# ---- simulated -----------------------------------------------------------------------------------------------


def sources(quarters: int, seed: int) -> dict[str, list[Sent]]:
    """The clocks, all of 120."""
    sent = steady(BPM, quarters, START + 100 * MS)
    found = {"steady": sent}
    for sigma in (2, 3, 4):
        found[f"wobble {sigma} ms (standard deviation)"] = wobbling(sent, normal(sigma, seed))
    gaps = wobbling(sent, normal(2, seed))
    found["walk of 15 % a clock"] = in_periods(walking(0.15, quarters, seed, START + 100 * MS), PERIOD / 48)
    found["gaps of 10 clocks, wobble 2 ms"] = without(gaps, lambda number: number > 200 and number % 200 < 10)
    return found


def decided(sent: list[Sent]) -> list[float]:
    """The error of each answer's first note."""
    numbers = {one.number: one.meant_ns for one in sent if one.number is not None}
    lines = {number // BAR_CLOCKS: at for number, at in numbers.items() if number % BAR_CLOCKS == 0}
    band = Band(Manners(mode="trade", trade_bars=1))
    band.give(*follow(sent).timelines)
    for bar in range(FIRST_BAR, len(lines) - 1, 2):
        if bar in lines:
            band.give(*_phrase(lines[bar]))
    band.run((sent[-1].meant_ns - START) // MS)
    errors = []
    for bar in range(FIRST_BAR + 1, len(lines) - 1, 2):
        if bar in lines:
            due = [d for e, d in band.played if e.kind is Kind.NOTE_ON and abs(d - lines[bar]) < 250 * MS]
            errors += [(min(due) - lines[bar]) / MS] if due else []
    return errors


def _phrase(line_ns: int) -> list[Performed]:
    """A bar of the performer's."""
    events = []
    for number, pitch in enumerate(PITCHES):
        at = line_ns + round((0.01 + number * NOTE_S) * 1e9)
        events += [Performed(at, Kind.NOTE_ON, pitch, 80), Performed(at + 150 * MS, Kind.NOTE_OFF, pitch)]
    return events


# ---- live ----------------------------------------------------------------------------------------------------


def live(model: Path, answers: int, jitter: int) -> dict[str, Any]:
    """One run of the daemon over jack_midi_clock."""
    from tests.daemon.live import jamd
    from tests.daemon.peers import RATE, Instrument, Monitor, closing, connect
    from tests.daemon.test_clocks_live import VIRTUAL, midi_clock

    config = "[midi]\nthru = false\n"
    words = (*VIRTUAL, "--mode", "trade", "--trade-bars", "1", "--no-record")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keyboard, synth = Instrument("Keyboard"), Monitor(folder)
        with closing(keyboard, synth), jamd(folder, *words, model=model, config=config) as daemon:
            daemon.wait_ready()
            connect("Keyboard:out", "Partner-in:in")
            connect("Partner-out:out", "Synth:input")
            with midi_clock(BPM, "Partner-in:in", "-J", str(jitter)) as transport:
                connect("jack_midi_clock:mclk_out", "Synth:input")
                connect("jack_midi_clock:mclk_out", "Keyboard:in")
                transport.transport_start()
                daemon.wait_for("clock")
                first, slips = _perform(keyboard, transport, answers)
            daemon.end()
            heard, events = synth.heard(), daemon.events()
    clocks_at = np.array([h.frame for h in heard if h.data == CLOCK])
    ons = np.array([h.frame for h in heard if h.note_on])
    downbeats = [clocks_at[(first + 2 * turn + 1) * BAR_CLOCKS] for turn in range(answers)]
    errors = [ons[np.abs(ons - downbeat) < RATE // 4][:1] - downbeat for downbeat in downbeats]
    found = [float(one[0]) / RATE * 1000 for one in errors if len(one)]
    beats = (clocks_at[PER_QUARTER:] - clocks_at[:-PER_QUARTER]) / RATE * 1000
    planned = {event["over_ns"] for event in events if event["what"] == "phrase_end"}
    sent = {event["due_ns"]: event["late_ms"] for event in events if event["what"] == "note_out"}
    return {
        "heard": spread(found),
        "sent": spread([late for due, late in sent.items() if due in planned]),
        "server": spread(slips),
        "clock": spread(list(beats - beats.mean())),
        "missing": len(downbeats) - len(found),
        "late": sum(event["what"] == "late" for event in events),
        "turn_left_out": sum(event["what"] == "turn_left_out" for event in events),
    }


def _perform(keyboard: Any, transport: Any, answers: int) -> tuple[int, list[float]]:
    """Plays every other bar as soon as the clock has begun it: the first of them, and the server's slips meanwhile.

    Those are how far its count of frames is off the nearest even pace, in milliseconds.
    """
    from tests.daemon.live import scale

    found, seen, clocks, turn, first = list[tuple[float, float]](), 0, 0, 0, 0
    while turn <= answers:  # the last bar line is the end of the last answer
        fresh = keyboard.heard()[seen:]
        seen, clocks = seen + len(fresh), clocks + sum(event.data == CLOCK for event in fresh)
        first = first or max(-(-clocks // (2 * BAR_CLOCKS)) * 2, FIRST_BAR)
        if clocks > (first + 2 * turn) * BAR_CLOCKS:
            if turn < answers:
                keyboard.play(scale(PITCHES, NOTE_S))
            turn += 1
        found.append((time.monotonic_ns() / MS, transport.transport_frame / 48))
        time.sleep(0.011)
    at, counted = np.array(found).T
    return first, list(counted - np.polyval(np.polyfit(at - at[0], counted, 1), at - at[0]))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=SHIPPED_MODEL, type=Path)
    parser.add_argument("--seconds", default=120, type=int, help="of each simulated clock")
    parser.add_argument("--seeds", default=2, type=int, help="of its wobble")
    parser.add_argument("--jitter", nargs="+", default=[0, 15], type=int, metavar="PERCENT", help="of jack_midi_clock")
    parser.add_argument("--live", type=int, metavar="ANSWERS", help="also over jack_midi_clock: four seconds each")
    options = parser.parse_args()
    errors: dict[str, list[float]] = {}
    for seed in range(1, options.seeds + 1):
        for name, sent in sources(options.seconds * BPM // 60, seed).items():
            errors.setdefault(name, []).extend(decided(sent))
    told: dict[str, Any] = {"decided": {name: spread(found) for name, found in errors.items()}}
    rows: dict[str, dict[str, Any]] = {f"decided, {name}": found for name, found in told["decided"].items()}
    if options.live:
        from tests.jack import jack_up

        for jitter in options.jitter:
            with jack_up(PERIOD):
                run = told[f"live, jitter {jitter} %"] = live(options.model.resolve(), options.live, jitter)
            rows |= {f"jitter {jitter} %, {part}": run[part] for part in PARTS}
            rows[f"jitter {jitter} %, counted"] = {key: value for key, value in run.items() if key not in PARTS}
    for name, row in rows.items():
        print(f"{name:46}", "  ".join(f"{key} {value:g}" for key, value in row.items()))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
