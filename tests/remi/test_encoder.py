"""Laws of the streaming encoder: the log alone decides, every note is accounted for, and all is grammar."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.errors import JamdError
from jamd.music.events import Kind, LogEntry, Performed, Turn, TurnChange
from jamd.music.timeline import Timeline
from jamd.remi import vocabulary as v
from jamd.remi.decoder import decode
from jamd.remi.encoder import Encoder, tokenize
from jamd.remi.grammar import Grammar
from jamd.remi.slots import COMMIT, Struck
from tests.remi.logs import METRES, MS, QUARTER, ROWS, Row, Script, log_of, note, playing, streamed, text

STARTS = st.builds(
    Timeline,
    time_ns=st.integers(0, 10**9),
    tick=st.sampled_from((0, 0, 100, -700, 1900, 1919)),
    ns_per_quarter=st.sampled_from((QUARTER, 290 * MS, 2_400 * MS)),
    metre=st.sampled_from(METRES),
    downbeat=st.sampled_from((0, 37)),
)
SOLOS = st.builds(log_of, ROWS, STARTS, st.sampled_from((Turn.CALL, Turn.RESPONSE)))
DUETS = st.builds(log_of, ROWS, STARTS, st.sampled_from((Turn.CALL, Turn.RESPONSE)), duet=st.just(True))
LOGS = st.one_of(SOLOS, DUETS)
FEW = settings(max_examples=60, deadline=None)
HEAD = "BOS Call Bar Time-Signature_4/4"


class WallClockEncoder(Encoder):
    """The control: a release is in time until somebody has asked for the slot's tokens. Polling decides."""

    def _in_time(self, note: Struck, tick: int) -> bool:
        return self._pending is not None and note.slot in self._pending.turn.slots


# The log decides


@settings(max_examples=150, deadline=None)
@given(LOGS, st.integers(0, 2**32))
def test_streaming_equals_offline(log: list[LogEntry], seed: int) -> None:
    assert streamed(log, Random(seed)) == tokenize(log)


@pytest.mark.parametrize("seed", range(6))
def test_streaming_equals_offline_on_long_playing(seed: int) -> None:
    log = playing(Random(seed), notes=500)
    assert streamed(log, Random(seed)) == tokenize(log)


def test_the_wall_clock_rule_fails_where_the_deadline_rule_holds() -> None:
    logs = [(playing(Random(seed)), Random(seed)) for seed in range(30)]
    wrong = sum(streamed(log, random, WallClockEncoder()) != tokenize(log) for log, random in logs)
    assert wrong > 20
    assert all(streamed(log, random) == tokenize(log) for log, random in logs)


@FEW
@given(LOGS, st.integers(0, 40_000 * MS), st.integers(0, 2**32))
def test_the_last_watermark_is_part_of_the_log(log: list[LogEntry], more: int, seed: int) -> None:
    end, random = log[-1].time_ns + more, Random(seed)
    once, often = Encoder(), Encoder()
    for entry in log:
        once.feed(entry)
        often.feed(entry)
    tokens: list[int] = []
    for watermark in sorted(random.randint(log[-1].time_ns, end) for _ in range(8)):
        tokens += often.advance(watermark)
    assert tokens + often.advance(end) + often.finish() == once.advance(end) + once.finish()


@FEW
@given(LOGS, LOGS, st.integers(0, 60), st.integers(0, 2**32))
def test_a_fork_is_independent(log: list[LogEntry], other: list[LogEntry], at: int, seed: int) -> None:
    encoder, said, random = Encoder(), list[int](), Random(seed)
    fork = encoder.fork()
    for number, entry in enumerate(log):
        if random.random() < 0.5:
            said += encoder.advance(entry.time_ns)
        encoder.feed(entry)
        if number == at:
            fork, twin = encoder.fork(), encoder.fork()
            place = encoder.place
            tail = twin.finish()
            turn = Turn.CALL if entry.time_ns % 2 else Turn.RESPONSE
            fork.feed(TurnChange(entry.time_ns, turn, joins=entry.time_ns % 3 == 0))
            fork.advance(entry.time_ns + 10**9)
            for performed in other:
                if isinstance(performed, Performed):
                    fork.feed(Performed(entry.time_ns + 10**9, performed.kind, performed.number, 99))
            fork.finish()
            assert encoder.place == place
            assert said + tail == tokenize(log[: at + 1])
    assert said + encoder.finish() == tokenize(log)


