"""Duets: who is whose partner, where turns join, and what is left out; everything else stays as it was."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

pytest.importorskip("symusic")

from jamd.music.events import Kind, LogEntry, Performed, Turn, TurnChange
from jamd.music.timeline import FOUR_FOUR, Timeline
from jamd.remi import vocabulary as v
from jamd.remi.encoder import tokenize
from jamd.remi.grammar import Grammar
from training.augment import Key, Reading, log, reading, variant_log
from training.corpus.grid import BarMark, Grid, tempi_through
from training.corpus.piece import PedalMove, Piece, Struck
from training.duet import (
    ALONE_BARS,
    LATEST_ENTRY,
    OPENED_SHARE,
    SHARE,
    UNISON_NS,
    Duet,
    drawn,
    pedal_around,
    span_of,
    strikes,
)

BEAT = 500_000_000
GRID = Grid(tempi_through([(0, 0.0), (480 * 400, 400 * 0.5e9)]), (BarMark(0, FOUR_FOUR),))
TUNE, REST = 0, 2


def song(beats: int = 64) -> Piece:
    """A tune on every beat but the first of a bar, legato, over two notes on every other beat."""
    tune = [Struck(i * BEAT, (i + 1) * BEAT, 72 + i % 7, 80, TUNE) for i in range(beats) if i % 4]
    rest = [Struck(i * BEAT, (i + 2) * BEAT - BEAT // 5, p, 60, REST) for i in range(0, beats, 2) for p in (48, 55)]
    return Piece(tuple(sorted([*tune, *rest])), (PedalMove(0, 100), PedalMove(BEAT * 40, 0)), GRID)


WHOLE = Reading(duet=Duet(TUNE, Turn.CALL, whole=True))
READINGS = [
    WHOLE,
    replace(WHOLE, duet=Duet(TUNE, Turn.RESPONSE, whole=True), percent=91, shift=-3),
    replace(WHOLE, duet=Duet(TUNE, Turn.CALL, whole=False), alternates=True),
    replace(WHOLE, free_bpm=97.0),
    replace(WHOLE, duet=Duet(TUNE, Turn.CALL, whole=False), alternates=True, free_bpm=120.0),
]


def by_turn(entries: list[LogEntry]) -> dict[Turn, list[Performed]]:
    turn, out = Turn.CALL, dict[Turn, list[Performed]]({t: [] for t in Turn})
    for entry in entries:
        if isinstance(entry, TurnChange):
            turn = entry.turn
        elif isinstance(entry, Performed) and entry.kind is Kind.NOTE_ON:
            out[turn].append(entry)
    return out


@pytest.mark.parametrize("tune", Turn)
def test_in_a_duet_every_note_is_struck_in_the_turn_of_its_voice(tune: Turn) -> None:
    played = by_turn(log(song(), replace(WHOLE, duet=Duet(TUNE, tune, whole=True)), random.Random(0)))
    assert {e.channel for e in played[tune]} == {TUNE}
    assert {turn: {e.channel for e in struck} for turn, struck in played.items() if turn is not tune} == {
        next(turn for turn in Turn if turn is not tune): {REST}
    }
    assert sum(map(len, played.values())) == len(song().notes)


@pytest.mark.parametrize("how", READINGS)
def test_a_duet_is_said_in_the_grammar_with_all_its_notes_and_in_order(how: Reading) -> None:
    entries = log(song(), how, random.Random(4))
    assert isinstance(entries[0], Timeline) and isinstance(entries[1], TurnChange)
    assert [e.time_ns for e in entries] == sorted(e.time_ns for e in entries)
    assert any(isinstance(e, TurnChange) and e.joins for e in entries)
    grammar, ids = Grammar(), tokenize(entries)
    for token in ids:
        grammar.advance(token)
    assert grammar.complete and not grammar.open_pitches
    assert sum(token in v.NOTE_ON for token in ids) == len(song().notes)


def test_a_turn_joins_only_where_the_other_voice_strikes_and_once_in_an_instant() -> None:
    changes = [e for e in log(song(), WHOLE, random.Random(0)) if isinstance(e, TurnChange)]
    assert all(a.turn is not b.turn and a.time_ns < b.time_ns for a, b in pairwise(changes))
    assert all(change.joins for change in changes[1:])
    assert {change.time_ns for change in changes} <= {n.on_ns for n in song().notes}


def test_in_an_instant_the_voice_whose_turn_it_is_strikes_first() -> None:
    tune, rest = Struck(0, 9, 72, 80, TUNE), Struck(0, 9, 48, 80, REST)
    who = Duet(TUNE, Turn.CALL, whole=True)
    told = list(strikes(who, [(0, rest), (0, tune), (5, rest), (5, tune), (9, tune)], Turn.CALL))
    assert [(s.note.channel, s.second, s.joins) for s in told] == [
        (TUNE, False, None),
        (REST, True, Turn.RESPONSE),
        (REST, False, None),
        (TUNE, True, Turn.CALL),
        (TUNE, False, None),
    ]


def test_around_the_span_turns_follow_each_other_as_without_it() -> None:
    how = replace(WHOLE, duet=Duet(TUNE, Turn.CALL, whole=False), alternates=True)
    for seed in range(20):
        plain = [e for e in log(song(200), replace(how, duet=None), random.Random(seed)) if isinstance(e, TurnChange)]
        told = [e for e in log(song(200), how, random.Random(seed)) if isinstance(e, TurnChange)]
        joins = [e.time_ns for e in told if e.joins]
        first, last = min(joins, default=0), max(joins, default=0)
        outside = [e for e in told if not e.joins]
        assert all(e in plain or e.time_ns <= first for e in outside)
        assert not any(first < e.time_ns < last for e in outside)


def test_the_pedal_is_up_in_the_span_and_back_after_it() -> None:
    who = Duet(TUNE, Turn.CALL, whole=False)
    turns = [TurnChange(at, Turn.CALL) for at in (0, 100, 200)]
    span = next(s for s in (span_of(who, turns, random.Random(i)) for i in range(50)) if s.first == 1 and s.last == 2)
    moves = [PedalMove(at, value) for at, value in ((10, 127), (120, 0), (150, 90), (250, 0))]
    assert list(pedal_around(moves, span)) == [(10, 127), (100, 0), (200, 90), (250, 0)]
    assert list(pedal_around(moves[:1], span)) == [(10, 127), (100, 0), (200, 127)]
    entries = log(song(), WHOLE, random.Random(0))
    assert not any(isinstance(e, Performed) and e.kind is Kind.CONTROL for e in entries)


@pytest.mark.parametrize(("apart", "struck"), [(0, 1), (UNISON_NS, 1), (UNISON_NS + 1, 2)])
def test_what_both_voices_strike_is_struck_by_the_tune(apart: int, struck: int) -> None:
    tune, rest = Struck(BEAT, 2 * BEAT, 60, 70, TUNE), Struck(BEAT + apart, 3 * BEAT, 60, 90, REST)
    entries = log(replace(song(), notes=(tune, rest)), WHOLE, random.Random(0))
    played = [e for e in entries if isinstance(e, Performed) and e.kind is Kind.NOTE_ON]
    assert len(played) == struck and played[0].channel == TUNE


# What is drawn


def test_duets_are_shared_out_as_told_and_change_nothing_for_other_variants() -> None:
    kinds: Counter[tuple[Turn, bool] | None] = Counter()
    for number in range(2000):
        key = Key(1, "s", str(number), 0)
        told = reading(song(8), key, key.rng(), train=True)
        kinds[told.duet and (told.duet.lead_turn, told.duet.whole)] += 1
        solo = replace(song(8), notes=tuple(n._replace(channel=0) for n in song(8).notes))
        alone = reading(solo, key, key.rng(), train=True)
        assert replace(told, duet=None) == (replace(alone, free_bpm=None) if told.duet else alone)
    together = 2000 - kinds[None]
    assert 0.8 * SHARE < together / 2000 < 1.2 * SHARE
    assert 0.6 < sum(kinds[Turn.CALL, whole] for whole in (True, False)) / together < 0.8
    assert 0.4 < sum(kinds[turn, True] for turn in Turn) / together < 0.6


@pytest.mark.parametrize("tune", Turn)
@pytest.mark.parametrize("entry", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("bars", [1, 4])
def test_whoever_calls_opens_the_duet_in_a_bar_of_his_and_is_alone_for_so_many_bars(
    tune: Turn, entry: float, bars: int
) -> None:
    piece, who = song(), Duet(TUNE, tune, whole=True, alone_bars=bars, entry=entry)
    entries = log(piece, replace(WHOLE, duet=who), random.Random(0))
    played = by_turn(entries)
    calls = [n for n in piece.notes if who.turn_of(n) is Turn.CALL]
    bar = 4 * BEAT
    start = calls[int(entry * len(calls))].on_ns // bar * bar
    kept = [n for n in piece.notes if n.on_ns >= start + (0 if who.turn_of(n) is Turn.CALL else bars * bar)]
    assert len(kept) == sum(map(len, played.values()))
    assert min(e.time_ns for e in played[Turn.RESPONSE]) > bars * bar - BEAT // 100
    assert min(e.time_ns for e in played[Turn.CALL]) < bar
    grammar = Grammar()
    for token in tokenize(entries):
        grammar.advance(token)
    assert grammar.complete


def test_duets_that_the_call_opens_are_as_many_as_told() -> None:
    told = [duet for seed in range(3000) if (duet := drawn(song(), random.Random(seed))) and duet.whole]
    opened = [duet for duet in told if duet.alone_bars]
    assert 0.8 * OPENED_SHARE < len(opened) / len(told) < 1.2 * OPENED_SHARE
    assert {duet.alone_bars for duet in opened} == set(ALONE_BARS)
    assert all(0 <= duet.entry < LATEST_ENTRY for duet in opened)


def test_a_sung_voice_takes_part_in_every_duet_and_leads_it() -> None:
    lied = replace(song(), voice=tuple(Struck(i * BEAT, (i + 1) * BEAT, 65, 80, 5) for i in range(1, 64, 2)))
    duets = 0
    for number in range(200):
        key = Key(1, "s", str(number), 0)
        told = reading(lied, key, key.rng(), train=True)
        if told.duet:
            duets += 1
            assert told.voice and told.duet.lead == 5
    assert duets > 10


@pytest.mark.parametrize(
    "alone",
    [
        pytest.param(replace(song(), grid=None), id="no beats"),
        pytest.param(replace(song(), notes=song().notes[:1]), id="one voice"),
        pytest.param(Piece((), grid=GRID), id="no notes"),
    ],
)
def test_without_beats_or_a_partner_there_is_no_duet(alone: Piece) -> None:
    assert not any(drawn(alone, random.Random(seed)) for seed in range(200))


def test_validation_has_no_duets() -> None:
    keys = [Key(1, "s", str(number), 0) for number in range(100)]
    assert not any(reading(song(8), key, key.rng(), train=False).duet for key in keys)


def test_a_duet_is_a_function_of_its_key() -> None:
    keys = (Key(1, "s", str(number), 0) for number in range(100))
    key = next(key for key in keys if reading(song(), key, key.rng(), train=True).duet)
    assert variant_log(song(), key, train=True) == variant_log(song(), key, train=True)


def test_on_a_free_grid_the_timelines_around_a_duet_stay_continuous() -> None:
    how = replace(WHOLE, duet=Duet(TUNE, Turn.CALL, whole=False), alternates=True, free_bpm=119.7, percent=93)
    for seed in range(20):
        lines = [e for e in log(song(1200), how, random.Random(seed)) if isinstance(e, Timeline)]
        assert all(after.tick == before.tick_at(after.time_ns) for before, after in pairwise(lines))
