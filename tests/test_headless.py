"""The headless musician: a call in, the call and an answer out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mido
import pytest

from jamd.config import Settings
from jamd.errors import ConfigError, MidiFileError, ModelError
from jamd.headless import respond
from tests.midi.files import by_mido
from tests.tiny import tiny_model

CALL = Path(__file__).parents[1] / "jamd" / "models" / "call.mid"
CALL_OF_FIVE_BEATS = [(480 * i + off, kind) for i in range(5) for off, kind in ((0, "note_on"), (440, "note_off"))]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    model = tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")
    return Settings().with_options(engine_model=str(model), sampling_seed=5)


def notes(path: Path, track: str) -> list[tuple[int, int, int]]:
    """(tick, pitch, velocity) of a track's note-ons, at 480 a quarter."""
    file = mido.MidiFile(path)
    found, at = [], 0
    for message in next(t for t in file.tracks if t.name == track):
        at += message.time
        if message.type == "note_on" and message.velocity:
            found.append((at * 480 // file.ticks_per_beat, message.note, message.velocity))
    return sorted(found)


def unended(path: Path) -> int:
    """Note-ons without their note-off."""
    sounding: set[tuple[str, int]] = set()
    for track in mido.MidiFile(path).tracks:
        for message in track:
            if message.type == "note_on" and message.velocity:
                sounding.add((track.name, message.note))
            elif message.type in ("note_on", "note_off"):
                sounding.discard((track.name, message.note))
    return len(sounding)


def test_the_call_stands_unchanged_and_the_answer_follows_on_the_bar_line(settings: Settings, tmp_path: Path) -> None:
    summary = respond(CALL, tmp_path / "jam.mid", settings)
    assert notes(tmp_path / "jam.mid", "Performer") == notes(CALL, "Performer")
    answer = notes(tmp_path / "jam.mid", "jamd")
    assert len(answer) == summary.answer_notes > 0
    assert answer[0][0] == 4 * 1920
    assert max(tick for tick, _, _ in answer) < 8 * 1920
    assert unended(tmp_path / "jam.mid") == 0


def test_the_tempo_map_is_that_of_the_call(settings: Settings, tmp_path: Path) -> None:
    respond(CALL, tmp_path / "jam.mid", settings)
    tempi = [m.tempo for m in mido.MidiFile(tmp_path / "jam.mid") if m.type == "set_tempo"]
    assert tempi == [mido.bpm2tempo(112)]


def test_the_same_seed_and_call_give_the_same_bytes_and_another_seed_others(settings: Settings, tmp_path: Path) -> None:
    written = []
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        respond(CALL, tmp_path / name, settings.with_options(sampling_seed=seed))
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1] != written[2]


@pytest.mark.parametrize("bars", [1, 2, 6])
def test_an_answer_has_the_bars_that_were_asked_for(settings: Settings, tmp_path: Path, bars: int) -> None:
    respond(CALL, tmp_path / "jam.mid", settings.with_options(turn_bars=bars))
    last = max(tick for tick, _, _ in notes(tmp_path / "jam.mid", "jamd"))
    assert 4 * 1920 <= last < (4 + bars) * 1920


@pytest.mark.parametrize(("numerator", "denominator", "bar"), [(7, 4, 3360), (5, 8, 1200), (1, 8, 240)])
def test_in_any_metre_the_answer_begins_on_a_bar_line_and_has_its_length(
    settings: Settings, tmp_path: Path, numerator: int, denominator: int, bar: int
) -> None:
    signature = mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator)
    line = [(tick, mido.Message(kind, note=60, velocity=64)) for tick, kind in CALL_OF_FIVE_BEATS]
    call = by_mido(tmp_path / "call.mid", [(0, signature), *line])
    respond(call, tmp_path / "jam.mid", settings.with_options(turn_bars=2))
    answer = [tick for tick, _, _ in notes(tmp_path / "jam.mid", "jamd")]
    entry = -(-2400 // bar) * bar
    assert abs(answer[0] - entry) <= 20 and answer[-1] < entry + 2 * bar
    said = [m for m in mido.MidiFile(tmp_path / "jam.mid") if m.type == "time_signature"]
    assert [(m.numerator, m.denominator) for m in said] == [(numerator, denominator)]


def test_a_chart_and_fences_hold_in_the_answer(settings: Settings, tmp_path: Path) -> None:
    mine = settings.with_options(
        harmony_chart="Dm7 | G7", harmony_follow="scale", fences_key="C major", fences_low="C4", fences_high="B4"
    )
    respond(CALL, tmp_path / "jam.mid", mine.with_options(turn_bars=4))
    answer = notes(tmp_path / "jam.mid", "jamd")
    assert answer and {pitch for _, pitch, _ in answer} <= {60, 62, 64, 65, 67, 69, 71}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"harmony_chart": "C | Xm"}, '"Xm" is no chord'),
        ({"harmony_chart": "C D E F G"}, "bar 1: it has 5 chords"),
        ({"fences_low": "C5", "fences_high": "C4"}, "no note is left"),
        ({"harmony_chart": "F#", "harmony_follow": "chord tones", "fences_key": "C E G"}, "no note is left over F#"),
    ],
)
def test_what_leaves_no_music_is_refused_before_a_model_is_loaded(
    tmp_path: Path, options: dict[str, str], why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        respond(CALL, tmp_path / "jam.mid", Settings().with_options(engine_model="none.onnx", **options))


def test_a_seed_of_zero_is_drawn_and_named(settings: Settings, tmp_path: Path) -> None:
    drawn = respond(CALL, tmp_path / "a.mid", settings.with_options(sampling_seed=0)).seed
    assert drawn > 0
    respond(CALL, tmp_path / "b.mid", settings.with_options(sampling_seed=drawn))
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "b.mid").read_bytes()


