"""The table that a person reads: a line for each figure, with its verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from jamd.bench.figures import Figures
from jamd.engine.budget import LEAST_TOKENS_S, MUSIC_TOKENS_S, verdict

Row = tuple[str, str, str]
IMPORT_S, PORTS_S, READY_S = 0.1, 0.3, 1.5
LATE_MS, LATE_ORDINARY_MS = 1.0, 3.0
"""What notes may be late in 99 of 100 cases, with real-time priority and without: 1 ms feels immediate."""
OLDER, IDLE_PERCENT, MEMORY_MIB = 1.05, 3.0, 400.0
GROWN_MIB = 2.0
"""What resident memory may differ by without having grown."""
THRU_MS, BARGE_IN_MS = 1.0, 10.0


def table(found: Figures) -> str:
    """All that was measured, in three columns."""
    rows = [*_start(found), *_engine(found), *_live(found), *_touch(found), *_lateness(found), *_hour(found)]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(2)]
    lines = [f"{name:{widths[0]}}  {figure:{widths[1]}}  {said}".rstrip() for name, figure, said in rows]
    return "\n".join([*lines, *(f"{name}: not measured, {why}" for name, why in found["skipped"].items())])


def _limit(value: float, limit: float, unit: str) -> str:
    return "good" if value <= limit else f"more than {limit:g} {unit}".rstrip()


def _start(found: Figures) -> Iterator[Row]:
    if start := found.get("start"):
        yield "import jamd", f"{start['import_s'] * 1e3:.0f} ms", _limit(start["import_s"], IMPORT_S, "s")
        yield "jamd ports", f"{start['ports_s']:.2f} s", _limit(start["ports_s"], PORTS_S, "s")


def _engine(found: Figures) -> Iterator[Row]:
    if not (engine := found.get("engine")):
        return
    yield "memory, one thread", f"{engine['read_gib_s']:g} GiB/s", "a floor: each weight, K and V read once at that"
    for m in engine["models"]:
        name = f"{m['model']}, {m['threads']} thread{'s' * (m['threads'] > 1)}, {m['device']}"
        step = f"{m['step_p50_ms']:.2f} ms a step (p99 {m['step_p99_ms']:.2f}), {m['step_in_floors']:.2f} floors"
        ahead = "ahead of the music" if m["tokens_s"] >= LEAST_TOKENS_S else "too slow to keep ahead of the music"
        yield name, step, f"{m['tokens_s']} tokens/s, {ahead}"
        said = verdict(m["response_ms"], found["budget_ms"], m["tokens_s"])
        heard = 64e3 / m["prefill_64_ms"] / MUSIC_TOKENS_S
        yield "  prefill of 64", f"{m['prefill_64_ms']:.1f} ms", f"hears {heard:.0f} times as fast as one plays"
        yield "  phrase end to first note", f"{m['response_ms']:.0f} ms", said


def _live(found: Figures) -> Iterator[Row]:
    if not (live := found.get("live")):
        return
    yield "jamd listen ready", f"{live['ready_s']:.2f} s", _limit(live["ready_s"], READY_S, "s")
    for name in ("drafted", "cold"):
        yield f"first note, {name}", *_spread(live[f"{name}_ms"], lambda p99: verdict(p99, found["budget_ms"]))
    late = live["notes_left_out"]
    yield "notes left out", f"{late} of {late + live['notes_played']}", _limit(late, 0, "")
    if idle := live["idle_cpu_percent"]:
        whole = sum(idle.values())
        yield "idle", f"{whole:.1f} % of a processor", _limit(whole, IDLE_PERCENT, "%")
    if memory := live["memory_mib"]:
        yield "memory of all processes", f"{memory['all']:.0f} MiB", _limit(memory["all"], MEMORY_MIB, "MiB")


def _touch(found: Figures) -> Iterator[Row]:
    if touch := found.get("touch"):
        yield "thru", *_spread(touch["thru_ms"], lambda p99: _limit(p99, THRU_MS, "ms"))
        yield "barge-in", *_spread(touch["barge_in_ms"], lambda p99: _limit(p99, BARGE_IN_MS, "ms"))


def _lateness(found: Figures) -> Iterator[Row]:
    if not (lateness := found.get("lateness")):
        return
    limit = LATE_MS if lateness["realtime"] else LATE_ORDINARY_MS
    granted = "good" if lateness["realtime"] else "notes may be late: the system grants it by an rtprio limit"
    yield "real-time priority", "yes" if lateness["realtime"] else "no", granted
    for name, load in (("alone", "alone"), ("inference", "beside inference"), ("python", "beside Python")):
        yield f"lateness {load}", *_spread(lateness[name], lambda p99: _limit(p99, limit, "ms"))


def _hour(found: Figures) -> Iterator[Row]:
    if not (hour := found.get("hour")):
        return
    older = hour["late_by_early"]
    figure = f"{hour['step_late_ms']:.2f} ms, {older:.2f} of that after 10 s"
    yield f"step after {hour['minutes']:g} min of music", figure, _limit(older, OLDER, "times")
    if hour["memory_late_mib"] is not None:
        late, early = hour["memory_late_mib"], hour["memory_early_mib"]
        said = "flat" if late <= early + GROWN_MIB else "it grows"
        yield "  memory then", f"{late:.0f} MiB, before {early:.0f}", said


def _spread(values: dict[str, Any], say: Callable[[float], str]) -> tuple[str, str]:
    if not values["n"]:
        return "none", "nothing was played"
    return f"{values['p50']:.2f} ms, p99 {values['p99']:.2f}, n {values['n']}", say(values["p99"])
