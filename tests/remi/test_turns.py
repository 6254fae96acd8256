"""Laws of turns: one ends before the next begins, a Response waits for its notes, an answer is as heard."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings

from jamd.music.events import LogEntry, Performed, Turn, TurnChange
from jamd.music.timeline import FOUR_FOUR
from jamd.remi import vocabulary as v
from jamd.remi.decoder import decode
from jamd.remi.encoder import Encoder
from jamd.remi.place import Place
from tests.remi.logs import MS, Script, log_of, note, text
from tests.remi.test_encoder import SOLOS

HEAD = "BOS Call Bar Time-Signature_4/4"
BAR = FOUR_FOUR.ticks


def fed(script: Script) -> Encoder:
    encoder = Encoder()
    for entry in script.log:
        encoder.feed(entry)
    return encoder


# The end of a Call


def test_a_turn_change_says_the_call_at_once() -> None:
    encoder = fed(Script().on(0, 60).off(100, 60).on(960, 62).off(1000, 62).turn(1000, Turn.RESPONSE))
    said = text(encoder.advance(1000 * MS))
    assert said == f"{HEAD} Position_1 {note(60, 100)} Position_25 {note(62, 40)} Response"


def test_notes_held_at_the_end_of_a_call_end_there_and_their_release_is_ignored() -> None:
    """One has committed as open, the other has not and gets its duration."""
    script = Script().on(0, 60).on(900, 62).turn(1000, Turn.RESPONSE).off(1100, 60, 62).answer(1200, ())
    said = script.turn(1200, Turn.CALL).on(1240, 60).off(1300, 60).text()
    assert said == (
        f"{HEAD} Position_1 {note(60)} Position_24 Micro_-2 {note(62, 100)} Position_26 Note-Off_60 "
        f"Response Call Position_32 {note(60, 60)}"
    )


def test_on_a_bar_line_the_turn_stands_before_the_bar() -> None:
    script = (
        Script().on(0, 60).turn(BAR, Turn.RESPONSE).on(BAR, 64).off(BAR + 100, 64).turn(BAR + 960, Turn.CALL)
    )
    assert script.text() == (
        f"{HEAD} Position_1 {note(60)} Position_48 Note-Off_60 Response Bar Position_1 {note(64, 100)} Call"
    )


def test_bars_before_a_turn_stand_before_it() -> None:
    turn = 2 * BAR + 480
    script = Script().on(0, 60).off(90, 60).turn(turn, Turn.RESPONSE).on(turn, 64).off(turn + 100, 64)
    assert script.text() == f"{HEAD} Position_1 {note(60, 90)} Bar Bar Response Position_13 {note(64, 100)}"


def test_after_a_turn_a_position_may_repeat() -> None:
    script = Script().on(480, 60).off(484, 60).turn(488, Turn.RESPONSE).on(488, 64).off(588, 64)
    assert script.text() == f"{HEAD} Position_13 {note(60, 4)} Response Position_13 Micro_+1 {note(64, 100)}"


def test_a_turn_to_whose_turn_it_is_says_nothing() -> None:
    assert (
        Script().turn(100, Turn.CALL).on(480, 60).off(500, 60).turn(600, Turn.CALL).text().count("Call") == 1
    )


def test_the_pedal_goes_up_with_the_turn_and_is_said_again_with_the_first_note() -> None:
    script = Script().control(0, 127).turn(480, Turn.RESPONSE).on(960, 60).off(1060, 60).control(1200, 0)
    assert script.text() == (
        f"{HEAD} Position_1 Pedal-On Position_13 Pedal-Off "
        f"Response Position_25 Pedal-On {note(60, 100)} Position_31 Pedal-Off"
    )
    lifted = Script().control(0, 127).turn(480, Turn.RESPONSE).control(600, 0).on(960, 60).off(1060, 60)
    assert lifted.text().endswith(f"Response Position_25 {note(60, 100)}")


def test_a_phrase_that_re_anchors_begins_with_a_bar_and_position_1() -> None:
    script = (
        Script().turn(500, Turn.RESPONSE).answer(700, ()).turn(1003, Turn.CALL).change(1003, downbeat=1003)
    )
    said = script.on(1003, 60).off(1103, 60).on(1003 + BAR, 62).off(1103 + BAR, 62).text()
    assert said == f"{HEAD} Response Call Bar Position_1 {note(60, 100)} Bar Position_1 {note(62, 100)}"


# Responses


def test_a_response_closes_its_durations() -> None:
    script = Script(turn=Turn.RESPONSE).on(0, 60).off(1500, 60).on(1440, 62).off(3000, 62)
    script.log.sort(key=lambda entry: entry.time_ns)
    said = script.turn(3000, Turn.CALL).text()
    assert said == (
        f"BOS Response Bar Time-Signature_4/4 Position_1 {note(60, 1500)} "
        f"Position_37 {note(62, 1560)} Bar Call"
    )


@pytest.mark.parametrize("polled", [True, False])
def test_notes_of_a_response_wait_for_their_release_before_the_call_goes_on(polled: bool) -> None:
    encoder, said = fed(Script(turn=Turn.RESPONSE).on(0, 60).turn(480, Turn.CALL).on(480, 64)), list[int]()
    rest = Script().off(520, 64).on(1000, 65).off(1700, 60).off(1740, 65).log[2:]
    for entry in rest:
        said += encoder.advance(entry.time_ns) if polled else []
        assert v.NOTE_ON.id(64) not in said or entry.time_ns > 1700 * MS
        encoder.feed(entry)
    said += encoder.finish()
    assert text(said) == (
        f"BOS Response Bar Time-Signature_4/4 Position_1 {note(60, 1700)} Call Position_13 {note(64, 40)} "
        f"Position_26 {note(65)} Position_45 Note-Off_65"
    )


@settings(max_examples=60, deadline=None)
@given(SOLOS)
def test_a_response_never_leaves_a_note_open_or_the_pedal_down(log: list[LogEntry]) -> None:
    turn, pedal = v.CALL, False
    encoder = Encoder()
    for entry in log:
        encoder.feed(entry)
    for token in encoder.finish():
        if token in (v.CALL, v.RESPONSE):
            assert not pedal
            turn = token
        pedal = token == v.PEDAL_ON if token in (v.PEDAL_ON, v.PEDAL_OFF) else pedal
        assert turn == v.CALL or (token != v.DURATION_OPEN and token not in v.NOTE_OFF)


# Answers


def ids(words: str) -> list[int]:
    """Tokens by their names, as `text` writes them."""
    known = {v.name_of(token).removesuffix("_None").replace(" ", "-"): token for token in range(v.SIZE)}
    return [known[word] for word in words.split()]


ANSWER = f"Position_30 {note(72, 100)} Bar Position_5 {note(74, 100)}"


def test_an_answer_is_said_literally_and_bars_go_on_behind_it() -> None:
    script = Script().on(0, 60).off(100, 60).turn(960, Turn.RESPONSE).answer(BAR + 400, ids(ANSWER))
    script.turn(BAR + 400, Turn.CALL).on(BAR + 480, 62).off(BAR + 580, 62).on(2 * BAR, 64).off(
        2 * BAR + 100, 64
    )
    assert script.text() == (
        f"{HEAD} Position_1 {note(60, 100)} Response {ANSWER} Call Position_13 {note(62, 100)} "
        f"Bar Position_1 {note(64, 100)}"
    )


def test_the_place_walks_with_the_answer() -> None:
    encoder = fed(Script().on(0, 60).off(100, 60).turn(960, Turn.RESPONSE))
    encoder.advance(960 * MS)
    assert encoder.place == Place(0, FOUR_FOUR, 0, Turn.RESPONSE)
    assert encoder.advance((3 * BAR) * MS) == []
    encoder.feed(Script().answer(3 * BAR, ids(ANSWER)).log[-1])
    assert text(encoder.advance(3 * BAR * MS)) == ANSWER
    assert encoder.place == Place(BAR, FOUR_FOUR, 4, Turn.RESPONSE) and encoder.place.tick == BAR + 160
    encoder.feed(TurnChange(3 * BAR * MS, Turn.CALL))
    assert text(encoder.advance(3 * BAR * MS)) == "Bar Call"
    assert encoder.place == Place(2 * BAR, FOUR_FOUR, -1, Turn.CALL)


def test_what_was_played_into_an_answer_is_overruled_and_counted() -> None:
    script = Script().turn(480, Turn.RESPONSE).on(500, 60, 64).control(600, 127)
    script.answer(1000, ids(f"Position_14 {note(72, 90)}")).on(1000, 65).turn(1020, Turn.CALL).off(
        1030, 60, 64, 65
    ).on(1040, 67).off(1140, 67).control(1300, 0)
    encoder = fed(script)
    assert text(encoder.finish()) == (
        f"{HEAD} Response Position_14 {note(72, 90)} "
        f"Call Position_27 Pedal-On {note(67, 100)} Position_34 Pedal-Off"
    )
    assert (encoder.counts.notes, encoder.counts.overruled) == (4, 3)


def test_a_call_goes_on_no_earlier_than_the_answer_has_come() -> None:
    """The answer was cut a little after the performer had come in."""
    script = (
        Script()
        .on(0, 60)
        .off(90, 60)
        .turn(480, Turn.RESPONSE)
        .answer(880, ids(f"Position_24 {note(72, 40)}"))
    )
    words = script.turn(880, Turn.CALL).on(880, 62).on(920, 64).off(980, 62).off(1020, 64).text()
    said = f"Response Position_24 {note(72, 40)} Call Position_24 {note(64, 100)} Micro_-2 {note(62, 100)}"
    assert said in words


def test_tempo_and_chord_that_an_answer_said_are_not_said_again() -> None:
    answer = f"Position_14 Chord_C:maj {note(72, 90)}"
    script = (
        Script().on(0, 55).off(100, 55).turn(480, Turn.RESPONSE).answer(960, ids(answer)).turn(960, Turn.CALL)
    )
    script.on(960, 60, 64, 67).off(1400, 60, 64, 67).on(1440, 60).off(1540, 60)
    assert script.text().count("Chord") == 1


def test_a_tempo_that_changed_during_an_answer_is_said_in_the_next_call() -> None:
    script = Script().on(0, 60).off(100, 60).turn(480, Turn.RESPONSE).change(600, ns_per_quarter=500 * MS)
    script.answer(700, ids(f"Position_14 {note(72, 90)}")).turn(1000, Turn.CALL).on(1000, 60)
    assert "Call Position_26 Tempo-Class_mid Tempo-Value_30 Micro_-2" in script.text()


@pytest.mark.parametrize("seed", range(20))
def test_the_decoder_follows_an_encoder_from_its_place(seed: int) -> None:
    """An answer that is decoded from the place behind its Response token lies in the encoder's bars."""
    random = Random(seed)
    rows = [
        (random.randrange(31), random.choice((40, 170, 400)) * MS, random.randrange(12), 90)
        for _ in range(40)
    ]
    log = log_of(rows)
    encoder = Encoder()
    for entry in log:
        encoder.feed(entry)
    end = log[-1].time_ns + 1
    encoder.feed(TurnChange(end, Turn.RESPONSE))
    encoder.advance(end)
    place, tick = encoder.place, encoder.place.bar_tick
    notes, _ = decode(ids(f"Bar Position_5 {note(72, 100)}"), place)
    assert notes[0].onset == tick + BAR + 160 and tick % BAR == 0


