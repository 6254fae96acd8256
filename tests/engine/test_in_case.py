"""An answer is on its way before the phrase ends, in case it does: it begins with that instant, or it never was."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.engine.draft import ENTRY_LEAD_NS
from jamd.engine.partner import MS, Manners, State
from jamd.music.events import SUSTAIN, Answered
from jamd.music.timeline import Timeline, ns_per_quarter
from jamd.remi import vocabulary as v
from jamd.remi.decoder import decode
from tests.engine.band import START, TICK_NS, Band, act, control, off, on, run

OVER_MS = 7 * 250 + 187 + 500
"""When a run of eight is over, if nothing comes: twice the pace behind its last key."""
FREE = Timeline(START, 0, ns_per_quarter(120))
WHEEL = 1


def band(manners: Manners | None = None, seed: int = 1) -> Band:
    played = Band(manners or Manners(bars=1), seed)
    played.give(*run(0))
    return played


@pytest.mark.parametrize("seed", range(1, 6))
def test_the_first_note_sounds_when_the_phrase_is_over_to_the_nanosecond(seed: int) -> None:
    free = band(seed=seed)
    free.run(OVER_MS + 500)
    assert free.note_ons[0].time_ns == START + OVER_MS * MS
    assert [report.facts["over_ns"] for report in free.whats("phrase_end")] == [START + OVER_MS * MS]
    assert free.whats("phrase_end")[0].time_ns >= START + OVER_MS * MS


def test_until_it_is_over_jamd_is_listening() -> None:
    free = band()
    free.run(OVER_MS - 5)
    assert free.whats("plan") and not free.whats("phrase_end") and free.partner.state is State.LISTENING
    free.run(OVER_MS + 5)
    assert free.partner.state is State.PLAYING


def test_a_draft_that_is_not_ready_then_begins_as_soon_as_it_is() -> None:
    slow = band()
    slow.slowness = 40
    slow.run(OVER_MS + 3000)
    assert slow.note_ons[0].time_ns >= START + OVER_MS * MS + ENTRY_LEAD_NS


def test_where_there_are_beats_it_begins_on_one_and_nothing_is_planned_before_the_phrase_is_over() -> None:
    grid = band(Manners(bars=1, bpm=100.0))
    grid.run(OVER_MS - 5)
    assert not grid.whats("plan")


COMING = st.sampled_from(
    [
        lambda at: [on(at, 79), off(at + 200, 79)],
        lambda at: [control(at, SUSTAIN, 127), control(at + 90, SUSTAIN, 0)],
        lambda at: [control(at, SUSTAIN, 0)],
        lambda at: [control(at, WHEEL, 64)],
        lambda at: [off(at, 50)],
        lambda at: [FREE.successor(START + at * MS, ns_per_quarter=ns_per_quarter(97))],
        lambda at: [act(at, "undo")],
        lambda at: [act(at, "end_turn")],
        lambda at: [act(at, "mode", "continue")],
    ]
)


@given(COMING, st.integers(-60, 10), st.booleans(), st.integers(1, 50))
@settings(max_examples=25, deadline=None)
def test_whatever_comes_about_then_memory_holds_what_was_heard_and_nothing_else(
    coming: object, after_ms: int, split: bool, seed: int
) -> None:
    played = band(Manners(bars=1, entry="immediate", split=48 if split else None), seed)
    played.give(*coming(OVER_MS + after_ms))  # type: ignore[operator]
    played.run(OVER_MS + 6000)
    played.check()
    played.check_heard()
    played.check_silence()


@pytest.mark.parametrize("before_ms", [1, 4, 11, 19])
def test_a_performer_who_plays_on_at_the_last_moment_hears_nothing_of_it(before_ms: int) -> None:
    played = band()
    played.give(on(OVER_MS - before_ms, 72), off(OVER_MS + 100, 72))
    played.run(OVER_MS + 150)
    assert [report.facts["planned"] for report in played.whats("taken_back")] == [True]
    assert played.played == [] and not any(isinstance(entry, Answered) for entry in played.log)
    assert played.stops == 1


def test_a_phrase_that_ends_by_a_word_begins_its_answer_at_once() -> None:
    played = band()
    played.give(act(1960, "end_turn"))
    played.run(2200)
    assert START + 1960 * MS + ENTRY_LEAD_NS <= played.note_ons[0].time_ns <= START + 1960 * MS + 20 * TICK_NS


@pytest.mark.parametrize("seed", range(1, 25))
def test_an_answer_whose_first_note_comes_a_little_before_its_beat_has_begun_with_that(seed: int) -> None:
    grid = band(Manners(bars=1, bpm=100.0), seed)
    grid.run(OVER_MS + 900)
    first_ms = (grid.note_ons[0].time_ns - START) // MS
    cut = band(Manners(bars=1, bpm=100.0), seed)
    cut.give(on(first_ms + 2, 90), off(first_ms + 100, 90))
    cut.run(first_ms + 500)
    cut.check()
    cut.check_heard()


# ---- an entry that is waited for -----------------------------------------------------------------------------


def waited_for(seed: int) -> Band:
    """A phrase that a word ends, before anything was drafted."""
    played = band(seed=seed)
    played.give(act(1940, "end_turn"))
    return played


def test_it_comes_in_with_the_first_note_that_stands_and_the_others_of_its_slot_follow() -> None:
    chords = 0
    for seed in range(1, 41):
        played = waited_for(seed)
        played.run(6500)
        notes, _ = decode(played.answered())
        entry = [note for note in notes if note.onset - notes[0].onset < v.SLOT_TICKS // 2]
        heard = played.note_ons[: len(entry)]
        assert played.whats("plan")[0].facts["notes"] == 1
        assert sorted(note.pitch for note in entry) == sorted(note.number for note in heard)
        assert heard[-1].time_ns - heard[0].time_ns <= 2 * len(entry) * TICK_NS
        played.check_heard()
        chords += len(entry) > 1
    assert chords >= 5


@given(st.integers(1, 50), st.integers(1, 40), st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_who_cuts_into_its_first_notes_has_heard_those_that_sounded(seed: int, after_ms: int, slowness: int) -> None:
    def begun() -> Band:
        played = waited_for(seed)
        played.tick_ns, played.slowness = MS, slowness
        return played

    whole, cut = begun(), begun()
    whole.run(2200)
    first_ms = (whole.note_ons[0].time_ns - START) // MS
    cut.give(on(first_ms + after_ms, 90), off(first_ms + after_ms + 100, 90))
    cut.run(first_ms + 200)
    cut.tick_ns = TICK_NS
    cut.check()
    cut.check_heard()
    cut.check_silence()
