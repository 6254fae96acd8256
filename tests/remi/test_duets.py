"""Laws of duets: who joins ends nothing, each voice says its own, and the tokens tell which voice it was."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.music.events import Kind, LogEntry, Performed, Turn, TurnChange
from jamd.music.note import Note
from jamd.music.timeline import FOUR_FOUR, Timeline
from jamd.remi import vocabulary as v
from jamd.remi.decoder import decode
from jamd.remi.encoder import Encoder, tokenize
from jamd.remi.grammar import Bounds, Grammar, closing
from tests.remi.logs import GAPS, MS, QUARTER, Script, log_of, note, streamed, text
from tests.remi.test_encoder import DUETS
from tests.remi.test_turns import fed, ids

HEAD = "BOS Call Bar Time-Signature_4/4"
BAR = FOUR_FOUR.ticks
CALL, RESPONSE = Turn.CALL, Turn.RESPONSE
STROKES = st.lists(
    st.tuples(
        st.one_of(st.just(0), st.integers(1, 60), st.integers(60, 900)),  # ms since the one before
        st.integers(0, 5),
        st.one_of(st.integers(5, 400), st.integers(400, 3000)),  # ms held
        st.integers(1, 127),
        st.sampled_from(Turn),
    ),
    min_size=1,
    max_size=40,
)


def duet(strokes: list[tuple[int, int, int, int, Turn]]) -> list[LogEntry]:
    """A log of two voices on keys of their own, each note in the turn of its voice."""
    events: list[tuple[int, int, Turn | None, Performed]] = []
    now = 0
    for number, (gap, key, length, velocity, whose) in enumerate(strokes):
        now += gap * MS
        pitch = key + (48 if whose is RESPONSE else 72)
        events.append((now, number, whose, Performed(now, Kind.NOTE_ON, pitch, velocity)))
        end = now + length * MS
        events.append((end, number, None, Performed(end, Kind.NOTE_OFF, pitch)))
    turn, log = CALL, [Timeline(0, 0, QUARTER), TurnChange(0, CALL)]
    for at, _, whose, performed in sorted(events, key=lambda event: event[:2]):
        if whose not in (None, turn):
            turn = whose
            log.append(TurnChange(at, turn, joins=True))
        log.append(performed)
    return log


# Random duets


@given(STROKES, st.integers(0, 2**32))
@settings(max_examples=120, deadline=None)
def test_a_duet_streams_as_it_is_read_whole_and_every_note_comes_back_in_its_voice(
    strokes: list[tuple[int, int, int, int, Turn]], seed: int
) -> None:
    log = duet(strokes)
    encoder = Encoder()
    tokens = streamed(log, Random(seed), encoder)
    assert tokens == tokenize(log)
    turn, grammar, told = v.CALL, Grammar(), Counter[tuple[bool, int]]()
    for token in tokens:
        grammar.advance(token)
        turn = token if token in (v.CALL, v.RESPONSE) else turn
        if token in v.NOTE_ON:
            assert (v.NOTE_ON.index(token) >= 72) == (turn == v.CALL)
            told[turn == v.CALL, v.NOTE_ON.index(token)] += 1
        assert turn == v.CALL or (token != v.DURATION_OPEN and token not in v.NOTE_OFF)
    assert grammar.complete and not grammar.open_pitches
    struck = sum(isinstance(entry, Performed) and entry.kind is Kind.NOTE_ON for entry in log)
    assert told.total() == struck - encoder.counts.merged


@given(STROKES)
@settings(max_examples=100, deadline=None)
def test_turns_that_join_change_no_note(strokes: list[tuple[int, int, int, int, Turn]]) -> None:
    """In one Call, without turns, the same is played: each note lasts as long (an open one to a bin, or a slot)."""
    log = duet(strokes)
    alone = [entry for entry in log[2:] if not isinstance(entry, TurnChange)]
    notes, _ = decode(tokenize(log))
    single, _ = decode(tokenize([*log[:2], *alone]))
    lengths: dict[tuple[int, int, int], list[int]] = {}
    for other in single:
        lengths.setdefault(_what(other), []).append(other.duration)
    same_micro = sum(len(rows) for rows in lengths.values()) == len(single) == len(notes)
    for told in notes if same_micro else ():
        assert any(
            abs(told.duration - length) <= max(v.SLOT_TICKS, 0.08 * length) for length in lengths.pop(_what(told))
        )


def _what(told: Note) -> tuple[int, int, int]:
    return told.onset, told.pitch, told.velocity


@given(DUETS, st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_a_response_of_a_duet_opens_nothing_ends_nothing_and_its_pedal_is_its_own(
    log: list[LogEntry], seed: int
) -> None:
    turn, lent, down = v.CALL, False, False
    for token in streamed(log, Random(seed)):
        if token in (v.CALL, v.RESPONSE):
            assert turn == v.CALL or not down or lent
            turn, lent = token, token == v.RESPONSE and down
        assert turn == v.CALL or (token != v.DURATION_OPEN and token not in v.NOTE_OFF)
        if token in (v.PEDAL_ON, v.PEDAL_OFF):
            assert not lent
            down = token == v.PEDAL_ON


@pytest.mark.parametrize("seed", range(6))
def test_long_duets_with_answers_pedal_and_metres_are_read_alike_and_in_the_grammar(seed: int) -> None:
    """Longer logs than Hypothesis draws: answers that come in while keys are let go need some history."""
    random, places = Random(seed), [*range(40), 3, 7, 11, 36, 37, 38, 39]
    for _ in range(25):
        drawn = [
            (random.choice(places), random.choice(GAPS), random.randrange(12), random.randrange(128)) for _ in range(70)
        ]
        log = log_of(drawn, turn=random.choice(list(Turn)), duet=True)
        tokens, grammar = tokenize(log), Grammar()
        assert streamed(log, random) == tokens
        for token in tokens:
            grammar.advance(token)
        assert grammar.complete and not grammar.open_pitches and not grammar.pedal_down


# By hand


def test_who_joins_ends_no_note_and_a_note_released_in_time_is_closed() -> None:
    script = Script().on(0, 72).join(40, RESPONSE).on(40, 48).off(140, 48).off(200, 72)
    assert script.text() == f"{HEAD} Position_1 {note(72, 200)} Response Position_2 {note(48, 100)}"


def test_two_voices_in_one_slot_are_told_apart_by_their_turns() -> None:
    script = Script().on(480, 72).join(480, RESPONSE).on(480, 48).off(600, 48, 72)
    script.join(960, CALL).on(960, 74).off(1060, 74)
    assert script.text() == (
        f"{HEAD} Position_13 {note(72, 120)} Response Position_13 {note(48, 120)} Call Position_25 {note(74, 100)}"
    )


def test_a_key_let_go_in_the_response_is_said_by_a_call_of_its_own() -> None:
    script = Script().on(0, 72).join(480, RESPONSE).on(480, 48).off(600, 48).off(960, 72).on(960, 50).off(1000, 50)
    assert script.text() == (
        f"{HEAD} Position_1 {note(72)} Response Position_13 {note(48, 120)} "
        f"Call Position_25 Note-Off_72 Response Position_25 {note(50, 40)}"
    )


def test_a_key_let_go_in_the_slot_where_the_call_comes_back_is_said_there() -> None:
    """A tune that is played legato: its old note ends a little before, or with, the new one."""
    script = Script().on(0, 72).join(480, RESPONSE).on(480, 48).off(600, 48).off(955, 72)
    script.join(965, CALL).on(965, 74).off(1000, 74)
    assert script.text() == (
        f"{HEAD} Position_1 {note(72)} Response Position_13 {note(48, 120)} "
        f"Call Position_25 Note-Off_72 Micro_+1 {note(74, 35)}"
    )


def test_a_key_that_the_response_takes_over_is_let_go_first() -> None:
    script = Script().on(0, 60).join(480, RESPONSE).on(480, 60, channel=1).off(500, 60).off(600, 60, channel=1)
    assert script.text() == (
        f"{HEAD} Position_1 {note(60)} Response Call Position_13 Note-Off_60 Response Position_13 {note(60, 120)}"
    )


def test_a_slot_that_was_left_waits_for_its_deadline_all_the_same() -> None:
    encoder = fed(Script().on(480, 72).join(500, RESPONSE))
    assert v.NOTE_ON.id(72) not in encoder.advance(740 * MS - 1)
    assert text(encoder.advance(740 * MS)).endswith(f"{note(72)} Response")


def test_a_turn_that_does_not_join_ends_the_duet_with_all_its_notes() -> None:
    script = Script().on(0, 72).join(480, RESPONSE).on(480, 48).off(600, 48).join(720, CALL).on(720, 76)
    script.turn(800, RESPONSE).on(960, 50).off(1000, 50).off(1400, 72, 76)
    encoder = fed(Script())
    for entry in script.log[2:9]:
        encoder.feed(entry)
    assert script.text() == (
        f"{HEAD} Position_1 {note(72)} Response Position_13 {note(48, 120)} "
        f"Call Position_19 {note(76, 80)} Position_21 Note-Off_72 Response Position_25 {note(50, 40)}"
    )


def test_the_pedal_stays_down_and_its_moves_are_the_performers() -> None:
    script = Script().control(0, 127).on(0, 72).off(90, 72).join(480, RESPONSE).on(480, 48).off(560, 48)
    script.control(960, 0).join(1200, CALL).on(1200, 74).off(1290, 74)
    assert script.text() == (
        f"{HEAD} Position_1 Pedal-On {note(72, 90)} Response Position_13 {note(48, 80)} "
        f"Call Position_25 Pedal-Off Position_31 {note(74, 90)}"
    )


def test_the_pedal_of_a_response_that_began_alone_goes_up_when_it_is_joined() -> None:
    script = Script(turn=RESPONSE).control(0, 127).on(0, 48).off(90, 48).join(480, CALL).on(480, 72).off(500, 72)
    assert script.control(960, 0).text() == (
        f"BOS Response Bar Time-Signature_4/4 Position_1 Pedal-On {note(48, 90)} Position_13 Pedal-Off "
        f"Call Position_13 Pedal-On {note(72, 20)} Position_25 Pedal-Off"
    )


def test_what_the_performer_lets_go_during_an_answer_is_said_behind_it() -> None:
    answer = f"Position_14 {note(48, 100)}"
    script = Script().on(0, 72).control(0, 127).join(480, RESPONSE).off(600, 72).control(640, 0)
    script.answer(700, ids(answer)).join(720, CALL).on(960, 74).off(1000, 74)
    assert script.text() == (
        f"{HEAD} Position_1 Pedal-On {note(72)} Response {answer} "
        f"Call Position_19 Note-Off_72 Pedal-Off Position_25 {note(74, 40)}"
    )


def test_a_chord_is_named_from_both_voices() -> None:
    def both(script: Script) -> Script:
        return script.on(0, 60).join(0, RESPONSE).on(0, 52, 55).off(200, 52, 55, 60)

    assert "Response Position_1 Chord_C:maj" in both(Script()).join(480, CALL).on(480, 72).off(500, 72).text()
    later = both(Script()).join(240, CALL).on(240, 72).off(250, 72).on(600, 72).off(620, 72)
    assert "Position_13 Chord_C:maj" in later.text()


# Sampling


def test_jamd_cannot_let_go_what_the_performer_holds() -> None:
    held = ids(f"{HEAD} Position_1 Pedal-On {note(72)} Response Position_13")
    grammar = Grammar()
    for token in held:
        grammar.advance(token)
    for mask in (grammar.allowed(), grammar.sampling(Bounds()).allowed()):
        assert not mask[v.NOTE_OFF.id(72)] and not mask[v.PEDAL_OFF] and not mask[v.PEDAL_ON]
    with pytest.raises(ValueError, match="Note Off_72 cannot follow"):
        grammar.advance(v.NOTE_OFF.id(72))


def test_music_that_ends_in_a_response_lets_the_performer_go_in_a_call() -> None:
    grammar = Grammar()
    for token in ids(f"{HEAD} Position_1 {note(72)} Response Position_13 Pedal-On {note(48, 100)}"):
        grammar.advance(token)
    assert text(list(closing(grammar))) == "Position_14 Pedal-Off Call Position_14 Note-Off_72"
