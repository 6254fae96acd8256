"""Whatever is played, asked for and switched: memory is what the log tells, and no note sticks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from jamd.engine.partner import MS, Manners
from jamd.music.actions import Action
from jamd.music.charts import Chart
from jamd.music.messages import Transport
from jamd.music.scales import key
from jamd.music.timeline import Metre, Timeline, ns_per_quarter
from jamd.remi.fences import CHORD_TONES, Fences
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
    ("panic", None),
]
MODES: list[tuple[str, float | str | None]] = [("mode", m) for m in ("call-response", "trade", "duet", "continue")]
Asked = list[tuple[int, tuple[str, float | str | None]]]
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


def ask(band: Band, asked: Asked) -> None:
    """Gives the band somebody with wishes."""
    band.give(*(act(when, name, value) for when, (name, value) in asked))


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


def _law(mode: str, playing: list[tuple[int, str, int, int]]) -> None:
    band = Band(Manners(mode=mode, bpm=110.0, trade_bars=1, bars=1))
    finish(band, perform(band, playing) + 3000)


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
@settings(max_examples=5, deadline=None, phases=PHASES)
def test_in_trade_memory_is_what_the_log_tells(playing: list[tuple[int, str, int, int]]) -> None:
    _law("trade", playing)


@given(PERFORMERS)
@settings(max_examples=5, deadline=None, phases=PHASES)
def test_in_a_duet_memory_is_what_the_log_tells(playing: list[tuple[int, str, int, int]]) -> None:
    _law("duet", playing)


@given(PERFORMERS)
@settings(max_examples=5, deadline=None, phases=PHASES)
def test_in_continue_memory_is_what_the_log_tells(playing: list[tuple[int, str, int, int]]) -> None:
    _law("continue", playing)


STAGES = st.fixed_dictionaries(
    {
        "mode": st.sampled_from([str(value) for _, value in MODES]),
        "bpm": st.sampled_from([0.0, 110.0]),
        "metre": st.sampled_from([Metre(4, 4), Metre(3, 4), Metre(6, 8), Metre(2, 2), Metre(7, 8), Metre(3, 8)]),
        "chart": st.sampled_from([None, Chart.parse("C7alt | F#m7b5/A N.C. | % | Bbmaj7#11")]),
        "split": st.sampled_from([None, 60]),
        "commit_beats": st.sampled_from([0.5, 4.0]),
        "handover_cc": st.sampled_from([66, 64]),
    }
)
FENCES = st.sampled_from(
    [Fences(), Fences(key=key("C pentatonic") or frozenset(), low=55, high=67, density=1.5, follow=CHORD_TONES)]
)
SONGS = st.lists(
    st.tuples(
        st.integers(1, 1500),  # ms since the last Timeline
        st.sampled_from([90, 100, 110, 300, 400]),
        st.none() | st.integers(-3000, 5000),  # where bars begin from now on
        st.sampled_from([None, None, True, False]),  # whether the song begins or stops with it
    ),
    max_size=6,
)


@given(STAGES, FENCES, PERFORMERS, ASKED, SONGS, st.sampled_from([5, 20]))
@settings(max_examples=25, deadline=None, phases=PHASES)
def test_whatever_happens_on_a_stage_memory_is_what_the_log_tells(
    stage: dict[str, Any],
    fences: Fences,
    playing: list[tuple[int, str, int, int]],
    asked: Asked,
    song: list[tuple[int, int, int | None, bool | None]],
    tick_ms: int,
) -> None:
    band = Band(Manners(trade_bars=1, bars=1, **stage))
    band.tick_ns, band.improviser.fences = tick_ms * MS, fences
    at = perform(band, playing)
    ask(band, asked)
    timeline = Timeline(START - 300 * MS, 0, ns_per_quarter(100), stage["metre"])
    for gap, bpm, downbeat, rolling in song:
        band.give(timeline)
        when = timeline.time_ns + gap * MS
        timeline = timeline.successor(when, ns_per_quarter=ns_per_quarter(bpm), downbeat=downbeat)
        if rolling is not None:
            band.give(Transport(when, rolling))
    if song:
        band.give(timeline)
    finish(band, at + 3000)
