"""Going back: an exchange, or an answer, was never heard; memory, log and sound agree on that."""

from __future__ import annotations

import pytest

from jamd.engine.exchanges import KEPT
from jamd.engine.partner import MS, Manners, State
from jamd.music.events import SUSTAIN, Undone
from tests.engine.band import START, Band, act, control, off, on, run

PLAIN = Manners(bars=1)


def exchanges(count: int) -> Band:
    """A band after so many calls with their answers."""
    band = Band(PLAIN)
    for number in range(count):
        band.give(*run(6000 * number, 6))
    band.run(6000 * count - 200)
    return band


def undo(band: Band) -> None:
    band.partner.act(act((band.now - START) // MS, "undo"))
    band.run((band.now - START) // MS + 10)


@pytest.mark.parametrize("back", range(1, 4))
def test_undo_takes_memory_back_exchange_by_exchange(back: int) -> None:
    band, before = exchanges(3), exchanges(3 - back)
    for _ in range(back):
        undo(band)
    band.check()
    assert band.answered() == before.answered()
    kept = before.offline(before.now)
    assert band.offline(band.now)[: len(kept)] == kept if back < 3 else not band.answered()


def test_so_many_exchanges_are_kept_and_then_it_is_said() -> None:
    band = exchanges(KEPT + 2)
    for _ in range(KEPT + 1):
        undo(band)
    assert len([entry for entry in band.log if isinstance(entry, Undone)]) == KEPT
    assert band.whats("ignored")[-1].facts == {"action": "undo", "why": "nothing to undo"}
    band.check()


def test_undo_while_jamd_plays_silences_it_and_the_jam_goes_on() -> None:
    band = Band(Manners(bars=4))
    band.give(control(-500, SUSTAIN, 127), *run(0, 6), control(1500, SUSTAIN, 0), act(3500, "undo"))
    band.run(3600)
    assert band.ear.silent and not band.answered()
    assert band.partner.state is State.LISTENING
    struck = len(band.note_ons)
    band.run(9000)
    assert len(band.note_ons) == struck
    band.give(*run(9000, 6))
    band.run(13000)
    assert len(band.note_ons) > struck
    band.run(23000)
    band.check()


def test_a_phrase_that_is_undone_is_not_answered() -> None:
    band = Band(PLAIN)
    band.give(*run(0, 6), act(1500, "undo"))
    band.run(6000)
    assert not band.note_ons
    band.check()


def test_again_is_another_answer_to_the_same_call() -> None:
    band = Band(Manners(bars=1))
    band.give(*run(0, 6))
    band.run(5500)
    first = band.answered()
    call = band.offline(START + 1500 * MS)
    band.give(act(5600, "again"))
    band.run(10500)
    second = band.answered()
    assert first and second and first != second
    assert band.offline(band.now)[: len(call)] == call
    band.check()


def test_again_in_the_midst_of_an_answer_replaces_it() -> None:
    band = Band(Manners(bars=4))
    band.give(*run(0, 6), act(3500, "again"))
    band.run(3505)
    assert band.ear.silent
    band.run(16000)
    assert len(band.whats("phrase_end")) == 2
    band.check()


def test_there_is_nothing_to_answer_again_once_the_performer_plays_on() -> None:
    band = Band(PLAIN)
    band.give(*run(0, 6), on(6000), act(6100, "again"), off(6200))
    band.run(6150)
    assert band.whats("ignored")[0].facts["action"] == "again"


def test_the_turn_ends_when_it_is_asked_to() -> None:
    slow, asked = Band(PLAIN), Band(PLAIN)
    for band in (slow, asked):
        band.give(*run(0, 6), on(1500, 50))
    asked.give(act(1800, "end_turn"))
    for band in (slow, asked):
        band.run(2600)
    assert not slow.note_ons
    assert 0 < asked.note_ons[0].time_ns - (START + 1800 * MS) < 60 * MS


def test_a_turn_that_is_ended_while_its_answer_is_drafted_ends_then_and_not_when_the_draft_had_assumed() -> None:
    band = Band(PLAIN)
    band.give(*run(0, 6), act(1700, "end_turn"))  # the silence would have been long enough at 1937
    band.run(2600)
    assert len(band.whats("draft")) == 2
    assert 0 < band.note_ons[0].time_ns - (START + 1700 * MS) < 60 * MS
    band.check()


def test_settings_of_sampling_and_length_change_between_answers() -> None:
    band = Band(PLAIN)
    band.give(act(10, "temperature", 0.05), act(10, "top_p", 0.5), act(10, "density", 1.0), act(10, "bars", 3.0))
    band.give(act(10, "entry", "bar"), *run(100, 6))
    band.run(12000)
    sampler = band.improviser.sampler
    assert (sampler.temperature, sampler.top_p, band.improviser.fences.density) == (0.05, 0.5, 1.0)
    times = [note.time_ns for note in band.note_ons]
    assert 4000 * MS < times[-1] - times[0] <= 6000 * MS
    assert len(times) <= 13
