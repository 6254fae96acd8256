"""A duet on a fake clock: both play, jamd ahead of what it has heard; log, memory and sound agree."""

from __future__ import annotations

import pytest

from jamd.engine.partner import MS, Manners, State
from jamd.music.events import Answered, Performed, Turn, TurnChange
from jamd.music.log import in_order
from jamd.remi import vocabulary as v
from tests.engine.band import START, Band, act, off, on, run

DUET = Manners(mode="duet", bpm=120.0)
BEAT = 500 * MS


def test_jamd_plays_along_and_nobody_yields() -> None:
    band = Band(DUET)
    band.give(*run(0, 40))
    band.run(10000)
    assert band.stops == 0
    both = [note for note in band.note_ons if START + 1000 * MS < note.time_ns < START + 9500 * MS]
    assert len(both) > 10
    assert band.partner.state is State.PLAYING
    band.check()


@pytest.mark.parametrize("ahead", [0.25, 1.0, 2.0, 4.0])
def test_a_beat_is_certain_so_long_before_it_begins(ahead: float) -> None:
    """Two performers who part at some instant hear the same from jamd until so many beats later, and then not."""
    part = 4000
    one, other = (Band(Manners(mode="duet", bpm=120.0, commit_beats=ahead)) for _ in range(2))
    one.give(*run(0, 40))
    other.give(*(event for event in run(0, 40) if event.time_ns < START + part * MS), *run(part, 24, gap_ms=170))
    for band in (one, other):
        band.run(14000)
    same_to = START + part * MS + int(ahead * 500) * MS - 20 * MS
    early = [[(n.time_ns, n.number) for n in band.note_ons if n.time_ns < same_to] for band in (one, other)]
    late = [[(n.time_ns, n.number) for n in band.note_ons if n.time_ns > same_to + 3 * BEAT] for band in (one, other)]
    assert early[0] == early[1] and late[0] != late[1]


def test_the_log_tells_both_voices_in_the_order_of_time() -> None:
    band = Band(DUET)
    band.give(*run(0, 40))
    band.run(14000)
    log = in_order(band.log)
    changes = [entry for entry in log if isinstance(entry, TurnChange)]
    assert all(change.joins for change in changes[1:])
    assert {change.turn for change in changes} == set(Turn)
    turn = Turn.CALL
    for entry in log:
        turn = entry.turn if isinstance(entry, TurnChange) else turn
        if isinstance(entry, Answered):
            assert turn is Turn.RESPONSE
        if isinstance(entry, Performed) and entry.kind.value == "note_on":
            assert turn is Turn.CALL
    band.check()


def test_what_jamd_has_played_is_what_memory_holds_but_for_keys_that_the_performer_holds() -> None:
    band = Band(DUET)
    band.give(*run(0, 40, gap_ms=300))
    band.run(30000)  # it rests
    assert band.partner.state is State.LISTENING
    heard = [v.NOTE_ON.index(token) for token in band.answered() if token in v.NOTE_ON]
    played = [note.number for note in band.note_ons]
    held = range(60, 72)
    assert sorted(p for p in heard if p not in held) == sorted(p for p in played if p not in held)
    assert 0 < len(heard) <= len(played)
    band.check()


def test_jamd_rests_when_the_performer_does_and_comes_back_with_him() -> None:
    band = Band(DUET)
    band.give(*run(0, 12), *run(20000, 12))
    band.run(19000)
    quiet = START + (2750 + 8000 + 2000 + 500) * MS
    assert not [note for note in band.note_ons if note.time_ns > quiet]
    assert band.ear.silent
    band.run(24000)
    assert [note for note in band.note_ons if note.time_ns > START + 20000 * MS]
    band.check()


def test_a_switch_ends_it_at_the_bar_line_with_all_that_sounds() -> None:
    band = Band(DUET)
    band.give(*run(0, 34), act(7100, "mode", "call-response"))
    band.run(8400)
    assert not [note for note in band.note_ons if note.time_ns >= START + 8000 * MS]
    assert band.ear.silent
    assert [r.facts["mode"] for r in band.whats("mode")] == ["duet", "call-response"]
    band.run(9800)
    band.give(on(9900), off(9950))
    band.run(10000)
    band.check()


def test_a_duet_can_be_undone() -> None:
    band = Band(DUET)
    band.give(*run(0, 28), act(7100, "undo"))
    band.run(7200)
    band.check()
    assert len(band.session.ids) < 8
    assert not [note for note in band.note_ons if note.time_ns > START + 7110 * MS]
    band.run(11000)
    assert band.ear.silent


@pytest.mark.parametrize("after_ms", [5, 300, 850])
def test_who_changes_his_mind_before_the_bar_line_has_his_duet_still(after_ms: int) -> None:
    band = Band(DUET)
    band.give(*run(0, 40), act(4100, "mode", "call-response"), act(4100 + after_ms, "mode", "duet"))
    band.run(10000)
    assert [report.facts["mode"] for report in band.whats("mode")] == ["duet"]
    late = [note.time_ns for note in band.note_ons if note.time_ns > START + 4100 * MS]
    assert max(late) > START + 7000 * MS
    band.check()
