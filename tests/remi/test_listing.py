"""Laws of the listing: a line a token, in REMI's form."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.remi import vocabulary as v
from jamd.remi.decoder import decode
from jamd.remi.grammar import Grammar
from jamd.remi.listing import listing

LINE = re.compile(r"Event\(name=(.+), time=(-?\d+), value=(.+), text=(.+)\)")


def test_a_piece_is_listed_as_remi_does() -> None:
    ids = [
        v.BOS,
        v.CALL,
        v.BAR,
        v.TIME_SIGNATURE.of("4/4"),
        v.POSITION.id(12),
        v.PEDAL_ON,
        v.CHORD.of("C:maj"),
    ]
    ids += [*v.tempo_tokens(120), v.velocity_token(100), v.NOTE_ON.id(60), v.duration_token(480)]
    ids += [v.MICRO.of("-2"), v.velocity_token(1), v.NOTE_ON.id(64), v.DURATION_OPEN]
    ids += [v.BAR, v.TIME_SIGNATURE.of("3/8"), v.RESPONSE, v.POSITION.id(0), v.NOTE_OFF.id(64), v.PEDAL_OFF]
    assert list(listing(ids)) == [
        "Event(name=BOS, time=0, value=None, text=None)",
        "Event(name=Call, time=0, value=None, text=None)",
        "Event(name=Bar, time=0, value=None, text=1)",
        "Event(name=Time Signature, time=0, value=4/4, text=1920)",
        "Event(name=Position, time=480, value=13/48, text=480)",
        "Event(name=Pedal On, time=480, value=None, text=None)",
        "Event(name=Chord, time=480, value=C:maj, text=C:maj)",
        "Event(name=Tempo Class, time=480, value=mid, text=90)",
        "Event(name=Tempo Value, time=480, value=30, text=120)",
        "Event(name=Note Velocity, time=480, value=25, text=102)",
        "Event(name=Note On, time=480, value=60, text=60)",
        "Event(name=Note Duration, time=480, value=34, text=496)",
        "Event(name=Micro, time=464, value=-2, text=-16)",
        "Event(name=Note Velocity, time=464, value=0, text=2)",
        "Event(name=Note On, time=464, value=64, text=64)",
        "Event(name=Note Duration, time=464, value=open, text=open)",
        "Event(name=Bar, time=1920, value=None, text=2)",
        "Event(name=Time Signature, time=1920, value=3/8, text=720)",
        "Event(name=Response, time=1920, value=None, text=None)",
        "Event(name=Position, time=1920, value=1/18, text=1920)",
        "Event(name=Note Off, time=1920, value=64, text=64)",
        "Event(name=Pedal Off, time=1920, value=None, text=None)",
    ]


def test_nothing_is_listed_of_nothing() -> None:
    assert list(listing([])) == []


@given(st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_whatever_the_grammar_allows_is_listed_with_the_ticks_of_the_decoder(seed: int) -> None:
    rng, grammar, ids = np.random.default_rng(seed), Grammar(), list[int]()
    for _ in range(300):
        ids.append(int(rng.choice(np.flatnonzero(grammar.allowed()))))
        grammar.advance(ids[-1])
    lines = [LINE.fullmatch(line) for line in listing(ids)]
    assert len(lines) == len(ids)
    told = []
    for token, line in zip(ids, lines, strict=True):
        assert line is not None and line[1] == v.family_of(token).name
        if token in v.NOTE_ON:
            told.append((int(line[2]), int(line[3])))
    whole = told[: sum(token in v.NOTE_DURATION for token in ids)]
    assert {(note.onset, note.pitch) for note in decode(ids)[0]} == set(whole)
