"""The readers: beats, bars, chords and keys of each set, and what happens to odd bars and broken files."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("symusic")

from jamd.errors import JamdError, MidiFileError
from jamd.music.timeline import FOUR_FOUR, Metre
from jamd.remi.vocabulary import METRES
from training.corpus import sets
from training.corpus.chords import chord_name
from training.corpus.grid import BarMark, Grid, Tempo, few_knots, tempi_stated, tempi_through
from training.corpus.metres import Bar, marks, written
from training.corpus.piece import PieceRow, Struck, at, tidy

ROW = PieceRow("001", "g/001", "train", "MIT")


def test_pop909_beats_fall_on_quarters_and_downbeats_on_bar_lines(tiny_pop909: Path) -> None:
    piece = sets.SETS["pop909"].read(tiny_pop909, ROW)
    assert piece.grid is not None
    ticks = [piece.grid.tick_at(n.on_ns) for n in piece.notes if n.channel == 2]
    assert ticks == [1920 + 480 * i for i in range(len(ticks))]  # an upbeat, then bars, in spite of the MIDI's 1/4
    assert piece.grid.bars[0] == BarMark(1920, FOUR_FOUR)


def test_pop909_short_bar_has_its_own_metre(tiny_pop909: Path) -> None:
    piece = sets.SETS["pop909"].read(tiny_pop909, ROW)
    assert piece.grid is not None
    assert piece.grid.bars[1:] == (BarMark(1920 * 2, Metre(2, 4)), BarMark(1920 * 2 + 960, FOUR_FOUR))


def test_pop909_merges_the_three_tracks_and_no_other(tiny_pop909: Path) -> None:
    piece = sets.SETS["pop909"].read(tiny_pop909, ROW)
    assert {n.channel for n in piece.notes} == {0, 1, 2}
    assert [m.value for m in piece.pedal] == [127, 0]


def test_pop909_chords_stand_on_their_beats(tiny_pop909: Path) -> None:
    piece = sets.SETS["pop909"].read(tiny_pop909, ROW)
    assert piece.grid is not None
    told = [(piece.grid.tick_at(c.time_ns), c.chord) for c in piece.chords]
    assert told == [(1440, "N:N"), (1920, "C:maj"), (2880, "A#:min"), (3840, "G:dom")]


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("N", "N:N"),
        ("Bb:min7/b3", "A#:min"),
        ("C:maj(9)", "C:maj"),
        ("F#:7", "F#:dom"),
        ("D:9/5", "D:dom"),
        ("D:sus4(b7)", "D:dom"),
        ("D:sus4", "D:maj"),
        ("E:hdim7", "E:dim"),
        ("Ab:aug", "G#:aug"),
        ("G:minmaj7", "G:min"),
        ("G:6", "G:maj"),
        ("G:min7(b5)", "G:dim"),
        ("A:sus4(7)", "A:dom"),
        ("A:5", "A:maj"),
        ("Cmaj7", "C:maj"),
        ("Bb7", "A#:dom"),
        ("F#m7", "F#:min"),
        ("Em7b5", "E:dim"),
        ("F?", "N:N"),
    ],
)
def test_chord_labels_become_five_qualities(label: str, name: str) -> None:
    assert chord_name(label) == name


@pytest.mark.parametrize("label", ["H:maj", "H7", "Csus", ""])
def test_an_unknown_chord_is_refused(label: str) -> None:
    with pytest.raises(ValueError, match="unknown chord"):
        chord_name(label)


@pytest.mark.parametrize(
    "text", ["", "# bars=sure\n0.0\t1\t1\n", "# metre=4\n1.0\t1\t1\n0.5\t2\t0\n", "# metre=4\nx\n"]
)
def test_a_beat_table_without_sense_is_an_error_that_names_it(tiny_pop909: Path, text: str) -> None:
    (tiny_pop909 / "001" / "bars.tsv").write_text(text)
    with pytest.raises(MidiFileError, match=r"001/bars\.tsv"):
        sets.SETS["pop909"].read(tiny_pop909, ROW)


def test_a_broken_midi_file_is_an_error_that_names_it(tiny_pop909: Path) -> None:
    (tiny_pop909 / "001" / "001.mid").write_bytes(b"MThd\0\0")
    with pytest.raises(JamdError, match=r"001\.mid"):
        sets.SETS["pop909"].read(tiny_pop909, ROW)


def test_a_roll_has_pedal_and_no_grid(tiny_rolls: Path) -> None:
    piece = sets.SETS["piano_rolls"].read(tiny_rolls, PieceRow("roll", "g", "train", "MIT"))
    assert piece.grid is None
    assert [m.value for m in piece.pedal] == [100, 0]
    assert [n.on_ns for n in piece.notes] == [at(0.25 * i) for i in range(len(piece.notes))]


# bars


@given(st.lists(st.tuples(st.integers(1, 30), st.sampled_from([2, 4, 8])), min_size=1, max_size=12))
def test_every_written_bar_line_is_told_but_those_of_joined_bars(signatures: list[tuple[int, int]]) -> None:
    bars, tick = [], 0
    for metre in (Metre(*s) for s in signatures):
        bars.append(Bar(tick, metre.ticks, metre))
        tick += metre.ticks
    told, irregular = marks(bars)
    written_lines, lines = {b.tick for b in bars}, set(Grid((Tempo(0, 0, 48_000),), told).bar_lines(0, tick))
    assert lines <= written_lines and len(written_lines - lines) <= irregular
    if all(b.metre in METRES for b in bars):
        assert lines == written_lines and irregular == 0


@pytest.mark.parametrize(
    ("signatures", "told", "odd"),
    [
        ("0 6/8 2880 5/8 4080 1/8 4320 6/8", "0 6/8", 1),
        ("0 4/4 3840 3/4 5280 1/4 5760 4/4", "0 4/4", 1),
        ("0 4/4 1920 5/8 3120 4/4", "0 4/4 1920 5/8 3120 4/4", 1),
        ("0 7/4", "0 7/4", 1),
        ("0 3/2", "0 3/2", 0),
        ("0 4/4 2400 2/4", "0 4/4 2400 2/4", 1),
        ("960 3/4", "0 4/4 960 3/4", 0),
        ("0 6/8 1440 1/8 1680 6/8", "0 6/8 1440 3/8 1680 6/8", 1),
        ("0 1/4", "0 1/4", 1),
    ],
)
def test_parts_of_a_bar_are_joined_and_odd_bars_counted(signatures: str, told: str, odd: int) -> None:
    words = signatures.split()
    stated = [(int(t), Metre(*map(int, m.split("/")))) for t, m in zip(words[::2], words[1::2], strict=True)]
    found, irregular = marks(written(stated, stated[-1][0] + 10))
    assert (" ".join(f"{m.tick} {m.metre}" for m in found), irregular) == (told, odd)


def test_regular_bars_need_one_mark() -> None:
    assert marks(written([(0, Metre(3, 4))], 14400)) == ((BarMark(0, Metre(3, 4)),), 0)


# time


@given(st.lists(st.floats(0.3, 1.5), min_size=1, max_size=60))
def test_tempi_pass_through_their_knots_without_drift(spans: list[float]) -> None:
    times = [0.0]
    for span in spans:
        times.append(times[-1] + span * 1e9)
    grid = Grid(tempi_through([(480 * i, t) for i, t in enumerate(times)]), (BarMark(0, FOUR_FOUR),))
    assert all(abs(grid.time_at(480 * i) - t) <= 24_000 for i, t in enumerate(times))


@given(st.lists(st.floats(0.3, 1.5), min_size=2, max_size=60), st.integers(85, 115))
def test_stretched_timelines_keep_every_tick(spans: list[float], percent: int) -> None:
    knots, now = [(0, 0.0)], 0.0
    for i, span in enumerate(spans):
        now += span * 1e9
        knots.append((480 * (i + 1), now))
    grid = Grid(tempi_through(knots), (BarMark(0, FOUR_FOUR), BarMark(1920, Metre(3, 4))))
    timelines = grid.timelines(0, percent)
    for before, after in pairwise(timelines):
        assert before.tick_at(after.time_ns) == after.tick
    for tick in range(0, 480 * len(spans), 7):
        instant = grid.time_at(tick) * percent // 100
        holds = [t for t in timelines if t.time_ns <= instant][-1]
        assert holds.tick_at(instant) == tick


@given(st.lists(st.floats(-4e6, 4e6), min_size=3, max_size=100))
def test_jitter_within_the_tolerance_is_one_tempo(jitter: list[float]) -> None:
    beats = [(480 * i, 5e8 * i + j) for i, j in enumerate(jitter)]
    assert len(few_knots(beats, 1e7)) == 2


@given(st.lists(st.floats(0.3, 1.0), min_size=2, max_size=60))
def test_lines_between_kept_knots_miss_no_beat_by_more_than_the_tolerance(spans: list[float]) -> None:
    beats, now = [(0, 0.0)], 0.0
    for i, span in enumerate(spans):
        now += span * 1e9
        beats.append((480 * (i + 1), now))
    knots = few_knots(beats, 1e7)
    assert knots[0] == beats[0] and knots[-1] == beats[-1]
    for (t0, s0), (t1, s1) in pairwise(knots):
        for tick, instant in beats:
            if t0 <= tick <= t1:
                assert abs(s0 + (s1 - s0) * (tick - t0) / (t1 - t0) - instant) <= 1e7 + 1


def test_stated_tempi_are_continuous() -> None:
    grid = Grid(tempi_stated([(0, 4.8e8), (960, 9.6e8)]), (BarMark(0, FOUR_FOUR),))
    assert (grid.time_at(960), grid.time_at(1440)) == (960_000_000, 1_920_000_000)
    assert (grid.tick_at(959_999_999), grid.tick_at(960_000_000)) == (959, 960)


# keys


keys = st.builds(
    lambda on, span, pitch, velocity, channel: Struck(on * 100, (on + span) * 100, pitch, velocity, channel),
    st.integers(0, 50),
    st.integers(0, 30),
    st.integers(60, 62),
    st.integers(1, 127),
    st.integers(0, 1),
)


@given(st.lists(keys, max_size=30))
def test_tidy_notes_do_not_overlap_within_a_channel_and_lose_no_onset(notes: list[Struck]) -> None:
    out = tidy(notes)
    assert {(n.on_ns, n.pitch, n.channel) for n in out} == {(n.on_ns, n.pitch, n.channel) for n in notes}
    assert list(out) == sorted(out, key=lambda n: n.on_ns)
    for i, a in enumerate(out):
        assert a.off_ns > a.on_ns
        for b in out[i + 1 :]:
            assert (a.pitch, a.channel) != (b.pitch, b.channel) or b.on_ns >= a.off_ns
