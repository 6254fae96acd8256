"""Tokens for people: one event a line, the word Event and its four fields, as REMI prints them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jamd.remi import vocabulary as v
from jamd.remi.cursor import Cursor


def listing(ids: Iterable[int]) -> Iterator[str]:
    """A line a token: `Event(name=Position, time=480, value=13/48, text=480)`.

    `time` is the tick, `value` the vocabulary's value (a Position with their number in its bar), `text` the
    raw value: tick, number of the bar, ticks of a bar, Micro or duration, velocity, pitch, bpm (a class: its
    lowest). The ids obey the grammar.
    """
    cursor, bars, tempo_class = Cursor(), 0, v.TEMPO_CLASS.first
    for token in ids:
        cursor.feed(token)
        bars += token == v.BAR
        tempo_class = token if token in v.TEMPO_CLASS else tempo_class
        family = v.family_of(token)
        value = family.values[family.index(token)]
        value = f"{value}/{cursor.slots}" if token in v.POSITION else value
        text = _text(token, value, cursor, bars, tempo_class)
        time = cursor.tick if bars else 0
        yield f"Event(name={family.name}, time={time}, value={value}, text={text})"


def _text(token: int, value: str, cursor: Cursor, bars: int, tempo_class: int) -> str:
    match v.family_of(token).name:
        case "Position":
            return str(cursor.tick)
        case "Bar":
            return str(bars)
        case "Time Signature":
            return str(cursor.metre.ticks)
        case "Micro":
            return f"{cursor.micro * v.MICRO_TICKS:+d}"
        case "Note Velocity":
            return str(v.velocity_value(token))
        case "Note Duration" if token != v.DURATION_OPEN:
            return str(v.duration_ticks(token))
        case "Tempo Class":
            return str(v.tempo_bpm(token, v.TEMPO_VALUE.first))
        case "Tempo Value":
            return str(v.tempo_bpm(tempo_class, token))
        case _:
            return value