LINE = [(tick, mido.Message(kind, note=60, velocity=64)) for tick, kind in CALL_OF_FIVE_BEATS]
"""Its last note ends at tick 2360, so the answer begins at 3840."""


def pedal(tick: int, value: int, channel: int = 0) -> tuple[int, mido.Message]:
    return tick, mido.Message("control_change", control=64, value=value, channel=channel)


@pytest.mark.parametrize(
    ("more", "entry"),
    [
        ([], 3840),
        ([(9000, mido.Message("control_change", control=7, value=100))], 3840),
        ([(9000, mido.Message("program_change", program=5))], 3840),
        ([(9000, mido.Message("note_off", note=72))], 3840),  # ends nothing
        ([pedal(0, 127), pedal(400, 0), pedal(9000, 0)], 3840),  # lifted while it holds nothing
        ([pedal(0, 127, channel=3), pedal(9000, 0, channel=3)], 3840),
        ([pedal(0, 127)], 3840),  # for ever
        ([pedal(2000, 127), pedal(5000, 0)], 5760),
        ([pedal(2000, 127), (5000, mido.Message("control_change", control=121, value=0))], 5760),
        ([pedal(2000, 127), pedal(5000, 0), pedal(9000, 127), pedal(9500, 0)], 5760),
    ],
)
def test_an_answer_begins_when_the_last_note_has_ended_whatever_else_the_file_says_later(
    settings: Settings, tmp_path: Path, more: list[tuple[int, mido.Message]], entry: int
) -> None:
    call = by_mido(tmp_path / "call.mid", [*LINE, *more])
    respond(call, tmp_path / "jam.mid", settings.with_options(turn_bars=1))
    first = notes(tmp_path / "jam.mid", "jamd")[0][0]
    assert entry - 20 <= first < entry + 1920


def drums(path: Path, *more: tuple[int, mido.Message]) -> Path:
    beat = [(t, mido.Message(k, channel=9, note=36, velocity=90)) for t, k in ((0, "note_on"), (240, "note_off"))]
    return by_mido(path, [*beat, *more])


@pytest.mark.parametrize("which", ["drums", "empty"])
def test_a_file_without_notes_is_refused_with_the_reason(settings: Settings, tmp_path: Path, which: str) -> None:
    call = drums(tmp_path / "call.mid") if which == "drums" else by_mido(tmp_path / "call.mid", [])
    reason = r"only drums \(channel 10\)" if which == "drums" else "no notes"
    with pytest.raises(MidiFileError, match=reason):
        respond(call, tmp_path / "jam.mid", settings)
    assert not (tmp_path / "jam.mid").exists()


def test_what_was_left_out_or_mended_is_counted(settings: Settings, tmp_path: Path) -> None:
    call = drums(
        tmp_path / "call.mid",
        *LINE,
        (2400, mido.Message("note_on", note=64, velocity=64)),
        (1000, mido.MetaMessage("time_signature", numerator=3, denominator=4)),
        (0, mido.MetaMessage("set_tempo", tempo=0)),
    )
    summary = respond(call, tmp_path / "jam.mid", settings.with_options(turn_bars=1))
    assert summary.call_notes == 6
    assert (summary.drums_left_out, summary.notes_without_end) == (1, 1)
    assert (summary.signs_ignored, summary.metres_moved) == (1, 1)


def test_an_output_that_cannot_be_written_is_refused_before_a_model_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path, tmp_path / "none" / "jam.mid", tmp_path / "file" / "jam.mid"):
        with pytest.raises(MidiFileError, match="cannot write"):
            respond(CALL, out, Settings().with_options(engine_model="none.onnx"))


def test_a_model_that_is_none_is_refused_and_nothing_is_written(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    engine = replace(settings.engine, model=str(tmp_path / "junk.onnx"))
    with pytest.raises(ModelError):
        respond(CALL, tmp_path / "jam.mid", replace(settings, engine=engine))
    assert not (tmp_path / "jam.mid").exists()


def test_a_budget_changes_no_byte_however_slow_the_machine(settings: Settings, tmp_path: Path) -> None:
    respond(CALL, tmp_path / "a.mid", settings)
    respond(CALL, tmp_path / "b.mid", settings.with_options(engine_budget_ms=10.0))
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "b.mid").read_bytes()
