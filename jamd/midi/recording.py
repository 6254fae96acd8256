"""The log of a jam as a two-track .mid with its tempo map; also after a crash, also at the next start."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jamd.errors import MidiFileError
from jamd.midi.endings import with_every_end
from jamd.midi.locks import lock
from jamd.midi.smf import Track, write_midi
from jamd.music.actions import Action
from jamd.music.events import Kind, LogEntry, Performed
from jamd.music.log import read_log
from jamd.music.timeline import Timeline, ns_per_quarter

PERFORMER, JAMD = "Performer", "jamd"
"""Names of the two tracks."""
_NO_TEMPO = ns_per_quarter(120)


@dataclass(frozen=True, slots=True)
class Jam:
    """A recording: the log that decides the tokens, what jamd played, and what people asked for."""

    entries: tuple[LogEntry, ...]
    played: tuple[Performed, ...]
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Recovered:
    """What `recover` found: the .mid files that it wrote, and the logs that cannot be read, with reasons."""

    built: tuple[Path, ...]
    broken: tuple[tuple[Path, str], ...]


def read_jam(path: Path) -> Jam:
    """The recording in a log, but for a last line that a crash has torn; else MidiFileError."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
        played = [_played(line) for line in lines if '"type":"played"' in line]
        actions = [_action(line) for line in lines if line.startswith('{"type":"action"')]
        return Jam(tuple(read_log(path)), tuple(played), tuple(actions))
    except OSError as error:
        raise MidiFileError(f"Cannot read {path}: {error.strerror}.", "Check the name and the folder.") from error
    except (ValueError, KeyError) as error:
        raise MidiFileError(f"{path} is not the log of a jam: {error}.", "It was changed, or is damaged.") from error


def build_midi(log: Path, mid: Path) -> None:
    """Writes the recording in `log` as a .mid of two tracks, Performer and jamd; else MidiFileError."""
    write_jam(read_jam(log), mid)


def write_jam(jam: Jam, mid: Path) -> None:
    """Writes a recording as a .mid of two tracks, Performer and jamd; else MidiFileError."""
    performed = [entry for entry in jam.entries if isinstance(entry, Performed)]
    times = [event.time_ns for event in (*performed, *jam.played)]
    timelines = [entry for entry in jam.entries if isinstance(entry, Timeline)]
    tempo_map = _from_tick_0(timelines, min(times, default=0))
    tracks = [
        Track.performed(name, _merged(tempo_map, with_every_end(events, max(times, default=0))[0]))
        for name, events in ((PERFORMER, performed), (JAMD, jam.played))
    ]
    write_midi(mid, tracks, tempo_map, _takes(tempo_map, jam.actions))


def recover(folder: Path) -> Recovered:
    """Writes the .mid of every log in `folder` that has none yet, but for those still being written."""
    built: list[Path] = []
    broken: list[tuple[Path, str]] = []
    for log in sorted(folder.glob("*.jsonl")):
        mid = log.with_suffix(".mid")
        if mid.exists() or not _is_jam(log) or _is_open(log):
            continue
        try:
            build_midi(log, mid)
            built.append(mid)
        except MidiFileError as error:
            broken.append((log, error.message))
    return Recovered(tuple(built), tuple(broken))


def _from_tick_0(timelines: Sequence[Timeline], start_ns: int) -> list[Timeline]:
    """The Timelines on the ticks of a file: 0 is the bar line before the first event; ticks never jump."""
    first = timelines[0] if timelines else Timeline(start_ns, 0, _NO_TEMPO)
    tick = first.tick_at(min(start_ns, first.time_ns))
    bar_line = tick - (tick - first.downbeat) % first.metre.ticks
    moved = [replace(first, time_ns=first.time_at(bar_line), tick=0, downbeat=first.downbeat - bar_line)]
    for timeline in timelines[1:]:
        shift = moved[-1].tick_at(timeline.time_ns) - timeline.tick
        moved.append(replace(timeline, tick=timeline.tick + shift, downbeat=timeline.downbeat + shift))
    return moved


def _takes(timelines: Sequence[Timeline], actions: Iterable[Action]) -> list[tuple[int, str]]:
    """A marker wherever somebody said keep: up to there they liked it."""
    marks = []
    for number, action in enumerate((action for action in actions if action.name == "keep"), 1):
        timeline = next((t for t in reversed(timelines) if t.time_ns <= action.time_ns), timelines[0])
        marks.append((max(timeline.tick_at(action.time_ns), 0), f"keep {number}"))
    return marks


def _merged(timelines: Iterable[Timeline], events: Iterable[Performed]) -> list[Timeline | Performed]:
    """In the order of time, a Timeline before what happens at its instant."""
    both: list[Timeline | Performed] = [*timelines, *events]
    return sorted(both, key=lambda entry: entry.time_ns)


def _played(line: str) -> Performed:
    record = json.loads(line)
    kind, number, value = Kind(record["kind"]), int(record["number"]), int(record["value"])
    return Performed(int(record["time_ns"]), kind, number, value, int(record["channel"]))


def _action(line: str) -> Action:
    record = json.loads(line)
    return Action(int(record["time_ns"]), str(record["name"]), record["value"])


def _is_jam(log: Path) -> bool:
    with log.open("rb") as file:
        return file.read(64).startswith(b'{"type": "jam"')


def _is_open(log: Path) -> bool:
    """True while a wire writes this log: it holds its lock."""
    file = os.open(log, os.O_RDONLY)
    try:
        return not lock(file)
    finally:
        os.close(file)
