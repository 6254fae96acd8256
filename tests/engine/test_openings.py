"""Groups of tokens, and the way from a place to a slot."""

from __future__ import annotations

from dataclasses import replace

from jamd.engine.openings import groups, kept, leading, spelled
from jamd.music.events import Turn
from jamd.music.note import Note
from jamd.remi import vocabulary as v
from jamd.remi.place import Place

START = Place(0, position=-1, turn=Turn.RESPONSE)


def note(pitch: int, ticks: int = 120) -> list[int]:
    return [v.velocity_token(64), v.NOTE_ON.id(pitch), v.duration_token(ticks)]


IDS = (
    v.POSITION.id(0), *note(60), v.MICRO.of("+1"), *note(64), v.POSITION.id(12), v.PEDAL_ON, *note(62),
    v.BAR, v.BAR, v.POSITION.id(3), v.PEDAL_OFF, v.CHORD.of("C:maj"), *note(67),
)  # fmt: skip


def test_what_is_spelled_from_its_groups_is_what_it_was() -> None:
    assert spelled(START, groups(IDS, START))[0] == IDS
    assert [group.tick for group in groups(IDS, START)] == [0, 480, 2 * 1920 + 120]


def test_it_is_kept_up_to_a_slot() -> None:
    assert spelled(START, kept(IDS, START, 481))[0] == IDS[: IDS.index(v.BAR)]
    assert kept(IDS, START, 0) == []


def test_a_group_knows_its_notes_and_goes_without_some_of_them() -> None:
    first, second, third = groups(IDS, START)
    assert [(n.onset, n.pitch) for n in first.notes] == [(0, 60), (8, 64)]
    assert first.left(frozenset({60})).items == (v.MICRO.of("+1"), *note(64))
    assert first.left(frozenset(), frozenset({(8, 64)})).items == tuple(note(60))
    assert second.left(frozenset({62})).items == ()
    assert third.left(frozenset()).items == (v.CHORD.of("C:maj"), *note(67))
    assert [isinstance(n, Note) and n.duration <= 20 for n in second.shortened(500).notes] == [True]


def test_bars_lead_to_a_slot() -> None:
    assert leading(START, 480) == ((), 12)
    assert leading(Place(0, position=40), 1920) == ((v.BAR,), 0)
    assert leading(Place(0, position=40), 480) == ((), 40)


def test_what_the_place_has_passed_is_left_out_but_right_behind_a_turn() -> None:
    ids, reached = spelled(replace(START, position=20), groups(IDS, START))
    assert ids[0] == v.POSITION.id(20) and v.POSITION.id(12) not in ids
    assert (reached.bar_tick, reached.position) == (2 * 1920, 3)
