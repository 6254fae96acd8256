"""Scores: their ticks, bars, tempi, hands and chords are their own, whatever the division of the file."""

from __future__ import annotations

from pathlib import Path

import mido
import pytest

pytest.importorskip("symusic")

from jamd.errors import MidiFileError
from jamd.music.timeline import FOUR_FOUR, Metre
from tests.training.tiny_sets import midi_file, note, scale
from training.corpus import sets
from training.corpus.grid import BarMark, Grid
from training.corpus.piece import Piece, PieceRow


def read(name: str, folder: Path, piece: str) -> tuple[Piece, Grid]:
    """A piece and its grid, which a score always has."""
    found = sets.SETS[name].read(folder, PieceRow(piece, "g", "train", ""))
    assert found.grid is not None
    return found, found.grid


def tempo(tick: int, bpm: float) -> tuple[int, mido.MetaMessage]:
    return tick, mido.MetaMessage("set_tempo", tempo=round(60e6 / bpm))


def ticks(piece: Piece, grid: Grid, channel: int = 0) -> list[int]:
    return [grid.tick_at(n.on_ns) for n in piece.notes if n.channel == channel]


def test_a_song_keeps_the_ticks_of_its_score_over_every_tempo(tiny_lieder: Path) -> None:
    piece, grid = read("openscore_lieder", tiny_lieder, "song")
    assert ticks(piece, grid) == [60 * i for i in range(64)]
    assert {n.channel for n in piece.notes} == {0, 1}
    assert len(piece.voice) == 4 and {n.channel for n in piece.voice} == {2}


@pytest.mark.parametrize("quarter", [96, 120, 384, 480, 1024])
def test_every_division_becomes_480_ticks_a_quarter(tmp_path: Path, quarter: int) -> None:
    midi_file(tmp_path / "midi" / "a.mid", {"right": scale(quarter)}, quarter)
    piece, grid = read("mutopia_keyboard", tmp_path, "a")
    assert ticks(piece, grid) == [480 * i for i in range(24)]


def test_bars_are_the_written_ones_and_the_last_of_two_signatures_at_a_tick_holds(tmp_path: Path) -> None:
    signs = [(0, 4, 4), (0, 3, 4), (2880, 6, 8)]
    metres = [(t, mido.MetaMessage("time_signature", numerator=n, denominator=d)) for t, n, d in signs]
    midi_file(tmp_path / "midi" / "a.mid", {"meta": metres, "right": scale(480)})
    _, grid = read("joplin_kern", tmp_path, "a")
    assert grid.bars == (BarMark(0, Metre(3, 4)), BarMark(2880, Metre(6, 8)))


def test_a_file_that_says_no_tempo_is_at_120_and_in_four_four(tmp_path: Path) -> None:
    midi_file(tmp_path / "midi" / "a.mid", {"right": scale(480)})
    _, grid = read("nottingham", tmp_path, "a")
    assert abs(grid.time_at(960) - 1_000_000_000) <= 1e5 and grid.bars == (BarMark(0, FOUR_FOUR),)


def test_bars_of_one_beat_throughout_are_no_bars(tmp_path: Path) -> None:
    one = (0, mido.MetaMessage("time_signature", numerator=1, denominator=4))
    midi_file(tmp_path / "midi" / "a.mid", {"SOLO": [one, *scale(480)]})
    piece = sets.SETS["wjazzd"].read(tmp_path, PieceRow("a", "g", "train", ""))
    assert piece.grid is None and len(piece.notes) == 24


def test_strings_of_a_trio_and_drums_are_left_out(tiny_chopin: Path) -> None:
    piece, _ = read("chopin_first_editions", tiny_chopin, "008-1")
    assert {n.pitch for n in piece.notes} == {36, *range(60, 72)} and {n.channel for n in piece.notes} == {0, 1}


