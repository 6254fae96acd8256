"""What is played to jamd: .mid files, which it hears in real time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from jamd.midi.smf import Track, write_midi
from jamd.music.events import Kind, LogEntry, Performed
from jamd.music.timeline import FOUR_FOUR, Timeline, ns_per_quarter

MS = 1_000_000
PHRASE = (60, 64, 67, 65, 62)
GAP_MS = 80
END_TURN = 20
"""The controller that says: your turn (see `jamd.bench.live`)."""
FAR_MS = 600_000
KEY_NS = 97_310_000


def silent_file(folder: Path) -> Path:
    """A performer who plays one note, in ten minutes."""
    return _write(folder / "silence.mid", _phrase(FAR_MS, PHRASE[:1]))


def phrases(folder: Path, begins_ms: Sequence[int], hands_over: Sequence[bool]) -> Path:
    """A phrase at each instant; where it hands over, the controller ends the turn with its last note."""
    events = list[Performed]()
    for at, hands in zip(begins_ms, hands_over, strict=True):
        phrase = _phrase(at, PHRASE)
        end = phrase[-1].time_ns
        events += phrase
        if hands:
            events += [Performed(end + MS * i, Kind.CONTROL, END_TURN, 127 * (i == 1)) for i in (1, 2)]
    return _write(folder / "phrases.mid", events)


def keys(folder: Path, count: int) -> Path:
    """So many keys, one after the other, at instants that lie otherwise between the wire's looks each time."""
    events = list[Performed]()
    for i in range(count):
        at, pitch = 300 * MS + i * KEY_NS, 84 + i % 12
        events += [Performed(at, Kind.NOTE_ON, pitch, 80), Performed(at + KEY_NS // 2, Kind.NOTE_OFF, pitch)]
    return _write(folder / "keys.mid", events)


def _phrase(at_ms: int, pitches: Iterable[int]) -> list[Performed]:
    events = []
    for i, pitch in enumerate(pitches):
        at = (at_ms + i * GAP_MS) * MS
        events += [Performed(at, Kind.NOTE_ON, pitch, 80), Performed(at + GAP_MS * MS * 3 // 4, Kind.NOTE_OFF, pitch)]
    return events


def _write(path: Path, events: Iterable[Performed]) -> Path:
    log: list[LogEntry] = [Timeline(0, 0, ns_per_quarter(120), FOUR_FOUR, 0), *events]
    write_midi(path, [Track.performed("Performer", log)], log)
    return path
