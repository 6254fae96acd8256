"""The improviser: hears tokens, answers with tokens, and takes an answer back as if it had never been begun.

Knows the model, the grammar and the length of an answer; knows no clock, no port and no performer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from jamd.engine.sampling import Sampler
from jamd.engine.script import Script
from jamd.engine.session import Session, Snapshot
from jamd.music.charts import Changes
from jamd.music.note import Note, Pedal
from jamd.music.timeline import TICKS_PER_QUARTER, Metre
from jamd.remi import vocabulary as v
from jamd.remi.crowd import Trail
from jamd.remi.cut import cut
from jamd.remi.decoder import Decoder
from jamd.remi.fences import Fences
from jamd.remi.grammar import Bounds, Grammar, closing
from jamd.remi.guard import Guard
from jamd.remi.place import Place

PIECE = 128
"""Tokens fed at one go: some 30 ms of size S."""
WHOLE = 1 << 62
"""A tick behind every answer."""
RING_TICKS = TICKS_PER_QUARTER
"""So far may a last note ring over the end of an answer."""

_POSITIONS = range(v.POSITION.first, v.POSITION.first + len(v.POSITION))
_PLACES = np.isin(np.arange(v.SIZE), [v.BAR, *v.TURNS, *_POSITIONS])


@dataclass(frozen=True, slots=True)
class Opening:
    """Where an answer stands: it begins at `place` on the given tokens `first`, and is over by `end_tick`."""

    place: Place
    first: tuple[int, ...]
    end_tick: int
    turn: int
    """The number of the turn: with the seed and the step it is the key of every draw."""
    earliest: int = 0
    """The earliest slot, of the bar in which `first` ends, that may come behind it."""
    ring: int = RING_TICKS
    """So far may a last note ring over the end."""
    downbeat: int | None = None
    """A tick to enter on exactly: what stands in its slot has no Micro."""
    script: Script | None = None
    """In a duet: what is certain of it. Both voices are said, either may be silent, and the pedal is left alone."""
    changes: Changes | None = None
    """The chords that it says, each at its beat."""


def answer_ticks(call: int, metre: Metre, bars: int, max_bars: int) -> int:
    """The length of an answer in ticks: `bars`, or where that is 0 the call's in whole beats, a bar at least."""
    if bars:
        return bars * metre.ticks
    beats = -(-call // metre.beat_ticks)
    return min(max(beats * metre.beat_ticks, metre.ticks), max_bars * metre.ticks)


@dataclass(frozen=True, slots=True)
class Memory:
    """All that an improviser had heard at one moment. Opaque."""

    session: Snapshot
    grammar: Grammar
    waiting: tuple[int, ...]
    logits: np.ndarray | None
    trail: Trail


class Answer:
    """An answer in the making; `ids` are its tokens, without the Response token before them."""

    def __init__(self, opening: Opening, grammar: Grammar, guard: Guard) -> None:
        self.opening = opening
        self.ids: list[int] = []
        self.done = False
        self._grammar, self._guard = grammar, guard
        self._decoder = Decoder(opening.place)
        self._sounded = opening.script is not None

    @property
    def sampled(self) -> int:
        """How many of its tokens were drawn, not given."""
        return len(self.ids) - len(self.opening.first)

    @property
    def tick(self) -> int:
        """The tick of the slot that is being written: what lies before it is complete."""
        return self._decoder.place.tick

    def allowed(self) -> np.ndarray:
        """[V] bool: what may come next. The first slot is not left without a note: the entry must be heard."""
        mask = self._grammar.allowed()
        if self.sampled == 0 and not (self.ids and self.ids[-1] in v.POSITION):
            mask &= _PLACES  # it adds nothing to the slot that it finds
        earliest = 0
        if self.opening.script:
            mask[v.PEDAL_ON] = False
            if self.ids and self.ids[-1] in v.TURNS:
                mask[list(v.TURNS)] = False
            earliest = self.opening.script.narrow(mask, self._decoder.place)
        if self._decoder.place.tick == self.opening.downbeat:
            mask[v.MICRO.first : v.MICRO.first + len(v.MICRO)] = False
        if self.ids and self.ids[-1] in v.NOTE_ON:
            left = max(self.opening.end_tick + self.opening.ring - self._decoder.place.tick, v.MIN_DURATION)
            mask[v.duration_token(left) + 1 : v.DURATION_OPEN] = False
        self._guard.narrow(mask, self._grammar, earliest)
        if not self._sounded and self.sampled >= 0:
            sounding = mask.copy()
            sounding[v.BAR] = False
            sounding[v.POSITION.first : v.POSITION.first + len(v.POSITION)] = False
            if sounding.any():
                return sounding
        return mask

    def ends_before(self, token: int) -> bool:
        """True for a Bar or Position that lies at or after the answer's end."""
        place = self._decoder.place
        if token == v.BAR:
            return place.bar_tick + place.metre.ticks >= self.opening.end_tick
        if token in v.POSITION:
            return place.bar_tick + v.POSITION.index(token) * v.SLOT_TICKS >= self.opening.end_tick
        return False

    def scripted(self, token: int) -> tuple[int, ...]:
        """What is certain to come before `token`."""
        script = self.opening.script
        return script.instead(token, self._decoder.place, self._grammar.open_pitches) if script else ()

    def not_before(self, slot: int) -> None:
        """No Position of this bar before `slot`."""
        self._grammar.not_before(slot)

    def skip_to(self, tick: int) -> None:
        """No slot of this bar before a tick is begun any more."""
        self._grammar.not_before(-(-(tick - self._decoder.place.bar_tick) // v.SLOT_TICKS))

    def follow(self, changes: Changes | None) -> None:
        """Other chords hold, from the next Position that is sampled."""
        self._guard.follow(changes)

    def take(self, token: int) -> list[Note | Pedal]:
        """Appends a token; returns what it completes."""
        self._grammar.advance(token)
        self._guard.take(token, self._grammar)
        self.ids.append(token)
        self._sounded = self._sounded or token in v.NOTE_DURATION
        return list(self._decoder.feed(token))

    def finish(self) -> list[Note | Pedal]:
        """Ends the answer legally, with the pedal up; returns what that completes."""
        ending = () if self.opening.script else closing(self._grammar)
        events = [event for token in ending for event in self.take(token)]
        self.done = True
        return events + list(self._decoder.finish())


class Improviser:
    """Owns the model's memory: in it stands what was heard, and at most one answer on top of that.

    `sampler` may be replaced at any time, `fences` between two answers.
    """

    def __init__(self, session: Session, sampler: Sampler, bounds: Bounds) -> None:
        self._session, self.sampler, self._bounds = session, sampler, bounds
        self.fences = Fences()
        """What holds for every note of the answers that begin from now on."""
        self.reset()

    def reset(self) -> None:
        """An empty memory: nothing has been heard."""
        self._session.reset()
        self._grammar = Grammar()
        self._waiting: list[int] = []
        self._heard: np.ndarray | None = None  # the logits after the last token of what was heard
        self._logits: np.ndarray | None = None
        self._ground: Snapshot | None = None
        self._tail: tuple[int, ...] = ()
        self._trail = Trail()
        self.answer: Answer | None = None
        """The answer that is being made or played; None while only listening."""

    def hear(self, ids: Iterable[int]) -> None:
        """Takes note of committed tokens; `listen` feeds them. While an answer stands its tail holds them already."""
        self._waiting.extend(ids)

    def listen(self) -> bool:
        """Feeds a piece of what was heard, unless an answer stands; True where more waits.

        In pieces, for whoever watches this process takes a long silence for its death.
        """
        if self.answer is not None or not self._waiting:
            return False
        piece, self._waiting = self._waiting[:PIECE], self._waiting[PIECE:]
        self._heard = self._session.feed(piece)
        self._advance(piece)
        return bool(self._waiting)

    def _advance(self, ids: Iterable[int]) -> None:
        for token in ids:
            self._grammar.advance(token)
            self._trail.feed(token)

    def begin(self, tail: Sequence[int], opening: Opening) -> Answer:
        """Begins an answer to what was heard and to `tail`, the tokens of the phrase's end up to the Response token."""
        if self.answer is not None:
            raise RuntimeError("an answer stands already: take it back or settle it first")
        while self.listen():
            pass
        self._ground = self._session.snapshot()
        self._tail = tuple(tail)
        grammar, trail = self._grammar.copy(), self._trail.copy()
        for token in tail:
            grammar.advance(token)
            trail.feed(token)
        guard = Guard(self.fences, opening.changes, opening.place, trail.notes(opening.place))
        bounds = replace(self._bounds, turns=opening.script is not None)
        self.answer = Answer(opening, grammar.sampling(bounds), guard)
        given = [*tail, *opening.first]
        self._logits = self._session.feed(given) if given else self._heard
        for token in opening.first:
            self.answer.take(token)
        self.answer.not_before(opening.earliest)
        return self.answer

    def step(self) -> list[Note | Pedal]:
        """One token of the answer; returns the notes and pedals that it completes."""
        answer = self.answer
        if answer is None or answer.done or self._logits is None:
            return []
        token = self.sampler.choose(self._logits, answer.allowed(), answer.opening.turn, len(answer.ids))
        if scripted := answer.scripted(token):
            self._logits = self._session.feed(scripted)
            return [event for given in scripted for event in answer.take(given)]
        if answer.ends_before(token):
            before = len(answer.ids)
            events = answer.finish()
            if answer.ids[before:]:
                self._logits = self._session.feed(answer.ids[before:])
            return events
        events = answer.take(token)
        self._logits = self._session.step(token)
        return events

    def take_back(self) -> None:
        """The performer goes on: the answer was never begun."""
        if self.answer is not None and self._ground is not None:
            self._session.restore(self._ground)
        self.answer = self._ground = None

    def remember(self) -> Memory:
        """What was heard so far, but for an answer that stands."""
        if self.answer is not None and self._ground is not None:
            return Memory(self._ground, self._grammar.copy(), (), self._heard, self._trail.copy())
        waiting = tuple(self._waiting)
        return Memory(self._session.snapshot(), self._grammar.copy(), waiting, self._heard, self._trail.copy())

    def recall(self, memory: Memory) -> None:
        """Goes back to what `remember` gave; an answer that stands was never begun."""
        self._session.restore(memory.session)
        self._grammar, self._waiting = memory.grammar.copy(), list(memory.waiting)
        self._heard, self.answer, self._ground = memory.logits, None, None
        self._trail = memory.trail.copy()

    def settle(
        self, heard_to: int | None, left_out: Collection[tuple[int, int]] = (), *, alone: bool = True
    ) -> tuple[int, ...]:
        """The answer is over: heard whole, or up to the tick `heard_to`, but for the notes `left_out` (onset, pitch).

        Memory will hold just that (see `listen`). Returns its tokens. Where the answer was not `alone`, memory holds
        only what was before it, and `hear` will tell how it was heard.
        """
        answer, ground = self.answer, self._ground
        if answer is None or ground is None:
            raise RuntimeError("no answer stands")
        self._waiting.clear()
        self.answer = self._ground = None
        if alone and answer.done and heard_to is None and not left_out:
            self._advance((*self._tail, *answer.ids))
            self._heard = self._logits
            return tuple(answer.ids)
        ids = cut(answer.ids, answer.opening.place, WHOLE if heard_to is None else heard_to, left_out)
        self._session.restore(ground)
        self._waiting += [*self._tail, *ids] if alone else self._tail
        return ids
