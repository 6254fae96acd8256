"""`python -m training prepare`: the cache, its manifest, and what becomes of bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("symusic")

from click.testing import CliRunner, Result

from jamd.music.events import Kind, Performed
from jamd.music.timeline import Timeline
from jamd.remi.decoder import decode
from jamd.remi.grammar import Grammar
from jamd.remi.vocabulary import BOS, CALL, FINGERPRINT, NOTE_ON, RESPONSE, SIZE
from tests.training.tiny_sets import packed, write_manifest
from training.augment import Key, reading, variant_log
from training.corpus import sets
from training.corpus.piece import PieceRow
from training.prepare import prepare_command

ALL = "pop909,piano_rolls,openscore_lieder,mutopia_keyboard,chopin_first_editions"


def invoke(data: Path, out: Path, *more: str) -> Result:
    return CliRunner().invoke(prepare_command, ["--data", str(data), "--out", str(out), "--workers", "1", *more])


def cache(out: Path) -> tuple[dict[str, Any], np.ndarray]:
    return json.loads((out / "manifest.json").read_text()), np.fromfile(out / "tokens.bin", "<u2")


@pytest.fixture
def made(data: Path, tmp_path: Path) -> Path:
    out = tmp_path / "cache"
    result = invoke(data, out, "--variants", "3")
    assert result.exit_code == 0, result.output
    return out


def test_pieces_tile_the_token_file_each_from_its_bos(made: Path) -> None:
    manifest, tokens = cache(made)
    end = 0
    for piece in manifest["pieces"]:
        assert piece["start"] == end
        end += piece["length"]
        ids = tokens[piece["start"] : end]
        assert ids[0] == BOS and ids[1] in (CALL, RESPONSE) and np.count_nonzero(ids == BOS) == 1
        assert piece["notes"] == np.count_nonzero((ids >= NOTE_ON.first) & (ids < NOTE_ON.first + 128)) > 0
    assert end == len(tokens) == manifest["tokens"] and tokens.max() < SIZE


def test_training_pieces_have_every_variant_and_validation_pieces_one(made: Path) -> None:
    manifest, _ = cache(made)
    told = [(p["set"], p["piece"], p["split"], p["variant"]) for p in manifest["pieces"]]
    assert told == [
        *(("pop909", "001", "train", v) for v in range(3)),
        ("pop909", "002", "valid", 0),
        *(("piano_rolls", "roll", "train", v) for v in range(3)),
        *(("openscore_lieder", "song", "train", v) for v in range(3)),
        *(("mutopia_keyboard", "BachJS/free", "train", v) for v in range(3)),
        ("mutopia_keyboard", "SatieE/credit", "valid", 0),
        *(("chopin_first_editions", "008-1", "train", v) for v in range(3)),
    ]


def test_no_group_is_on_both_sides(made: Path) -> None:
    pieces = cache(made)[0]["pieces"]
    sides = {split: {p["group"] for p in pieces if p["split"] == split} for split in ("train", "valid")}
    assert sides["train"] and sides["valid"] and not sides["train"] & sides["valid"]


def test_the_manifest_says_where_the_tokens_come_from(made: Path, data: Path) -> None:
    manifest, _ = cache(made)
    assert manifest["fingerprint"] == FINGERPRINT
    assert manifest["settings"] == {
        "variants": 3,
        "seed": 1,
        "sets": ALL.split(","),
        "any_licence": False,
    }
    assert [(s["set"], s["licence"], s["pieces"]) for s in manifest["sources"]] == [
        ("pop909", "MIT", 2),
        ("piano_rolls", "MIT", 1),
        ("openscore_lieder", "CC0 1.0", 1),
        ("mutopia_keyboard", "PD, CC BY or CC BY-SA", 2),
        ("chopin_first_editions", "CC BY 4.0", 1),
    ]
    for source in manifest["sources"]:
        assert source["sha256"] == sets.checksum(data / f"{source['set']}.tar.xz")
    flat = {p["set"]: p["flat_velocity"] for p in manifest["pieces"]}
    assert {name for name, is_flat in flat.items() if is_flat} == {
        "piano_rolls",
        "mutopia_keyboard",
        "chopin_first_editions",
    }


# licences


def test_only_pieces_for_any_use_are_taken_of_a_mixed_set(made: Path) -> None:
    manifest, _ = cache(made)
    taken = {p["piece"]: p["licence"] for p in manifest["pieces"] if p["set"] == "mutopia_keyboard"}
    assert taken == {"BachJS/free": "PD", "SatieE/credit": "CC BY 2.5"}
    (source,) = [s for s in manifest["sources"] if s["set"] == "mutopia_keyboard"]
    assert source["left_for_licence"] == 1 and source["licences"] == {"PD": 1, "CC BY 2.5": 1}
    assert manifest["tier"] == "A" and {p["tier"] for p in manifest["pieces"]} == {"A"}


def test_any_licence_takes_the_rest_and_says_what_it_means(data: Path, tmp_path: Path) -> None:
    result = invoke(data, tmp_path / "cache", "--sets", "pop909,mutopia_keyboard", "--any-licence")
    assert result.exit_code == 0 and "LICENCE: mutopia_keyboard is SA" in result.output
    assert result.output.count("LICENCE") == 1 and "Tier SA: share-alike" in result.output
    manifest, _ = cache(tmp_path / "cache")
    assert {p["piece"]: p["tier"] for p in manifest["pieces"] if p["set"] != "pop909"} == {
        "BachJS/free": "A",
        "BachJS/alike": "SA",
        "SatieE/credit": "A",
    }
    assert manifest["tier"] == "SA" and manifest["settings"]["any_licence"]


def test_a_set_that_is_named_is_taken_and_its_tier_is_said(data: Path, tiny_chopin: Path, tmp_path: Path) -> None:
    packed(tiny_chopin, data, "joplin_kern")
    result = invoke(data, tmp_path / "cache", "--sets", "chopin_first_editions,joplin_kern")
    assert "LICENCE: joplin_kern is NC (CC BY-NC-SA 4.0): non-commercial" in result.output
    assert cache(tmp_path / "cache")[0]["tier"] == "NC"


def test_the_default_sets_need_no_licence_but_the_freest() -> None:
    assert ",".join(sets.DEFAULT) == ALL
    assert {sets.SETS[name].tier for name in sets.DEFAULT} == {"A"}


def test_maestro_is_prepared_from_its_folder_by_its_own_split(tiny_maestro: Path, tmp_path: Path) -> None:
    result = invoke(tiny_maestro.parent, tmp_path / "cache", "--sets", "maestro", "--variants", "2")
    manifest, _ = cache(tmp_path / "cache")
    assert [(p["piece"], p["split"], p["variant"]) for p in manifest["pieces"]] == [
        ("2018/0.midi", "train", 0),
        ("2018/0.midi", "train", 1),
        ("2018/2.midi", "valid", 0),
    ]
    (source,) = manifest["sources"]
    assert [s["piece"] for s in source["skipped"]] == ["2018/1.midi", "2018/3.midi"] and manifest["tier"] == "NC"
    assert source["sha256"] == sets.SETS["maestro"].checksum(tiny_maestro.parent)
    assert "2 skipped" in result.output


def test_the_checksum_of_maestro_is_that_of_its_table_and_all_its_files(tiny_maestro: Path) -> None:
    def checksum() -> str:
        return sets.SETS["maestro"].checksum(tiny_maestro.parent)

    found, table = {checksum()}, tiny_maestro / "maestro-v3.0.0.csv"
    (tiny_maestro / "unnamed.midi").write_bytes(b"no part of it")
    assert {checksum()} == found
    changed = bytearray((tiny_maestro / "2018" / "0.midi").read_bytes())
    changed[-8] ^= 1
    (tiny_maestro / "2018" / "0.midi").write_bytes(changed)
    found.add(checksum())
    (tiny_maestro / "2018" / "2.midi").unlink()
    found.add(checksum())
    table.write_text(table.read_text().replace("9.5", "9.6"))
    assert len(found | {checksum()}) == 4


def test_a_data_folder_without_maestro_is_refused(data: Path, tmp_path: Path) -> None:
    result = invoke(data, tmp_path / "cache", "--sets", "maestro")
    assert result.exit_code == 2 and "maestro-v3.0.0.csv cannot be read" in result.output


# groups


def test_a_group_that_validates_in_one_set_validates_in_all(
    data: Path, tiny_rolls: Path, tiny_chopin: Path, tmp_path: Path
) -> None:
    write_manifest(tiny_chopin, [("008-1", "valid")], groups=["piano_rolls/roll"])
    packed(tiny_chopin, data, "chopin_first_editions")
    result = invoke(data, tmp_path / "cache", "--sets", "piano_rolls,chopin_first_editions")
    manifest, _ = cache(tmp_path / "cache")
    assert [(p["set"], p["split"], p["variant"]) for p in manifest["pieces"]] == [
        ("piano_rolls", "valid", 0),
        ("chopin_first_editions", "valid", 0),
    ]
    assert [s["moved_to_valid"] for s in manifest["sources"]] == [1, 0]
    assert "1 moved to valid" in result.output


def test_a_piece_left_for_its_licence_moves_no_group(data: Path, tiny_mutopia: Path, tmp_path: Path) -> None:
    lines = [("BachJS/free", "train"), ("BachJS/alike", "valid"), ("SatieE/credit", "valid")]
    write_manifest(tiny_mutopia, lines, ["PD", "CC BY-SA 4.0", "PD"], ["same", "same", "other"])
    packed(tiny_mutopia, data, "mutopia_keyboard")
    invoke(data, tmp_path / "free", "--sets", "mutopia_keyboard", "--variants", "1")
    invoke(data, tmp_path / "any", "--sets", "mutopia_keyboard", "--variants", "1", "--any-licence")
    assert [p["split"] for p in cache(tmp_path / "free")[0]["pieces"]] == ["train", "valid"]
    assert [p["split"] for p in cache(tmp_path / "any")[0]["pieces"]] == ["valid"] * 3


# what is in the cache


def test_the_grammar_accepts_every_piece(made: Path) -> None:
    manifest, tokens = cache(made)
    for piece in manifest["pieces"]:
        grammar = Grammar()
        for token in tokens[piece["start"] : piece["start"] + piece["length"]].tolist():
            assert grammar.accepts(token)
            grammar.advance(token)


def test_a_decoded_piece_has_every_onset_within_a_hundredth_of_a_beat(made: Path, tiny_pop909: Path) -> None:
    manifest, tokens = cache(made)
    cached = next(p for p in manifest["pieces"] if p["split"] == "valid")
    piece = sets.SETS["pop909"].read(tiny_pop909, PieceRow("002", "", "valid", ""))
    key = Key(1, "pop909", "002", 0)
    assert reading(piece, key, key.rng(), train=False).free_bpm is None
    expected, holds = [], None
    for entry in variant_log(piece, key, train=False):
        if isinstance(entry, Timeline):
            holds = entry
        elif isinstance(entry, Performed) and entry.kind is Kind.NOTE_ON:
            assert holds is not None
            expected.append((holds.tick_at(entry.time_ns), entry.number))
    notes, _ = decode(tokens[cached["start"] : cached["start"] + cached["length"]].tolist())
    assert len(notes) == cached["notes"] == len(expected)
    line = expected[0][0] // 1920 * 1920
    for note, (tick, pitch) in zip(sorted(notes), sorted(expected), strict=True):
        assert note.pitch == pitch and abs(note.onset - (tick - line)) <= 4


def test_the_number_of_workers_changes_no_byte(made: Path, data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert invoke(data, other, "--variants", "3", "--workers", "2").exit_code == 0
    assert (other / "tokens.bin").read_bytes() == (made / "tokens.bin").read_bytes()
    assert cache(other)[0]["pieces"] == cache(made)[0]["pieces"]


def test_another_seed_gives_other_tokens(made: Path, data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert invoke(data, other, "--variants", "3", "--seed", "2").exit_code == 0
    assert (other / "tokens.bin").read_bytes() != (made / "tokens.bin").read_bytes()


def test_a_bad_file_is_named_skipped_and_counted(data: Path, tiny_pop909: Path, tmp_path: Path) -> None:
    (tiny_pop909 / "001" / "001.mid").write_bytes(b"not music")
    packed(tiny_pop909, data, "pop909")
    result = invoke(data, tmp_path / "cache", "--sets", "pop909")
    assert result.exit_code == 0
    assert "skipped pop909/001: 001.mid" in result.output and "1 skipped" in result.output
    (source,) = cache(tmp_path / "cache")[0]["sources"]
    assert source["pieces"] == 1 and [s["piece"] for s in source["skipped"]] == ["001"]


def test_an_unknown_set_is_refused_and_nothing_is_written(data: Path, tmp_path: Path) -> None:
    result = invoke(data, tmp_path / "cache", "--sets", "pop909,piano_rols")
    assert result.exit_code == 2 and 'Did you mean "piano_rolls"?' in result.output
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("content", [None, b"", b"not an archive"])
def test_an_archive_that_cannot_be_used_keeps_the_older_cache(made: Path, data: Path, content: bytes | None) -> None:
    archive = data / "pop909.tar.xz"
    before = (made / "tokens.bin").read_bytes()
    archive.unlink() if content is None else archive.write_bytes(content)
    result = invoke(data, made)
    assert result.exit_code == 2 and "pop909.tar.xz" in result.output and "Traceback" not in result.output
    assert (made / "tokens.bin").read_bytes() == before and cache(made)[0]["tokens"] * 2 == len(before)


@pytest.mark.parametrize("names", ["", " , "])
def test_no_set_at_all_is_refused_and_nothing_is_written(data: Path, tmp_path: Path, names: str) -> None:
    result = invoke(data, tmp_path / "cache", "--sets", names)
    assert result.exit_code == 2 and "No set is named" in result.output and "pop909" in result.output
    assert not (tmp_path / "cache").exists()


def test_where_no_piece_can_be_taken_the_older_cache_stays(
    made: Path, data: Path, tiny_mutopia: Path, tmp_path: Path
) -> None:
    lines = [("BachJS/free", "train"), ("BachJS/alike", "train")]
    write_manifest(tiny_mutopia, lines, ["CC BY-SA 4.0", "CC BY-SA 4.0"])
    packed(tiny_mutopia, data, "mutopia_keyboard")
    before = {p.name: p.read_bytes() for p in made.iterdir()}
    result = invoke(data, made, "--sets", "mutopia_keyboard")
    assert result.exit_code == 2 and "2 are left for their licence" in result.output
    assert {p.name: p.read_bytes() for p in made.iterdir()} == before


def test_a_truncated_archive_is_refused(data: Path, tmp_path: Path) -> None:
    archive = data / "pop909.tar.xz"
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    result = invoke(data, tmp_path / "cache", "--sets", "pop909")
    assert result.exit_code == 2 and "cannot be unpacked" in result.output


def test_a_folder_that_cannot_be_written_is_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = invoke(data, tmp_path / "file" / "cache", "--sets", "pop909")
    assert result.exit_code == 2 and "cannot be written" in result.output


def test_a_manifest_without_a_column_is_refused(data: Path, tiny_rolls: Path, tmp_path: Path) -> None:
    (tiny_rolls / "manifest.tsv").write_text("piece\tgroup\nroll\tg\n")
    packed(tiny_rolls, data, "piano_rolls")
    result = invoke(data, tmp_path / "cache", "--sets", "piano_rolls")
    assert result.exit_code == 4 and 'piano_rolls.tar.xz: manifest.tsv has no column "split"' in result.output


def test_a_fault_of_the_encoder_names_the_piece_and_is_not_skipped(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(entries: object) -> list[int]:
        raise KeyError("a fault")

    monkeypatch.setattr("training.prepare.tokenize", broken)
    result = invoke(data, tmp_path / "cache", "--sets", "pop909")
    assert isinstance(result.exception, KeyError)
    assert result.exception.__notes__ == ["while reading pop909/001"]
    assert not (tmp_path / "cache" / "manifest.json").exists()


def test_an_archive_without_a_manifest_is_refused(data: Path, tiny_rolls: Path, tmp_path: Path) -> None:
    (tiny_rolls / "manifest.tsv").unlink()
    packed(tiny_rolls, data, "piano_rolls")
    result = invoke(data, tmp_path / "cache", "--sets", "piano_rolls")
    assert result.exit_code == 2 and "holds no manifest.tsv" in result.output
