"""How well jamd keeps to a chart: the share of its notes in the chart's chord, with and without one.

    python tests/bench/bench_harmony.py --answers 20

A performer plays four bars of a plain line over ii-V-I at 120 bpm, each answer in another key and by another
seed; jamd answers in four bars. A note counts for the chord of the beat on which it begins (as written, with its
seventh), on strong beats and on all. Rows:

    alone        no chart: what the call alone tells it
    chart        the chart's Chord tokens are said, each at its beat
    tones        besides, on strong beats nothing but chord tones (a fence)
    scale        besides, nothing but the scales of the chords (a fence)
    another      told a chart a tritone away from what was played, against that chart: how strong the tokens are
    chance       what it plays without a chart, against that far chart: what such a chord gets by itself
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from jamd.config import SHIPPED_MODEL
from jamd.daemon.rooms import LIVE
from jamd.engine.improviser import Improviser, Opening
from jamd.engine.sampling import Sampler
from jamd.engine.session import Session
from jamd.music.charts import Changes, Chart
from jamd.music.chords import ROOTS
from jamd.music.events import Kind, LogEntry, Performed, Turn, TurnChange
from jamd.music.note import Note
from jamd.music.timeline import Timeline, ns_per_quarter
from jamd.remi import vocabulary as v
from jamd.remi.encoder import Encoder
from jamd.remi.fences import CHORD_TONES, SCALE, Fences

BARS, BAR = 4, 1920
TIMELINE = Timeline(0, 0, ns_per_quarter(120))
Tally = tuple[int, int, int, int]


def chart_in(key: int) -> Chart:
    """Two-five-one: four bars."""
    two, five, one = (ROOTS[(key + step) % 12] for step in (2, 7, 0))
    return Chart.parse(f"{two}m7 | {five}7 | {one}maj7 | %")


def call(chart: Chart, seed: int) -> Iterator[LogEntry]:
    """Four bars in quavers: chord tones on the beats, neighbours from the scale between, a bass note a bar."""
    rng = random.Random(seed)
    changes = chart.on(TIMELINE)
    yield TIMELINE
    yield TurnChange(0, Turn.CALL)
    events, pitch = list[Performed](), 70
    for tick in range(0, BARS * BAR, 240):
        symbol = changes.at(tick)
        inside = symbol.tones if tick % 480 == 0 else symbol.scale
        near = (p for p in range(max(pitch - 4, 60), min(pitch + 5, 84)) if p != pitch)
        pitch = rng.choice([p for p in near if p % 12 in inside])
        events += struck(tick + rng.randrange(12), 200, pitch, rng.randrange(60, 95))
        if tick % BAR == 0:
            events += struck(tick, BAR - 60, 36 + ROOTS.index(symbol.name.partition(":")[0]), 70)
    yield from sorted(events, key=lambda event: event.time_ns)


def struck(tick: int, ticks: int, pitch: int, velocity: int) -> list[Performed]:
    on, off = TIMELINE.time_at(tick), TIMELINE.time_at(tick + ticks)
    return [Performed(on, Kind.NOTE_ON, pitch, velocity), Performed(off, Kind.NOTE_OFF, pitch)]


def answer(session: Session, played: Chart, seed: int, fences: Fences, changes: Changes | None) -> list[Note]:
    """Four bars of jamd's, behind the call."""
    improviser = Improviser(session, Sampler(0.9, 0.9, 0.0, seed), LIVE)
    improviser.fences = fences
    encoder, turn_ns = Encoder(), TIMELINE.time_at(BARS * BAR)
    for entry in [*call(played, seed), TurnChange(turn_ns, Turn.RESPONSE)]:
        encoder.feed(entry)
    tail = encoder.advance(turn_ns)
    first, end = (v.BAR, v.POSITION.id(0)), 2 * BARS * BAR
    improviser.begin(tail, Opening(encoder.place, first, end, 0, changes=changes))
    notes = list[Note]()
    while improviser.answer is not None and not improviser.answer.done:
        notes += [event for event in improviser.step() if isinstance(event, Note)]
    return notes


def tally(notes: list[Note], changes: Changes) -> Tally:
    """Notes, those in the chord; the same on strong beats."""
    found = [0, 0, 0, 0]
    for note in notes:
        tick = (note.onset + v.SLOT_TICKS // 2) // v.SLOT_TICKS * v.SLOT_TICKS
        inside = note.pitch % 12 in changes.at(tick).tones
        found[0] += 1
        found[1] += inside
        if any(beat.strong for beat in changes.beats(tick, tick + 1)):
            found[2] += 1
            found[3] += inside
    return found[0], found[1], found[2], found[3]


def spread(tallies: list[Tally]) -> dict[str, float]:
    """Shares in percent: of all notes, and mean and deviation of an answer's."""
    whole = np.array(tallies, np.float64)
    each = 100 * whole[:, 1] / np.maximum(whole[:, 0], 1)
    total = whole.sum(axis=0)
    return {
        "notes": int(total[0]),
        "share": round(100 * total[1] / total[0], 1),
        "mean": round(float(each.mean()), 1),
        "sd": round(float(each.std(ddof=1)), 1),
        "low": round(float(each.min()), 1),
        "high": round(float(each.max()), 1),
        "strong": round(100 * total[3] / max(total[2], 1), 1),
    }


def measure(session: Session, answers: int) -> dict[str, dict[str, float]]:
    """All rows."""
    rows: dict[str, list[Tally]] = {}
    for number in range(answers):
        seed, key = number + 1, number * 7 % 12
        played, far = chart_in(key), chart_in(key + 6)
        changes = played.on(TIMELINE)
        ways = {
            "alone": (Fences(), None, changes),
            "chart": (Fences(), changes, changes),
            "tones": (Fences(follow=CHORD_TONES), changes, changes),
            "scale": (Fences(follow=SCALE), changes, changes),
            "another": (Fences(), far.on(TIMELINE), far.on(TIMELINE)),
        }
        for name, (fences, told, against) in ways.items():
            notes = answer(session, played, seed, fences, told)
            rows.setdefault(name, []).append(tally(notes, against))
            if name == "alone":
                rows.setdefault("chance", []).append(tally(notes, chart_in(key + 6).on(TIMELINE)))
    return {name: spread(tallies) for name, tallies in rows.items()}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default=SHIPPED_MODEL, type=Path)
    parser.add_argument("--answers", default=20, type=int)
    options = parser.parse_args()
    session = Session.load(options.model, "cpu")
    began = time.perf_counter()
    told = measure(session, options.answers)
    print(f"{session.info.name}: {options.answers} answers of {BARS} bars; notes in the chart's chord, per cent")
    for name, found in told.items():
        print(f"  {name:9}" + "".join(f"{key:>7} {value:6g}" for key, value in found.items()))
    print(json.dumps({"seconds": round(time.perf_counter() - began, 1), **told}))


if __name__ == "__main__":
    main()
