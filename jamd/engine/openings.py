"""Where tokens lead from a place: to a tick, or as far as an answer that goes on otherwise is kept. Knows no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from jamd.music.events import Turn
from jamd.music.note import Note
from jamd.remi import vocabulary as v
from jamd.remi.cursor import Cursor
from jamd.remi.decoder import Decoder
from jamd.remi.place import Place

HALF_SLOT = v.SLOT_TICKS // 2


@dataclass(frozen=True, slots=True)
class Group:
    """What an answer says in one slot: the slot's tick, and its items without Bar and Position."""

    tick: int
    items: tuple[int, ...]

    @property
    def notes(self) -> list[Note]:
        """The notes in it."""
        decoder = Decoder(Place(self.tick, position=0))
        return [event for token in self.items for event in decoder.feed(token) if isinstance(event, Note)]

    @property
    def edge(self) -> int:
        """The first tick that belongs to its slot."""
        return self.tick - HALF_SLOT

    def left(self, pitches: frozenset[int], onsets: frozenset[tuple[int, int]] = frozenset()) -> Group:
        """The group without the notes on these pitches, and without those at these onsets; nothing moves the pedal."""
        at, micro, kept, note = self.tick, [], list[int](), list[int]()
        for token in self.items:
            if token in v.MICRO:
                at, micro = self.tick + v.MICROS[v.MICRO.index(token)] * v.MICRO_TICKS, [token]
            elif token in v.NOTE_VELOCITY or token in v.NOTE_ON:
                note.append(token)
            elif token in v.NOTE_DURATION:
                pitch = v.NOTE_ON.index(note[-1])
                if pitch not in pitches and (at, pitch) not in onsets:
                    kept, micro = [*kept, *micro, *note, token], []
                note = []
            elif token not in (v.PEDAL_ON, v.PEDAL_OFF):
                kept.append(token)
        return replace(self, items=tuple(kept))

    def shortened(self, tick: int) -> Group:
        """The group, none of its notes longer than to about `tick`."""
        longest = v.duration_token(max(tick - self.tick, v.MIN_DURATION))
        return replace(self, items=tuple(min(t, longest) if t in v.NOTE_DURATION else t for t in self.items))


def groups(ids: Iterable[int], place: Place) -> Iterator[Group]:
    """The slots of an answer that begins at `place`; what stands in a Call is none of it."""
    cursor, tick, items = Cursor(place), 0, list[int]()
    for token in ids:
        cursor.feed(token)
        if token in v.TURNS or token == v.BAR or token in v.POSITION or token in v.TIME_SIGNATURE:
            if items:
                yield Group(tick, tuple(items))
            tick, items = cursor.tick, []
        elif cursor.turn is Turn.RESPONSE:
            items.append(token)
    if items:
        yield Group(tick, tuple(items))


def steps(place: Place, tick: int) -> tuple[int, int]:
    """How many Bars lead from `place` to the slot at `tick`, and which slot it is there: as the tokens count bars."""
    bars, into_bar = divmod(max(tick, place.tick) - place.bar_tick, place.metre.ticks)
    return bars, into_bar // v.SLOT_TICKS


def leading(place: Place, tick: int) -> tuple[tuple[int, ...], int]:
    """The Bars to the slot at `tick`, and the slot."""
    bars, slot = steps(place, tick)
    return (v.BAR,) * bars, slot


def parted(ids: Sequence[int], place: Place, tick: int) -> tuple[tuple[int, ...], Place, list[Group]]:
    """The tokens behind `place` that speak of the time up to a tick, where they end, and jamd's groups after it."""
    cursor, reached, end = Cursor(place), place, 0
    for at, token in enumerate(ids, 1):
        cursor.feed(token)
        if cursor.place.tick > tick:
            break
        if token not in v.TURNS:
            reached, end = cursor.place, at
    return tuple(ids[:end]), reached, list(groups(ids[end:], reached))


def kept(ids: Iterable[int], place: Place, tick: int) -> list[Group]:
    """The groups of an answer before the slot at `tick`."""
    return [group for group in groups(ids, place) if group.tick < tick]


def spelled(place: Place, groups: Iterable[Group]) -> tuple[tuple[int, ...], Place]:
    """The tokens of the groups behind `place`, and where they end; what the place has passed is left out."""
    ids, first = list[int](), True
    for group in groups:
        bars, slot = steps(place, group.tick)
        if bars == 0 and slot <= place.position and not first:
            continue
        ids += [*(v.BAR,) * bars, v.POSITION.id(slot), *group.items]
        place = replace(place, bar_tick=place.bar_tick + bars * place.metre.ticks, position=slot)
        first = False
    return tuple(ids), place
