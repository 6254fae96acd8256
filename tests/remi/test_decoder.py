"""Laws of the decoder and of the cut: tokens are the music they say, and no note goes on for ever."""

from __future__ import annotations

from itertools import pairwise, zip_longest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.music.events import Turn
from jamd.music.note import Note, Pedal
from jamd.music.timeline import FOUR_FOUR, Metre
from jamd.remi import vocabulary as v
from jamd.remi.cursor import Cursor
from jamd.remi.cut import cut
from jamd.remi.decoder import Decoder, decode, settled
from jamd.remi.grammar import Bounds, Grammar, closing
from jamd.remi.place import Place

ANSWERING = Place(bar_tick=3840, metre=FOUR_FOUR, position=10, turn=Turn.RESPONSE)
OPENING = [v.BOS, v.CALL, v.BAR, v.TIME_SIGNATURE.of("4/4")]
NOTES = st.builds(Note, st.integers(-20, 400), st.integers(1, 300), st.integers(60, 63), st.integers(1, 127))


def note(pitch: int, ticks: int | None = 240, velocity: int = 66) -> list[int]:
    """The tokens of a note; None: open."""
    duration = v.DURATION_OPEN if ticks is None else v.duration_token(ticks)
    return [v.velocity_token(velocity), v.NOTE_ON.id(pitch), duration]


def at(slot: int) -> int:
    return v.POSITION.id(slot)


def closed(ticks: int) -> int:
    return v.duration_ticks(v.duration_token(ticks))


def sampled(seed: int, count: int, start: Grammar) -> list[int]:
    """A whole piece of at least `count` tokens; family first, so that slots are rich."""
    rng, ids = np.random.default_rng(seed), list[int]()
    while len(ids) < count or not start.complete:
        mask = start.allowed().copy()
        if rng.random() < 0.8 and mask.sum() > 1:
            mask[v.BAR] = False  # or bars would be all but silent
        families = [family for family in v.TABLE if mask[family.first : family.first + len(family)].any()]
        family = families[rng.integers(len(families))]
        ids.append(family.first + int(rng.choice(np.flatnonzero(mask[family.first : family.first + len(family)]))))
        start.advance(ids[-1])
    return [*ids, *closing(start)]


def answer(seed: int) -> list[int]:
    return sampled(seed, 150, Grammar.at(ANSWERING, bounds=Bounds()))


def test_a_bar_of_music_is_read_as_written() -> None:
    ids = [*OPENING, at(0), v.PEDAL_ON, v.CHORD.of("C:maj"), *v.tempo_tokens(120), *note(60), *note(64, 480)]
    ids += [at(12), *note(67, 20, 100), v.MICRO.of("-2"), *note(72), v.MICRO.of("+1"), *note(48)]
    ids += [at(47), v.PEDAL_OFF, v.BAR, v.BAR, at(3), *note(60)]
    notes, pedals = decode(ids)
    assert notes == [
        Note(0, closed(240), 60, 66),
        Note(0, closed(480), 64, 66),
        Note(480 - 16, closed(240), 72, 66),
        Note(480, 20, 67, 102),
        Note(480 + 8, closed(240), 48, 66),
        Note(2 * 1920 + 120, closed(240), 60, 66),
    ]
    assert pedals == [Pedal(0, True), Pedal(1880, False)]


def test_an_open_note_ends_at_its_note_off() -> None:
    ids = [*OPENING, at(5), v.MICRO.of("+2"), *note(60, None), v.BAR, v.CALL, at(2), v.NOTE_OFF.id(60)]
    assert decode(ids)[0] == [Note(216, 2000 - 216, 60, 66)]


def test_an_open_note_without_end_ends_with_the_music() -> None:
    decoder = Decoder()
    for token in [*OPENING, at(0), *note(60, None), at(6), *note(62)]:
        decoder.feed(token)
    assert decoder.finish() == [Note(0, 240, 60, 66)]
    assert decoder.finish() == []


def test_a_note_may_begin_before_the_first_bar_line() -> None:
    assert decode([*OPENING, at(0), v.MICRO.of("-2"), *note(60)])[0][0].onset == -16


def test_a_note_off_of_a_note_that_began_before_is_passed_over() -> None:
    assert decode([at(20), v.NOTE_OFF.id(60)], ANSWERING) == ([], [])


