"""An answer inside fences and on a chart: whatever the model would like, every note is inside, and the answer ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.engine.improviser import Answer, Improviser, Opening
from jamd.engine.sampling import Sampler
from jamd.engine.script import Script
from jamd.music.charts import Changes, Chart, beats_of
from jamd.music.events import Turn
from jamd.music.note import Note
from jamd.music.scales import key
from jamd.music.timeline import Metre, Timeline
from jamd.remi import vocabulary as v
from jamd.remi.crowd import counted_to
from jamd.remi.decoder import Decoder, decode
from jamd.remi.fences import CHORD_TONES, FREE, SCALE, Fences
from jamd.remi.grammar import Bounds, Grammar
from jamd.remi.guard import NEAR, Guard
from jamd.remi.place import Place
from tests.engine.fakes import FakeSession

LIVE = Bounds(metre=False, tempo=False)
CHARTS = ("Dm7 | G7 | Cmaj7 | %", "Am7 D7 | G / E7b9 /", "C Dm Em F", "N.C. | F#7 | Bbm7b5 N.C.", "E")
METRES = (Metre(4, 4), Metre(3, 4), Metre(12, 8), Metre(7, 8))
FENCES = (
    Fences(),
    Fences(key=key("C major") or frozenset(), low=55, high=72),
    Fences(low=60, high=60, softest=60, loudest=64),
    Fences(density=1.0, voices=1),
    Fences(density=0.5),
    Fences(density=2.5, voices=3, loudest=40),
    Fences(voices=2, low=40, high=50),
    Fences(follow=CHORD_TONES),
    Fences(follow=SCALE, voices=1),
    Fences(follow=CHORD_TONES, low=58, high=69, density=2.0, softest=100),
    Fences(follow=CHORD_TONES, key=key("C pentatonic") or frozenset()),
)


@dataclass(frozen=True)
class Case:
    """An answer to be made."""

    fences: Fences
    changes: Changes | None
    opening: Opening
    said: int | None
    held: tuple[int, ...]

    def answer(self) -> Answer:
        grammar = Grammar.at(self.opening.place, open_pitches=self.held, bounds=LIVE)
        grammar.chord = self.said
        guard = Guard(self.fences, self.changes, self.opening.place)
        answer = Answer(self.opening, grammar, guard)
        for token in self.opening.first:
            answer.take(token)
        return answer


@st.composite
def cases(draw: st.DrawFn) -> Case:
    fences, metre = draw(st.sampled_from(FENCES)), draw(st.sampled_from(METRES))
    text = draw(st.sampled_from((None, *CHARTS)) if metre.ticks >= 1920 else st.sampled_from((None, CHARTS[0])))
    line = draw(st.integers(-3, 3)) * metre.ticks + 17
    shift = draw(st.sampled_from((0, 0, 480, 19, -20, 333)))  # of the Timeline's lines against the tokens'
    timeline = Timeline(0, 0, 500_000_000, metre, line + shift)
    slot = draw(st.integers(0, metre.ticks // v.SLOT_TICKS - 1))
    first = draw(st.sampled_from(((), (v.POSITION.id(slot),), (v.BAR, v.POSITION.id(slot)))))
    place = Place(line, metre, -1, Turn.RESPONSE)
    length = draw(st.integers(1, 4 * metre.ticks))
    opening = Opening(place, first, line + metre.ticks + length, 1)
    said = draw(st.sampled_from((None, v.CHORD.of("G:dom"), v.CHORD.of("A:min"))))
    held = draw(st.sampled_from(((), (60, 64), tuple(range(50, 61)))))
    changes = Chart.parse(text).on(timeline) if text else None
    return Case(fences, changes, opening, said, held)


def made(case: Case, seed: int, hand: float = 0.0) -> list[int]:
    """The tokens of an answer by a model that says anything at all, mostly notes; every prefix is judged.

    `hand`: how likely it is that before a token a left hand names another chord.
    """
    rng, answer, decoder = np.random.default_rng(seed), case.answer(), Decoder(case.opening.place)
    timeline = Timeline(0, 0, 500_000_000, case.opening.place.metre, case.opening.place.bar_tick)
    for _ in range(4000):
        if hand and rng.random() < hand:
            answer.follow(Chart.parse(str(rng.choice(("C", "F#dim", "Bb7", "D#m")))).on(timeline))
        mask = answer.allowed()
        assert mask.any(), [v.name_of(token) for token in answer.ids[-8:]]
        token = choose(rng, mask)
        if answer.ends_before(token):
            answer.finish()
            break
        answer.take(token)
    assert answer.done, "it never ends"
    for token in answer.ids:
        decoder.feed(token)
    return answer.ids


def choose(rng: np.random.Generator, mask: np.ndarray) -> int:
    families = [family for family in v.TABLE if mask[family.first : family.first + len(family)].any()]
    family = families[rng.integers(len(families))]
    inside = np.flatnonzero(mask[family.first : family.first + len(family)])
    if family is v.POSITION and rng.random() < 0.7:
        return family.first + int(inside[0])
    return family.first + int(rng.choice(inside))


def slot_tick(note: Note, case: Case) -> int:
    """The centre of its slot: a Micro is less than half of one."""
    line = case.opening.place.bar_tick
    return (note.onset - line + v.SLOT_TICKS // 2) // v.SLOT_TICKS * v.SLOT_TICKS + line


def struck(ids: list[int], case: Case) -> list[Note]:
    decoder = Decoder(case.opening.place)
    return [event for token in ids for event in decoder.feed(token) if isinstance(event, Note)]


LAWS = settings(max_examples=150, deadline=None)


@given(cases(), st.integers(0, 2**32), st.sampled_from((0.0, 0.1)))
@LAWS
def test_every_note_is_inside_the_fences_and_the_answer_ends(case: Case, seed: int, hand: float) -> None:
    ids, fences = made(case, seed, hand), case.fences
    metre, line = case.opening.place.metre, case.opening.place.bar_tick
    notes = struck(ids, case)
    beats, bars = dict[tuple[int, int], int](), dict[int, int]()
    for number, note in enumerate(notes):
        assert fences.low <= note.pitch <= fences.high and note.pitch % 12 in fences.key
        assert fences.softest <= note.velocity <= fences.loudest
        assert note.pitch not in case.held
        tick = slot_tick(note, case)
        bar, into = divmod(tick - line, metre.ticks)
        beat = bar, into // metre.beat_ticks
        beats[beat], bars[bar] = beats.get(beat, 0) + 1, bars.get(bar, 0) + 1
        if fences.voices:
            last = {other.pitch: other for other in notes[:number]}
            sounding = [
                other
                for other in last.values()
                if slot_tick(other, case) == tick
                or (counted_to(slot_tick(other, case), other.duration) > tick and other.pitch != note.pitch)
            ]
            assert len(sounding) < fences.voices
    if fences.density:
        assert max(beats.values(), default=0) <= ceil(fences.density)
        assert max(bars.values(), default=0) <= max(floor(fences.density * beats_of(metre)), 1)


@given(cases(), st.integers(0, 2**32))
@LAWS
def test_every_chord_of_the_chart_is_said_before_any_note_at_its_beat_or_after_it(case: Case, seed: int) -> None:
    if case.changes is None:
        return
    said, decoder, changes = case.said, Decoder(case.opening.place), case.changes
    for token in made(case, seed):
        events = decoder.feed(token)
        if token in v.CHORD:
            assert token != said, "nothing is said twice"
            said = token
        for note in events:
            if isinstance(note, Note):
                name = changes.at(slot_tick(note, case) + v.SLOT_TICKS // 2 - 1).name
                assert said == v.CHORD.of(name)


@given(cases(), st.integers(0, 2**32))
@LAWS
def test_no_change_is_passed_over_and_each_stands_in_the_slot_of_its_beat(case: Case, seed: int) -> None:
    if case.changes is None:
        return
    ids, decoder = made(case, seed), Decoder(case.opening.place)
    told, begun = list[tuple[int, str]](), False
    for token in ids[: len(ids) - (v.PEDAL_OFF in ids[-2:])]:
        decoder.feed(token)
        tick = decoder.place.tick
        if token in v.POSITION and not begun:
            begun, first = True, tick
        if token in v.CHORD:
            told.append((tick, v.CHORD.values[v.CHORD.index(token)]))
    if not begun:
        return
    near = v.SLOT_TICKS // 2
    expected, named = list[tuple[int, str]](), case.said and v.CHORD.values[v.CHORD.index(case.said)]
    holds = case.changes.at(first + near - 1).name
    if holds != named:
        expected.append((first, holds))
    for beat in case.changes.beats(first + near, decoder.place.tick + near):
        line = case.opening.place.bar_tick
        slot = (beat.tick - line + near) // v.SLOT_TICKS * v.SLOT_TICKS + line
        if beat.symbol.name != holds and slot <= decoder.place.tick:
            expected.append((slot, beat.symbol.name))
        holds = beat.symbol.name
    assert told == expected[: len(told)]
    assert all(tick == decoder.place.tick for tick, _ in expected[len(told) :])  # the last slot may end before it


@given(cases(), st.integers(0, 2**32))
@LAWS
def test_notes_keep_to_the_chord_on_strong_beats_or_to_its_scale(case: Case, seed: int) -> None:
    if case.changes is None or case.fences.follow == FREE:
        return
    near = v.SLOT_TICKS // 2
    for note in struck(made(case, seed), case):
        tick = slot_tick(note, case)
        if case.fences.follow == SCALE:
            assert note.pitch % 12 in case.changes.at(tick + near - 1).scale
            continue
        reach = near + NEAR * v.SLOT_TICKS
        for beat in case.changes.beats(tick - reach, tick + reach):
            if beat.strong and beat.symbol.tones:
                assert note.pitch % 12 in beat.symbol.tones


@given(cases(), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_every_prefix_is_language_and_decodes(case: Case, seed: int) -> None:
    grammar = Grammar.at(case.opening.place, open_pitches=case.held)
    ids = made(case, seed)
    for count, token in enumerate(ids):
        grammar.advance(token)
        if count % 37 == 0:
            assert all(note.duration > 0 for note in decode(ids[: count + 1], case.opening.place)[0])


@pytest.mark.parametrize("slot", [0, 5, 12, 47])
def test_an_answer_that_enters_within_a_bar_first_says_the_chord_that_holds_there(slot: int) -> None:
    place = Place(0, Metre(4, 4), -1, Turn.RESPONSE)
    changes = Chart.parse("Dm7 G7").on(Timeline(0, 0, 500_000_000))
    opening = Opening(place, (v.POSITION.id(slot),), 1920, 1)
    answer = Case(Fences(), changes, opening, None, ()).answer()
    chord = v.CHORD.of("D:min" if slot < 24 else "G:dom")
    assert set(np.flatnonzero(answer.allowed())) == {v.PEDAL_ON, chord}
    answer.take(v.PEDAL_ON)
    assert set(np.flatnonzero(answer.allowed())) == {chord}


def test_a_piece_adds_nothing_to_the_slot_that_it_finds() -> None:
    """What stands there has been planned already."""
    place = Place(0, Metre(4, 4), -1, Turn.RESPONSE)
    note = (v.POSITION.id(4), v.velocity_token(64), v.NOTE_ON.id(60), v.duration_token(120))
    grammar = Grammar.at(place, bounds=LIVE)
    for token in note:
        grammar.advance(token)
    opening = Opening(replace(place, position=4), (), 1920, 1, script=Script((), 0))
    joined = Answer(opening, grammar, Guard(Fences(), None, opening.place))
    mended = Case(Fences(), None, Opening(place, note, 1920, 1), None, ()).answer()
    for answer in (joined, mended):
        assert set(np.flatnonzero(answer.allowed())) == {v.BAR, *(v.POSITION.id(slot) for slot in range(5, 48))}


def test_a_live_chord_is_said_at_the_next_position() -> None:
    place, timeline = Place(0, Metre(4, 4), -1, Turn.RESPONSE), Timeline(0, 0, 500_000_000)
    answer = Case(Fences(), None, Opening(place, (v.POSITION.id(0),), 7680, 1), None, ()).answer()
    note = (v.velocity_token(64), v.NOTE_ON.id(60), v.duration_token(120))
    for token in note:
        answer.take(token)
    answer.follow(Chart.parse("A:min").on(timeline))
    mask = answer.allowed()
    assert mask[v.POSITION.id(5)] and not mask[v.POSITION.id(13)] and not mask[v.BAR]
    answer.take(v.POSITION.id(5))
    assert set(np.flatnonzero(answer.allowed())) == {v.PEDAL_ON, v.CHORD.of("A:min")}


def test_a_note_that_is_begun_can_be_ended_under_a_new_live_chord_and_the_fences_count_on() -> None:
    place, timeline = Place(0, Metre(4, 4), -1, Turn.RESPONSE), Timeline(0, 0, 500_000_000)
    fences = Fences(key=key("C pentatonic") or frozenset(), follow=CHORD_TONES, density=0.25)
    c_major, d_sharp_minor = (Chart.parse(text).on(timeline) for text in ("C", "D#m"))
    answer = Case(fences, c_major, Opening(place, (v.POSITION.id(0),), 7680, 1), v.CHORD.of("C:maj"), ()).answer()
    answer.take(v.velocity_token(64))
    answer.follow(d_sharp_minor)  # of which the key leaves nothing
    assert {v.NOTE_ON.index(int(token)) % 12 for token in np.flatnonzero(answer.allowed())} == {0, 4, 7}
    answer.take(v.NOTE_ON.id(60))
    answer.take(v.duration_token(120))
    answer.follow(c_major)
    assert set(np.flatnonzero(answer.allowed())) == {v.BAR}, "the bar has had its one note"


def test_where_no_note_is_left_in_a_given_slot_it_says_its_chord_once_more() -> None:
    place, changes = Place(0, Metre(4, 4), -1, Turn.CALL), Chart.parse("C").on(Timeline(0, 0, 500_000_000))
    grammar = Grammar.at(place, open_pitches=(60,), pedal_down=True, bounds=LIVE)
    for token in (v.CALL, v.RESPONSE):  # the pedal is the performer's
        grammar.advance(token)
    grammar.chord = v.CHORD.of("C:maj")
    answer = Answer(Opening(place, (), 1920, 1), grammar, Guard(Fences(low=60, high=60), changes, place))
    assert set(np.flatnonzero(answer.allowed())) == {v.BAR}
    answer.take(v.POSITION.id(3))
    assert set(np.flatnonzero(answer.allowed())) == {v.CHORD.of("C:maj")}


def test_where_there_is_no_room_no_slot_is_offered() -> None:
    place = Place(0, Metre(4, 4), -1, Turn.RESPONSE)
    note = (v.velocity_token(64), v.NOTE_ON.id(60), v.duration_token(900))
    for fences, offered in (
        (Fences(density=1.0), range(12, 48)),  # the next beat
        (Fences(voices=1), range(21, 48)),  # when its bin has rung out
        (Fences(density=0.25), range(0)),  # the next bar
    ):
        answer = Case(fences, None, Opening(place, (v.POSITION.id(0),), 1920, 1), None, ()).answer()
        for token in note:
            answer.take(token)
        assert set(np.flatnonzero(answer.allowed())) == {v.BAR, *(v.POSITION.id(slot) for slot in offered)}


def joined(seed: int, fences: Fences) -> list[Note]:
    """What four pieces of a beat each play in one bar, as in a duet."""
    improviser = Improviser(FakeSession(), Sampler(1.0, 1.0, 0.0, seed), LIVE)  # type: ignore[arg-type]
    improviser.fences = fences
    place, notes = Place(0, Metre(4, 4), -1, Turn.RESPONSE), list[Note]()
    tail = [v.BOS, v.RESPONSE, v.BAR, v.TIME_SIGNATURE.of("4/4")]
    for beat in range(4):
        opening = Opening(place, (), 480 * (beat + 1), beat, earliest=12 * beat)
        answer = improviser.begin([] if beat else tail, opening)
        while not answer.done:
            notes += [event for event in improviser.step() if isinstance(event, Note)]
        place = answer._decoder.place
        improviser.settle(None)
    return notes


def test_pieces_that_join_count_together() -> None:
    """A fence holds over their seams."""
    counts = [len(joined(seed, Fences(density=0.5))) for seed in range(12)]
    assert max(counts) == 2
    assert max(len(joined(seed, Fences(density=1.0))) for seed in range(12)) > 2
