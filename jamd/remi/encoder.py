"""The streaming encoder: a log of what was performed becomes REMI tokens, the same however often it is asked.

Every decision is taken from the log, in musical time, while it is read; `advance` only says what is ripe.
It knows no clock, no port and no model.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy

from jamd.errors import JamdError
from jamd.music.events import (
    ALL_NOTES_OFF,
    ALL_SOUND_OFF,
    RESET_CONTROLLERS,
    SUSTAIN,
    Answered,
    Charted,
    Kind,
    LogEntry,
    Performed,
    Turn,
    TurnChange,
)
from jamd.music.log import remembered
from jamd.music.timeline import Timeline
from jamd.remi.counts import Counts
from jamd.remi.harmony import Harmony
from jamd.remi.held import Keys
from jamd.remi.pedal import Pedal
from jamd.remi.pending import Pending
from jamd.remi.place import Place
from jamd.remi.slots import Struck
from jamd.remi.vocabulary import MAX_DURATION, MICRO_TICKS

JUMP = MICRO_TICKS
"""Ticks by which a Timeline may miss its predecessor: what rounding a tempo map to nanoseconds can do."""
_NEVER = 1 << 62


class Encoder:
    """Reads a log (`feed`, in the order of time) and gives tokens (`advance`, as the watermark rises).

    It starts before BOS. One thread owns it. Entries out of order, notes before the first Timeline and chords
    that are none raise JamdError. A Response is said when it has ended, or when the log tells what was heard.
    """

    def __init__(self) -> None:
        self.counts = Counts()
        """Written here, read anywhere."""
        self._keys, self._pedal, self._harmony = Keys(), Pedal(), Harmony()
        self._pending: Pending | None = None  # begins with the first Timeline
        self._first_turn: Turn | None = None  # told before it
        self._sounding: dict[int, Struck] = {}  # by pitch
        self._time = -_NEVER  # ns: nothing earlier comes
        self._now = -_NEVER  # the tick of that
        self._wake = _NEVER  # the tick after which something may happen by itself
        self._owed = frozenset[int]()  # open notes of a duet that ended during an answer: said behind it
        self._stirred = True  # something but time may have made tokens ripe
        self._finished = False

    # What may be asked

    @property
    def place(self) -> Place:
        """Where the tokens given so far stand."""
        return self._pending.place if self._pending else Place(turn=self._first_turn or Turn.CALL)

    @property
    def reached(self) -> Place:
        """Where the turn under way stands once all that was fed is said: tokens of an answer go on from there."""
        return self._pending.reached if self._pending else self.place

    @property
    def timeline(self) -> Timeline:
        """The Timeline that holds; JamdError before the first."""
        if self._pending is None:
            raise JamdError("there is no Timeline yet", "Begin the log with a Timeline.")
        return self._pending.bars.timeline

    @property
    def pedal_down(self) -> bool:
        """Whether the performer's pedal is down."""
        return self._pedal.sustain.down

    def held(self) -> frozenset[int]:
        """The pitches whose keys are held down."""
        return self._keys.held

    # What may be told

    def feed(self, entry: LogEntry) -> None:
        """Take the next entry of the log."""
        if self._finished:
            raise JamdError("an entry came after the log was finished", "Start a new Encoder.")
        if entry.time_ns < self._time:
            raise JamdError(
                f"{type(entry).__name__} at {entry.time_ns} ns is {self._time - entry.time_ns} ns too late",
                "A log is in the order of time, and nothing may come that is earlier than a watermark was.",
            )
        self._pass(entry.time_ns)
        if isinstance(entry, Performed):
            self._performed(entry)
            return
        self._stirred = True
        if isinstance(entry, Timeline):
            self._timeline(entry)
        elif isinstance(entry, TurnChange):
            self._turn_change(entry.turn, joins=entry.joins)
        elif isinstance(entry, Answered):
            self._answered(entry)
        elif isinstance(entry, Charted):
            self._charted(entry)
        else:
            raise JamdError("an entry says what was undone", "Leave that out: jamd.music.log.remembered does.")

    def advance(self, watermark_ns: int) -> list[int]:
        """Nothing earlier than the watermark will come: the tokens that this makes certain."""
        if watermark_ns > self._time:
            self._pass(watermark_ns)
        pending = self._pending
        if pending is None or not (self._stirred or pending.ripe(self._now)):
            return []
        self._stirred = False
        return pending.say(self._now)

    def finish(self) -> list[int]:
        """The log ends at the watermark (or its last entry): all that is left. Notes still held end there."""
        if self._finished or self._pending is None:
            return []
        self._close(self._pending)
        for note in self._sounding.values():
            note.end = self._now
        self._sounding.clear()
        self._finished = True
        return self._pending.say(self._now)

    def fork(self) -> Encoder:
        """An independent copy, for tokens that may be taken back. Costs what is not yet said, not the log."""
        notes: dict[Struck, Struck] = {}
        other = copy(self)
        other.counts = copy(self.counts)
        other._keys, other._pedal = self._keys.copy(), self._pedal.copy()
        other._pending = self._pending and self._pending.copy(notes)
        for note in (*self._sounding.values(), *self._harmony.beat):
            if note not in notes:
                notes[note] = note.copy(note.slot)  # its slot was said, and will not change
        other._sounding = {pitch: notes[note] for pitch, note in self._sounding.items()}
        other._harmony = self._harmony.copy(notes)
        return other

    # Time

    def _pass(self, time_ns: int) -> None:
        """Time goes on, and what happens by itself until then happens."""
        self._time = time_ns
        pending = self._pending
        if pending is None:
            return
        tick = pending.bars.timeline.tick_at(time_ns)
        if tick > self._now:
            self._now = tick
        while self._now > self._wake:
            self._happen(pending)

    def _happen(self, pending: Pending) -> None:
        """The next thing that happens by itself: a beat (perhaps a bar) ends, or a note becomes too long."""
        self._stirred = True
        strike, beat_end = self._next_strike(), pending.bars.beat_end
        if strike < min(beat_end, self._now):
            self._strike_off(strike, pending)
        elif beat_end < self._now:
            self._end_beat(pending)
        self._wake = min(pending.bars.beat_end, self._next_strike())

    def _next_strike(self) -> int:
        return min((note.onset for note in self._sounding.values()), default=_NEVER) + MAX_DURATION

    def _strike_off(self, tick: int, pending: Pending) -> None:
        for note in [note for note in self._sounding.values() if note.onset + MAX_DURATION == tick]:
            del self._sounding[note.pitch]
            self.counts.struck_off += 1
            self._release(note, tick, pending)

    def _end_beat(self, pending: Pending) -> None:
        """A beat has ended. A Call names it now, a Response where it began, which is known only now."""
        turn, bars = pending.turn, pending.bars
        start, end = self._beat_start(pending), bars.beat_end
        began = bars.locate(start)
        chord = self._chord(pending, start, end)
        pending.go_on()
        if chord is not None:
            pending.say_chord(bars.locate(end) if turn.turn is Turn.CALL else began, chord)
        self._harmony.next_beat()

    def _beat_start(self, pending: Pending) -> int:
        """Where the current beat begins: for a Call of a duet with the other's notes, for a Response with its own."""
        turn = pending.turn
        return max(pending.bars.beat_start, turn.sounds_from if turn.turn is Turn.CALL else turn.start)

    def _chord(self, pending: Pending, start: int, end: int) -> str | None:
        """A new name for the beat between two ticks, which is from now on the one that was named."""
        turn = pending.turn
        heard = max(pending.bars.beat_start, turn.sounds_from)
        chord = self._harmony.news(turn.turn, start, end, heard=heard)
        if chord is None or turn.answer is not None:
            return None
        self._harmony.named = chord
        return chord

    # Keys and pedal

    def _performed(self, entry: Performed) -> None:
        kind, pending = entry.kind, self._pending
        if kind is Kind.NOTE_ON:
            if pending is None:
                raise JamdError("a note came before the first Timeline", "Begin the log with a Timeline.")
            self._strike(entry, pending)
        elif kind is Kind.NOTE_OFF:
            if self._keys.release(entry.number, entry.channel):
                self._let_go(entry.number)
        elif kind is Kind.CONTROL:
            self._control(entry.number, entry.value, entry.channel)

    def _strike(self, entry: Performed, pending: Pending) -> None:
        """A key goes down: a note begins, or one of the same pitch and Micro goes on."""
        tick, pitch, turn = self._now, entry.number, pending.turn
        self._keys.press(pitch, entry.channel)
        self.counts.notes += 1
        if turn.answer is not None:
            self.counts.overruled += 1
            return
        slot = pending.slot_at(tick)
        at = slot.micro_of(tick), pitch
        note = slot.notes.get(at)
        if note is not None:
            self.counts.merged += 1
            note.velocity, note.end = max(note.velocity, entry.value), None
        else:
            self._let_go(pitch)
            note = slot.notes[at] = Struck(tick, pitch, entry.value, slot, turn.turn is Turn.RESPONSE)
            self._harmony.beat.append(note)
        self._sounding[pitch] = note
        self._pedal.struck(slot)

    def _let_go(self, pitch: int) -> None:
        note = self._sounding.pop(pitch, None)
        if note is not None and self._pending is not None:
            self._release(note, self._now, self._pending)

    def _release(self, note: Struck, tick: int, pending: Pending) -> None:
        """A note ends: with a closed duration if that is still in time, else by a Note Off."""
        note.end = tick
        if note.closes:
            self._stirred = True
        elif not self._in_time(note, tick):
            note.late = True
            if pending.turn.answer is None:
                pending.slot_at(tick).offs.add(note.pitch)
            else:
                self._owed |= {note.pitch}

    def _in_time(self, note: Struck, tick: int) -> bool:
        """Whether a release at `tick` gives a closed duration: a matter of ticks, not of polling."""
        return tick < note.slot.deadline

    def _control(self, number: int, value: int, channel: int) -> None:
        if number in (SUSTAIN, RESET_CONTROLLERS):
            self._pedal.move(value if number == SUSTAIN else 0, channel, self._pending, self._now)
        elif number in (ALL_SOUND_OFF, ALL_NOTES_OFF):
            for pitch in self._keys.release_all(channel):
                self._let_go(pitch)

    # Turns, answers, Timelines, charts

    def _turn_change(self, turn: Turn, *, joins: bool) -> None:
        pending = self._pending
        if pending is None:
            self._first_turn = turn
            return
        current = pending.turn
        if not current.settled and not current.slots and self._now <= current.start:
            current.turn = turn
        current.settled = True
        if turn is current.turn:
            return
        if joins:
            self._leave(pending)
            pending.join(turn, self._now, self._harmony.named, pedal=self._pedal.said)
        else:
            self._close(pending)
            pending.begin(turn, self._now, self._harmony.named)

    def _close(self, pending: Pending) -> None:
        """The current turn ends: what sounds in a Call ends with it, and the pedal goes up."""
        self._end_notes(pending)
        if pending.turn.turn is Turn.RESPONSE:  # names even a beat that it did not fill
            self._name_beat(pending)
        self._settle(pending)
        self._pedal.lift(pending, self._now)
        self._harmony.beat = []
        pending.end()

    def _leave(self, pending: Pending) -> None:
        """Somebody joins the current turn: what sounds goes on, but the pedal of a Response that began alone."""
        if self._now == pending.bars.beat_end < pending.bars.next.line:  # a bar line may still move
            self._name_beat(pending)
        self._settle(pending)
        self._pedal.leave(pending, self._now)
        pending.close()

    def _name_beat(self, pending: Pending) -> None:
        """The turn names a beat with which it ends: a Call where it ends, a Response where it began."""
        start, calls = self._beat_start(pending), pending.turn.turn is Turn.CALL
        at = pending.bars.locate(self._now if calls else start)
        chord = self._chord(pending, start, self._now)
        if chord is not None:
            pending.say_chord(at, chord)

    def _settle(self, pending: Pending) -> None:
        """What an answer kept waiting: the tempo, and what the performer did in a duet meanwhile."""
        turn = pending.turn
        if turn.answer is None:
            return
        pending.tempo.news(pending.bars.timeline.bpm, may_wait=True)
        if self._owed:
            pending.last_slot(self._now).offs |= self._owed
            self._owed = frozenset()
        if turn.joined:
            self._pedal.settle(pending, self._now)

    def _end_notes(self, pending: Pending) -> None:
        """The notes of a Call end with it, or with its duet; those of a Response wait for their release."""
        for note in [note for note in self._sounding.values() if not note.closes]:
            del self._sounding[note.pitch]
            note.end = self._now
            if not self._in_time(note, self._now):
                note.late = True
                pending.last_slot(self._now).offs.add(note.pitch)

    def _answered(self, entry: Answered) -> None:
        """The turn says what was heard, and nothing else that was played in it."""
        pending = self._pending
        if pending is None or pending.turn.turn is not Turn.RESPONSE:
            raise JamdError("an answer was heard outside a Response", "Write it before the turn passes on.")
        if pending.turn.answer is None:
            self._overrule(pending)
        self._harmony.named = pending.answered(entry.ids).chord

    def _overrule(self, pending: Pending) -> None:
        """Forget what was played in a Response, but not what a duet's performer let go in it."""
        slots = pending.turn.slots
        dropped = {note for slot in slots for note in slot.notes.values()}
        self.counts.overruled += len(dropped)
        self._owed = self._owed.union(*(slot.offs for slot in slots))
        self._sounding = {pitch: note for pitch, note in self._sounding.items() if note not in dropped}
        self._harmony.beat = [note for note in self._harmony.beat if note not in dropped]
        self._pedal.overrule(pending.turn.pedal_before)

    def _timeline(self, timeline: Timeline) -> None:
        pending = self._pending
        if pending is None:
            settled = self._first_turn is not None
            pending = self._pending = Pending(timeline, self._first_turn or Turn.CALL, settled=settled)
            self._now = timeline.tick
        else:
            self._take_over(timeline, pending)
        self._wake = min(self._wake, pending.bars.beat_end)
        tempo = pending.tempo.news(timeline.bpm, may_wait=pending.turn.answer is not None)
        if tempo is not None:
            pending.slot_at(self._now).tempo = tempo

    def _take_over(self, timeline: Timeline, pending: Pending) -> None:
        if abs(timeline.tick - self._now) > JUMP:
            raise JamdError(
                f"a Timeline begins at tick {timeline.tick} where tick {self._now} is under way",
                "Make it with Timeline.successor, which is continuous.",
            )
        self._now = max(self._now, timeline.tick)
        pending.bars.take_over(timeline, self._now)

    def _charted(self, entry: Charted) -> None:
        self._harmony.plan(self._now, entry.chord)


def tokenize(entries: Iterable[LogEntry]) -> list[int]:
    """The tokens of a whole log, but for what was undone."""
    encoder = Encoder()
    for entry in remembered(entries):
        encoder.feed(entry)
    return encoder.finish()
