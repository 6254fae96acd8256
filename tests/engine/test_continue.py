"""Continue on a fake clock: a pedal hands over, jamd goes on at once, until it is let go or the performer plays."""

from __future__ import annotations

from itertools import pairwise

import pytest

from jamd.engine.partner import MS, Manners, State
from jamd.music.actions import Action
from jamd.music.events import SUSTAIN, Performed
from tests.engine.band import START, Band, act, control, off, on, run

SOSTENUTO = 66
FREE, TIMED = Manners(mode="continue"), Manners(mode="continue", bpm=120.0)


def test_no_phrase_end_begins_anything() -> None:
    band = Band(FREE)
    band.give(*run(0, 8))
    band.run(6000)
    assert not band.note_ons


def test_a_pedal_hands_over_in_mid_phrase_and_jamd_goes_on_at_once() -> None:
    band = Band(FREE)
    band.give(*run(0, 8), control(1900, SOSTENUTO, 127), off(1950, 67))
    band.run(4000)
    assert 0 < band.note_ons[0].time_ns - (START + 1900 * MS) <= 60 * MS
    assert band.partner.state is State.PLAYING


def test_with_beats_it_goes_on_with_the_next_sixteenth() -> None:
    band = Band(TIMED)
    band.give(*run(0, 8), control(1900, SOSTENUTO, 127))
    band.run(4000)
    first = band.note_ons[0].time_ns - START
    assert 2000 * MS - 20 * MS <= first <= 2125 * MS + 20 * MS
    assert abs(first % (125 * MS) - 62 * MS) >= 40 * MS  # within a Micro of a sixteenth


def test_it_goes_on_until_the_pedal_is_let_go_and_not_a_note_longer() -> None:
    band = Band(TIMED)
    band.give(*run(0, 8), control(1900, SOSTENUTO, 127), control(42000, SOSTENUTO, 0))
    band.run(43000)
    times = [note.time_ns for note in band.note_ons]
    assert max(b - a for a, b in pairwise(times)) < 10_000 * MS
    assert 40_000 * MS < times[-1] - START <= 42_000 * MS
    assert band.ear.silent
    band.check_heard()
    band.check()


def test_the_performer_who_plays_again_has_the_word() -> None:
    band = Band(TIMED)
    band.give(*run(0, 8), act(1900, "hand_over", 1.0), *run(6000, 4))
    band.run(9000)
    assert band.whats("barge_in") and band.ear.silent
    assert max(note.time_ns for note in band.note_ons) < START + 6000 * MS
    band.check_heard()
    band.check()


def test_what_is_held_ends_in_the_tokens_where_jamd_takes_over() -> None:
    band = Band(FREE)
    band.give(*run(0, 6), on(1600, 40), act(2400, "hand_over", 1.0), off(5000, 40), act(6000, "hand_over", 0.0))
    band.run(7000)
    band.check_heard()
    band.check()


def test_who_hands_over_again_after_playing_again_is_followed_though_he_never_let_go() -> None:
    for value in (1.0, None):
        band = Band(TIMED)
        band.give(*run(0, 4), act(1100, "hand_over", value), *run(5000, 4), act(6100, "hand_over", value))
        band.run(9000)
        assert len(band.whats("barge_in")) == 1
        assert [note for note in band.note_ons if note.time_ns > START + 6100 * MS]
        band.partner.act(act(9001, "hand_over", 0.0))
        band.check()


def test_what_never_says_when_it_is_let_go_hands_over_and_back_in_turn() -> None:
    band = Band(TIMED)
    band.give(*run(0, 4), *(act(at, "hand_over") for at in (1100, 4000, 7000, 10000)))
    band.run(11000)
    times = [(note.time_ns - START) // MS for note in band.note_ons]
    assert {at // 3000 for at in (time - 1000 for time in times)} == {0, 2}  # it goes on from its own answer too
    band.check_heard()
    band.check()


def test_a_request_while_jamd_plays_is_none_for_later() -> None:
    once, twice = (Band(TIMED) for _ in range(2))
    twice.give(act(1400, "end_turn"))
    for band in (once, twice):
        band.give(*run(0, 4), act(1100, "end_turn"), *run(5000, 4))
        band.run(9000)
        assert len(band.whats("draft")) == 1
        band.check_heard()
        band.check()
    assert once.played == twice.played


def test_a_pedal_that_is_down_before_the_first_note_hands_nothing_over() -> None:
    band = Band(TIMED)
    band.give(control(100, SOSTENUTO, 127), *run(200, 4), control(2000, SOSTENUTO, 0), control(2100, SOSTENUTO, 127))
    band.run(4000)
    assert [report.facts["action"] for report in band.whats("ignored")] == ["hand_over"]
    assert min(note.time_ns for note in band.note_ons) > START + 2100 * MS


def test_the_sustain_pedal_can_hand_over_and_is_music_all_the_same() -> None:
    band = Band(Manners(mode="continue", bpm=120.0, handover_cc=SUSTAIN))
    values = (70, 127, 60, 64, 10)  # trembling at the threshold is no new press
    band.give(*run(0, 4), *(control(1300 + 100 * i, SUSTAIN, value) for i, value in enumerate(values)))
    band.run(3000)
    assert len(band.whats("draft")) == 1 and band.note_ons
    assert max(note.time_ns for note in band.note_ons) < START + 1700 * MS
    assert sum(isinstance(e, Performed) and e.number == SUSTAIN for e in band.log) == len(values)
    band.check_heard()
    band.check()


@pytest.mark.parametrize("bpm", [0.0, 120.0])
@pytest.mark.parametrize("press", [control(1200, SOSTENUTO, 127), act(1200, "end_turn")], ids=["pedal", "end_turn"])
def test_a_turn_passes_behind_a_note_of_the_same_instant(press: Performed | Action, bpm: float) -> None:
    band = Band(Manners(mode="continue", bpm=bpm))
    band.give(*run(0, 4), on(1200, 70), press, off(1500, 70), act(4000, "hand_over", 0.0))
    band.run(6000)
    assert band.note_ons
    band.check_heard()
    band.check()
