"""Laws of the language as a whole: whatever is performed is accepted, and its tokens give it back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.music.events import Kind, LogEntry, Performed, Turn, TurnChange
from jamd.music.note import Note
from jamd.music.timeline import Metre, Timeline, ns_per_quarter
from jamd.remi import vocabulary as v
from jamd.remi.decoder import Decoder, decode
from jamd.remi.encoder import Encoder, tokenize
from jamd.remi.grammar import Grammar
from tests.remi.logs import ROWS, Row, log_of, playing
from tests.remi.matching import lost, said, struck

MS = 1_000_000
STROKES = st.lists(
    st.tuples(
        st.one_of(st.just(0), st.integers(1, 60), st.integers(60, 900)),  # ms since the one before
        st.integers(60, 65),
        st.one_of(st.integers(5, 400), st.integers(400, 3000)),  # ms held
        st.integers(1, 127),
        st.sampled_from((None, None, None, 60, 97, 120, 208)),  # a new tempo
    ),
    min_size=1,
    max_size=30,
)
Stroke = tuple[int, int, int, int, int | None]


def accepted(ids: Sequence[int]) -> Grammar:
    grammar = Grammar()
    for token in ids:
        grammar.advance(token)
    return grammar


def phrase(strokes: Sequence[Stroke], metre: Metre, turn: Turn) -> list[LogEntry]:
    """A log without long silences: strokes that may overlap, and tempo changes under way."""
    events: list[tuple[int, int, LogEntry]] = []
    timeline, now = Timeline(0, 0, ns_per_quarter(120), metre), 0
    start: list[LogEntry] = [timeline, TurnChange(0, turn)]
    for number, (gap, pitch, length, velocity, bpm) in enumerate(strokes):
        now += gap * MS
        if bpm is not None:
            timeline = timeline.successor(now, ns_per_quarter=ns_per_quarter(bpm))
            events.append((now, number, timeline))
        events.append((now, number, Performed(now, Kind.NOTE_ON, pitch, velocity)))
        end = now + length * MS
        events.append((end, number, Performed(end, Kind.NOTE_OFF, pitch)))
    return start + [event for _, _, event in sorted(events, key=lambda event: event[:2])]


@given(ROWS, st.booleans())
@settings(max_examples=150, deadline=None)
def test_whatever_is_performed_is_accepted_and_every_note_is_told_or_counted(rows: list[Row], duet: bool) -> None:
    encoder = Encoder()
    log = log_of(rows, duet=duet)
    for entry in log:
        encoder.feed(entry)
    ids = encoder.finish()
    grammar = accepted(ids)
    assert grammar.complete and not grammar.open_pitches
    heard = sum(token in v.NOTE_ON for entry in log for token in getattr(entry, "ids", ()))
    counts = encoder.counts
    assert sum(token in v.NOTE_ON for token in ids) - heard == counts.notes - counts.merged - counts.overruled


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_piano_playing_comes_back_on_its_own_ticks(seed: int) -> None:
    log = playing(Random(seed), 40)
    told, played = said(log, log[-1].time_ns), struck(log)
    assert told.hanging == 0
    assert len(told.notes) + told.merged == len(played)
    assert lost(played, told.notes) == []


@given(STROKES, st.sampled_from(v.METRES), st.sampled_from(Turn))
@settings(max_examples=100, deadline=None)
def test_every_note_comes_back_in_time_as_loud_and_as_long(strokes: list[Stroke], metre: Metre, turn: Turn) -> None:
    log = phrase(strokes, metre, turn)
    ids, played = tokenize(log), struck(log)
    accepted(ids)
    notes, _ = decode(ids)
    assert lost(played, notes) == []
    for note in notes:
        here = [p for p in played if p.pitch == note.pitch and abs(p.onset - note.onset) <= 4]
        assert any(abs(p.velocity - note.velocity) <= 2 for p in here)
        lengths = [q.onset + q.duration - p.onset for p, q in product(here, here)]  # p goes on in q: they merged
        assert any(_as_long(note, length, notes) for length in lengths), (note, here)


def _as_long(note: Note, length: int, notes: Sequence[Note]) -> bool:
    """Nearest bin, or the slot in which an open note ended; but never into the next note of its pitch."""
    shortened = [n.onset - note.onset for n in notes if n.pitch == note.pitch and n.onset > note.onset]
    closed = v.duration_ticks(v.duration_token(length))
    return note.duration == min([closed, *shortened]) or abs(note.duration - length) <= v.SLOT_TICKS // 2 + 4


@given(ROWS, st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_prefix_of_a_performance_decodes(rows: list[Row], duet: bool) -> None:
    decoder, down = Decoder(), False
    for token in tokenize(log_of(rows, duet=duet)):
        for event in decoder.feed(token):
            if isinstance(event, Note):
                assert event.duration > 0
            else:
                assert event.down != down, "the pedal moves to where it is"
                down = event.down
    assert decoder.finish() == []