@pytest.mark.parametrize("metre", v.METRES, ids=str)
def test_a_bar_is_as_long_as_its_metre(metre: Metre) -> None:
    ids = [*OPENING[:3], v.TIME_SIGNATURE.of(str(metre)), v.BAR]
    ids += [v.BAR, v.TIME_SIGNATURE.of("2/4"), at(1), *note(60), v.BAR, at(0), *note(61)]
    assert [n.onset for n in decode(ids)[0]] == [2 * metre.ticks + 40, 2 * metre.ticks + 960]


def test_a_walk_may_begin_at_a_place() -> None:
    ids = [at(10), *note(60), v.BAR, at(1), *note(60)]
    assert [n.onset for n in decode(ids, ANSWERING)[0]] == [3840 + 400, 3840 + 1920 + 40]


def test_a_turn_takes_the_music_out_of_its_micro() -> None:
    ids = [*OPENING, at(4), v.MICRO.of("+2"), *note(60, 20), v.RESPONSE, at(4), v.PEDAL_ON]
    assert decode(ids)[1] == [Pedal(160, True)]


def test_a_note_that_is_struck_again_ends_there() -> None:
    ids = [*OPENING, at(0), *note(60, 480), at(6), v.MICRO.of("+1"), *note(60, 480)]
    assert decode(ids)[0] == [Note(0, 248, 60, 66), Note(248, closed(480), 60, 66)]


def test_a_grace_note_may_stand_before_an_open_note_of_its_pitch() -> None:
    ids = [*OPENING, at(1), *note(60, None), v.MICRO.of("-2"), *note(60, 20), at(9), v.NOTE_OFF.id(60)]
    grammar = Grammar()
    for token in ids:
        grammar.advance(token)
    assert decode(ids)[0] == [Note(24, 16, 60, 66), Note(40, 320, 60, 66)]


