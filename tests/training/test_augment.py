"""Augmentation: deterministic, in range, and what it does to beats, turns, pedal and chords."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest

pytest.importorskip("symusic")

from jamd.music.events import Charted, Kind, LogEntry, Performed, Turn, TurnChange
from jamd.music.timeline import FOUR_FOUR, Metre, Timeline
from training.augment import FREE_BPM, Key, Reading, log, reading, transposed, variant_log
from training.corpus.grid import BarMark, Grid, tempi_through
from training.corpus.piece import ChordLabel, PedalMove, Piece, Struck

HALF = 500_000_000
GRID = Grid(
    tempi_through([(0, 0.0), (960, 1.2e9), (48000, 50e9)]),
    (BarMark(0, FOUR_FOUR), BarMark(3840, Metre(3, 4))),
)


def piece(grid: Grid | None = GRID, start: int = 0, count: int = 80, early: int = 0) -> Piece:
    """A note a quarter from tick `start` on, each `early` ticks before its beat."""
    ticks = [start + 480 * i - early for i in range(count)]
    notes = [
        Struck(GRID.time_at(t), GRID.time_at(t + 240), 50 + i % 24, 20 + i % 100) for i, t in enumerate(ticks)
    ]
    return Piece(
        tuple(notes), grid=grid, chords=(ChordLabel(0, "A:min"), ChordLabel(GRID.time_at(1920), "N:N"))
    )


def onsets(entries: list[LogEntry]) -> list[Performed]:
    return [e for e in entries if isinstance(e, Performed) and e.kind is Kind.NOTE_ON]


def timelines(entries: list[LogEntry]) -> list[Timeline]:
    return [e for e in entries if isinstance(e, Timeline)]


def turns(entries: list[LogEntry]) -> list[TurnChange]:
    return [e for e in entries if isinstance(e, TurnChange)]


def ticks_of(entries: list[LogEntry]) -> list[int]:
    out, holds = [], None
    for e in entries:
        if isinstance(e, Timeline):
            holds = e
        elif isinstance(e, Performed) and e.kind is Kind.NOTE_ON:
            assert holds is not None
            out.append(holds.tick_at(e.time_ns))
    return out


READINGS = [
    Reading(),
    Reading(percent=87, alternates=True),
    Reading(percent=113, alternates=True, opens=Turn.RESPONSE),
    Reading(free_bpm=120.0),
    Reading(free_bpm=97.3, alternates=True, percent=93),
]


@pytest.mark.parametrize("how", READINGS)
def test_a_log_begins_with_timeline_and_turn_and_is_in_order(how: Reading) -> None:
    entries = log(piece(start=4321), how, random.Random(3))
    assert isinstance(entries[0], Timeline) and isinstance(entries[1], TurnChange)
    assert entries[0].time_ns == entries[1].time_ns == 0
    times = [e.time_ns for e in entries]
    assert times == sorted(times)


@pytest.mark.parametrize("how", READINGS)
def test_ticks_never_jump_at_a_new_timeline(how: Reading) -> None:
    lines = timelines(log(piece(), how, random.Random(3)))
    assert len(lines) > 1 or how.free_bpm
    for before, after in pairwise(lines):
        assert before.tick_at(after.time_ns) == after.tick


@pytest.mark.parametrize("percent", [85, 99, 100, 101, 115])
def test_stretching_changes_the_tempo_and_no_tick(percent: int) -> None:
    entries = log(piece(), Reading(percent=percent), random.Random(0))
    assert ticks_of(entries) == [480 * i for i in range(80)]
    assert timelines(entries)[0].ns_per_quarter * 100 == 600_000_000 * percent


def test_silent_bars_before_the_first_note_are_left_out() -> None:
    entries = log(piece(start=5280 + 480), Reading(), random.Random(0))
    assert entries[0].time_ns == 0 and timelines(entries)[0].tick == 5280  # the bar line before, in 3/4
    assert timelines(entries)[0].metre == Metre(3, 4)


def test_a_first_note_a_little_before_its_bar_line_begins_on_it() -> None:
    entries = log(piece(start=5280, early=12), Reading(), random.Random(0))
    assert (timelines(entries)[0].tick, onsets(entries)[0].time_ns) == (5280, 0)
    assert ticks_of(entries)[1:3] == [5280 + 468, 5280 + 948]


def test_metre_changes_come_at_their_bar_line() -> None:
    change = next(t for t in timelines(log(piece(), Reading(), random.Random(0))) if t.metre == Metre(3, 4))
    assert (change.tick, change.downbeat) == (3840, 3840)


def test_transposition_moves_keys_and_chords_alike() -> None:
    entries = log(piece(), Reading(shift=4), random.Random(0))
    assert [e.number for e in onsets(entries)] == [n.pitch + 4 for n in piece().notes]
    assert [e.chord for e in entries if isinstance(e, Charted)] == ["C#:min", "N:N"]
    assert transposed("A:min", -10) == "B:min"


def test_a_free_grid_has_no_chart() -> None:
    assert not [e for e in log(piece(), Reading(free_bpm=120), random.Random(0)) if isinstance(e, Charted)]


def test_only_the_chart_that_holds_at_the_start_is_kept() -> None:
    entries = log(piece(start=1920), Reading(), random.Random(0))
    assert [e for e in entries if isinstance(e, Charted)] == [Charted(0, "N:N")]


def test_loudness_scales_and_stays_in_range() -> None:
    loud = [e.value for e in onsets(log(piece(), Reading(loudness=1.2), random.Random(0)))]
    assert loud == [min(round(n.velocity * 1.2), 127) for n in piece().notes]
    soft = replace(piece(), notes=(Struck(0, 100, 60, 1),))
    assert [e.value for e in onsets(log(soft, Reading(loudness=0.1), random.Random(0)))] == [1]


def test_turns_alternate_at_bar_lines_of_bars_with_notes() -> None:
    entries = log(piece(count=200), Reading(alternates=True), random.Random(5))
    changes = turns(entries)
    assert len(changes) > 4
    assert [c.turn for c in changes[:3]] == [Turn.CALL, Turn.RESPONSE, Turn.CALL]
    on = {e.time_ns: t for e, t in zip(onsets(entries), ticks_of(entries), strict=True)}
    bars = set(GRID.bar_lines(0, 480 * 200))
    assert all(on[c.time_ns] in bars for c in changes[1:])


def test_a_turn_begins_with_the_note_that_is_a_little_before_the_bar_line() -> None:
    entries = log(piece(start=480, count=200, early=15), Reading(alternates=True), random.Random(5))
    starts = {e.time_ns for e in onsets(entries)}
    assert len(turns(entries)) > 4
    assert all(c.time_ns in starts for c in turns(entries)[1:])


def test_free_turns_begin_a_bar_at_their_first_note_after_the_longest_rest() -> None:
    notes, now = [], 0
    for phrase in range(30):
        for i in range(12):
            notes.append(Struck(now + i * HALF // 2, now + i * HALF // 2 + HALF // 3, 60 + phrase % 5, 80))
        now = notes[-1].on_ns + 2 * HALF
    entries = log(Piece(tuple(notes)), Reading(free_bpm=FREE_BPM, alternates=True), random.Random(1))
    changes = turns(entries)[1:]
    phrases = {n.on_ns for n in notes[::12]}
    assert len(changes) > 3 and sum(c.time_ns in phrases for c in changes) >= 0.7 * len(changes)
    for change in changes:
        i = entries.index(change)
        anchor, first = entries[i + 1], entries[i + 2]
        assert isinstance(anchor, Timeline) and isinstance(first, Performed)
        assert anchor.time_ns == first.time_ns == change.time_ns and anchor.downbeat == anchor.tick
        assert first.kind is Kind.NOTE_ON


def test_without_alternation_one_turn_holds_throughout() -> None:
    for how in (Reading(opens=Turn.RESPONSE), Reading(opens=Turn.RESPONSE, free_bpm=120)):
        assert [t.turn for t in turns(log(piece(), how, random.Random(0)))] == [Turn.RESPONSE]


def test_pedal_moves_before_the_first_bar_hold_from_its_start() -> None:
    held = replace(piece(start=3840), pedal=(PedalMove(100, 100), PedalMove(GRID.time_at(4000), 0)))
    entries = log(held, Reading(percent=90), random.Random(5))
    moves = [e for e in entries if isinstance(e, Performed) and e.kind is Kind.CONTROL]
    up = (GRID.time_at(4000) - GRID.time_at(3840)) * 9 // 10
    assert [(m.time_ns, m.number, m.value) for m in moves] == [(0, 64, 100), (up, 64, 0)]
    assert entries.index(moves[0]) < entries.index(onsets(entries)[0])


def test_the_voice_joins_only_when_asked() -> None:
    sung = replace(piece(), voice=(Struck(100, 200, 99, 64, 5),))
    assert 99 not in {e.number for e in onsets(log(sung, Reading(), random.Random(0)))}
    assert 99 in {e.number for e in onsets(log(sung, Reading(voice=True), random.Random(0)))}


def test_a_piece_without_notes_has_an_empty_log() -> None:
    assert log(Piece(()), Reading(), random.Random(0)) == []


# what is drawn


def test_the_same_key_gives_the_same_log_and_another_variant_another() -> None:
    key = Key(7, "pop909", "001", 0)
    first = variant_log(piece(), key, train=True)
    assert first == variant_log(piece(), key, train=True)
    assert first != variant_log(piece(), key._replace(variant=1), train=True)
    assert first != variant_log(piece(), key._replace(seed=8), train=True)


def test_shifts_differ_between_variants_and_stay_on_the_keyboard() -> None:
    wide = replace(piece(), notes=(Struck(0, 100, 23, 64), Struck(0, 100, 104, 64)))
    drawn = [reading(wide, Key(1, "s", "p", v), random.Random(v), train=True).shift for v in range(7)]
    assert sorted(drawn) == [-2, -1, 0, 1, 2, 3, 4]


def test_a_piece_beyond_the_keyboard_stays_in_its_key() -> None:
    beyond = replace(piece(), notes=(Struck(0, 100, 12, 64), Struck(0, 100, 110, 64)))
    assert reading(beyond, Key(1, "s", "p", 0), random.Random(0), train=True).shift == 0


def test_readings_are_shared_out_as_told() -> None:
    drawn = [
        reading(piece(), Key(1, "s", str(i), 0), Key(1, "s", str(i), 0).rng(), train=True)
        for i in range(3000)
    ]
    free = [r.free_bpm for r in drawn if r.free_bpm is not None]
    assert 0.30 < len(free) / len(drawn) < 0.37
    assert 0.70 < free.count(FREE_BPM) / len(free) < 0.80
    assert all(80 <= bpm <= 160 for bpm in free)
    assert 0.63 < sum(r.alternates for r in drawn) / len(drawn) < 0.70
    whole = [r.opens for r in drawn if not r.alternates]
    assert 0.45 < whole.count(Turn.CALL) / len(whole) < 0.55
    assert {r.percent for r in drawn} == set(range(85, 116))


def test_pieces_without_beats_are_always_read_free() -> None:
    assert all(
        reading(piece(None), Key(1, "s", "p", v), random.Random(v), train=True).free_bpm for v in range(50)
    )


def test_validation_keeps_key_pace_and_loudness() -> None:
    drawn = [reading(piece(), Key(1, "s", "p", v), random.Random(v), train=False) for v in range(20)]
    assert {(r.shift, r.percent, r.loudness, r.voice) for r in drawn} == {(0, 100, 1.0, False)}
