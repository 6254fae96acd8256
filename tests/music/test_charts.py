"""Charts: bars that go round on a Timeline, and errors that point at what is wrong."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.errors import ConfigError
from jamd.music.charts import Chart, beats_of, chart_file, charted
from jamd.music.events import Charted
from jamd.music.timeline import FOUR_FOUR, Metre, Timeline

MS = 1_000_000
SYMBOLS = ("Am7", "D7", "Gmaj7", "C", "N.C.", "F#m7b5/E")


def spelled(chart: Chart, beats: int = 4) -> list[str]:
    """Every beat of every bar, as it was written."""
    return [" ".join(chart.symbol_at(bar, beat, beats).text for beat in range(beats)) for bar in range(len(chart.bars))]


@pytest.mark.parametrize(
    ("text", "bars"),
    [
        ("Am7 | D7 | G | %", ["Am7 Am7 Am7 Am7", "D7 D7 D7 D7", "G G G G", "G G G G"]),
        ("| C G | Dm7 / / G7 ||", ["C C G G", "Dm7 Dm7 Dm7 G7"]),
        ("C Dm G7", ["C C Dm G7"]),
        ("C D | E F | %%", ["C C D D", "E E F F", "C C D D", "E E F F"]),
        ("# blues\nF#7 | B7 # turn\n\nN.C.", ["F#7 F#7 F#7 F#7", "B7 B7 B7 B7", "N.C. N.C. N.C. N.C."]),
        ("C | / / D /", ["C C C C", "C C D D"]),
    ],
)
def test_a_chart_reads_as_musicians_write_it(text: str, bars: list[str]) -> None:
    assert spelled(Chart.parse(text, FOUR_FOUR)) == bars


@pytest.mark.parametrize(
    ("metre", "text", "beats"),
    [((3, 4), "C G", "C C G"), ((6, 8), "C G", "C G"), ((6, 8), "C / / G / /", "C G"), ((5, 4), "C G", "C C C G G")],
)
def test_chords_share_the_beats_of_any_metre_and_the_first_gets_what_is_left(
    metre: tuple[int, int], text: str, beats: str
) -> None:
    measured = Metre(*metre)
    assert spelled(Chart.parse(text, measured), beats_of(measured)) == [beats]


@pytest.mark.parametrize(
    ("text", "where", "pointed"),
    [
        ("Am7 | Dm7 Gjr7 | C", 'bar 2: "Gjr7" is no chord', "Gjr7"),
        ("C\n\n  % | Xm7", 'bar 3: "Xm7" is no chord', "Xm7"),
        ("% | C", "bar 1: % repeats", "%"),
        ("C | %%", "bar 2: %% repeats", "%%"),
        ("/ C", "bar 1: / goes on", "/"),
        ("C | | D", "bar 2: the bar before this line is empty", "|"),
    ],
)
def test_an_error_names_the_bar_and_points_at_the_chord(text: str, where: str, pointed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Chart.parse(text)
    message, line, caret = caught.value.message.split("\n")
    assert where in message
    assert line[caret.index("^") : caret.rindex("^") + 1] == pointed


def test_a_bar_with_more_chords_than_beats_is_refused() -> None:
    with pytest.raises(ConfigError, match="bar 2: it has 4 chords, and a bar of 3/4 only 3 beats"):
        Chart.parse("C | C D E F", Metre(3, 4))
    with pytest.raises(ConfigError, match="no chord in it"):
        Chart.parse(" # nothing")


def test_a_chart_comes_from_a_file_or_stands_there(tmp_path: Path) -> None:
    path = tmp_path / "autumn.txt"
    path.write_text("# Autumn\nAm7 | D7\nG | %\n", encoding="utf-8")
    assert Chart.read(str(path)) == Chart.read("Am7 | D7 | G | G")
    assert Chart.read("") is None
    path.write_text("Am7 | Q7", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"autumn\.txt, bar 2"):
        Chart.read(str(path))
    assert Chart.read("Am7/G") == Chart.parse("Am7/G")
    with pytest.raises(ConfigError, match="there is no chart file"):
        Chart.read(str(tmp_path / "none.txt"))


def test_a_chart_on_one_line_may_be_longer_than_any_name_of_a_file() -> None:
    bars = ["Am7", "D7", "Gmaj7", "Cmaj7", "F#m7b5", "B7"] * 8
    text = " | ".join(bars)
    assert len(text) > 255 and "/" not in text and chart_file(text) is None
    chart = Chart.read(text)
    assert chart is not None and [cells[0].text for cells in chart.bars] == bars


@given(
    st.lists(st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=4), min_size=1, max_size=5),
    st.sampled_from([Metre(4, 4), Metre(7, 4), Metre(12, 8)]),
    st.integers(-50_000, 50_000),
    st.integers(-100_000, 100_000),
)
def test_a_chart_goes_round_from_the_downbeat(bars: list[list[str]], metre: Metre, downbeat: int, tick: int) -> None:
    chart = Chart.parse(" | ".join(" ".join(bar) for bar in bars))
    changes = chart.on(Timeline(0, 0, 500 * MS, metre, downbeat))
    assert changes.at(tick) == changes.at(tick + len(bars) * metre.ticks)
    assert changes.at(downbeat).text == bars[0][0] and changes.at(downbeat - 1).text == bars[-1][-1]
    beats = list(changes.beats(tick, tick + 2 * metre.ticks))
    assert len(beats) == 2 * beats_of(metre)
    assert all(beat.symbol == changes.at(beat.tick) for beat in beats)
    changed = [beat for beat in beats if changes.at(beat.tick - 1) != beat.symbol]
    assert all(beat.strong for beat in changed)


@given(st.integers(-3000, 3000), st.lists(st.integers(1, 2500), min_size=1, max_size=8))
def test_the_log_tells_every_change_once_however_it_is_asked(start: int, steps: list[int]) -> None:
    chart, timeline = Chart.parse("C D | Em | % | D"), Timeline(7 * MS, 13, 500 * MS)
    whole = charted(chart, timeline, start, start + sum(steps))
    pieces, tick = [], start
    for step in steps:
        pieces += charted(chart, timeline, tick, tick + step)
        tick += step
    assert pieces == whole
    assert all(a.chord != b.chord for a, b in pairwise(whole))
    assert all(chart.on(timeline).at(timeline.tick_at(entry.time_ns)).name == entry.chord for entry in whole)


def test_a_chart_that_begins_anew_on_another_timeline_is_told_even_where_its_last_bar_is_like_its_first() -> None:
    chart, anew = Chart.parse("C | F | G | C"), Timeline(0, 0, 500 * MS, downbeat=2 * 1920)
    assert charted(chart, anew, 3840, 3841) == []
    (entry,) = charted(chart, anew, 3840, 3841, "F:maj")  # which was told of the bar before
    assert entry == Charted(anew.time_at(3840), "C:maj")