# What is said is the language, and everything is said


@settings(max_examples=150, deadline=None)
@given(LOGS)
def test_every_log_is_said_in_the_grammar_and_ends_with_nothing_sounding(log: list[LogEntry]) -> None:
    grammar = Grammar()
    for token in tokenize(log):
        grammar.advance(token)
    assert grammar.complete and not grammar.open_pitches and not grammar.pedal_down


@FEW
@given(LOGS)
def test_every_note_is_said_merged_or_overruled(log: list[LogEntry]) -> None:
    encoder = Encoder()
    for entry in log:
        encoder.feed(entry)
    answers = sum(token in v.NOTE_ON for entry in log for token in getattr(entry, "ids", ()))
    said = sum(token in v.NOTE_ON for token in encoder.finish()) - answers
    counts = encoder.counts
    heard = sum(isinstance(entry, Performed) and entry.kind is Kind.NOTE_ON for entry in log)
    assert counts.notes == heard == said + counts.merged + counts.overruled


@FEW
@given(LOGS)
def test_positions_rise_inside_the_metre_and_repeat_only_after_a_turn(log: list[LogEntry]) -> None:
    slots, last, turned = 0, -1, False
    for token in tokenize(log):
        if token in v.TIME_SIGNATURE:
            slots = v.METRES[v.TIME_SIGNATURE.index(token)].ticks // v.SLOT_TICKS
        elif token == v.BAR:
            last = -1
        elif token in (v.CALL, v.RESPONSE):
            turned = True
        elif token in v.POSITION:
            position = v.POSITION.index(token)
            assert last + (not turned) <= position < slots or position == last == 0
            last, turned = position, False


@FEW
@given(LOGS)
def test_a_note_off_ends_an_open_note_and_every_open_note_has_one(log: list[LogEntry]) -> None:
    is_open: set[int] = set()
    tokens = tokenize(log)
    for before, token in pairwise(tokens):
        if token == v.DURATION_OPEN:
            assert v.NOTE_ON.index(before) not in is_open
            is_open.add(v.NOTE_ON.index(before))
        elif token in v.NOTE_OFF:
            is_open.remove(v.NOTE_OFF.index(token))
    assert not is_open


@pytest.mark.parametrize("turn", Turn)
@pytest.mark.parametrize("seed", range(5))
def test_decoding_gives_back_what_was_played(seed: int, turn: Turn) -> None:
    """Onsets to 4 ticks (1/120 beat), velocities to their bin, lengths to half a bin or half a slot."""
    log, last = list[LogEntry](), dict[int, int]()
    for entry in playing(Random(seed), notes=150)[2:]:
        assert isinstance(entry, Performed)
        if entry.kind is Kind.NOTE_ON and entry.time_ns - last.get(entry.number, -(10**12)) > 60 * MS:
            log.append(entry)
            last[entry.number] = entry.time_ns
        elif entry.kind is Kind.NOTE_OFF:
            log.append(entry)
    timeline = Timeline(0, 0, QUARTER)
    notes, _ = decode(tokenize([timeline, TurnChange(0, turn), *log]))
    ons = [entry for entry in log if entry.kind is Kind.NOTE_ON]
    heard = sorted((entry.number, timeline.tick_at(entry.time_ns), entry.value) for entry in ons)
    said = sorted((note.pitch, note.onset, note.velocity) for note in notes)
    for (pitch, onset, velocity), (number, tick, value) in zip(said, heard, strict=True):
        assert pitch == number and abs(onset - tick) <= 4 and abs(velocity - value) <= 2


# Open and closed


@pytest.mark.parametrize("onset", (0, 480, 481, 515, 1000))
def test_a_note_released_before_its_deadline_is_closed_and_at_it_open(onset: int) -> None:
    deadline = (onset + 20) // 40 * 40 + COMMIT
    closed = Script().on(onset, 60).off(deadline - 1, 60).text()
    assert note(60, deadline - 1 - onset) in closed and "Note-Off" not in closed
    is_open = Script().on(onset, 60).off(deadline, 60).text()
    assert f"{note(60)} Position_{(deadline + 20) // 40 + 1} Note-Off_60" in is_open


