"""What chords jamd is told to play over: those of a chart, or what a left hand holds. Pure logic on the log's time."""

from __future__ import annotations

from jamd.music.charts import Changes, Chart, charted
from jamd.music.chords import name_chord
from jamd.music.events import ALL_NOTES_OFF, ALL_SOUND_OFF, Charted, Kind, Performed
from jamd.music.symbols import plain_symbol
from jamd.music.timeline import Timeline

GATHER_NS = 40_000_000
"""Keys that go down within this are one chord: gaps between the onsets of pianists are rarest at 40-50 ms."""


class LeftHand:
    """Keys below `split`, and the chord that they name: it holds until they name another. Owned by a guide."""

    def __init__(self, split: int) -> None:
        self.split = split
        self.chord: str | None = None
        self._down: set[tuple[int, int]] = set()  # channel and pitch
        self._grip: set[tuple[int, int]] = set()  # held when it began, or struck in it
        self._since_ns: int | None = None  # when the first key of the grip went down, until it is named

    def hear(self, event: Performed) -> None:
        """Takes in what was performed."""
        key = (event.channel, event.number)
        if event.kind is Kind.NOTE_ON and event.number < self.split:
            if self._since_ns is None:
                self._since_ns, self._grip = event.time_ns, set(self._down)
            self._down.add(key)
            self._grip.add(key)
        elif event.kind is Kind.NOTE_OFF:
            self._down.discard(key)
        elif event.kind is Kind.CONTROL and event.number in (ALL_SOUND_OFF, ALL_NOTES_OFF):
            self._down = {held for held in self._down if held[0] != event.channel}

    def let_go(self, time_ns: int) -> list[Performed]:
        """The events that let go of its keys."""
        return [Performed(time_ns, Kind.NOTE_OFF, pitch, 0, channel) for channel, pitch in sorted(self._down)]

    def reach(self, watermark_ns: int) -> Charted | None:
        """Nothing earlier than the watermark will come: a chord that this makes certain, if it is another."""
        since = self._since_ns
        if since is None or watermark_ns < since + GATHER_NS:
            return None
        self._since_ns = None
        weights = [0.0] * 12
        for _, pitch in self._grip:
            weights[pitch % 12] += 1.0
        name = name_chord(weights, min(pitch for _, pitch in self._grip))
        if name is None or name == self.chord:
            return None
        self.chord = name
        return Charted(since, name)


class Guide:
    """Says which changes hold. Owned by the partner's core; a left hand goes before a chart."""

    def __init__(self, chart: Chart | None, split: int | None) -> None:
        self.chart = chart
        self._hand = LeftHand(split) if split is not None else None
        self._told: int | None = None  # the tick up to which the log has been told of the chart
        self._said: str | None = None  # the chord that it was told last

    @property
    def live(self) -> bool:
        """Whether a left hand names the chords."""
        return self._hand is not None

    def hear(self, event: Performed) -> None:
        """Takes in what was performed."""
        if self._hand is not None:
            self._hand.hear(event)

    def reach(self, watermark_ns: int, timeline: Timeline | None) -> list[Charted]:
        """What the log is to be told of chords up to there; `timeline`: where the beats are known."""
        if self._hand is not None:
            chord = self._hand.reach(watermark_ns)
            return [] if chord is None else [chord]
        if self.chart is None or timeline is None:
            return []
        now = timeline.tick_at(watermark_ns)
        begun, self._told = self._told, now
        if begun is None:
            entries = [Charted(watermark_ns, self.chart.on(timeline).at(now).name)]
        else:
            entries = charted(self.chart, timeline, begun, now, self._said)
        self._said = entries[-1].chord if entries else self._said
        return entries

    def let_go(self, time_ns: int) -> list[Performed]:
        """The events that let go of the left hand's keys."""
        return [] if self._hand is None else self._hand.let_go(time_ns)

    def changes(self, timeline: Timeline, *, grid: bool) -> Changes | None:
        """The chords in time; None where there are none, or a chart waits for somebody to say where the beats are."""
        if self._hand is not None and self._hand.chord is not None:
            return Chart(((plain_symbol(self._hand.chord),),)).on(timeline)
        return self.chart.on(timeline) if self.chart is not None and grid else None
