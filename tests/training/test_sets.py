"""The table of sets: licences, folders of strangers, MAESTRO's own folder, manifests."""

from __future__ import annotations

import pickle
from pathlib import Path

import mido
import pytest

pytest.importorskip("symusic")

from jamd.errors import ConfigError, MidiFileError
from tests.training.tiny_sets import MAESTRO_COLUMNS, midi_file, note, packed, pop909_song, scale, write_manifest
from training.corpus import generic, maestro, manifest, sets
from training.corpus.licence import MEANING, strictest, tier_of
from training.corpus.piece import PieceRow


@pytest.mark.parametrize(
    ("licence", "tier"),
    [
        ("PD", "A"),
        ("CC0 1.0", "A"),
        ("MIT", "A"),
        ("CC BY 2.5", "A"),
        ("CC BY-SA 4.0", "SA"),
        ("ODbL-1.0 (solo)", "SA"),
        ("CC BY-NC-SA 4.0", "NC"),
        ("MIT (repository); the same is CC BY-NC 4.0 elsewhere", "NC"),
        ("GPL-3.0", "GPL"),
        ("CC BY-ND 4.0", "?"),
        ("all rights reserved", "?"),
        ("", "?"),
    ],
)
def test_a_licence_has_a_tier(licence: str, tier: str) -> None:
    assert tier_of(licence) == tier


def test_weights_have_the_strictest_tier_of_their_data() -> None:
    assert strictest(["A", "NC", "SA"]) == "NC" and strictest([]) == "A"
    assert {s.tier for s in sets.SETS.values()} == set(MEANING)


def test_only_a_mixed_set_asks_the_piece_for_its_licence() -> None:
    row = PieceRow("a", "g", "train", "CC BY-NC 4.0")
    assert sets.SETS["mutopia_keyboard"].tier_of(row) == "NC" and sets.SETS["pop909"].tier_of(row) == "A"


def test_unknown_set_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError) as caught:
        sets.named(["pop90"])
    assert 'Did you mean "pop909"?' in caught.value.hint


def test_a_set_named_twice_is_taken_once_and_every_set_has_somebody_to_credit() -> None:
    assert [s.name for s in sets.named(["pop909", "asap", "pop909"])] == ["pop909", "asap"]
    assert all(s.credit and s.licence for s in sets.SETS.values())


def test_a_set_without_notes_is_refused_with_the_reason() -> None:
    with pytest.raises(ConfigError, match="no MIDI"):
        sets.named(["improvisor_leadsheets"])


# folders

OFF = [m for i in range(30) for m in note(377 * i, 300, 60)]


@pytest.fixture
def strange(tmp_path: Path, tiny_lieder: Path) -> Path:
    """A data folder with a known set, a part of it under another name, a stranger and one without notes."""
    folder, data = tmp_path / "etudes", tmp_path / "strange"
    midi_file(folder / "midi" / "written.mid", {"a": scale(480)})
    midi_file(folder / "midi" / "played.mid", {"a": [m for i in range(30) for m in note(377 * i, 300, 60)]})
    write_manifest(folder, [("written", "valid"), ("played", "valid")], ["PD", "CC BY-NC 4.0"])
    for name in ("etudes", "improvisor_leadsheets"):
        packed(folder, data, name)
    for name in ("openscore_lieder", "openscore_lieder_more"):
        packed(tiny_lieder, data, name)
    return data


def test_all_sets_of_a_folder_are_found_strangers_last(strange: Path) -> None:
    names = [s.name for s in sets.of_folder(strange)]
    assert names == ["openscore_lieder", "etudes", "openscore_lieder_more"]


def test_a_part_of_a_known_set_is_read_as_that_set_is(strange: Path, tmp_path: Path) -> None:
    more = sets.of_folder(strange)[-1]
    folder = more.open(strange, tmp_path / "more")
    (row,) = more.rows(folder)
    assert len(more.read(folder, row).voice) == 4


AKIN = ["pop909", "asap", "wjazzd", "openscore_lieder", "piano_rolls", "mutopia_keyboard", "maestro"]


@pytest.mark.parametrize("known", AKIN)
def test_plain_files_under_the_name_of_a_known_set_are_read_like_anybodys(tmp_path: Path, known: str) -> None:
    midi_file(tmp_path / "plain" / "midi" / "a.mid", {"Keys": OFF})
    write_manifest(tmp_path / "plain", [("a", "test")])
    packed(tmp_path / "plain", tmp_path / "data", f"{known}_more")
    (source,) = sets.of_folder(tmp_path / "data")
    source = pickle.loads(pickle.dumps(source))
    folder = source.open(tmp_path / "data", tmp_path / "unpacked")
    (row,) = source.rows(folder)
    assert len(source.read(folder, row).notes) == 30


def test_a_broken_file_of_a_set_that_is_akin_is_not_read_otherwise(tmp_path: Path) -> None:
    pop909_song(tmp_path / "more", "001")
    (tmp_path / "more" / "001" / "bars.tsv").write_text("# bars=sure\n")
    write_manifest(tmp_path / "more", [("001", "test")])
    packed(tmp_path / "more", tmp_path / "data", "pop909_more")
    (source,) = sets.of_folder(tmp_path / "data")
    folder = source.open(tmp_path / "data", tmp_path / "unpacked")
    with pytest.raises(MidiFileError, match="table of beats"):
        source.read(folder, source.rows(folder)[0])


