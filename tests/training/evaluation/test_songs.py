"""What has trained is never measured, whatever a folder calls its splits; what cannot be read is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from jamd.errors import ConfigError
from jamd.remi.vocabulary import BAR, BOS, CALL, RESPONSE
from tests.training.tiny_sets import midi_file, packed, scale, write_manifest
from training.batches import REPORT, STOP, half_of
from training.evaluation.songs import ALL, gather, songs


def folder_of(tmp_path: Path, lines: list[tuple[str, str]], groups: list[str] | None = None, name: str = "new") -> Path:
    """A data folder with one set of piano pieces."""
    folder, data = tmp_path / name, tmp_path / "data"
    for i, (piece, _) in enumerate(lines):
        midi_file(folder / "midi" / f"{piece}.mid", {"PIANO": scale(480, 20 + i)})
    write_manifest(folder, lines, groups=groups or [])
    packed(folder, data, name)
    return data


def names(data: Path, split: str = REPORT, without: tuple[str, ...] = ()) -> set[str]:
    return {song.piece for song in songs(data, None, split=split, without_groups=without)}


VALID = [(f"p{i}", "valid") for i in range(8)]
OF_HALF = {half: {p for p, _ in VALID if half_of(f"new/{p}") == half} for half in (STOP, REPORT)}


def test_valid_rows_are_halved_and_train_rows_are_left_out(tmp_path: Path) -> None:
    data = folder_of(tmp_path, [*VALID, ("t", "train")])
    assert OF_HALF[REPORT] and OF_HALF[STOP]
    assert names(data, REPORT) == OF_HALF[REPORT]
    assert names(data, STOP) == OF_HALF[STOP]
    assert names(data, ALL) == {p for p, _ in VALID} | {"t"}


@pytest.mark.parametrize("split", ["test", "eval", "sealed", ""])
def test_a_folder_that_knows_no_train_and_valid_is_taken_whole(tmp_path: Path, split: str) -> None:
    data = folder_of(tmp_path, [(p, split) for p, _ in VALID])
    assert names(data) == {p for p, _ in VALID}


def test_a_group_that_trained_is_left_out_of_every_split_and_counted(tmp_path: Path) -> None:
    data = folder_of(tmp_path, [("a", "test"), ("b", "test"), ("c", "test")], ["g", "g", "h"])
    for split in (REPORT, ALL):
        found = gather(data, None, split=split, without_groups={"g"})
        assert [s.piece for s in found.songs] == ["c"]
        assert found.left_out == {"trained": 2}


def test_nothing_left_is_a_sentence_that_says_why(tmp_path: Path) -> None:
    data = folder_of(tmp_path, [("a", "train"), ("b", "test")], ["g", "h"])
    with pytest.raises(ConfigError, match="1 are marked train, 1 are in the training data"):
        songs(data, None, split=REPORT, without_groups={"h"})


def test_unknown_sets_and_empty_folders_are_sentences(tmp_path: Path) -> None:
    data = folder_of(tmp_path, [("a", "test")])
    with pytest.raises(ConfigError, match='No set "nev"') as caught:
        songs(data, ["nev"], split=REPORT, without_groups=())
    assert 'Did you mean "new"?' in caught.value.hint
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="no archive"):
        songs(tmp_path / "empty", None, split=REPORT, without_groups=())
    with pytest.raises(ConfigError, match="no folder"):
        songs(tmp_path / "nowhere", None, split=REPORT, without_groups=())


def test_a_bad_file_is_skipped_and_named(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder_of(tmp_path, [("a", "test"), ("b", "test")])
    (folder / "midi" / "a.mid").write_bytes(b"MThd no more")
    packed(folder, tmp_path / "data", "new")
    found = gather(tmp_path / "data", None, split=REPORT, without_groups=())
    assert [s.piece for s in found.songs] == ["b"]
    assert len(found.skipped) == 1
    assert found.skipped[0].startswith("new/a: ")


def test_so_many_songs_are_the_same_for_any_number_of_workers(tmp_path: Path) -> None:
    data = folder_of(tmp_path, [(p, "test") for p, _ in VALID])
    one = gather(data, None, split=REPORT, without_groups=(), at_most=3, workers=1).songs
    two = gather(data, None, split=REPORT, without_groups=(), at_most=3, workers=2).songs
    assert len(one) == 3
    assert [s.piece for s in one] == [s.piece for s in two]
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.tokens, b.tokens)
        np.testing.assert_array_equal(a.free, b.free)


def test_a_song_is_one_call_on_its_own_bars_and_on_the_free_grid(data: Path) -> None:
    found = {(s.set, s.piece): s for s in songs(data, None, split=ALL, without_groups=())}
    song, roll = found["pop909", "002"], found["piano_rolls", "roll"]
    assert song.group == "POP909/002"
    for ids in (song.tokens, song.free, roll.tokens):
        assert ids.dtype == np.uint16
        assert ids[0] == BOS
        assert (ids == CALL).sum() == 1
        assert not (ids == RESPONSE).any()
    assert (song.tokens == BAR).sum() == 3  # of 4, 2 and 4 beats
    np.testing.assert_array_equal(roll.tokens, roll.free)
    assert roll.flat_velocity
    assert not song.flat_velocity


def bad_archives(data: Path, whole: bytes) -> dict[str, str]:
    """Writes archives that cannot be used; what is to be said of each."""
    strange = data.parent / "strange"
    (data / "cut.tar.xz").write_bytes(whole[: len(whole) // 2])
    (data / "text.tar.xz").write_bytes(b"hello")
    midi_file(strange / "a.mid", {"PIANO": scale(480)})
    packed(strange, data, "bare")
    (strange / "manifest.tsv").write_text("piece\tsplit\na\ttest\n")
    packed(strange, data, "columns")
    (strange / "manifest.tsv").write_text("")
    packed(strange, data, "empty")
    return {
        "bare": "holds no manifest.tsv",
        "columns": 'has no column "group"',
        "cut": "cannot be unpacked",
        "empty": 'has no column "piece"',
        "text": "cannot be unpacked",
    }


def test_an_archive_that_cannot_be_used_is_skipped_and_named(tmp_path: Path) -> None:
    data = folder_of(tmp_path, [("a", "test"), ("b", "test")])
    faults = bad_archives(data, (data / "new.tar.xz").read_bytes())
    found = gather(data, None, split=REPORT, without_groups=())
    assert {s.piece for s in found.songs} == {"a", "b"}
    assert len(found.skipped) == len(faults)
    for said, (name, why) in zip(found.skipped, faults.items(), strict=True):
        assert f"{name}.tar.xz" in said and why in said and "\n" not in said


def test_nothing_but_bad_archives_is_a_sentence_that_names_one(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "text.tar.xz").write_bytes(b"hello")
    with pytest.raises(ConfigError, match=r"1 cannot be read \(.*text\.tar\.xz cannot be unpacked") as caught:
        songs(tmp_path / "data", None, split=REPORT, without_groups=())
    assert "--split all" not in caught.value.hint
