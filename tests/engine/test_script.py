"""What is certain of a duet's beat: jamd's notes come in their places, whatever the performer is made up to do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.engine.improviser import Answer, Opening
from jamd.engine.openings import Group, groups, parted, spelled
from jamd.engine.script import Script
from jamd.music.events import Turn
from jamd.music.timeline import FOUR_FOUR
from jamd.remi import vocabulary as v
from jamd.remi.cursor import Cursor
from jamd.remi.fences import Fences
from jamd.remi.grammar import Bounds, Grammar
from jamd.remi.guard import Guard
from jamd.remi.place import Place

BOTH = Bounds(turns=True, metre=False, tempo=False)
BEGIN, END = 1920 + 480, 1920 + 1440
CALLS = Place(0, FOUR_FOUR, 3, Turn.CALL)


def group(slot: int, *pitches: int) -> Group:
    items = [t for p in pitches for t in (v.velocity_token(64), v.NOTE_ON.id(p), v.duration_token(120))]
    return Group(slot * v.SLOT_TICKS, tuple(items))


def begun(place: Place, certain: list[Group], held: tuple[int, ...] = (), fences: Fences = Fences()) -> Answer:  # noqa: B008
    opening = Opening(place, (), END, 1, script=Script(certain, BEGIN))
    return Answer(opening, Grammar.at(place, open_pitches=held, bounds=BOTH), Guard(fences, None, place))


def made(answer: Answer, seed: int) -> list[Group]:
    """What jamd says, by a model that says anything at all; every token is legal, or the grammar refuses it."""
    rng = np.random.default_rng(seed)
    for _ in range(4000):
        mask = answer.allowed()
        families = [f for f in v.TABLE if mask[f.first : f.first + len(f)].any()]
        family = families[rng.integers(len(families))]
        token = family.first + int(rng.choice(np.flatnonzero(mask[family.first : family.first + len(family)])))
        scripted = answer.scripted(token)
        if not scripted and answer.ends_before(token):
            answer.finish()
            return list(groups(answer.ids, answer.opening.place))
        for given_or_drawn in scripted or (token,):
            answer.take(given_or_drawn)
    raise AssertionError("it never ends")


@given(seed=st.integers(0, 10**6), turn=st.sampled_from(Turn), slots=st.sets(st.integers(4, 59), max_size=6))
@settings(max_examples=150, deadline=None)
def test_jamd_says_what_is_certain_in_its_place_and_before_it_is_free_nothing_else(
    seed: int, turn: Turn, slots: set[int]
) -> None:
    certain = [group(slot, 40 + slot, 110) for slot in sorted(slots)]
    said = made(begun(replace(CALLS, turn=turn), certain), seed)
    before = [g for g in said if g.tick < BEGIN]
    assert [g.tick for g in before] == [g.tick for g in certain]
    for told, meant in zip(before, certain, strict=True):
        open_ = {p for p in (meant.notes[0].pitch, 110)} - {n.pitch for n in told.notes}
        assert told == meant.left(frozenset(open_))
    assert all(BEGIN <= g.tick < END for g in said if g not in before)


def test_a_key_that_the_performer_holds_is_not_struck() -> None:
    said = made(begun(replace(CALLS, turn=Turn.RESPONSE), [group(6, 50), group(9, 50, 52)], held=(50,)), 3)
    assert [g.tick for g in said if g.tick < BEGIN and g.notes] == [9 * v.SLOT_TICKS]
    assert [n.pitch for n in said[0].notes] == [52]


@pytest.mark.parametrize("seed", range(40))
def test_fences_hold_for_jamd_alone(seed: int) -> None:
    answer = begun(CALLS, [], fences=Fences(low=60, high=61))
    said = made(answer, seed)
    assert all(60 <= n.pitch <= 61 for g in said for n in g.notes)
    cursor, calls = Cursor(CALLS), []
    for token in answer.ids:
        cursor.feed(token)
        calls += [v.NOTE_ON.index(token)] if token in v.NOTE_ON and cursor.turn is Turn.CALL else []
    assert not calls or {pitch for pitch in calls} - {60, 61}


@pytest.mark.parametrize("seed", range(40))
def test_where_jamd_is_to_come_in_it_has_the_word_before_anything_from_there_on(seed: int) -> None:
    opening = Opening(CALLS, (), END, 1, script=Script([], BEGIN, joins=True))
    answer = Answer(opening, Grammar.at(CALLS, bounds=BOTH), Guard(Fences(), None, CALLS))
    made(answer, seed)
    cursor = Cursor(CALLS)
    for token in answer.ids:
        cursor.feed(token)
        if token == v.RESPONSE:
            break
        assert cursor.place.tick < BEGIN
    assert cursor.turn is Turn.RESPONSE


def test_no_turn_passes_twice_at_once() -> None:
    answer = begun(CALLS, [])
    answer.take(v.RESPONSE)
    mask = answer.allowed()
    assert not mask[v.CALL] and not mask[v.RESPONSE]
    assert set(np.flatnonzero(mask)) == {v.BAR}


@given(seed=st.integers(0, 10**6), tick=st.integers(0, 4000))
@settings(max_examples=60, deadline=None)
def test_tokens_part_at_a_tick_into_what_was_and_jamds_groups_after_it(seed: int, tick: int) -> None:
    answer = begun(CALLS, [group(slot, 60) for slot in range(5, 60, 7)])
    every = made(answer, seed)
    told, place, after = parted(answer.ids, CALLS, tick)
    assert tuple(answer.ids[: len(told)]) == told
    cursor = Cursor(CALLS)
    for token in told:
        cursor.feed(token)
        assert cursor.place.tick <= max(tick, CALLS.tick)
    assert cursor.place == place
    assert [*groups(told, CALLS), *after] == every
    assert spelled(replace(place, turn=Turn.RESPONSE), after)[1].tick >= place.tick
