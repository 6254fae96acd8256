"""A tiny player's folder: .mid files in time and free, and the log of a jam."""

from __future__ import annotations

import json
import random
from pathlib import Path

from jamd.music.events import Answered, Charted, Kind, LogEntry, Performed, Turn, TurnChange
from jamd.music.log import to_json
from jamd.music.timeline import Timeline
from jamd.remi import vocabulary as v
from tests.training.tiny_sets import midi_file, note

QUARTER = 500_000_000


def tune(seed: int, notes: int = 40, wobble: int = 0) -> list[tuple[int, object]]:
    """Sixteenths up and down a scale, each up to `wobble` ticks late."""
    rng = random.Random(seed)
    events, degree = [], 7
    for i in range(notes):
        degree = min(max(degree + rng.choice((-2, -1, 1, 2)), 0), 14)
        pitch = 55 + degree // 7 * 12 + (0, 2, 4, 5, 7, 9, 11)[degree % 7]
        events += note(120 * i + rng.randint(0, wobble), 100, pitch, 40 + rng.randrange(60))
    return events


def tune_file(path: Path, seed: int = 0, notes: int = 40, wobble: int = 0) -> Path:
    """A .mid of one track."""
    midi_file(path, {"Keys": tune(seed, notes, wobble)})
    return path


def key(time_ns: int, pitch: int, velocity: int, channel: int = 0) -> list[Performed]:
    """A key struck and let go a third of a quarter later."""
    up = time_ns + QUARTER // 3
    return [
        Performed(time_ns, Kind.NOTE_ON, pitch, velocity, channel),
        Performed(up, Kind.NOTE_OFF, pitch, 0, channel),
    ]


def jam_entries(turns: int = 3, notes: int = 6) -> tuple[list[LogEntry], list[Performed]]:
    """A jam of `turns` calls, each with an answer of one bar; the log's entries, and what jamd played."""
    entries: list[LogEntry] = [Timeline(0, 0, QUARTER), Charted(0, "C:maj")]
    played: list[Performed] = []
    bar = 4 * QUARTER
    for turn in range(turns):
        start = 3 * bar * turn
        if turn:
            entries.append(TurnChange(start, Turn.CALL))
        for i in range(notes):
            entries += key(start + i * QUARTER // 2, 60 + 2 * i + turn, 50 + 7 * i)
        over = start + bar
        answer = [v.BAR, v.POSITION.id(0)]
        answer += [v.NOTE_VELOCITY.id(20), v.NOTE_ON.id(72 + turn), v.NOTE_DURATION.id(30)]
        entries += [TurnChange(over, Turn.RESPONSE), Answered(over, tuple(answer))]
        played += key(over, 72 + turn, 82)
    return sorted(entries, key=lambda e: e.time_ns), played


def jam_file(path: Path, turns: int = 3, notes: int = 6) -> Path:
    """The log of `jam_entries`, as jamd writes it."""
    entries, played = jam_entries(turns, notes)
    lines = [json.dumps({"type": "jam", "format": 1, "seed": 1, "model": "S.onnx"})]
    lines += [to_json(entry) for entry in entries]
    for event in played:
        record = {"type": "played", "time_ns": event.time_ns, "due_ns": event.time_ns, "kind": event.kind.value}
        record |= {"number": event.number, "value": event.value, "channel": event.channel}
        lines.append(json.dumps(record, separators=(",", ":")))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def player_folder(folder: Path) -> Path:
    """Six tunes, a jam, and a file that is none."""
    for i in range(6):
        tune_file(folder / f"tune{i}.mid", seed=i)
    jam_file(folder / "jams" / "jam.jsonl")
    (folder / "broken.mid").write_bytes(b"not MIDI")
    return folder
