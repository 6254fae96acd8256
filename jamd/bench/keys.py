"""What `jamd bench --json` says, key by key: THE one table. A dot goes a level down, [] through a list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

SPREAD = {
    "n": "How many were measured.",
    "p50": "Half of them are at most this; null for none, as the next two.",
    "p99": "99 % of them are at most this.",
    "max": "The largest.",
}
"""Stands under every key whose meaning says (spread)."""
KEYS = {
    "version": "Of jamd.",
    "onnxruntime": "Its version.",
    "cpus": "Processors that may be used.",
    "load": "Processes that wanted one over the last minute, before the start; null where the system does not say.",
    "budget_ms": "The budget of the verdicts: [engine] budget_ms, or 20 where none is set.",
    "skipped": "Why a section was not measured, by section.",
    "start.import_s": "import jamd.",
    "start.ports_s": "jamd ports, from start to end.",
    "engine.read_gib_s": "What one thread reads of memory in a second.",
    "engine.models[].model": "The file's name.",
    "engine.models[].device": "What really ran: cpu or cuda, where need be without graphs and why.",
    "engine.models[].threads": "Of a step.",
    "engine.models[].mem_len": "Tokens before its segment that a token sees.",
    "engine.models[].precision": "What its matrices run in: fp32 or int8.",
    "engine.models[].load_ms": "Opening the file, and its first runs.",
    "engine.models[].step_p50_ms": "One token, half of the time at most.",
    "engine.models[].step_p99_ms": "One token, 99 % of the time at most.",
    "engine.models[].tokens_s": "Tokens in a second, one after the other.",
    "engine.models[].prefill_64_ms": "Hearing 64 tokens at once.",
    "engine.models[].begin_ms": "Beginning an answer: a snapshot, and 16 tokens.",
    "engine.models[].floor_bytes": "What a step has to read: the weights as they run, and K and V of all slots.",
    "engine.models[].floor_ms": "Reading so many bytes, on one thread.",
    "engine.models[].step_in_floors": "step_p50_ms by floor_ms.",
    "engine.models[].step_in_floors_own_clock": "The same by the own clock of the one thread; null on more.",
    "engine.models[].response_ms": "From a phrase's end to the first note of an answer that nothing of was drafted.",
    "live.wire_ready_s": "From the start of jamd listen until its ports are open.",
    "live.ready_s": "From its start until it can answer.",
    "live.idle_cpu_percent": "Of one processor, while nobody plays; null where the system does not say.",
    "live.idle_cpu_percent.main": "The process that watches.",
    "live.idle_cpu_percent.wire": "The process that plays.",
    "live.idle_cpu_percent.brain": "The process that thinks.",
    "live.memory_mib": "Resident memory after playing, shared pages counted once; null where the system does not say.",
    "live.memory_mib.main": "The process that watches.",
    "live.memory_mib.wire": "The process that plays.",
    "live.memory_mib.brain": "The process that thinks.",
    "live.memory_mib.others": "The spare wire, and who cleans up.",
    "live.memory_mib.all": "All of them.",
    "live.drafted_ms": "From a phrase's end to the first note on the wire, where the answer was drafted (spread).",
    "live.cold_ms": "The same where the turn was ended at once, and nothing was drafted (spread).",
    "live.notes_played": "Notes of the answers.",
    "live.notes_left_out": "Notes that would have come too late.",
    "touch.thru_ms": "From a key or its end until it goes through, beside a model that never stops (spread).",
    "touch.barge_in_ms": "From a key until the last note-off of the answer that it cuts (spread).",
    "lateness.realtime": "Whether the wire has real-time priority.",
    "lateness.alone": "Milliseconds by which notes are late, nothing else going on (spread).",
    "lateness.inference": "The same beside a model that never stops (spread).",
    "lateness.python": "The same beside a pure-Python load (spread).",
    "hour.model": "The model of the hour.",
    "hour.minutes": "Of music.",
    "hour.tokens": "Of that music.",
    "hour.step_early_ms": "One token after ten seconds of music.",
    "hour.step_late_ms": "One token at its end.",
    "hour.late_by_early": "The second by the first.",
    "hour.memory_early_mib": "Resident memory of that process after ten seconds; null where the system does not say.",
    "hour.memory_late_mib": "The same at the end.",
}


def meanings() -> dict[str, str]:
    """Every key with its meaning, those of spreads too."""
    told = dict(KEYS)
    for key, meaning in KEYS.items():
        if meaning.endswith("(spread)."):
            told |= {f"{key}.{part}": text for part, text in SPREAD.items()}
    return told


def keys_of(found: object, prefix: str = "") -> Iterator[str]:
    """The keys of what was measured, spelled as above; those under `skipped` are the sections' names."""
    if isinstance(found, dict) and prefix != "skipped":
        for key, value in found.items():
            path = f"{prefix}.{key}" if prefix else key
            yield path
            yield from keys_of(value, path)
    elif isinstance(found, list):
        for value in found:
            yield from keys_of(value, f"{prefix}[]")


def unknown(found: dict[str, Any]) -> set[str]:
    """The keys that nobody has explained; sections and lists need no words."""
    told = meanings()
    rooms = {path.rpartition(".")[0] for path in told} | {path.partition("[]")[0] for path in told}
    return set(keys_of(found)) - set(told) - rooms