def test_a_solo_is_read_without_its_made_up_bass_and_with_its_chords(tmp_path: Path) -> None:
    tracks = {"meta": [tempo(0, 120)], "SOLO": note(0, 400, 70), "BASS-AUTO": note(0, 400, 40)}
    midi_file(tmp_path / "midi" / "a.mid", tracks)
    (tmp_path / "chords").mkdir()
    table = ["start_beat\tend_beat\tstart_sec\tend_sec\tchord", "0\t1\t0\t1\tC:maj7", "1\t2\t1\t2\tC:maj"]
    table += ["2\t3\t2\t3\tBb:9(13)", "6\t7\t6\t7\tF:min7/Eb"]
    (tmp_path / "chords" / "a.tsv").write_text("\n".join(table) + "\n")
    piece, grid = read("wjazzd", tmp_path, "a")
    assert [n.pitch for n in piece.notes] == [70]
    told = [(grid.tick_at(c.time_ns), c.chord) for c in piece.chords]
    assert told == [(0, "C:maj"), (960, "A#:dom"), (1440, "N:N"), (2880, "F:min"), (3360, "N:N")]


def test_lead_sheet_chords_hold_until_the_next(tmp_path: Path) -> None:
    midi_file(tmp_path / "midi" / "a.mid", {"IMPRO": scale(480)})
    (tmp_path / "chords").mkdir()
    (tmp_path / "chords" / "a.tsv").write_text("beat\tseconds\tchord\tcode\n4\t2\tCm7\t0\n6\t3\tF?\t0\n")
    piece, grid = read("djazz", tmp_path, "a")
    assert [(grid.tick_at(c.time_ns), c.chord) for c in piece.chords] == [(1920, "C:min"), (2880, "N:N")]


@pytest.mark.parametrize(
    "table", ["beat\tchord\nx\tC7\n", "beat\tchord\n1\tH7\n", "time\tchord\n1\tC7\n", "beat\tchord\n1\n"]
)
def test_a_chord_table_without_sense_is_an_error_that_names_it(tmp_path: Path, table: str) -> None:
    midi_file(tmp_path / "midi" / "a.mid", {"IMPRO": scale(480)})
    (tmp_path / "chords").mkdir()
    (tmp_path / "chords" / "a.tsv").write_text(table)
    with pytest.raises(MidiFileError, match=r"chords/a\.tsv"):
        read("djazz", tmp_path, "a")


def test_rubato_keeps_every_tick_and_small_changes_of_tempo_are_not_told(tmp_path: Path) -> None:
    curve = [tempo(480 * i, 100 + i % 2) for i in range(24)]
    midi_file(
        tmp_path / "midi" / "Bach" / "a.mid", {"meta": curve, "Piano right": scale(480), "Piano left": scale(480)}
    )
    piece, grid = read("piano_midi_de", tmp_path, "Bach/a.mid")
    assert ticks(piece, grid, 0) == ticks(piece, grid, 1) == [480 * i for i in range(24)]
    assert len(grid.tempi) < 6
    told, _ = read("mutopia_keyboard", tmp_path, "Bach/a")
    off = [abs(a.on_ns - b.on_ns) for a, b in zip(piece.notes, told.notes, strict=True)]
    assert max(off) <= 11e6


def test_a_real_ritardando_is_told(tmp_path: Path) -> None:
    curve = [tempo(480 * i, 100 - 3 * i) for i in range(24)]
    midi_file(tmp_path / "midi" / "a.mid", {"meta": curve, "Piano right": scale(480)})
    _, grid = read("piano_midi_de", tmp_path, "a")
    assert len(grid.tempi) > 12 and grid.tempi[-1].ns_per_quarter > 1.5 * grid.tempi[0].ns_per_quarter


def test_pedal_moves_stand_on_their_ticks(tmp_path: Path) -> None:
    down = (240, mido.Message("control_change", control=64, value=127))
    up = (960, mido.Message("control_change", control=64, value=0))
    midi_file(tmp_path / "midi" / "a.mid", {"meta": [tempo(0, 60)], "right": [*scale(480), down, up]})
    piece, grid = read("piano_midi_de", tmp_path, "a")
    assert [(grid.tick_at(m.time_ns), m.value) for m in piece.pedal] == [(240, 127), (960, 0)]
