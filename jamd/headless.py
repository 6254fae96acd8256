"""The headless musician: answers a .mid file faster than real time, with the rooms that play live."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jamd.config import Settings
from jamd.daemon import harmony
from jamd.daemon.choosing import load_named
from jamd.daemon.files import check_target, read_call
from jamd.daemon.rooms import make_improviser
from jamd.engine.improviser import Improviser, Opening, answer_ticks
from jamd.midi.smf import Track, write_midi
from jamd.music.events import PEDAL_THRESHOLD, RESET_CONTROLLERS, SUSTAIN, Kind, LogEntry, Performed, Turn, TurnChange
from jamd.music.note import Note, Pedal
from jamd.music.timeline import Timeline
from jamd.remi import vocabulary as v
from jamd.remi.encoder import Encoder


@dataclass(frozen=True, slots=True)
class Summary:
    """What was read, made and written."""

    out: str
    model: str
    device: str
    seed: int
    call_notes: int
    answer_notes: int
    answer_bars: int
    tokens: int
    seconds: float
    drums_left_out: int
    notes_without_end: int
    """Notes of the call that nobody ended: they end with the file."""
    signs_ignored: int
    """Tempos and time signatures that say nothing."""
    metres_moved: int
    """Time signatures in mid bar, which waited for a bar line."""


def respond(call: Path, out: Path, settings: Settings) -> Summary:
    """Reads `call`, writes `out` with the tracks Performer and jamd; same seed, file and model, same bytes.

    Raises MidiFileError where the file cannot be read or holds no notes, or `out` cannot be written,
    ConfigError where chart or fences will not do, and ModelError where there is no model.
    """
    read = read_call(call)
    check_target(out)
    entries = read.entries
    timeline, entry_tick = _entry(entries)
    harmony.judge(settings, timeline.metre)
    seed = settings.sampling.seed or secrets.randbelow(2**32 - 1) + 1
    session = load_named(settings.engine)  # never by speed: the bytes repeat
    improviser = make_improviser(settings, session, seed)
    began = time.perf_counter()
    events, tokens = _answer(improviser, entries, timeline, entry_tick, settings)
    notes = [e for e in events if isinstance(e, Note)]
    write_midi(out, [Track.performed("Performer", entries), Track.played("jamd", events)], entries)
    bars = max((n.onset - entry_tick for n in notes), default=0) // timeline.metre.ticks + 1
    seconds = round(time.perf_counter() - began, 3)
    return Summary(
        out=str(out),
        model=session.info.name,
        device=session.device,
        seed=seed,
        call_notes=read.notes,
        answer_notes=len(notes),
        answer_bars=bars,
        tokens=tokens,
        seconds=seconds,
        drums_left_out=read.drums,
        notes_without_end=read.hanging,
        signs_ignored=read.ignored,
        metres_moved=read.moved,
    )


def _entry(entries: Sequence[LogEntry]) -> tuple[Timeline, int]:
    """The Timeline at the call's end, and the bar line on which the answer begins."""
    performed = [e for e in entries if isinstance(e, Performed)]
    timelines = [e for e in entries if isinstance(e, Timeline)]
    last = max(e.time_ns for e in performed if e.kind is Kind.NOTE_ON)
    end = _last_sound(performed)
    timeline = [t for t in timelines if t.time_ns <= end][-1]
    metre = timeline.metre
    slack = min(metre.beat_ticks, metre.ticks) // 2  # a last note that hangs over the bar line costs no bar
    return timeline, timeline.next_bar_line(max(timeline.tick_at(last) + 1, timeline.tick_at(end) - slack))


def _last_sound(performed: Sequence[Performed]) -> int:
    """When the last note has ended: let go, by the pedal too. A pedal that is never lifted counts for nothing."""
    end = 0
    held: set[tuple[int, int]] = set()
    down: set[int] = set()  # channels whose pedal is down
    ringing: set[int] = set()  # channels on which it holds a note
    for event in performed:
        key = (event.channel, event.number)
        if event.kind is Kind.NOTE_ON:
            held.add(key)
        elif event.kind is Kind.NOTE_OFF and key in held:
            held.discard(key)
            end = event.time_ns
            ringing |= down & {event.channel}
        elif event.kind is Kind.CONTROL and event.number in (SUSTAIN, RESET_CONTROLLERS):
            if event.number == SUSTAIN and event.value >= PEDAL_THRESHOLD:
                down.add(event.channel)
                continue
            if event.channel in ringing:
                end = event.time_ns
            down.discard(event.channel)
            ringing.discard(event.channel)
    return end


def _answer(
    improviser: Improviser, entries: Sequence[LogEntry], timeline: Timeline, entry_tick: int, settings: Settings
) -> tuple[list[Note | Pedal], int]:
    turn_ns = timeline.time_at(entry_tick)
    encoder = Encoder()
    for entry in [*(e for e in entries if e.time_ns < turn_ns), TurnChange(turn_ns, Turn.RESPONSE)]:
        encoder.feed(entry)
    tail = encoder.advance(turn_ns)
    first = next(e.time_ns for e in entries if isinstance(e, Performed) and e.kind is Kind.NOTE_ON)
    begun = timeline.next_bar_line(timeline.tick_at(first) + 1) - timeline.metre.ticks
    length = answer_ticks(entry_tick - begun, timeline.metre, settings.turn.bars, settings.turn.max_bars)
    place = replace(encoder.place, bar_tick=entry_tick - encoder.place.metre.ticks)
    chart = harmony.chart(settings, timeline.metre)
    opening = Opening(place, (v.BAR, v.POSITION.id(0)), entry_tick + length, 0)
    if chart is not None:
        opening = replace(opening, changes=chart.on(timeline))
    answer = improviser.begin(tail, opening)
    events: list[Note | Pedal] = []
    while not answer.done:
        events += improviser.step()
    return events, len(answer.ids)
