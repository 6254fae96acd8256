"""Every note-on with its note-off: performances from files and from logs that a crash cut off."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter

from jamd.music.events import Kind, Performed


def with_every_end(events: Iterable[Performed], end: int) -> tuple[list[Performed], int]:
    """The events (in order), note-offs at `end` for what still sounds then, and the number of those.

    At one instant the note-offs of what sounds come first, since tracks are merged in no musical order; the
    note-off of a note that only begins there stays behind its note-on.
    """
    ordered: list[Performed] = []
    sounding: set[tuple[int, int]] = set()
    for _, group in groupby(events, key=attrgetter("time_ns")):
        later: list[Performed] = []
        for event in group:
            key = (event.channel, event.number)
            if event.kind is Kind.NOTE_OFF and key in sounding:
                sounding.discard(key)
                ordered.append(event)
            else:
                later.append(event)
        for event in later:
            if event.kind is Kind.NOTE_ON:
                sounding.add((event.channel, event.number))
            elif event.kind is Kind.NOTE_OFF:
                sounding.discard((event.channel, event.number))
        ordered += later
    ends = [Performed(end, Kind.NOTE_OFF, pitch, 0, channel) for channel, pitch in sorted(sounding)]
    return ordered + ends, len(ends)
