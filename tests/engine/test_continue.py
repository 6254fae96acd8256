"""Continue on a fake clock: a pedal hands over, jamd goes on at once, until it is let go or the performer plays."""

from __future__ import annotations

from itertools import pairwise

from jamd.engine.partner import MS, Manners, State
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
