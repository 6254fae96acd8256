"""Chart, left hand and fences while a partner plays: laws for every mode, on a fake clock."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from jamd.engine.improviser import Answer, Improviser, Opening
from jamd.engine.partner import Manners
from jamd.music.actions import Action
from jamd.music.charts import Chart
from jamd.music.events import Charted, Kind, Performed, Turn, TurnChange
from jamd.music.scales import key
from jamd.music.timeline import Timeline, ns_per_quarter
from jamd.remi import vocabulary as v
from jamd.remi.cursor import Cursor
from jamd.remi.fences import CHORD_TONES, Fences
from tests.engine.test_partner import START, Stage, off, on, phrase

CHART = Chart.parse("Dm7 G7 | Cmaj7 | F#m7b5 / B7 Em", None)
TIMELINE = Timeline(START, 0, ns_per_quarter(120))
CHANGES = CHART.on(TIMELINE)
MODES = {
    "call-response": Manners(bpm=120.0, chart=CHART, bars=2),
    "trade": Manners(bpm=120.0, chart=CHART, mode="trade", trade_bars=2),
    "duet": Manners(bpm=120.0, chart=CHART, mode="duet"),
}
HALF = v.SLOT_TICKS // 2


def played(manners: Manners, fences: Fences | None = None, seed: int = 1) -> Stage:
    """Two phrases, and what jamd makes of them."""
    stage = Stage(manners, seed)
    stage.partner._core.improviser.fences = fences or Fences()
    stage.give(*phrase(0, gap_ms=240), *phrase(8000, notes=6, gap_ms=330))
    stage.run(15_000)
    return stage


def slots(stage: Stage) -> list[tuple[int, int]]:
    """The slot (its tick) and the pitch of what was planned last for each instant."""
    found = []
    for number, (_, plan) in enumerate(stage.plans):
        later = [other.from_ns for _, other in stage.plans[number + 1 :]]
        for note in plan.notes:
            if not any(from_ns <= note.due_ns for from_ns in later):
                tick = TIMELINE.tick_at(note.due_ns + 1000)
                found.append(((tick + HALF) // v.SLOT_TICKS * v.SLOT_TICKS, note.pitch))
    return found


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(1, 5))
def test_every_note_of_jamds_is_said_under_the_charts_chord(
    mode: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = list[tuple[Answer, int | None]]()
    begin = Improviser.begin

    def watched(self: Improviser, tail: Sequence[int], opening: Opening) -> Answer:
        answer = begin(self, tail, opening)
        chords = [token for token in self._session.ids if token in v.CHORD]  # type: ignore[attr-defined]
        made.append((answer, chords[-1] if chords else None))
        return answer

    monkeypatch.setattr(Improviser, "begin", watched)
    played(MODES[mode], seed=seed)
    notes = 0
    for answer, said in made:
        cursor = Cursor(answer.opening.place)
        for number, token in enumerate(answer.ids):
            cursor.feed(token)
            sampled = number >= len(answer.opening.first)
            said = token if sampled and token in v.CHORD else said
            if sampled and token in v.NOTE_ON and cursor.turn is Turn.RESPONSE and cursor.place.tick >= free(answer):
                notes += 1
                assert said == v.CHORD.of(CHANGES.at(cursor.place.tick + HALF - 1).name)
    assert notes > 10


def free(answer: Answer) -> int:
    """The tick from which jamd plays what it likes."""
    return answer.opening.script.begin if answer.opening.script else 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(1, 5))
def test_what_is_planned_is_inside_the_fences_in_every_mode(mode: str, seed: int) -> None:
    scale = key("C D E F F# G A B")
    assert scale is not None
    fences = Fences(key=scale, low=55, high=79, density=2.0, softest=50, loudest=90, follow=CHORD_TONES)
    stage = played(MODES[mode], fences, seed)
    found = slots(stage)
    assert found
    beats = dict[int, int]()
    for tick, pitch in found:
        assert 55 <= pitch <= 79 and pitch % 12 in scale
        beats[tick // 480] = beats.get(tick // 480, 0) + 1
        for beat in CHANGES.beats(tick - HALF, tick + HALF):
            assert not beat.strong or pitch % 12 in beat.symbol.tones
    assert all(50 <= note.velocity <= 90 for note in stage.planned)
    assert max(beats.values()) <= 2


def test_a_chart_without_beats_is_told_once_and_jamd_plays_without_it() -> None:
    stage = played(Manners(chart=CHART))
    (told,) = stage.whats("chart_waits")
    assert "start a MIDI clock, or set bpm" in str(told.facts["why"])
    assert stage.planned and not any(isinstance(entry, Charted) for entry in stage.log)


def test_the_log_tells_the_chart() -> None:
    told = [entry for entry in played(MODES["trade"]).log if isinstance(entry, Charted)]
    ticks = [TIMELINE.tick_at(entry.time_ns) for entry in told]
    assert [entry.chord for entry in told] == [CHANGES.at(tick).name for tick in ticks]
    assert len(told) > 10


def test_a_left_hand_names_the_chord_of_the_answer() -> None:
    stage = Stage(Manners(bpm=120.0, split=48))
    grip = [(36, 0), (43, 8), (39, 15)]
    stage.give(*(event for pitch, late in grip for event in (on(late, pitch), off(1300, pitch))), *phrase(20))
    stage.run(6000)
    assert [entry.chord for entry in stage.log if isinstance(entry, Charted)] == ["C:min"]
    at = [type(entry) is TurnChange and entry.turn is Turn.RESPONSE for entry in stage.log].index(True)
    cursor, said = Cursor(), []
    for token in stage.session.ids:
        cursor.feed(token)
        if token in v.CHORD and cursor.turn is Turn.RESPONSE:
            said.append(v.CHORD.values[v.CHORD.index(token)])
    assert at and set(said) <= {"C:min"}
    heard = [v.NOTE_ON.index(token) for token in stage.session.ids if token in v.NOTE_ON]
    assert {36, 43, 39} <= set(heard), "they are music too"


def left_hand(at_ms: int, until_ms: int, *pitches: int) -> list[Performed]:
    return [event for pitch in pitches for event in (on(at_ms, pitch), off(until_ms, pitch))]


def test_a_left_hand_that_holds_or_comps_ends_no_phrase_and_stops_no_answer() -> None:
    stage = Stage(Manners(bpm=120.0, bars=4, split=48))
    stage.give(*left_hand(0, 4000, 36, 40, 43), *phrase(20), *left_hand(4000, 5900, 41, 45, 36))
    stage.run(6000)
    assert stage.whats("phrase_end") and not stage.whats("barge_in")
    assert [entry.chord for entry in stage.log if isinstance(entry, Charted)] == ["C:maj", "F:maj"]
    assert all(not plan.yields for _, plan in stage.plans)
    stage.give(on(6100, 72), off(6300, 72))
    stage.run(6200)
    assert [report.time_ns for report in stage.whats("barge_in")] == [START + 6100 * 1_000_000]
    assert stage.plans[-1][1].cuts
    stage.run(12_000)
    said = [v.CHORD.values[v.CHORD.index(token)] for token in stage.session.ids if token in v.CHORD]
    assert said.index("C:maj") < said.index("F:maj")


def test_left_hand_keys_that_nobody_heard_come_up_are_let_go() -> None:
    stage = Stage(Manners(bpm=120.0, split=48))
    stage.give(*left_hand(0, 99_000, 36), *phrase(20, notes=2))
    stage.run(1000)
    stage.partner.interrupt(stage.now, deaf=True)
    assert (Kind.NOTE_OFF, 36) in [(e.kind, e.number) for e in stage.log[-3:] if isinstance(e, Performed)]


def test_density_is_an_action_and_the_most_of_it_is_no_limit() -> None:
    stage = Stage(Manners(bpm=120.0))
    improviser = stage.partner._core.improviser
    stage.partner.act(Action(0, "density", 1.5))
    assert improviser.fences == Fences(density=1.5)
    stage.partner.act(Action(0, "density", 16.0))
    assert improviser.fences == Fences()
