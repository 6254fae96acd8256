"""Performances on their annotated beats: bars, metres, upbeats, pauses."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("symusic")

from jamd.errors import MidiFileError
from jamd.music.timeline import FOUR_FOUR, Metre
from tests.training.tiny_sets import midi_file, note, write_manifest
from training.corpus import asap, sets
from training.corpus.asap import Beat, beats_a_bar, grid_of, with_pauses_counted
from training.corpus.grid import BarMark
from training.corpus.piece import PieceRow


def played(count: int, a_bar: int, metre: Metre, upbeats: int = 0, span: float = 0.5) -> list[Beat]:
    """Even beats; the metre is stated at the first downbeat."""
    downs = [(i - upbeats) % a_bar == 0 and i >= upbeats for i in range(count)]
    return [Beat(1 + span * i, down, metre if i == upbeats else None) for i, down in enumerate(downs)]


@pytest.mark.parametrize(
    ("signature", "count"),
    [
        ((4, 4), 4),
        ((2, 2), 2),
        ((3, 4), 3),
        ((3, 8), 3),
        ((6, 8), 2),
        ((12, 8), 4),
        ((6, 4), 2),
        ((12, 16), 4),
        ((5, 8), 5),
    ],
)
def test_beats_of_a_bar_fill_it(signature: tuple[int, int], count: int) -> None:
    metre = Metre(*signature)
    assert beats_a_bar(metre) == count
    grid, irregular = grid_of(played(4 * count + 1, count, metre))
    assert grid.bars == (BarMark(0, metre),) and irregular == (0 if metre != Metre(5, 8) else 5)
    for bar in range(4):
        assert grid.time_at(bar * metre.ticks) == pytest.approx(1e9 + 0.5e9 * count * bar, abs=1e6)


@given(st.integers(0, 3), st.lists(st.floats(0.3, 0.8), min_size=24, max_size=24))
def test_every_downbeat_of_a_rubato_performance_is_a_bar_line(upbeats: int, spans: list[float]) -> None:
    stated, now = [], 0.0
    for i, (even, span) in enumerate(zip(played(24, 4, FOUR_FOUR, upbeats), spans, strict=True)):
        now += span if i else 0.0
        stated.append(even._replace(seconds=now))
    grid, _ = grid_of(stated)
    lines = list(grid.bar_lines(0, 480 * 30))
    for beat in stated:
        if beat.downbeat:
            assert min(abs(grid.time_at(line) - beat.seconds * 1e9) for line in lines) <= 10.1e6
    assert lines[0] == 0 and abs(grid.time_at(-upbeats % 4 * 480) - stated[0].seconds * 1e9) <= 1e5


def test_metre_changes_stand_on_their_downbeats() -> None:
    change = [*played(8, 4, FOUR_FOUR), Beat(5, True, Metre(6, 8)), Beat(5.5, False), Beat(6, True), Beat(6.5, False)]
    grid, irregular = grid_of(change)
    assert grid.bars == (BarMark(0, FOUR_FOUR), BarMark(3840, Metre(6, 8))) and not irregular


def test_a_bar_with_a_beat_more_is_one_of_five() -> None:
    five = [Beat(0.5 * i, i in (0, 4, 9, 13)) for i in range(14)]
    grid, _ = grid_of(five)
    assert grid.bars == (BarMark(0, FOUR_FOUR), BarMark(1920, Metre(5, 4)), BarMark(1920 + 2400, FOUR_FOUR))


def test_a_pause_counts_as_the_beats_that_it_lasts() -> None:
    times = [0.5 * i for i in range(10)] + [4.5 + 2.5 + 0.5 * i for i in range(10)]
    paused = [Beat(t, i % 4 == 0) for i, t in enumerate(times)]
    counted = with_pauses_counted(paused)
    assert [b.seconds for b in counted if b not in paused] == pytest.approx([5.0, 5.5, 6.0, 6.5])
    assert [b for b in counted if b in paused] == paused
    grid, _ = grid_of(paused)
    assert len(grid.tempi) == 1  # a steady pulse all through


@given(st.lists(st.floats(0.4, 0.6), min_size=2, max_size=30))
def test_without_a_pause_no_beat_is_added(spans: list[float]) -> None:
    times = [sum(spans[:i]) for i in range(len(spans) + 1)]
    even = [Beat(t, i % 3 == 0) for i, t in enumerate(times)]
    assert with_pauses_counted(even) == even


@pytest.fixture
def tiny_asap(tmp_path: Path) -> Path:
    """A piece with its score and two performances, the second without annotations; their ticks are dummies."""
    piece = tmp_path / "asap" / "Bach" / "Fugue"
    for name in ("midi_score", "Lin01M", "Anon02M"):
        midi_file(piece / f"{name}.mid", {"": [m for i in range(16) for m in note(300 * i, 200, 60 + i)]})
    beats = [f"{0.3125 * i}\t{0.3125 * i}\t" + ("db,3/4" if i == 0 else "db" if i % 3 == 0 else "b") for i in range(16)]
    (piece / "Lin01M_annotations.txt").write_text("\n".join([*beats, f"{5.0}\t5.0\tbR"]) + "\n")
    write_manifest(tmp_path / "asap", [("Bach/Fugue", "valid")])
    return tmp_path / "asap"


def test_every_performance_is_a_row_of_its_piece_and_the_score_is_none(tiny_asap: Path) -> None:
    rows = sets.SETS["asap"].rows(tiny_asap)
    assert [(r.piece, r.group, r.split) for r in rows] == [
        ("Bach/Fugue/Anon02M", "asap/Bach/Fugue", "valid"),
        ("Bach/Fugue/Lin01M", "asap/Bach/Fugue", "valid"),
    ]


def test_a_performance_stands_on_its_annotation_and_not_on_its_ticks(tiny_asap: Path) -> None:
    piece = sets.SETS["asap"].read(tiny_asap, PieceRow("Bach/Fugue/Lin01M", "g", "train", ""))
    assert piece.grid is not None
    assert [piece.grid.tick_at(n.on_ns) for n in piece.notes] == [480 * i for i in range(16)]
    assert piece.grid.bars == (BarMark(0, Metre(3, 4)),)


def test_a_performance_without_annotation_has_no_grid(tiny_asap: Path) -> None:
    piece = sets.SETS["asap"].read(tiny_asap, PieceRow("Bach/Fugue/Anon02M", "g", "train", ""))
    assert piece.grid is None and len(piece.notes) == 16


@pytest.mark.parametrize(
    "text", ["", "1\t1\n2\t2\n", "1\t1\tb\n2\t2\tb\n", "2\t2\tdb\n1\t1\tb\n", "1\t1\tdb,4\n", "x\tx\tdb\n"]
)
def test_an_annotation_without_sense_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "a_annotations.txt").write_text(text)
    with pytest.raises(MidiFileError, match=r"a_annotations\.txt"):
        asap.beats(tmp_path / "a_annotations.txt")