# Chords


def chord(script: Script, tick: int, *pitches: int, ticks: int = 400) -> Script:
    return script.on(tick, *pitches).off(tick + ticks, *pitches)


def test_a_call_names_a_beat_when_it_has_ended_and_only_news() -> None:
    script = Script()
    for beat, pitches in enumerate([(60, 64, 67), (60, 64, 67), (57, 60, 64), (57,)]):
        chord(script, 480 * beat, *pitches)
    words = script.on(BAR, 60).off(BAR + 40, 60).text().split()
    places = [(words[i - 1], word) for i, word in enumerate(words) if word.startswith("Chord")]
    assert places == [("Position_13", "Chord_C:maj"), ("Position_37", "Chord_A:min")]


def test_a_response_names_a_beat_where_it_begins() -> None:
    script = Script(turn=Turn.RESPONSE)
    for beat, pitches in enumerate([(60, 64, 67), (60, 64, 67), (57, 60, 64), (57,)]):
        chord(script, 480 * beat, *pitches)
    words = script.turn(BAR, Turn.CALL).text().split()
    places = [(words[i - 1], word) for i, word in enumerate(words) if word.startswith("Chord")]
    assert places == [("Position_1", "Chord_C:maj"), ("Position_25", "Chord_A:min")]


def test_a_chart_names_the_beats_of_a_response_but_not_of_a_call() -> None:
    script = Script().chart(0, "G:dom").chart(2 * 480, "N:N")
    chord(script, 0, 60, 64, 67)
    script.log.sort(key=lambda entry: entry.time_ns)
    script.turn(480, Turn.RESPONSE).chart(3 * 480, None)
    chord(chord(script, 2 * 480, 60, 64, 67), 3 * 480, 57, 60, 64)
    script.log.sort(key=lambda entry: entry.time_ns)
    said = script.turn(BAR, Turn.CALL).text()
    call, response = said.split("Response")
    assert "Chord" not in call
    words = response.split()
    chords = [(words[i - 1], word) for i, word in enumerate(words) if word.startswith("Chord")]
    assert chords == [
        ("Position_13", "Chord_G:dom"),
        ("Position_25", "Chord_N:N"),
        ("Position_37", "Chord_A:min"),
    ]


def test_one_pitch_class_and_what_only_reaches_in_name_no_chord() -> None:
    script = chord(Script(), 0, 60, 72)
    chord(script, 465, 64, 67, ticks=400)
    assert "Chord" not in script.text().split("Position_25")[0].split("Note-On_67")[0]


def test_performed_notes_of_an_answered_turn_name_no_chord() -> None:
    script = chord(Script().turn(10, Turn.RESPONSE), 20, 60, 64, 67)
    assert "Chord" not in script.answer(1000, ()).turn(1000, Turn.CALL).text()
    assert all(isinstance(entry, Performed) for entry in script.log[3:9])
