"""A jam played again from its log is the same: whatever was played and asked for, and whoever was slow or died."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from jamd.daemon.looks import Looks
from jamd.errors import MidiFileError
from jamd.midi.messages import control, note_off, note_on
from jamd.midi.recording import read_jam
from jamd.music.events import Kind, Performed, Turn, TurnChange
from jamd.music.log import read_log, remembered
from jamd.music.messages import InputEnded, Looked, PlanEnded, Welcome
from jamd.replay.brain import BrainAgain
from jamd.replay.followed import Difference, Followed
from jamd.replay.free import Free
from jamd.replay.source import Source, read_source
from tests.engine.fakes import FakeSession
from tests.engine.test_modes import ACTIONS, MODES, PERFORMERS
from tests.replay.gig import MS, START, Gig, partner_of, settings

EFFORT = effort(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking a jam takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
FREE, IN_TIME = {"turn_bars": 1}, {"turn_bars": 1, "turn_trade_bars": 1, "clock_bpm": 110.0}
SETTINGS = {
    "call-response": FREE,
    "call-response in time": IN_TIME,
    "trade": {**IN_TIME, "turn_mode": "trade"},
    "duet": {**IN_TIME, "turn_mode": "duet"},
    "continue": {**FREE, "turn_mode": "continue"},
    "a chart": {**IN_TIME, "turn_mode": "trade", "harmony_chart": "Am7 | D7 | Gmaj7 | %", "fences_key": "G major"},
    "a left hand": {**FREE, "harmony_split": "C4", "fences_density": 2.0},
    "a count-in": {**IN_TIME, "clock_count_in": 1, "clock_send": True},
}
ASKED = st.lists(
    st.tuples(
        st.integers(0, 9000),
        st.sampled_from([*ACTIONS, *MODES, ("panic", None), ("tap", None), ("keep", None), ("entry", "bar")]),
    ),
    max_size=6,
)
DEATHS = st.lists(st.tuples(st.integers(500, 9000), st.sampled_from(["brain", "wire", "writer", "stall"])), max_size=2)


class OtherSession(FakeSession):
    """Another model."""

    def feed(self, ids: object) -> object:
        logits = super().feed(ids)  # type: ignore[arg-type]
        return logits[::-1].copy()


def perform(gig: Gig, playing: list[tuple[int, str, int, int]]) -> int:
    """Plays as a performer of the modes' tests does; the millisecond at which he is done."""
    at, down = 0, {"pedal": 0, "sostenuto": 0}
    for gap, what, pitch, length in playing:
        at += gap
        if what == "note":
            gig.give((at, note_on(0, pitch, 80)), (at + length, note_off(0, pitch)))
        elif what == "rest":
            at += 2500
        else:
            down[what] = 127 - down[what]
            gig.give((at, control(0, 64 if what == "pedal" else 66, down[what])))
    gig.give((at + 1300, control(0, 64, 0)), (at + 1300, control(0, 66, 0)), (at + 1310, control(0, 121, 0)))
    return at


def phrases(gig: Gig, count: int = 2, notes: int = 6) -> int:
    """A few phrases with time for an answer."""
    for number in range(count):
        for step in range(notes):
            at = 300 + 5000 * number + 250 * step
            gig.give((at, note_on(0, 60 + step, 80)), (at + 180, note_off(0, 60 + step)))
    return 5000 * count


def same_again(gig: Gig) -> Source:
    """The law: whoever plays it again plays, decides and writes the same."""
    source = read_source(gig.end())
    assert Followed(source, partner_of(gig.settings)).run() == read_jam(source.log)
    return source


@pytest.mark.parametrize("played", SETTINGS)
@pytest.mark.parametrize("seed", range(2))
def test_a_jam_is_the_same_again(played: str, seed: int, tmp_path: Path) -> None:
    gig = Gig(tmp_path, settings(**SETTINGS[played]), seed)
    if "continue" in played:
        gig.give((1900, control(0, 66, 127)), (4000, control(0, 66, 0)), (7000, control(0, 66, 127)))
    gig.run(phrases(gig) + 6000)
    source = same_again(gig)
    assert any(record.type == "played" for record in source.records)


@pytest.mark.parametrize("mode", ["trade", "duet"])
def test_a_jam_to_somebodys_clock_is_the_same_again(mode: str, tmp_path: Path) -> None:
    gig = Gig(tmp_path, settings(turn_mode=mode, turn_trade_bars=1))
    gig.give((10, b"\xfa"), *((10 + 20 * number, b"\xf8") for number in range(450)), (8000, b"\xfc"))
    gig.run(phrases(gig) + 2000)
    told = {record.facts.get("what") for record in same_again(gig).records}
    assert "transport" in told