def test_the_deadline_is_half_a_beat_after_the_slot() -> None:
    encoder = Encoder()
    for entry in Script().on(480, 60).log:
        encoder.feed(entry)
    assert v.NOTE_ON.id(60) not in encoder.advance(740 * MS - 1)
    assert v.NOTE_ON.id(60) in encoder.advance(740 * MS)


def test_an_open_note_that_is_struck_again_ends_in_that_slot() -> None:
    said = Script().on(0, 60).on(480, 60).off(600, 60).text()
    assert said == f"{HEAD} Position_1 {note(60)} Position_13 Note-Off_60 {note(60, 120)}"


def test_a_closed_note_that_is_struck_again_ends_there() -> None:
    assert note(60, 100) in Script().on(0, 60).on(100, 60).off(200, 60).text()


def test_a_note_longer_than_16_quarters_is_struck_off_and_counted() -> None:
    script = Script().on(0, 60).on(120, 64).off(7800, 64).off(9000, 60)
    encoder = Encoder()
    for entry in script.log:
        encoder.feed(entry)
    notes, _ = decode(encoder.finish())
    assert [n.duration for n in notes] == [7680, 7680] and encoder.counts.struck_off == 1
    response = Script(turn=Turn.RESPONSE).on(0, 60).off(9000, 60).turn(9100, Turn.CALL)
    assert note(60, 7680) in response.text()


def test_the_end_of_the_log_closes_everything() -> None:
    said = Script().on(0, 60).control(300, 127).on(480, 62).control(500, 100).text()
    assert said == (
        f"{HEAD} Position_1 {note(60)} Position_9 Pedal-On Position_13 {note(62, 20)} "
        "Position_14 Note-Off_60 Pedal-Off"
    )
    assert Encoder().finish() == []


# Inside a slot


@pytest.mark.parametrize(
    ("tick", "where"),
    [
        (480, "Position_13"),
        (483, "Position_13"),
        (484, "Position_13 Micro_+1"),
        (492, "Position_13 Micro_+2"),
        (499, "Position_13 Micro_+2"),
        (500, "Position_14 Micro_-2"),
        (508, "Position_14 Micro_-1"),
        (1899, "Position_48 Micro_+2"),
        (1900, "Bar Position_1 Micro_-2"),
        (1919, "Bar Position_1"),
    ],
)
def test_an_onset_goes_to_the_nearest_micro(tick: int, where: str) -> None:
    said = Script().on(tick, 60).off(tick + 90, 60).text()
    assert said.removesuffix(" Bar") == f"{HEAD} {where} {note(60, 90)}"


def test_micros_rise_after_the_zero_group_and_pitches_in_a_group() -> None:
    script = Script().on(464, 70).on(472, 50).on(480, 65, 55).on(488, 45).on(496, 40)
    assert script.off(600, 70, 50, 65, 55, 45, 40).text() == (
        f"{HEAD} Position_13 {note(55, 120)} {note(65, 120)} Micro_-2 {note(70, 136)} "
        f"Micro_-1 {note(50, 128)} Micro_+1 {note(45, 112)} Micro_+2 {note(40, 104)}"
    )


def test_an_open_note_of_the_zero_group_is_said_before_what_micro_puts_before_it() -> None:
    said = Script().on(464, 60).off(470, 60).on(480, 60).off(1000, 60).text()
    assert f"Position_13 {note(60)} Micro_-2 {note(60, 6)} Position_26 Note-Off_60" in said


def test_one_pitch_at_one_micro_is_one_note_the_loudest_and_longest() -> None:
    script = Script().on(480, 60, velocity=30).off(482, 60).on(483, 60, velocity=90, channel=1)
    script.off(580, 60, channel=1)
    encoder = Encoder()
    for entry in script.log:
        encoder.feed(entry)
    assert text(encoder.finish()) == f"{HEAD} Position_13 {note(60, 100, 90)}"
    assert (encoder.counts.notes, encoder.counts.merged) == (2, 1)


# Keys and pedal


