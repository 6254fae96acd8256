"""What is decided and not yet said: turns, their slots, bars. Says what is ripe, whenever it is asked."""

from __future__ import annotations

from collections import deque

from jamd.music.events import Turn
from jamd.music.timeline import Timeline
from jamd.remi.answer import Reach
from jamd.remi.bars import Bar, Bars, bar_from
from jamd.remi.place import Place
from jamd.remi.slots import Segment, Slot, Struck
from jamd.remi.tempo import Tempo
from jamd.remi.writer import Writer


class Pending:
    """Turns in order, the oldest first; slots are put into the newest. Owned by one encoder."""

    def __init__(self, timeline: Timeline, turn: Turn, *, settled: bool) -> None:
        self.bars = Bars(timeline)
        self.tempo = Tempo()
        self.turn = Segment(turn, timeline.tick, settled=settled, sounds_from=timeline.tick)
        """The turn that is under way."""
        self._turns = deque([self.turn])  # not said whole; the last is the one under way
        self._unsaid: deque[Bar] = deque()  # bars that have begun
        self._writer = Writer()

    # Putting something in

    def slot(self, bar: Bar, position: int) -> Slot:
        """The slot of the current turn at a place, or the last one if the turn has come further."""
        turn = self.turn
        last = turn.slots[-1] if turn.slots else None
        if last and last.bar is bar and last.position == position:
            return last
        if (bar.index, position) < turn.floor:
            if last:
                return last
            bar, position = self._at_floor(bar)
        slot = Slot(bar, position, tempo=self.tempo.take_due())
        turn.slots.append(slot)
        turn.floor = bar.index, position
        return slot

    def slot_at(self, tick: int) -> Slot:
        """The slot of the current turn at a tick that lies between the current bar line and the next."""
        return self.slot(*self.bars.locate(tick))

    def last_slot(self, tick: int) -> Slot:
        """The slot at `tick` for what ends with the turn: not in a bar that only the next turn begins."""
        return self.slot(*self.bars.last_slot(tick))

    def say_chord(self, at: tuple[Bar, int], chord: str) -> None:
        """Put a chord into its slot, which in a Response may lie before slots that stand already."""
        turn, later = self.turn, deque[Slot]()
        reached = turn.floor
        if turn.turn is Turn.RESPONSE:
            turn.floor = turn.origin
            key = max(turn.origin, (at[0].index, at[1]))
            while turn.slots and turn.slots[-1].key > key:
                later.appendleft(turn.slots.pop())
        self.slot(*at).chord = chord
        turn.slots += later
        turn.floor = max(reached, turn.floor)

    def go_on(self) -> None:
        """A beat has ended, perhaps with its bar."""
        if self.bars.go_on() and self.bars.bar is not None:
            self._unsaid.append(self.bars.bar)

    def end(self) -> None:
        """The current turn is closed, and nothing sounds on that was struck in a Call."""
        self.close()
        for turn in self._turns:
            turn.over = True

    def close(self) -> None:
        """Nothing more is put into the current turn."""
        turn, bars = self.turn, self.bars
        if turn.floor[0] == bars.next.index:
            bars.settle_next()
        turn.closed = turn.settled = True
        turn.last_bar = bars.bar

    def begin(self, turn: Turn, tick: int, chord: str | None) -> Segment:
        """The next turn begins where the one before it was closed; `chord` was last named."""
        bars = self.bars
        reached = max(self.turn.floor, (bars.next.index - 1, -1))
        bar = bars.next if reached[0] == bars.next.index else bars.bar
        metre = bar.metre if bar else None
        self.turn = Segment(turn, tick, reached, metre, self.tempo.said, chord, floor=reached)
        self.turn.settled, self.turn.sounds_from = True, tick
        self._turns.append(self.turn)
        return self.turn

    def join(self, turn: Turn, tick: int, chord: str | None, *, pedal: bool) -> None:
        """The next turn begins beside the one that was closed, with the pedal where it is."""
        before = self.turn
        joined = self.begin(turn, tick, chord)
        joined.joined, joined.sounds_from, joined.pedal_before = True, before.sounds_from, pedal
        last = before.slots[-1] if before.hosts and before.slots else None
        if last and last.may_hand_over:
            bar, position = self.bars.locate(tick)
            if last.key >= (bar.index, position):
                last.hand_over(self.slot(bar, position))

    def answered(self, ids: tuple[int, ...]) -> Reach:
        """The current turn says these tokens, in place of or after what it said; how far they come."""
        turn = self.turn
        if turn.answer is None:
            turn.answer, turn.floor = [], turn.origin
            turn.slots.clear()
            self.tempo.said = turn.bpm_before
        turn.answer += ids
        reach = Reach(*turn.floor, turn.metre, self.tempo.said, turn.chord_before)
        reach.walk(ids)
        self.tempo.said, turn.chord_before, turn.metre = reach.bpm, reach.chord, reach.metre
        turn.answer_bar = self._met(reach)
        turn.floor = turn.answer_bar, reach.position
        return reach

    def _met(self, reach: Reach) -> int:
        """The index of the bar in which an answer ends, as bars are counted here."""
        bars = self.bars
        if reach.bar >= bars.next.index:
            bars.settle_next(reach.metre)
            return bars.next.index
        if bars.bar and reach.bar == bars.bar.index and reach.metre != bars.bar.metre:
            return reach.bar - 1  # by the answer's metre this bar could not hold its slots: it is said again
        return reach.bar

    def _at_floor(self, bar: Bar) -> tuple[Bar, int]:
        """The first slot that the turn may use, where an answer already reached beyond `bar`."""
        index, position = self.turn.floor
        return (bar if bar.index == index else self.bars.next), max(position, 0)

    # Taking it out

    @property
    def place(self) -> Place:
        """Where the tokens given so far stand."""
        first = self._unsaid[0] if self._unsaid else self.bars.next
        return self._writer.place(first.line, first.metre or bar_from(self.bars.timeline, first.line)[1])

    @property
    def reached(self) -> Place:
        """Where the current turn stands, as far as it has come."""
        bars, (index, position) = self.bars, self.turn.floor
        bar = bars.bar if bars.bar and index < bars.next.index else bars.next
        metre = bar.metre or bar_from(bars.timeline, bar.line)[1]
        behind = bar.index - index
        return Place(bar.line - behind * metre.ticks, metre, -1 if behind else position, self.turn.turn)

    def ripe(self, now: int) -> bool:
        """Whether time alone has made a slot ripe."""
        slots = self._turns[0].slots
        return bool(slots) and slots[0].deadline <= now

    def say(self, now: int) -> list[int]:
        """All tokens that are certain at the tick `now`."""
        while self._say_turn(self._turns[0], now) and len(self._turns) > 1:
            self._turns.popleft()
        return self._writer.take()

    def _say_turn(self, turn: Segment, now: int) -> bool:
        """Say what is ripe of the oldest turn; True if that was all of it."""
        if not turn.said:
            if not (turn.settled or turn.slots or now > turn.start):
                return False
            turn.said = True
            self._writer.turn(turn.turn)
        if turn.answer:
            self._writer.answer(turn.answer, turn.answer_bar, self.place)
            turn.answer.clear()
        if turn.turn is Turn.RESPONSE and not turn.closed:
            return False  # its answer may still come, which would overrule what was played
        if not self._say_slots(turn, now):
            return False
        if turn.closed:
            self._say_last_bar(turn)
        else:
            self._say_bars(turn.slots)
        return turn.closed

    def _say_slots(self, turn: Segment, now: int) -> bool:
        """False if one waits for the end of a note, or in a turn that was left for its deadline."""
        slots = turn.slots
        while slots and not (turn.waits and slots[0].deadline > now):
            if slots[0].waits:
                return False
            self._writer.slot(slots.popleft(), self._unsaid, turn)
        return not (turn.closed and slots)

    def _say_bars(self, slots: deque[Slot]) -> None:
        self._writer.silence(self._unsaid, slots[0].bar.index if slots else None)
        if self._writer.paused and not slots:
            self._unsaid.clear()

    def _say_last_bar(self, turn: Segment) -> None:
        """A turn ends in the bar that has begun: it is said, even in a pause if a turn follows."""
        if turn.last_bar is not None:
            self._writer.silence(self._unsaid, turn.last_bar.index)
            if len(self._turns) > 1:
                self._writer.enter(turn.last_bar)

    def copy(self, notes: dict[Struck, Struck]) -> Pending:
        """An independent copy; `notes` is filled and leads from old to new."""
        bars: dict[Bar, Bar] = {}
        other = Pending.__new__(Pending)
        other.bars, other._writer = self.bars.copy(bars), self._writer.copy()
        other.tempo = Tempo(self.tempo.said, self.tempo.due)
        other._unsaid = deque(bar.copy(bars) for bar in self._unsaid)
        other._turns = deque(turn.copy(bars, notes) for turn in self._turns)
        other.turn = other._turns[-1]
        return other