@given(st.sampled_from(sorted(SETTINGS)), PERFORMERS, ASKED, DEATHS, st.integers(0, 2**16))
@EFFORT
def test_it_is_the_same_again_whatever_is_played_and_asked_for_and_whoever_dies(
    tmp_path_factory: pytest.TempPathFactory,
    played: str,
    playing: list[tuple[int, str, int, int]],
    asked: list[tuple[int, tuple[str, float | str | None]]],
    deaths: list[tuple[int, str]],
    seed: int,
) -> None:
    gig = Gig(tmp_path_factory.mktemp("gig"), settings(**SETTINGS[played]), seed, slow_ms=12)
    end = perform(gig, playing) + 6000
    for at, (name, value) in sorted(asked, key=lambda row: row[0]):
        gig.ask(at, name, value)
    for at, who in sorted(deaths):
        gig.run(at)
        gig.kill(who)
    gig.run(end)
    same_again(gig)


@pytest.mark.parametrize("who", ["brain", "wire", "writer", "stall"])
@pytest.mark.parametrize("at_ms", [900, 2300, 2600, 3400])
def test_a_jam_that_outlived_a_death_is_the_same_again(who: str, at_ms: int, tmp_path: Path) -> None:
    gig = Gig(tmp_path, settings(turn_bars=4), at_ms)
    end = phrases(gig, 3)
    gig.run(at_ms)
    gig.kill(who)
    gig.run(end + 4000)
    source = same_again(gig)
    assert any(record.type == "played" and record.facts["time_ns"] > START + 8000 * MS for record in source.records)


@pytest.mark.parametrize("at_ms", [900, 2300, 2600, 3400])
def test_what_a_brain_has_said_is_recorded_once_though_two_wires_were_given_it(at_ms: int, tmp_path: Path) -> None:
    gig = Gig(tmp_path, settings(**IN_TIME), at_ms)
    end = phrases(gig, 2)
    gig.run(at_ms)
    gig.kill("writer")
    gig.run(end)
    records = same_again(gig).records
    assert sum(record.type == "wire" for record in records) == 1
    said = [record.facts["said"] for record in records if "said" in record.facts]
    assert len(said) == len(set(said)) > 5


def test_who_comes_too_late_is_too_late_again(tmp_path: Path) -> None:
    gig = Gig(tmp_path, settings(turn_bars=2, player_late_ms=1), 1, slow_ms=60)
    gig.run(phrases(gig, 3) + 4000)
    source = same_again(gig)
    assert any(record.facts.get("what") == "missed" for record in source.records)


@pytest.mark.parametrize("cut", [2, 40, 500, 3000])
def test_a_log_that_a_crash_has_torn_is_followed_as_far_as_it_goes(cut: int, tmp_path: Path) -> None:
    gig = Gig(tmp_path, settings(**IN_TIME), 4)
    gig.run(phrases(gig))
    log = gig.end()
    log.write_bytes(log.read_bytes()[:-cut])
    assert Followed(read_source(log), partner_of(gig.settings)).run() == read_jam(log)


# ---- what is not the same ----------------------------------------------------------------------------------------


def rewritten(log: Path, change: Callable[[dict[str, object]], bool]) -> Source:
    """The log with the first record changed that `change` takes."""
    lines = log.read_text().splitlines()
    for number, line in enumerate(lines):
        record = json.loads(line)
        if change(record):
            lines[number] = json.dumps(record, separators=(",", ":"))
            break
    log.write_text("\n".join(lines) + "\n")
    return read_source(log)


def _lower(record: dict[str, object]) -> bool:
    if record["type"] != "played" or record["kind"] != "note_on":
        return False
    record["number"] = 3
    return True


def _otherwise(record: dict[str, object]) -> bool:
    if record["type"] != "answered":
        return False
    record["ids"] = [1]
    return True


def _refused(record: dict[str, object]) -> bool:
    accepted, record["accepted"] = record.get("accepted"), False
    return bool(accepted)


@pytest.mark.parametrize("change", [_lower, _otherwise, _refused])
def test_what_is_not_the_same_is_found(change: Callable[[dict[str, object]], bool], tmp_path: Path) -> None:
    gig = Gig(tmp_path, settings(**FREE))
    gig.run(phrases(gig))
    source = rewritten(gig.end(), change)
    with pytest.raises(Difference):
        Followed(source, partner_of(gig.settings)).run()


def test_another_draw_is_found(tmp_path: Path) -> None:
    gig = Gig(tmp_path, settings(**FREE))
    gig.run(phrases(gig))
    with pytest.raises(Difference) as found:
        Followed(read_source(gig.end()), partner_of(gig.settings, OtherSession)).run()
    assert found.value.record.type in ("played", "plan", "answered")


def _older(record: dict[str, object]) -> bool:
    del record["settings"]
    return True


def _of_before(record: dict[str, object]) -> bool:
    record["format"] = 1
    return True


