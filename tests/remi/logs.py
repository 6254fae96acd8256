"""Logs to test with: rows of small numbers become a log of everything a log can hold; and ways to read it."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from hypothesis import strategies as st

from jamd.music.events import SUSTAIN, Answered, Charted, Kind, LogEntry, Performed, Turn, TurnChange
from jamd.music.timeline import Metre, Timeline
from jamd.remi import vocabulary as v
from jamd.remi.encoder import Encoder, tokenize

MS = 1_000_000
QUARTER = 500 * MS
GAPS = (0, 0, 1, *(ms * MS for ms in (3, 9, 17, 40, 90, 170, 251, 400, 900, 2500, 14_000)))
METRES = tuple(Metre(n, d) for n, d in ((4, 4), (3, 4), (6, 8), (2, 2), (7, 8), (7, 4), (5, 8), (15, 8), (1, 4)))
TEMPOS = (120, 121, 60, 240, 90, 25, 209)
CHORDS = ("C:maj", "A:min", "N:N", "G:dom", None)
ROW = st.tuples(st.integers(0, 39), st.sampled_from(GAPS), st.integers(0, 11), st.integers(0, 127))
ROWS = st.lists(ROW, max_size=60)
Row = tuple[int, int, int, int]


class LogMaker:
    """Turns rows (what, gap before it, small number, number) into a log, time always right."""

    def __init__(self, start: Timeline | None = None, turn: Turn = Turn.CALL, *, duet: bool = False) -> None:
        self.timeline = start or Timeline(0, 0, QUARTER)
        self.now = self.timeline.time_ns
        self.turn = turn
        self.duet = duet
        self.in_bar = False
        self.log: list[LogEntry] = [self.timeline, TurnChange(self.now, turn)]

    def row(self, what: int, gap: int, small: int, value: int) -> None:
        """One row: mostly notes."""
        self.now += gap
        pitch, channel = 58 + small // 2, small % 2
        if self.duet and what in (3, 7, 11):
            self.pass_turn(small)
        if what < 15:
            self.add(Kind.NOTE_ON, pitch, max(value, 1), channel)
        elif what < 28:
            self.add(Kind.NOTE_OFF, pitch, 0, channel)
        elif what < 31:
            self.add(Kind.CONTROL, SUSTAIN, value, channel)
        elif what == 31:
            self.add(Kind.CONTROL, 123, 0, channel)
        elif what == 32:
            self.log.append(Charted(self.now, CHORDS[small % len(CHORDS)]))
        elif what < 36:
            self.retime(what, small)
        else:
            self.pass_turn(small)

    def add(self, kind: Kind, number: int, value: int, channel: int = 0) -> None:
        self.log.append(Performed(self.now, kind, number, value, channel))

    def retime(self, what: int, small: int) -> None:
        """A tempo, a new downbeat here, or a metre, either from the next bar line or at once."""
        tick = self.timeline.tick_at(self.now)
        if what == 33:
            change = {"ns_per_quarter": round(60_000_000_000 / TEMPOS[small % len(TEMPOS)])}
        elif what == 34:
            change = {"downbeat": tick}
        else:
            line = self.timeline.next_bar_line(tick) if small % 2 else tick
            change = {"metre": METRES[small % len(METRES)], "downbeat": line}
        self.timeline = self.timeline.successor(self.now, **change)
        self.log.append(self.timeline)

    def pass_turn(self, small: int) -> None:
        """The other turn; sometimes the answer that was heard before it, sometimes a re-anchor after it."""
        if self.turn is Turn.RESPONSE and small % 3 == 0 and self.in_bar:
            self.log.append(Answered(self.now, answer(small, 80 if self.duet else 60)))
        self.turn = Turn.CALL if self.turn is Turn.RESPONSE else Turn.RESPONSE
        self.in_bar = self.timeline.tick_at(self.now) > self.log[0].tick
        self.log.append(TurnChange(self.now, self.turn, joins=self.duet and small % 5 != 0))
        if small % 4 == 1:
            self.retime(34, 0)


def answer(small: int, lowest: int = 60) -> tuple[int, ...]:
    """Some answer that may follow a Response token anywhere but before the first bar.

    In a duet on other keys than the performer's: those that are open are not struck by an answer (the grammar).
    """
    note = (v.NOTE_VELOCITY.id(20), v.NOTE_ON.id(lowest + small), v.NOTE_DURATION.id(30))
    bar = (v.BAR, v.POSITION.id(small), *note)
    return (() if small == 0 else bar * (small // 3)) + ((v.BAR,) if small > 8 else ())


def log_of(
    rows: Sequence[Row], start: Timeline | None = None, turn: Turn = Turn.CALL, *, duet: bool = False
) -> list[LogEntry]:
    """The log that rows make; in a duet most turns join the one before, and some keys pass the turn."""
    maker = LogMaker(start, turn, duet=duet)
    for row in rows:
        maker.row(*row)
    return maker.log


def playing(random: Random, notes: int = 60) -> list[LogEntry]:
    """Something like piano playing, in one Call: chords and runs, held for very different times."""
    events: list[tuple[int, int, Performed]] = []
    now = 0
    for number in range(notes):
        now += random.choice((0, 120, 250, 250, 500)) * MS + random.randrange(20 * MS)
        pitch, length = random.randrange(48, 72), random.choice((80, 200, 330, 420, 700, 1500)) * MS
        length += random.randrange(60 * MS)
        events.append((now, number, Performed(now, Kind.NOTE_ON, pitch, random.randrange(20, 110))))
        events.append((now + length, number, Performed(now + length, Kind.NOTE_OFF, pitch)))
    events.sort(key=lambda event: event[:2])
    return [Timeline(0, 0, QUARTER), TurnChange(0, Turn.CALL), *(event for _, _, event in events)]


def streamed(log: Sequence[LogEntry], random: Random, encoder: Encoder | None = None) -> list[int]:
    """The tokens of a log read bit by bit, polled at random watermarks."""
    encoder = encoder or Encoder()
    tokens: list[int] = []
    watermark = log[0].time_ns if log else 0
    for entry in log:
        for _ in range(random.choice((0, 0, 0, 1, 1, 2, 5))):
            watermark = random.choice((entry.time_ns, random.randint(watermark, entry.time_ns)))
            tokens += encoder.advance(watermark)
        watermark = entry.time_ns
        encoder.feed(entry)
    return tokens + encoder.finish()


class Script:
    """A log written by hand, in ticks: one tick lasts a millisecond (125 quarters a minute)."""

    def __init__(self, metre: Metre = METRES[0], turn: Turn = Turn.CALL, tick: int = 0) -> None:
        self.timeline = Timeline(tick * MS, tick, 480 * MS, metre)
        self.log: list[LogEntry] = [self.timeline, TurnChange(tick * MS, turn)]

    def on(self, tick: int, *pitches: int, velocity: int = 64, channel: int = 0) -> Script:
        self.log += [Performed(tick * MS, Kind.NOTE_ON, pitch, velocity, channel) for pitch in pitches]
        return self

    def off(self, tick: int, *pitches: int, channel: int = 0) -> Script:
        self.log += [Performed(tick * MS, Kind.NOTE_OFF, pitch, 0, channel) for pitch in pitches]
        return self

    def control(self, tick: int, value: int, number: int = SUSTAIN, channel: int = 0) -> Script:
        self.log.append(Performed(tick * MS, Kind.CONTROL, number, value, channel))
        return self

    def turn(self, tick: int, turn: Turn) -> Script:
        self.log.append(TurnChange(tick * MS, turn))
        return self

    def join(self, tick: int, turn: Turn) -> Script:
        self.log.append(TurnChange(tick * MS, turn, joins=True))
        return self

    def chart(self, tick: int, chord: str | None) -> Script:
        self.log.append(Charted(tick * MS, chord))
        return self

    def answer(self, tick: int, ids: Sequence[int]) -> Script:
        self.log.append(Answered(tick * MS, tuple(ids)))
        return self

    def change(self, tick: int, **change: object) -> Script:
        """A successor Timeline; after another tempo a tick is no longer a millisecond."""
        self.timeline = self.timeline.successor(tick * MS, **change)
        self.log.append(self.timeline)
        return self

    def text(self) -> str:
        """The tokens of the log, to be read."""
        return text(tokenize(self.log))


def text(tokens: Sequence[int]) -> str:
    """Tokens for people: `BOS Call Bar Time-Signature_4/4 Position_1`; the first tempo is left out."""
    words = " ".join(v.name_of(token).removesuffix("_None").replace(" ", "-") for token in tokens)
    return words.replace(" Tempo-Class_mid Tempo-Value_35", "", 1)


def note(pitch: int, ticks: int | None = None, velocity: int = 64) -> str:
    """The words for a note; without a length an open one."""
    length = v.DURATION_OPEN if ticks is None else v.duration_token(ticks)
    return text([v.velocity_token(velocity), v.NOTE_ON.id(pitch), length])
