"""What was heard of an answer that was stopped: its tokens up to a tick. Knows no clock and no player."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from jamd.remi import vocabulary as v
from jamd.remi.cursor import Cursor
from jamd.remi.place import Place


def cut(ids: Iterable[int], place: Place, tick: int, left_out: Collection[tuple[int, int]] = ()) -> tuple[int, ...]:
    """The part of an answer's `ids` (closed durations, beginning at `place`) before `tick`, itself an answer.

    Notes are kept by their onset, bars by their line, all else by its slot; a note that sounds at the cut
    gets the bin nearest to what was heard of it, and the pedal ends up. Nothing is put behind the cut, so
    that the next turn can begin there. An unfinished item at the end of `ids` was not heard, nor were the notes
    `left_out` (onset in ticks, pitch).
    """
    heard: list[int] = []
    heads: list[int] = []  # Bar, Position and Micro, until something is heard under them
    for at, item in _items(ids, place):
        if item[0] in v.NOTE_VELOCITY and (at, v.NOTE_ON.index(item[1])) in left_out:
            continue
        bar, position, micro = item[0] == v.BAR, item[0] in v.POSITION, item[0] in v.MICRO
        if bar or position:
            heads = [head for head in heads if head not in v.POSITION and head not in v.MICRO]
        elif micro:
            heads = [head for head in heads if head not in v.MICRO]
        if at < tick and not position and not micro:
            heard += [*heads, *_shortened(item, tick - at)]
            heads = []
        elif bar or position or micro:
            heads += item
    return tuple(_pedal_up(heard, place, tick))


def _items(ids: Iterable[int], place: Place) -> Iterator[tuple[int, list[int]]]:
    """Tokens that belong together, with their tick: a Bar and its metre, a tempo, a note; the rest alone."""
    cursor = Cursor(place)
    at, item = 0, list[int]()
    for token in ids:
        cursor.feed(token)
        if any(token in family for family in (v.TIME_SIGNATURE, v.TEMPO_VALUE, v.NOTE_ON, v.NOTE_DURATION)):
            item.append(token)
            continue
        if item:
            yield at, item
        at, item = cursor.tick, [token]
    if item and not any(item[-1] in family for family in (v.TEMPO_CLASS, v.NOTE_VELOCITY, v.NOTE_ON)):
        yield at, item


def _shortened(item: list[int], ticks: int) -> list[int]:
    """The item; a note no longer than `ticks`, to the nearest bin (bins rise with their ids)."""
    if item[0] not in v.NOTE_VELOCITY:
        return item
    return [*item[:2], min(item[2], v.duration_token(ticks))]


def _pedal_up(heard: list[int], place: Place, tick: int) -> list[int]:
    """`heard`, with Pedal Off if the pedal is down: in a slot at the cut, or else within the last."""
    pedals = [token for token in heard if token in (v.PEDAL_ON, v.PEDAL_OFF)]
    if not pedals or pedals[-1] == v.PEDAL_OFF:
        return heard
    cursor = Cursor(place)
    for token in heard:
        cursor.feed(token)
    slot = min((tick - 1 - cursor.bar_tick) // v.SLOT_TICKS, cursor.slots - 1)
    if slot > cursor.position:
        return [*heard, v.POSITION.id(slot), v.PEDAL_OFF]
    start = max(index for index, token in enumerate(heard) if token in v.POSITION)
    before, last = heard[:start], heard[start:]
    if v.PEDAL_ON not in last:
        return [*before, last[0], v.PEDAL_OFF, *last[1:]]
    last.remove(v.PEDAL_ON)  # it went down and up within this slot
    return [*before, *last] if len(last) > 1 else before
