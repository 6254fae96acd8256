"""When a phrase is over: laws of the adaptive rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.engine.phrase import DIED_AWAY_NS, NS, Phrase, PhraseRule
from jamd.music.events import ALL_NOTES_OFF, ALL_SOUND_OFF, RESET_CONTROLLERS, SUSTAIN, Kind, Performed

MS = NS // 1000
RULE = PhraseRule()


def note(phrase: Phrase, at_ms: int, length_ms: int = 80, pitch: int = 60) -> None:
    phrase.hear(Performed(at_ms * MS, Kind.NOTE_ON, pitch, 80))
    phrase.hear(Performed((at_ms + length_ms) * MS, Kind.NOTE_OFF, pitch))


def pedal(phrase: Phrase, at_ms: int, down: bool) -> None:
    phrase.hear(Performed(at_ms * MS, Kind.CONTROL, SUSTAIN, 127 if down else 0))


def run(phrase: Phrase, gap_ms: int, count: int = 10) -> int:
    """An even run of notes; the end of its last note in ms."""
    for i in range(count):
        note(phrase, i * gap_ms)
    return (count - 1) * gap_ms + 80


def test_nothing_played_is_no_phrase() -> None:
    phrase = Phrase(RULE)
    pedal(phrase, 0, True)
    pedal(phrase, 50, False)
    assert phrase.over_at() is None


@given(st.integers(100, 2000))
def test_the_silence_is_twice_the_usual_gap_within_its_limits(gap_ms: int) -> None:
    phrase = Phrase(RULE)
    end = run(phrase, gap_ms)
    assert phrase.over_at() == end * MS + min(max(2 * gap_ms, 350), 1200) * MS


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(36, 90)), min_size=1, max_size=30))
def test_a_phrase_cannot_be_over_while_a_key_is_held_nor_before_its_last_sound(
    steps: list[tuple[int, int]],
) -> None:
    phrase, now = Phrase(RULE), 0
    held: set[int] = set()
    for step, pitch in steps:
        now += step
        kind = Kind.NOTE_OFF if pitch in held else Kind.NOTE_ON
        held ^= {pitch}
        phrase.hear(Performed(now * MS, kind, pitch, 64))
        over = phrase.over_at()
        assert (over is None) == bool(held)
        assert over is None or over > now * MS


def test_chords_do_not_count_as_a_fast_pace() -> None:
    chords, lines = Phrase(RULE), Phrase(RULE)
    for i in range(6):
        for pitch in (60, 64, 67):
            chords.hear(Performed((i * 500 + pitch % 3 * 5) * MS, Kind.NOTE_ON, pitch, 80))
        for pitch in (60, 64, 67):
            chords.hear(Performed((i * 500 + 80) * MS, Kind.NOTE_OFF, pitch))
        note(lines, i * 500)
    assert abs(chords.silence_ns() - lines.silence_ns()) <= 25 * MS


def test_a_long_last_note_halves_the_silence() -> None:
    phrase = Phrase(RULE)
    run(phrase, 300)
    short = phrase.silence_ns()
    note(phrase, 3000, 900)
    assert phrase.silence_ns() < short * 0.6


@given(st.lists(st.tuples(st.integers(1, 2000), st.integers(1, 4000)), min_size=1, max_size=20))
def test_no_silence_that_ends_a_phrase_is_shorter_than_the_least_or_longer_than_the_longest(
    notes: list[tuple[int, int]],
) -> None:
    phrase, at = Phrase(RULE), 0
    for rest, length in notes:
        note(phrase, at + rest, length)
        at += rest + length
        assert RULE.min_silence_s * NS <= phrase.silence_ns() <= RULE.max_silence_s * NS


def test_what_the_pedal_holds_is_not_silence_until_it_has_died_away() -> None:
    phrase = Phrase(RULE)
    pedal(phrase, 0, True)
    note(phrase, 100)
    assert phrase.over_at() == 180 * MS + DIED_AWAY_NS
    pedal(phrase, 700, False)
    assert phrase.over_at() == 700 * MS + phrase.silence_ns()


def test_a_pedal_that_was_already_up_does_not_delay_the_end() -> None:
    phrase = Phrase(RULE)
    end = run(phrase, 200)
    before = phrase.over_at()
    assert before == end * MS + 400 * MS


def test_a_pedal_tap_or_a_program_change_hands_over_at_once() -> None:
    tapped, changed = Phrase(RULE), Phrase(RULE)
    run(tapped, 200)
    pedal(tapped, 1990, True)
    pedal(tapped, 2100, False)
    assert tapped.over_at() == 2100 * MS
    run(changed, 200)
    changed.hear(Performed(1950 * MS, Kind.PROGRAM, 5))
    assert changed.over_at() == 1950 * MS


@pytest.mark.parametrize(("rest_ms", "handed_over"), [(0, False), (60, False), (100, True), (300, True)])
def test_a_pedal_moved_right_behind_a_short_note_is_pedalling_and_no_tap(rest_ms: int, handed_over: bool) -> None:
    phrase = Phrase(RULE)
    end = run(phrase, 200)
    pedal(phrase, end + rest_ms, True)
    pedal(phrase, end + rest_ms + 90, False)
    assert phrase.over_at() == (end + (rest_ms + 90 if handed_over else 400)) * MS


def test_a_pedal_changed_under_held_notes_is_no_tap() -> None:
    phrase = Phrase(RULE)
    phrase.hear(Performed(0, Kind.NOTE_ON, 60, 80))
    pedal(phrase, 100, True)
    pedal(phrase, 200, False)
    phrase.hear(Performed(300 * MS, Kind.NOTE_OFF, 60))
    assert phrase.over_at() == 300 * MS + phrase.silence_ns()


def test_a_new_phrase_keeps_the_pace_of_the_last() -> None:
    phrase = Phrase(RULE)
    run(phrase, 250)
    pace = phrase.silence_ns()
    phrase.begin()
    assert phrase.over_at() is None
    note(phrase, 9000)
    assert phrase.silence_ns() == pace


def test_a_pedal_that_trembles_at_its_threshold_is_one_movement_and_no_tap() -> None:
    phrase = Phrase(RULE)
    end = run(phrase, 200)
    for at, value in ((1990, 65), (2010, 62), (2030, 64), (2050, 60)):
        phrase.hear(Performed(at * MS, Kind.CONTROL, SUSTAIN, value))
    assert phrase.over_at() == (end + 400) * MS


@pytest.mark.parametrize("number", [ALL_SOUND_OFF, ALL_NOTES_OFF])
def test_all_notes_off_lets_go_of_the_keys_of_its_channel(number: int) -> None:
    phrase = Phrase(RULE)
    phrase.hear(Performed(0, Kind.NOTE_ON, 60, 80, 3))
    phrase.hear(Performed(100 * MS, Kind.CONTROL, number, 0, 2))
    assert phrase.over_at() is None
    phrase.hear(Performed(200 * MS, Kind.CONTROL, number, 0, 3))
    assert phrase.over_at() == 200 * MS + phrase.silence_ns()


def test_reset_all_controllers_lifts_the_pedal() -> None:
    phrase = Phrase(RULE)
    pedal(phrase, 0, True)
    note(phrase, 10, 500)
    phrase.hear(Performed(700 * MS, Kind.CONTROL, RESET_CONTROLLERS, 0))
    assert phrase.over_at() == 700 * MS + phrase.silence_ns()


def test_letting_go_ends_all_that_is_down() -> None:
    phrase = Phrase(RULE)
    phrase.hear(Performed(0, Kind.NOTE_ON, 60, 80, 3))
    phrase.hear(Performed(0, Kind.NOTE_ON, 62, 80))
    phrase.hear(Performed(5, Kind.CONTROL, SUSTAIN, 127, 4))
    for event in phrase.let_go(MS):
        phrase.hear(event)
    assert phrase.over_at() == MS + phrase.silence_ns()
    assert phrase.let_go(MS) == []
