"""Charts: bars of chords that go round, and which of them holds at a tick of a Timeline. Knows no tokens."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from jamd.errors import ConfigError
from jamd.music.events import Charted
from jamd.music.symbols import Symbol, parse_symbol
from jamd.music.timeline import Metre, Timeline

HINT = 'A chart reads like "Am7 | D7 / / G7 | %": a line between bars, / a beat more, % the bar again, N.C. no chord.'
_COMMENT = re.compile(r"(?:^|\s)#.*")
_WORD = re.compile(r"\|+|[^\s|]+")
_AGAIN = ("/", "%")
Cells = tuple[Symbol, ...]
"""The chords of a bar, which share its beats; the earlier ones get the beats left over."""


@dataclass(frozen=True, slots=True)
class Beat:
    """A beat of a chart on a Timeline."""

    tick: int
    symbol: Symbol
    strong: bool
    """The first of its bar, the middle one of a bar of four or six, and where the chord changes."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars of chords; behind the last comes the first again."""

    bars: tuple[Cells, ...]

    @classmethod
    def read(cls, text: str, metre: Metre | None = None) -> Chart | None:
        """The chart in `text`, or in the file that it names; None for an empty text. ConfigError as in `parse`."""
        if not text.strip():
            return None
        if file := chart_file(text):
            try:
                written = file.read_text(encoding="utf-8-sig")
            except (OSError, ValueError) as error:
                why = f"cannot read the chart {file}: {error}"
                raise ConfigError(why, "Give a text file, or the chords.") from error
            return cls.parse(written, metre, str(file))
        try:
            return cls.parse(text, metre)
        except ConfigError as error:
            if "|" not in text and len(text.split()) == 1 and (os.sep in text or Path(text).suffix):
                raise ConfigError(f"there is no chart file {text}", HINT) from error
            raise

    @classmethod
    def parse(cls, text: str, metre: Metre | None = None, source: str = "chart") -> Chart:
        """The chart that `text` spells; ConfigError names the bar and the chord that is wrong, and points at it.

        A line begins a bar; what follows ` #` is a comment. With a metre, every chord must find a beat in it.
        """
        bars: list[Cells] = []
        for line in text.splitlines() or [""]:
            for words in _bars_of(_COMMENT.sub("", line)):
                bars += _Bar(line, bars, source).read(words)
                if metre is not None:
                    _fit(bars[-1], len(bars), metre, source)
        if not bars:
            raise ConfigError(f"{source}: there is no chord in it", HINT)
        return cls(tuple(bars))

    def symbol_at(self, bar: int, beat: int, beats: int = 4) -> Symbol:
        """The chord as written of a beat; `bar` and `beat` count from 0, a bar has `beats` of them."""
        cells = self.bars[bar % len(self.bars)]
        return cells[beat * len(cells) // beats]

    def chord_at(self, bar: int, beat: int, beats: int = 4) -> str:
        """The same as the vocabulary spells it."""
        return self.symbol_at(bar, beat, beats).name

    @property
    def symbols(self) -> frozenset[Symbol]:
        """Every chord in it."""
        return frozenset(symbol for bar in self.bars for symbol in bar)

    def on(self, timeline: Timeline) -> Changes:
        """The chart in time: its bar 1 is the Timeline's, the one that begins at its downbeat."""
        return Changes(self, timeline)


@dataclass(frozen=True, slots=True)
class Changes:
    """A chart on a Timeline: which chord holds when."""

    chart: Chart
    timeline: Timeline

    def at(self, tick: int) -> Symbol:
        """The chord of the beat that is under way at `tick`."""
        metre = self.timeline.metre
        bar, into = divmod(tick - self.timeline.downbeat, metre.ticks)
        return self.chart.symbol_at(bar, into // metre.beat_ticks, beats_of(metre))

    def beats(self, start: int, end: int) -> Iterator[Beat]:
        """Every beat that begins at `start` or later, and before `end`."""
        metre, downbeat = self.timeline.metre, self.timeline.downbeat
        length, beat_length, beats = metre.ticks, metre.beat_ticks, beats_of(metre)
        bar, into = divmod(start - downbeat, length)
        number = -(-into // beat_length)
        before = self.at(start - 1) if number == 0 else self.chart.symbol_at(bar, number - 1, beats)
        while True:
            if number == beats:
                bar, number = bar + 1, 0
            tick = downbeat + bar * length + number * beat_length
            if tick >= end:
                return
            symbol = self.chart.symbol_at(bar, number, beats)
            middle = beats in (4, 6) and number == beats // 2
            yield Beat(tick, symbol, number == 0 or middle or symbol != before)
            before, number = symbol, number + 1


def chart_file(text: str) -> Path | None:
    """The file that the text names, if it names one."""
    try:
        path = Path(text).expanduser()
        return path if "\n" not in text and path.is_file() else None
    except (OSError, RuntimeError):  # longer than any name, as charts are; a home of nobody's
        return None


def beats_of(metre: Metre) -> int:
    """Felt beats of a bar; a last one may be short."""
    return -(-metre.ticks // metre.beat_ticks)


def charted(chart: Chart, timeline: Timeline, from_tick: int, to_tick: int, before: str | None = None) -> list[Charted]:
    """What the log says of a chart from one tick up to another: an entry where the chord is another than before.

    `before` is the one that it said last, where that may have been on another Timeline.
    """
    changes = chart.on(timeline)
    entries, before = [], before or changes.at(from_tick - 1).name
    for beat in changes.beats(from_tick, to_tick):
        if beat.symbol.name != before:
            before = beat.symbol.name
            entries.append(Charted(timeline.time_at(beat.tick), before))
    return entries


def _bars_of(line: str) -> Iterator[list[re.Match[str]]]:
    """The words of each bar of a line; lines at its ends enclose none."""
    words = list[re.Match[str]]()
    found = list(_WORD.finditer(line))
    for number, word in enumerate(found):
        if not word[0].startswith("|"):
            words.append(word)
        elif words or number > 0:
            yield words or [word]
            words = []
    if words:
        yield words


@dataclass(frozen=True, slots=True)
class _Bar:
    """A bar to be read, with what stands before it."""

    line: str
    before: list[Cells]
    source: str

    def read(self, words: list[re.Match[str]]) -> list[Cells]:
        """The bar (or bars) that the words spell."""
        first = words[0]
        if first[0].startswith("|"):
            raise self._wrong(first, "the bar before this line is empty: write % for the bar before, N.C. for no chord")
        if len(words) == 1 and first[0] in ("%", "%%"):
            count = len(first[0])
            if len(self.before) < count:
                raise self._wrong(first, f"{first[0]} repeats, and there is nothing yet to repeat")
            return self.before[-count:]
        cells = list[Symbol]()
        for word in words:
            cells.append(self._cell(word, cells))
        return [tuple(cells)]

    def _cell(self, word: re.Match[str], cells: list[Symbol]) -> Symbol:
        if word[0] in _AGAIN:
            if cells or self.before:
                return (cells or self.before[-1])[-1]
            raise self._wrong(word, f"{word[0]} goes on, and there is nothing yet to go on")
        try:
            return parse_symbol(word[0])
        except ValueError as error:
            raise self._wrong(word, f'"{word[0]}" is no chord: {error}') from error

    def _wrong(self, word: re.Match[str], why: str) -> ConfigError:
        pointer = " " * word.start() + "^" * len(word[0])
        message = f"{self.source}, bar {len(self.before) + 1}: {why}\n    {self.line.expandtabs(1)}\n    {pointer}"
        return ConfigError(message, HINT)


def _fit(cells: Cells, number: int, metre: Metre, source: str) -> None:
    """Every chord of a bar must find a beat in it."""
    beats = beats_of(metre)
    heard = [cells[beat * len(cells) // beats] for beat in range(beats)]
    wanted, got = (1 + sum(a != b for a, b in pairwise(row)) for row in (cells, heard))
    if wanted != got:
        message = f"{source}, bar {number}: it has {wanted} chords, and a bar of {metre} only {beats} beats"
        raise ConfigError(message, "Give some of them to a bar of their own.")