def test_a_pitch_sounds_while_any_channel_holds_it() -> None:
    script = Script().on(0, 60).on(100, 60, channel=1).off(150, 60, channel=0).off(210, 60, channel=1)
    assert note(60, 110) in script.text()
    stuttered = Script().on(0, 60).on(60, 60).off(110, 60).off(210, 60)
    assert note(60, 50) in stuttered.text()


def test_all_notes_off_releases_its_channel() -> None:
    script = Script().on(0, 60).on(0, 64, channel=1).control(100, 0, number=123).off(200, 64, channel=1)
    assert script.text() == f"{HEAD} Position_1 {note(60, 100)} {note(64, 200)}"


def test_the_pedal_has_hysteresis() -> None:
    script = Script()
    for tick, value in enumerate((40, 63, 64, 60, 56, 70, 55, 60, 127, 0)):
        script.control(tick * 80, value)
    moves = "Position_5 Pedal-On Position_13 Pedal-Off Position_17 Pedal-On Position_19 Pedal-Off"
    assert script.text() == f"{HEAD} {moves}"


def test_the_pedal_is_down_while_it_is_down_on_any_channel() -> None:
    script = Script().control(0, 127).control(80, 127, channel=1).control(160, 0).control(240, 0, channel=1)
    assert script.text() == f"{HEAD} Position_1 Pedal-On Position_7 Pedal-Off"
    reset = Script().control(0, 127).control(80, 0, number=121)
    assert reset.text() == f"{HEAD} Position_1 Pedal-On Position_3 Pedal-Off"


def test_a_pedal_changed_within_a_slot_is_off_then_on_and_a_tap_is_nothing() -> None:
    changed = Script().control(0, 127).control(470, 0).control(485, 127).control(960, 0).text()
    assert changed == f"{HEAD} Position_1 Pedal-On Position_13 Pedal-Off Pedal-On Position_25 Pedal-Off"
    assert "Pedal" not in Script().on(0, 60).control(470, 127).control(485, 0).off(500, 60).text()


def test_held_keys_and_pedal_can_be_asked() -> None:
    encoder = Encoder()
    for entry in Script().on(0, 60, 64).off(5, 64).control(6, 90).turn(7, Turn.RESPONSE).log:
        encoder.feed(entry)
    assert encoder.held() == frozenset({60}) and encoder.pedal_down
    encoder.feed(Performed(8 * MS, Kind.NOTE_OFF, 60))
    encoder.feed(Performed(8 * MS, Kind.CONTROL, 64, 0))
    assert encoder.held() == frozenset() and not encoder.pedal_down


# What cannot be read


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (Script().on(100, 60).off(99, 60), "too late"),
        (Script().chart(10, "C:major"), "C:maj"),
        (Script().answer(10, ()), "Response"),
    ],
)
def test_a_wrong_log_is_refused_with_a_hint(script: Script, words: str) -> None:
    with pytest.raises(JamdError, match=words) as caught:
        tokenize(script.log)
    assert caught.value.hint


def test_a_log_must_begin_with_a_timeline_go_on_continuously_and_end_once() -> None:
    with pytest.raises(JamdError, match="first Timeline"):
        tokenize([Performed(0, Kind.NOTE_ON, 60, 64)])
    with pytest.raises(JamdError, match="tick 500"):
        tokenize([Timeline(0, 0, QUARTER), Timeline(QUARTER, 500, QUARTER)])
    encoder = Encoder()
    encoder.feed(Timeline(0, 0, QUARTER))
    encoder.advance(QUARTER)
    with pytest.raises(JamdError, match="too late"):
        encoder.feed(TurnChange(QUARTER - 1, Turn.RESPONSE))
    encoder.finish()
    with pytest.raises(JamdError, match="finished"):
        encoder.feed(TurnChange(QUARTER, Turn.RESPONSE))


def test_rows_make_every_kind_of_entry() -> None:
    """The strategy is worth its name: whatever a log can hold is drawn."""
    rows: list[Row] = [(what, 170 * MS, small, 90) for small in range(12) for what in range(40)]
    kinds = {type(entry).__name__ for entry in log_of(rows)}
    assert kinds == {"Performed", "Timeline", "TurnChange", "Answered", "Charted"}