def _unnamed(record: dict[str, object]) -> bool:
    return record.get("what") == "welcome" and record.pop("digest") is not None


@pytest.mark.parametrize(
    ("change", "said"),
    [(_older, "older jamd"), (_of_before, "older jamd"), (_unnamed, "'digest' is missing")],
)
def test_a_log_that_lacks_what_replay_needs_is_refused_in_words(
    change: Callable[[dict[str, object]], bool], said: str, tmp_path: Path
) -> None:
    gig = Gig(tmp_path, settings(**FREE))
    gig.run(phrases(gig))
    with pytest.raises(MidiFileError, match=said):
        rewritten(gig.end(), change)


def test_a_deaf_brain_passes_over_all_that_wires_wrote_down_and_did_not_live_to_tell() -> None:
    class Partner:
        """Writes down what ended."""

        ended: ClassVar[list[int]] = []

        def interrupt(self, time_ns: int, *, deaf: bool) -> None:
            self.ended.append(time_ns)

    brain = BrainAgain(lambda send, welcome: Partner(), lambda message: None)  # type: ignore[arg-type, return-value]
    told = [PlanEnded(500_000, deaf=True), InputEnded(), PlanEnded(900_000, deaf=True)]
    for message in (Welcome(7, "", "", 0, "", ""), *told):
        brain.tell(message)
    looks = list[Looked]()
    diary = Looks(looks.append)
    diary.hear(told[-1])  # the first wire's successor died before it told anything
    diary.tell()
    brain.look({"number": 0, "from_ns": looks[0].from_ns, "looks": looks[0].looks})
    assert Partner.ended == [900_000]


def _without_page(record: dict[str, object]) -> bool:
    if record["type"] == "brain" and record["number"] == 1:
        record["type"] = "forgotten"
        return True
    return False


def test_a_page_that_is_missing_is_named(tmp_path: Path) -> None:
    gig = Gig(tmp_path, settings(**FREE))
    gig.run(phrases(gig))
    with pytest.raises(ValueError, match="page 1"):
        Followed(rewritten(gig.end(), _without_page), partner_of(gig.settings)).run()


# ---- another model -----------------------------------------------------------------------------------------------


def turns(entries: object) -> list[tuple[int, Turn]]:
    changes = [entry for entry in remembered(entries) if isinstance(entry, TurnChange)]  # type: ignore[arg-type]
    return [(change.time_ns, change.turn) for change in changes if not change.joins]


@pytest.mark.parametrize("played", ["call-response", "call-response in time", "trade"])
def test_another_model_plays_other_notes_in_the_same_turns(played: str, tmp_path: Path) -> None:
    gig = Gig(tmp_path, settings(**SETTINGS[played]))
    gig.run(phrases(gig, 3) + 3000)
    source = read_source(gig.end())
    jam, was = Free(source, partner_of(gig.settings, OtherSession)).run(), read_jam(source.log)
    performed = [e for e in was.entries if isinstance(e, Performed)]
    assert [e for e in jam.entries if isinstance(e, Performed)] == performed
    begun, began = turns(jam.entries), turns(read_log(source.log))
    assert [turn for _, turn in begun][: len(began)] == [turn for _, turn in began]
    assert all(abs(a - b) <= 6 * MS for (a, _), (b, _) in zip(begun, began, strict=False))
    notes, before = ([e.number for e in j.played if e.kind is Kind.NOTE_ON] for j in (jam, was))
    assert notes and notes != before


@given(st.sampled_from(sorted(SETTINGS)), PERFORMERS, ASKED, DEATHS, st.integers(0, 2**16))
@EFFORT
def test_another_model_plays_any_gig_to_its_end_and_leaves_no_note(
    tmp_path_factory: pytest.TempPathFactory,
    played: str,
    playing: list[tuple[int, str, int, int]],
    asked: list[tuple[int, tuple[str, float | str | None]]],
    deaths: list[tuple[int, str]],
    seed: int,
) -> None:
    gig = Gig(tmp_path_factory.mktemp("gig"), settings(**SETTINGS[played]), seed)
    end = perform(gig, playing) + 3000
    for at, (name, value) in sorted(asked, key=lambda row: row[0]):
        gig.ask(at, name, value)
    for at, who in sorted(deaths):
        gig.run(at)
        gig.kill(who)
    gig.run(end)
    jam = Free(read_source(gig.end()), partner_of(gig.settings, OtherSession)).run()
    sounding: set[int] = set()
    for event in jam.played:
        if event.kind is Kind.NOTE_ON:
            assert event.number not in sounding
            sounding.add(event.number)
        elif event.kind is Kind.NOTE_OFF:
            sounding.remove(event.number)
    assert not sounding
    assert [event.time_ns for event in jam.played] == sorted(event.time_ns for event in jam.played)
