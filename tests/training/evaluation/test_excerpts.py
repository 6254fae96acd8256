"""Calls and responses are cut as a jam would cut them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from jamd.music.timeline import FOUR_FOUR, Metre
from jamd.remi import vocabulary as v
from jamd.remi.grammar import Grammar
from tests.training.evaluation.tunes import EIGHTH_NS, grid, song, tune
from training.corpus.grid import BarMark, Grid, Tempo
from training.corpus.piece import Piece, Struck
from training.evaluation.excerpts import BARS, CONTEXT_BARS, EARLY, LEVEL, Pair, pairs
from training.evaluation.song import song_of

BAR_NS = 8 * EIGHTH_NS


def all_pairs(piece: Piece, at_most: int = 5, *, free: bool = False) -> list[Pair]:
    return list(pairs(song_of(piece, "tunes", "a", "a"), at_most, free=free))


@pytest.mark.parametrize("free", [False, True])
def test_what_is_heard_is_the_song_s_own_tokens_and_its_tail_ends_in_a_response(free: bool) -> None:
    one, heard, grammar = song(1), list[int](), Grammar()
    for pair in pairs(one, 5, free=free):
        heard += pair.heard
        for token in pair.heard:
            grammar.advance(token)
        after = grammar.copy()
        for token in (*pair.tail, *pair.first):
            after.advance(token)
        assert pair.tail[-1] == v.RESPONSE and not after.open_pitches and not after.pedal_down
    assert heard == (one.free if free else one.tokens)[: len(heard)].tolist() and heard


def test_call_and_response_are_the_four_bars_before_and_behind_the_line() -> None:
    piece = tune(2)
    found = all_pairs(piece)
    assert len(found) == 5
    for pair in found:
        line = pair.line // 240 * EIGHTH_NS
        for excerpt, start in ((pair.call, line - BARS * BAR_NS), (pair.real, line)):
            theirs = [n for n in piece.notes if start <= n.on_ns < start + BARS * BAR_NS]
            expected = sorted(((n.on_ns - start) * 240 // EIGHTH_NS, n.pitch) for n in theirs)
            assert sorted((n.onset, n.pitch) for n in excerpt.notes) == expected
        assert len(pair.past) == sum(n.on_ns < line for n in piece.notes)
        assert max(n.onset + n.duration for n in pair.real.notes) <= pair.real.ticks


def test_there_is_context_before_each_call_and_the_calls_are_spread() -> None:
    lines = [pair.line // 1920 for pair in all_pairs(tune(3, bars=40), 3)]
    assert min(lines) >= CONTEXT_BARS + BARS and max(lines) <= 40 - BARS
    assert min(b - a for a, b in pairwise(lines)) >= 8


def test_no_more_pairs_are_made_than_there_are_places_or_than_asked_for() -> None:
    assert len(all_pairs(tune(4, bars=12), 9)) == 1
    assert all_pairs(tune(4, bars=11), 9) == [] and all_pairs(tune(4), 0) == []


def test_a_song_without_bars_of_its_own_is_cut_on_the_free_grid_alone() -> None:
    loose = replace(tune(5), grid=None)
    assert all_pairs(loose) == [] and len(all_pairs(loose, free=True)) == 5


def test_few_notes_make_no_call() -> None:
    sparse = Piece(tuple(Struck(i * BAR_NS, i * BAR_NS + 1000, 60, 70) for i in range(40)), grid=grid())
    assert all_pairs(sparse) == []


def test_a_change_of_metre_is_kept_out_of_call_and_response() -> None:
    change = 12 * 1920
    other = Grid((Tempo(0, 0, 2 * EIGHTH_NS),), (BarMark(0, FOUR_FOUR), BarMark(change, Metre(3, 4))))
    for pair in all_pairs(replace(tune(6, bars=40), grid=other), 30):
        span = range(pair.line - pair.call.ticks, pair.end_tick)
        assert (span.stop <= change) == (pair.call.metre == FOUR_FOUR)
        assert change not in span or change == span.start


def test_a_note_a_little_early_begins_the_bar() -> None:
    plain = tune(7)
    line = all_pairs(plain, 1)[0].line
    at = line // 240 * EIGHTH_NS
    early = (EARLY - 5) * EIGHTH_NS // 240
    moved = tuple(n._replace(on_ns=n.on_ns - early) if n.on_ns == at else n for n in plain.notes)
    pair = all_pairs(Piece(tuple(sorted(moved)), grid=plain.grid), 1)[0]
    assert min(n.onset for n in pair.real.notes) < 0
    assert [n.pitch for n in pair.real.by_bar[0]] == [n.pitch for n in all_pairs(plain, 1)[0].real.by_bar[0]]


def test_velocities_that_say_nothing_are_levelled() -> None:
    flat = Piece(tuple(n._replace(velocity=80) for n in tune(8).notes), grid=grid())
    assert {n.velocity for pair in all_pairs(flat) for n in (*pair.call.notes, *pair.real.notes)} == {LEVEL}


def test_the_pace_is_that_of_the_call() -> None:
    assert [pair.ns_per_quarter for pair in all_pairs(tune(9), 2)] == [2 * EIGHTH_NS] * 2
