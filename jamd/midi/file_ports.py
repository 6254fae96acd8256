"""A MIDI file in the place of the performer: it plays in real time, and its tempo map is the clock."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jamd.midi.messages import to_bytes
from jamd.music.events import Performed
from jamd.music.timeline import Timeline

if TYPE_CHECKING:  # loads mido, which nobody needs who plays no file
    from jamd.midi.smf import MidiLog


class FileInput:
    """An input port and a clock. Silent until `start`; stamps are the file's own, not those of the poll."""

    def __init__(self, log: MidiLog, name: str) -> None:
        self.name = name
        self._timelines = list(log.timelines)
        self._events = [entry for entry in log.entries if isinstance(entry, Performed)]
        self._end_ns = log.end_ns
        self._start_ns: int | None = None
        self._polled = self._told = 0  # how many of the events, and of the Timelines

    def start(self, at_ns: int, from_ns: int = 0) -> None:
        """The file begins at `at_ns`. What it plays before `from_ns` is left out: a successor goes on."""
        self._start_ns = at_ns
        self._timelines = [replace(t, time_ns=t.time_ns + at_ns) for t in self._timelines]
        self._events = [replace(e, time_ns=e.time_ns + at_ns) for e in self._events]
        self._polled = sum(event.time_ns < from_ns for event in self._events)
        self._told = max(sum(timeline.time_ns <= from_ns for timeline in self._timelines) - 1, 0)

    @property
    def tempo_map(self) -> tuple[Timeline, ...]:
        """All its Timelines: in the file's time, counted from 0, until it is started."""
        return tuple(self._timelines)

    def ended(self, now: int) -> bool:
        """True when the file is over, and all of it was polled."""
        if self._start_ns is None or now < self._start_ns + self._end_ns:
            return False
        return self._polled == len(self._events)

    def poll(self, now: int) -> list[tuple[int, bytes]]:
        """What the file has played up to `now`, each message at its own instant."""
        first = self._polled
        while self._started and self._polled < len(self._events) and self._events[self._polled].time_ns <= now:
            self._polled += 1
        return [(event.time_ns, to_bytes(event)) for event in self._events[first : self._polled]]

    def timelines(self, now: int) -> list[Timeline]:
        """The Timelines that have begun."""
        first = self._told
        while self._started and self._told < len(self._timelines) and self._timelines[self._told].time_ns <= now:
            self._told += 1
        return self._timelines[first : self._told]

    def close(self) -> None:
        """Nothing to let go."""

    @property
    def _started(self) -> bool:
        return self._start_ns is not None
