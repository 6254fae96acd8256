"""A left hand that names the chords goes on while jamd answers: both are remembered as they were heard."""

from __future__ import annotations

import pytest

from jamd.engine.partner import MS, Manners
from jamd.music.actions import Action
from jamd.music.events import Performed
from jamd.music.messages import Transport
from jamd.music.timeline import Metre, Timeline, ns_per_quarter
from tests.engine.band import START, Band, act, control, off, on, run
from tests.engine.test_modes import finish

SPLIT = 48


def comping(*at_ms: int, until: int = 250) -> list[Performed]:
    return [event for at in at_ms for pitch in (36, 43) for event in (on(at, pitch), off(at + until, pitch))]


@pytest.mark.parametrize("metre", [Metre(4, 4), Metre(3, 8)], ids=str)
@pytest.mark.parametrize("bpm", [0.0, 120.0])
@pytest.mark.parametrize("at_ms", [2250, 3000])
def test_an_answer_over_which_he_comps_is_remembered(at_ms: int, bpm: float, metre: Metre) -> None:
    band = Band(Manners(bpm=bpm, metre=metre, bars=3, split=SPLIT))
    band.give(*run(0), *comping(at_ms, at_ms + 400), *run(12000, 4))
    band.run(12900)
    assert band.note_ons and not band.whats("barge_in")
    band.check_heard()
    band.check()


@pytest.mark.parametrize("gap_ms", [0, 1, 300])
def test_a_right_hand_that_comes_in_with_the_left_or_after_it_stops_jamd(gap_ms: int) -> None:
    band = Band(Manners(bpm=120.0, bars=2, split=SPLIT))
    band.give(*run(0), *comping(4003), *run(4003 + gap_ms, 2))
    band.run(4800)
    assert [report.time_ns for report in band.whats("barge_in")] == [START + (4003 + gap_ms) * MS]
    band.check_heard()
    band.check()


def test_undo_forgets_what_came_in_as_jamd_was_stopped_and_no_more() -> None:
    band = Band(Manners(bpm=120.0, bars=2, split=SPLIT))
    band.give(*run(0), *comping(3500, until=2000), *run(4003, 4), act(5000, "undo"))
    band.run(5400)
    assert [report.facts["since_ns"] for report in band.whats("undo")] == [START + 4003 * MS]
    band.give(*run(9000, 2))
    band.run(9600)
    band.check_heard()
    band.check()


def test_a_left_hand_before_the_first_note_leaves_the_chords_of_the_turn_to_jamd() -> None:
    band = Band(Manners(bpm=110.0, metre=Metre(2, 2), bars=1, split=60, entry="bar"))
    band.give(on(489, 67), off(872, 67), on(1629, 52), off(2082, 52), on(1964, 57), off(2258, 57))
    band.give(on(2939, 49), off(3934, 49))
    band.run(6000)
    assert band.note_ons
    band.give(control(7000, 64, 0), *run(9000, 2))
    band.run(9600)
    band.check_heard()
    band.check()


def test_an_answer_to_silence_can_be_undone_and_made_anew_after_the_clock_has_changed() -> None:
    for what in ("again", "undo"):
        band = Band(Manners(mode="trade", trade_bars=1))
        first = Timeline(START + 100 * MS, 0, ns_per_quarter(240))
        changed = first.successor(START + 1750 * MS, ns_per_quarter=ns_per_quarter(300))
        band.give(first, Transport(first.time_ns, True), changed, Transport(changed.time_ns, False), act(3000, what))
        band.run(8000)
        assert len(band.whats(what)) == 1 and not band.whats("ignored")
        assert (max(note.time_ns for note in band.note_ons) > START + 3000 * MS) == (what == "again")
        band.give(*run(9000, 2))
        band.run(9400)
        band.check()


Story = tuple[Manners, int, list[Performed | Timeline | Transport | Action]]
CLOCK = Timeline(START + 996 * MS, 1539, 200 * MS, Metre(3, 4), -837)
SOON = CLOCK.successor(START + 1208 * MS, ns_per_quarter=150 * MS)
QUICK = Timeline(START - 97 * MS, 97, 200 * MS, Metre(3, 8), 3225)
QUICKER = QUICK.successor(START + 225 * MS, ns_per_quarter=150 * MS)
MOVED = QUICKER.successor(START + 303 * MS, ns_per_quarter=600 * MS, downbeat=-336)
FASTER = CLOCK.successor(START + 1750 * MS, ns_per_quarter=150 * MS)
STORIES: dict[str, Story] = {
    "he joins before jamd's first note, in a bar that is named": (
        Manners(mode="trade", bpm=110.0, metre=Metre(2, 2), trade_bars=1, bars=1, split=60),
        20,
        [
            *(on(489, 67), off(872, 67), on(1629, 52), off(2082, 52), on(1964, 57), off(2258, 57)),
            *(act(2549, "mode", "call-response"), on(2939, 49), off(3934, 49)),
        ],
    ),
    "the answer begins a bar of its own": (
        Manners(metre=Metre(3, 8), bars=1, split=60),
        5,
        [
            *(on(744, 56), off(1779, 56), on(1564, 52), off(2514, 52), on(1611, 67), off(2461, 67)),
            *(act(1772, "end_turn"), on(1836, 51), off(2951, 51)),
        ],
    ),
    "what stopped jamd is undone": (
        Manners(mode="continue", metre=Metre(7, 8), bars=1, split=60),
        20,
        [
            *(on(301, 71), off(1302, 71), control(662, 66, 127), on(3296, 50), off(4403, 50)),
            *(on(3722, 72), off(4203, 72), act(4303, "undo")),
        ],
    ),
    "nobody plays, the clock changes as jamd begins, jamd is asked again": (
        Manners(mode="trade", metre=Metre(3, 4), trade_bars=1, bars=1),
        5,
        [
            *(CLOCK, Transport(CLOCK.time_ns, True), SOON, Transport(START + 1750 * MS, False)),
            act(4182, "again"),
        ],
    ),
    "a key of a duet is let go in the instant in which it ends": (
        Manners(mode="duet", metre=Metre(2, 2), trade_bars=1, bars=1),
        20,
        [
            Timeline(START + 280 * MS, 330, 600 * MS, Metre(2, 2)),
            *(on(357, 63), off(913, 63), act(1202, "mode", "trade"), on(1232, 49), off(2300, 49)),
        ],
    ),
    "a song begins anew while jamd's first note, a little before its bar line, sounds": (
        Manners(mode="trade", metre=Metre(3, 8), trade_bars=1, bars=1),
        20,
        [*(QUICK, Transport(QUICK.time_ns, True), QUICKER, MOVED, Transport(MOVED.time_ns, True))],
    ),
    "nobody plays, the clock changes, jamd is asked again": (
        Manners(mode="trade", metre=Metre(3, 4), trade_bars=1, bars=1),
        5,
        [
            *(CLOCK, Transport(CLOCK.time_ns, True), FASTER, Transport(FASTER.time_ns, False)),
            act(4182, "again"),
        ],
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_memory_is_what_the_log_tells_where(name: str) -> None:
    manners, tick_ms, story = STORIES[name]
    band = Band(manners)
    band.tick_ns = tick_ms * MS
    band.give(*story)
    finish(band, 9500)
