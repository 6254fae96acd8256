"""Whatever is played, asked for and switched: memory is what the log tells, and no note sticks."""

from __future__ import annotations

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from jamd.engine.partner import MS, Manners
from jamd.music.actions import Action
from jamd.music.timeline import Metre, Timeline, ns_per_quarter
from tests.engine.band import START, Band, act, control, off, on

PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
"""Shrinking a jam takes minutes."""
PERFORMERS = st.lists(
    st.tuples(
        st.integers(5, 900),  # ms since the last event
        st.sampled_from(["note", "note", "note", "note", "note", "pedal", "sostenuto", "rest"]),
        st.integers(48, 72),
        st.integers(20, 1200),  # length of a note
    ),
    min_size=3,
    max_size=20,
)
ACTIONS: list[tuple[str, float | str | None]] = [
    ("undo", None),
    ("again", None),
    ("end_turn", None),
    ("hand_over", 1.0),
    ("hand_over", 0.0),
    ("bars", 1.0),
    ("bars", 3.0),
    ("density", 2.0),
    ("temperature", 0.5),
]
MODES: list[tuple[str, float | str | None]] = [("mode", m) for m in ("call-response", "trade", "duet", "continue")]
ASKED = st.lists(st.tuples(st.integers(0, 9000), st.sampled_from(ACTIONS + MODES)), max_size=8)


def perform(band: Band, playing: list[tuple[int, str, int, int]]) -> int:
    """Gives the band a performer; the millisecond at which he is done."""
    at, down = 0, {"pedal": False, "sostenuto": False}
    for gap, what, pitch, length in playing:
        at += gap
        if what == "note":
            band.give(on(at, pitch), off(at + length, pitch))
        elif what == "rest":
            at += 2500
        else:
            down[what] = not down[what]
            band.give(control(at, 64 if what == "pedal" else 66, 127 * down[what]))
    band.give(control(at + 1300, 64, 0), control(at + 1300, 66, 0))
    return at


def finish(band: Band, at_ms: int) -> None:
    """Back to call and response, a last note, and silence."""
    band.run(at_ms)
    band.partner.act(Action(band.now, "mode", "call-response"))
    band.run(at_ms + 4000)
    now = (band.now - START) // MS
    band.give(on(now + 100), off(now + 200))
    band.run(now + 300)
    band.check()
    band.check_silence()


def _law(mode: str, playing: list[tuple[int, str, int, int]], asked: list[tuple[int, tuple[str, object]]]) -> None:
    band = Band(Manners(mode=mode, bpm=110.0, trade_bars=1, bars=1))
    at = perform(band, playing)
    band.give(*(act(when, name, value) for when, (name, value) in asked))  # type: ignore[arg-type]
    finish(band, at + 3000)


@pytest.mark.parametrize("mode", ["call-response", "trade", "duet"])
@pytest.mark.parametrize("at_ms", [700, 1200, 2500, 3300])
def test_after_a_panic_jamd_is_silent_until_the_performer_plays(mode: str, at_ms: int) -> None:
    band = Band(Manners(mode=mode, bpm=120.0, trade_bars=1, bars=1))
    for at in (0, 250, 500):
        band.give(on(at, 60), off(at + 150, 60))
    band.run(at_ms)
    band.panic(band.now)
    played = len(band.note_ons)
    band.run(at_ms + 9000)
    assert len(band.note_ons) == played
    band.check()
    for at in (0, 250, 500):
        band.give(on(at_ms + 9100 + at, 62), off(at_ms + 9250 + at, 62))
    band.run(at_ms + 16000)
    assert len(band.note_ons) > played
    finish(band, at_ms + 16500)


@given(PERFORMERS)
@settings(max_examples=10, deadline=None, phases=PHASES)
def test_in_trade_memory_is_what_the_log_tells(playing: list[tuple[int, str, int, int]]) -> None:
    _law("trade", playing, [])


@given(PERFORMERS)
@settings(max_examples=10, deadline=None, phases=PHASES)
def test_in_a_duet_memory_is_what_the_log_tells(playing: list[tuple[int, str, int, int]]) -> None:
    _law("duet", playing, [])


@given(PERFORMERS)
@settings(max_examples=10, deadline=None, phases=PHASES)
def test_in_continue_memory_is_what_the_log_tells(playing: list[tuple[int, str, int, int]]) -> None:
    _law("continue", playing, [])


@given(st.sampled_from([str(value) for _, value in MODES]), PERFORMERS, ASKED)
@settings(max_examples=25, deadline=None, phases=PHASES)
def test_whatever_is_asked_for_memory_is_what_the_log_tells(
    mode: str, playing: list[tuple[int, str, int, int]], asked: list[tuple[int, tuple[str, object]]]
) -> None:
    _law(mode, playing, asked)


@given(st.sampled_from(["call-response", "continue"]), PERFORMERS, ASKED)
@settings(max_examples=10, deadline=None, phases=PHASES)
def test_who_plays_freely_may_ask_too(
    mode: str, playing: list[tuple[int, str, int, int]], asked: list[tuple[int, tuple[str, object]]]
) -> None:
    band = Band(Manners(mode=mode))
    at = perform(band, playing)
    band.give(*(act(when, name, value) for when, (name, value) in asked))  # type: ignore[arg-type]
    finish(band, at + 3000)


CLOCKS = st.lists(st.tuples(st.integers(1, 1500), st.sampled_from([90, 100, 110, 111, 112])), max_size=12)


@given(st.sampled_from(["trade", "duet"]), PERFORMERS, CLOCKS, st.sampled_from([Metre(4, 4), Metre(6, 8), Metre(3, 4)]))
@settings(max_examples=12, deadline=None, phases=PHASES)
def test_a_clock_that_wanders_changes_nothing_in_that(
    mode: str, playing: list[tuple[int, str, int, int]], clock: list[tuple[int, int]], metre: Metre
) -> None:
    band = Band(Manners(mode=mode, trade_bars=1))
    timeline = Timeline(START - 300 * MS, 0, ns_per_quarter(100), metre)
    band.give(timeline)
    for gap, bpm in clock:
        timeline = timeline.successor(timeline.time_ns + gap * MS, ns_per_quarter=ns_per_quarter(bpm))
        band.give(timeline)
    finish(band, perform(band, playing) + 3000)