def test_a_stranger_has_a_grid_only_where_its_ticks_are_one(strange: Path, tmp_path: Path) -> None:
    etudes = pickle.loads(pickle.dumps(sets.of_folder(strange)[1]))
    folder = etudes.open(strange, tmp_path / "etudes_again")
    written, played = etudes.rows(folder)
    assert etudes.read(folder, written).grid is not None and etudes.read(folder, played).grid is None
    assert (etudes.tier_of(written), etudes.tier_of(played)) == ("A", "NC")


def test_no_stranger_is_taken_by_name(strange: Path) -> None:
    with pytest.raises(ConfigError, match="etudes"):
        sets.named(["etudes"])


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder"):
        sets.of_folder(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("more", "note_text", "bars"),
    [
        (
            [(0, mido.MetaMessage("set_tempo", tempo=400_000)), (900, mido.MetaMessage("set_tempo", tempo=500_000))],
            "",
            "",
        ),
        (
            [
                (0, mido.MetaMessage("time_signature", numerator=3, denominator=4)),
                (1440, mido.MetaMessage("time_signature", numerator=4, denominator=4)),
            ],
            "",
            "",
        ),
        ([], "Quantised by hand", ""),
        ([], "", "likely"),
    ],
)
def test_tempi_metres_or_the_manifest_make_ticks_a_grid(
    tmp_path: Path, more: list[tuple[int, mido.MetaMessage]], note_text: str, bars: str
) -> None:
    midi_file(tmp_path / "a.mid", {"meta": more, "a": OFF})
    assert generic.read(tmp_path, PieceRow("a", "g", "valid", "", note_text, bars)).grid is not None


@pytest.mark.parametrize("path", ["midi/B/a.mid", "B/a.mid", "B/a/a.mid", "files/x/a.mid"])
def test_a_stranger_keeps_its_files_where_it_likes(tmp_path: Path, path: str) -> None:
    midi_file(tmp_path / path, {"a": OFF})
    for name in ("B/a", "B/a.mid"):
        assert len(generic.read(tmp_path, PieceRow(name, "g", "valid", "")).notes) == 30
    with pytest.raises(MidiFileError, match="B/b"):
        generic.read(tmp_path, PieceRow("B/b", "g", "valid", ""))


# maestro


def test_maestro_keeps_its_own_split_and_a_work_is_a_group(tiny_maestro: Path) -> None:
    source = sets.SETS["maestro"]
    rows = source.rows(source.open(tiny_maestro.parent, tiny_maestro.parent / "unused"))
    assert [r.split for r in rows] == ["train", "train", "valid", "test"]
    assert [r.group for r in rows][:3] == ["maestro/Bach/Fugue, in C"] * 2 + ["maestro/Bach/Fugue, in D"]
    assert sets.of_folder(tiny_maestro.parent) == [source] and source.tier == "NC"


def test_maestro_may_lie_in_the_data_folder_itself(tiny_maestro: Path) -> None:
    assert sets.SETS["maestro"].archive(tiny_maestro) == tiny_maestro / maestro.TABLE


def test_a_maestro_performance_is_read_on_a_free_grid(tiny_maestro: Path) -> None:
    piece = maestro.read(tiny_maestro, maestro.rows(tiny_maestro)[0])
    assert piece.grid is None and len(piece.notes) == 30


@pytest.mark.parametrize(
    "text", ["composer,split\nBach,train\n", f"{MAESTRO_COLUMNS}\nBach,Fugue,half,1,a.midi,a.wav,1\n"]
)
def test_another_table_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / maestro.TABLE).write_text(text)
    with pytest.raises(MidiFileError, match=r"maestro-v3\.0\.0\.csv"):
        maestro.rows(tmp_path)


# manifests


def test_a_manifest_needs_three_columns_and_may_have_more(tmp_path: Path) -> None:
    (tmp_path / "manifest.tsv").write_text("piece\tgroup\tsplit\tbars\na\t\ttrain\tsure\n")
    assert manifest.rows(tmp_path) == [PieceRow("a", "a", "train", "", "", "sure")]


def test_a_manifest_may_have_cells_of_any_length_and_lines_that_are_short(tmp_path: Path) -> None:
    long = "M" * 200_000
    (tmp_path / "manifest.tsv").write_text(f"piece\tgroup\tsplit\tlicence\r\na\tg\tvalid\t{long}\r\nb\n")
    assert manifest.rows(tmp_path) == [PieceRow("a", "g", "valid", long), PieceRow("b", "b", "", "")]


@pytest.mark.parametrize("piece", ["", "/etc/passwd", "../../x", "a/../../x"])
def test_a_manifest_names_no_piece_outside_its_set(tmp_path: Path, piece: str) -> None:
    (tmp_path / "manifest.tsv").write_text(f"piece\tgroup\tsplit\n{piece}\tg\ttrain\n")
    with pytest.raises(MidiFileError, match="names a piece"):
        manifest.rows(tmp_path)
