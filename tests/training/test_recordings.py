"""A player's folder: each recording once, beats trusted only where they are evident, bad files named."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("symusic", reason="training needs symusic: pip install -e .[train]")

from jamd.errors import ConfigError, MidiFileError
from jamd.midi.recording import build_midi
from jamd.music.events import Kind
from tests.training.player import jam_entries, jam_file, player_folder, tune, tune_file
from tests.training.tiny_sets import midi_file
from training.corpus.piece import Piece
from training.corpus.recordings import FEWEST_NOTES, Jam, in_time, read_folder, read_jam, read_midi


def names(folder: Path) -> list[str]:
    return [recording.name for recording in read_folder(folder).recordings]


@given(
    step=st.sampled_from([120, 160, 240, 480, 40]), count=st.integers(16, 60), late=st.integers(0, 5), data=st.data()
)
def test_what_is_played_to_a_click_is_in_time_also_a_little_late_and_uneven(step, count, late, data) -> None:
    uneven = data.draw(st.lists(st.integers(-4, 4), min_size=count, max_size=count))
    assert in_time([i * step + late + u for i, u in enumerate(uneven)])


@given(seed=st.integers(0, 10_000), count=st.integers(1, 200))
def test_onsets_that_know_no_beat_are_not_in_time(seed: int, count: int) -> None:
    """Each falls anywhere in its quarter; that chance reaches four standard deviations is 1 in 10,000."""
    rng = random.Random(f"{seed}/{count}")
    assert not in_time([i * 480 + rng.randrange(480) for i in range(count)])


def test_a_few_notes_prove_nothing_and_beats_on_the_wrong_side_are_none() -> None:
    assert not in_time([])
    assert not in_time([i * 120 for i in range(7)])
    assert in_time([i * 120 for i in range(8)])
    assert not in_time([60 + 120 * i + i % 3 for i in range(100)])


def test_a_file_in_time_keeps_its_grid_and_a_free_one_loses_it_and_nothing_else(tmp_path: Path) -> None:
    in_beat, free = tune_file(tmp_path / "a.mid"), tune_file(tmp_path / "b.mid", wobble=480)
    assert read_midi(in_beat).grid is not None
    assert read_midi(free).grid is None
    assert len(read_midi(in_beat).notes) == 40
    assert read_midi(free).notes[0].velocity > 0


def test_drums_are_left_out(tmp_path: Path) -> None:
    drums = [(t, m.copy(channel=9)) for t, m in tune(5, 30)]
    midi_file(tmp_path / "a.mid", {"Keys": tune(1, 20), "Drums": drums})
    assert len(read_midi(tmp_path / "a.mid").notes) == 20


@pytest.mark.parametrize("ending", [".mid", ".MID", ".midi"])
def test_endings_are_those_of_midi_files_in_any_case(tmp_path: Path, ending: str) -> None:
    tune_file(tmp_path / "deep" / "folder" / f"a{ending}")
    assert names(tmp_path) == [f"deep/folder/a{ending}"]


def test_a_log_gives_the_entries_that_jamd_wrote_and_what_it_played(tmp_path: Path) -> None:
    entries, played = jam_entries()
    jam = read_jam(jam_file(tmp_path / "jam.jsonl"))
    assert sorted(jam.entries, key=repr) == sorted(entries, key=repr)
    assert list(jam.played) == played
    assert len(jam.struck) == 18
    assert not jam.flat_velocity


def test_what_was_undone_is_not_learnt_from_neither_the_players_nor_jamds(tmp_path: Path) -> None:
    log = jam_file(tmp_path / "jam.jsonl")
    whole = read_jam(log)
    since = [e for e in whole.played if e.kind is Kind.NOTE_ON][1].time_ns
    until = max(e.time_ns for e in (*whole.entries, *whole.played)) + 1
    log.write_text(log.read_text() + json.dumps({"type": "undone", "time_ns": until, "since_ns": since}) + "\n")
    jam = read_jam(log)
    assert [e for e in jam.played if e.kind is Kind.NOTE_ON] == [
        e for e in whole.played if e.kind is Kind.NOTE_ON and e.time_ns < since
    ]
    assert list(jam.struck) == [e for e in whole.struck if e.time_ns < since] != list(whole.struck)


def test_a_jam_and_its_mid_are_one_recording(tmp_path: Path) -> None:
    log = jam_file(tmp_path / "jam.jsonl")
    build_midi(log, tmp_path / "jam.mid")
    found = read_folder(tmp_path)
    assert [r.name for r in found.recordings] == ["jam.jsonl"]
    assert isinstance(found.recordings[0].music, Jam)
    assert found.skipped == [("jam.mid", "the jam of jam.jsonl")]


def test_a_jams_mid_without_its_log_is_not_learnt_for_half_of_it_is_jamds(tmp_path: Path) -> None:
    build_midi(jam_file(tmp_path / "else" / "jam.jsonl"), tmp_path / "jam.mid")
    with pytest.raises(MidiFileError, match="jamd's own playing"):
        read_midi(tmp_path / "jam.mid")


def test_a_copy_is_the_same_recording(tmp_path: Path) -> None:
    shutil.copy(tune_file(tmp_path / "a.mid"), tmp_path / "b.mid")
    found = read_folder(tmp_path)
    assert [r.name for r in found.recordings] == ["a.mid"]
    assert found.skipped == [("b.mid", "the same as a.mid")]


def test_a_torn_last_line_costs_nothing_but_itself(tmp_path: Path) -> None:
    log = jam_file(tmp_path / "jam.jsonl")
    whole = read_jam(log)
    log.write_text(log.read_text() + '{"type":"played","time_')
    assert read_jam(log) == whole


def test_bad_files_are_named_with_their_reason_and_the_others_are_read(tmp_path: Path) -> None:
    folder = player_folder(tmp_path)
    tune_file(folder / "short.mid", notes=FEWEST_NOTES - 1)
    jam_file(folder / "few.jsonl", turns=1, notes=FEWEST_NOTES - 1)
    (folder / "empty.jsonl").write_text("")
    (folder / "other.jsonl").write_text('{"a": 1}\n')
    log = jam_file(folder / "damaged.jsonl").read_text().splitlines()
    (folder / "damaged.jsonl").write_text("\n".join([log[0], '{"type":"turn"}', *log[2:]]) + "\n")
    (folder / "played.jsonl").write_text("\n".join([*log, '{"type":"played","kind":"note_on"}']) + "\n")
    found = read_folder(folder)
    assert len(found.recordings) == 7
    reasons = dict(found.skipped)
    assert reasons.keys() == {
        "broken.mid", "short.mid", "few.jsonl", "empty.jsonl", "other.jsonl", "damaged.jsonl", "played.jsonl",
    }  # fmt: skip
    assert reasons["short.mid"].startswith(f"{FEWEST_NOTES - 1} notes")
    assert "line 2" in reasons["damaged.jsonl"]
    assert all("\n" not in why and why for why in reasons.values())


def test_a_folder_with_nothing_to_learn_from_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder"):
        read_folder(tmp_path / "none")
    with pytest.raises(ConfigError, match=r"no \.mid file"):
        read_folder(tmp_path)
    (tmp_path / "a.mid").write_bytes(b"no")
    with pytest.raises(ConfigError, match=r"a\.mid"):
        read_folder(tmp_path)


def test_the_same_folder_gives_the_same_recordings_in_the_same_order(tmp_path: Path) -> None:
    folder = player_folder(tmp_path)
    first = read_folder(folder)
    assert [r.name for r in first.recordings] == sorted(r.name for r in first.recordings)
    assert read_folder(folder).recordings == first.recordings
    assert {type(r.music) for r in first.recordings} == {Piece, Jam}
