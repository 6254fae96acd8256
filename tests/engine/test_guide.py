"""The guide: a chart in the log, and a left hand whose keys name the chords."""

from __future__ import annotations

from jamd.engine.guide import GATHER_NS, Guide
from jamd.music.charts import Chart
from jamd.music.events import ALL_NOTES_OFF, Charted, Kind, Performed
from jamd.music.timeline import Timeline

MS = 1_000_000
TIMELINE = Timeline(0, 0, 500 * MS)
CHART = Chart.parse("Dm7 | G7")


def on(at_ms: int, pitch: int) -> Performed:
    return Performed(at_ms * MS, Kind.NOTE_ON, pitch, 80)


def off(at_ms: int, pitch: int) -> Performed:
    return Performed(at_ms * MS, Kind.NOTE_OFF, pitch)


def test_a_chart_waits_until_somebody_says_where_the_beats_are() -> None:
    guide = Guide(CHART, None)
    assert guide.changes(TIMELINE, grid=False) is None and guide.reach(100, None) == []
    changes = guide.changes(TIMELINE, grid=True)
    assert changes is not None and changes.at(2000).text == "G7"


def test_the_log_is_told_of_a_chart_as_it_goes_by() -> None:
    guide = Guide(CHART, None)
    told = [entry for ms in range(100, 9000, 7) for entry in guide.reach(ms * MS, TIMELINE)]
    assert [(entry.time_ns // MS, entry.chord) for entry in told] == [
        (100, "D:min"), (2000, "G:dom"), (4000, "D:min"), (6000, "G:dom"), (8000, "D:min"),
    ]  # fmt: skip


def test_where_the_bars_are_counted_anew_the_log_is_told_the_chord_that_holds() -> None:
    guide, anew = Guide(Chart.parse("C | F | G | C"), None), TIMELINE.successor(4000 * MS, downbeat=2 * 1920)
    told = [entry for ms in range(0, 5000, 10) for entry in guide.reach(ms * MS, TIMELINE if ms < 4000 else anew)]
    assert [(entry.time_ns // MS, entry.chord) for entry in told] == [(0, "C:maj"), (2000, "F:maj"), (4000, "C:maj")]


def test_a_left_hand_names_its_chord_when_all_its_keys_are_down() -> None:
    guide = Guide(None, 48)
    for event in (on(1000, 36), on(1010, 43), on(1025, 40), on(1000, 72)):
        guide.hear(event)
    assert guide.reach(1000 * MS + GATHER_NS - 1, None) == []
    assert guide.reach(1000 * MS + GATHER_NS, None) == [Charted(1000 * MS, "C:maj")]
    changes = guide.changes(TIMELINE, grid=False)
    assert changes is not None and {changes.at(tick).name for tick in (-9, 0, 9999)} == {"C:maj"}


def test_a_chord_holds_until_another_is_named() -> None:
    guide = Guide(CHART, 48)
    for event in (on(0, 36), on(5, 40), on(5, 43), off(300, 36), off(300, 40), off(300, 43)):
        guide.hear(event)
    assert [entry.chord for entry in guide.reach(400 * MS, TIMELINE)] == ["C:maj"]
    guide.hear(on(500, 45))  # one key names nothing
    assert guide.reach(600 * MS, TIMELINE) == []
    for event in (on(700, 36), on(702, 40)):  # with the A that is held
        guide.hear(event)
    assert [entry.chord for entry in guide.reach(800 * MS, TIMELINE)] == ["A:min"]


def test_keys_that_came_up_unheard_name_nothing() -> None:
    guide = Guide(None, 48)
    guide.hear(on(0, 36))
    guide.hear(Performed(100 * MS, Kind.CONTROL, ALL_NOTES_OFF, 0))
    assert guide.reach(200 * MS, None) == []
    for event in (on(300, 38), on(300, 41), on(300, 45)):
        guide.hear(event)
    assert [entry.chord for entry in guide.reach(400 * MS, None)] == ["D:min"]


def test_keys_above_the_split_are_only_music() -> None:
    guide = Guide(None, 48)
    for event in (on(0, 60), on(0, 64), on(0, 67)):
        guide.hear(event)
    assert guide.reach(10**12, None) == [] and guide.changes(TIMELINE, grid=True) is None