@given(st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_a_stream_gives_the_notes_of_the_whole(seed: int) -> None:
    ids = sampled(seed, 200, Grammar())
    decoder, heard = Decoder(), []
    for token in ids:
        heard += decoder.feed(token)
    assert decoder.finish() == []
    assert settled(n for n in heard if isinstance(n, Note)) == decode(ids)[0]
    assert [p for p in heard if isinstance(p, Pedal)] == decode(ids)[1]


@given(st.lists(NOTES, max_size=30))
@settings(deadline=None)
def test_settled_notes_never_sound_together_on_one_pitch(notes: list[Note]) -> None:
    result = settled(notes)
    assert {(n.onset, n.pitch) for n in result} == {(n.onset, n.pitch) for n in notes}
    assert result == sorted(result) == settled(result)
    for pitch in range(60, 64):
        line = [n for n in result if n.pitch == pitch]
        assert all(a.onset + a.duration <= b.onset for a, b in pairwise(line))
        for n, following in zip_longest(line, line[1:]):
            same = [m for m in notes if (m.onset, m.pitch) == (n.onset, pitch)]
            longest = max(m.duration for m in same)
            assert n.velocity == max(m.velocity for m in same)
            assert n.duration == (min(longest, following.onset - n.onset) if following else longest)


@given(st.integers(0, 2**32), st.integers(-100, 12_000))
@settings(max_examples=120, deadline=None)
def test_a_cut_answer_is_an_answer_and_ends_at_the_cut(seed: int, length: int) -> None:
    ids, tick = answer(seed), ANSWERING.tick + length
    heard = cut(ids, ANSWERING, tick)
    grammar, cursor = Grammar.at(ANSWERING), Cursor(ANSWERING)
    for token in heard:
        grammar.advance(token)
        cursor.feed(token)
        if token == v.PEDAL_OFF:  # perhaps in a slot of which only what Micro put before the cut was heard
            assert cursor.tick + v.MICROS[0] * v.MICRO_TICKS < tick
        elif token in v.NOTE_ON or v.NOTE_OFF.first <= token < v.MICRO.first:
            assert cursor.tick < tick
    assert grammar.complete and not grammar.pedal_down and not grammar.open_pitches
    assert grammar.accepts(v.CALL)
    assert cut(heard, ANSWERING, tick) == heard


@given(st.integers(0, 2**32), st.integers(-100, 12_000))
@settings(max_examples=120, deadline=None)
def test_a_cut_keeps_every_note_that_was_heard_for_as_long_as_it_was(seed: int, length: int) -> None:
    ids, tick = answer(seed), ANSWERING.tick + length
    heard, whole = decode(cut(ids, ANSWERING, tick), ANSWERING)[0], decode(ids, ANSWERING)[0]
    assert {(n.onset, n.pitch, n.velocity) for n in heard} == {
        (n.onset, n.pitch, n.velocity) for n in whole if n.onset < tick
    }
    ends = {(n.onset, n.pitch): n.duration for n in whole}
    for n in heard:
        sounded = min(ends[n.onset, n.pitch], tick - n.onset)
        assert n.duration in (ends[n.onset, n.pitch], closed(sounded))
        assert abs(n.duration - sounded) <= abs(closed(sounded) - sounded)


@given(st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_an_answer_that_was_heard_to_its_end_is_not_cut(seed: int) -> None:
    ids = answer(seed)
    assert cut(ids, ANSWERING, 10**9) == tuple(ids)


@given(st.integers(0, 2**32), st.integers(0, 149), st.integers(0, 12_000))
@settings(max_examples=60, deadline=None)
def test_an_answer_that_was_not_finished_can_be_cut(seed: int, count: int, length: int) -> None:
    heard = cut(answer(seed)[:count], ANSWERING, ANSWERING.tick + length)
    grammar = Grammar.at(ANSWERING)
    for token in heard:
        grammar.advance(token)
    assert grammar.complete and not grammar.pedal_down


def test_nothing_is_left_of_an_answer_that_is_cut_before_it_began() -> None:
    assert cut([at(12), *note(60), v.BAR, at(0), *note(60)], ANSWERING, 3840 + 480) == ()


def test_a_bar_that_began_before_the_cut_is_kept() -> None:
    ids = [at(12), *note(60), v.BAR, v.TIME_SIGNATURE.of("3/4"), v.BAR, v.BAR, at(3), *note(62)]
    assert cut(ids, ANSWERING, 3840 + 1920 + 1440 + 1) == tuple(ids[:-5])
    assert cut(ids, ANSWERING, 3840 + 1920 + 1440) == tuple(ids[:-6])


def test_the_note_before_the_bar_line_takes_its_bar_with_it() -> None:
    ids = [v.BAR, at(0), *note(60), v.MICRO.of("-2"), *note(62, 20), v.MICRO.of("-1"), *note(64)]
    assert cut(ids, ANSWERING, 3840 + 1920 - 12) == (v.BAR, at(0), v.MICRO.of("-2"), *note(62, 20))


@pytest.mark.parametrize(
    ("ids", "length", "heard"),
    [
        pytest.param(
            [at(12), v.PEDAL_ON, at(40), v.PEDAL_OFF],
            801,
            [at(12), v.PEDAL_ON, at(20), v.PEDAL_OFF],
            id="later",
        ),
        pytest.param(
            [at(12), v.PEDAL_ON, at(40), v.PEDAL_OFF],
            800,
            [at(12), v.PEDAL_ON, at(19), v.PEDAL_OFF],
            id="on a slot",
        ),
        pytest.param([at(12), v.PEDAL_ON, *note(60, 20)], 500, [at(12), *note(60, 20)], id="same slot"),
        pytest.param([at(12), v.PEDAL_ON, v.BAR], 500, [], id="nothing else"),
        pytest.param(
            [at(11), v.PEDAL_ON, at(12), *note(60, 20)],
            500,
            [at(11), v.PEDAL_ON, at(12), v.PEDAL_OFF, *note(60, 20)],
            id="slot before",
        ),
        pytest.param(
            [at(11), v.PEDAL_ON, at(12), v.PEDAL_OFF, v.PEDAL_ON],
            500,
            [at(11), v.PEDAL_ON, at(12), v.PEDAL_OFF],
            id="again",
        ),
        pytest.param([at(47), v.PEDAL_ON, v.BAR], 1925, [at(47), v.PEDAL_ON, v.BAR, at(0), v.PEDAL_OFF], id="next bar"),
        pytest.param([at(46), v.PEDAL_ON], 99_999, [at(46), v.PEDAL_ON, at(47), v.PEDAL_OFF], id="no more bars"),
    ],
)
def test_the_pedal_goes_up_with_the_cut(ids: list[int], length: int, heard: list[int]) -> None:
    assert cut(ids, ANSWERING, ANSWERING.bar_tick + length) == tuple(heard)
