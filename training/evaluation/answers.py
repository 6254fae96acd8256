"""Plays the answers that are measured: of a model, of Markov, of a Continuator. One song at a time, in a worker.

A player of tokens is an Improviser as in a jam, under the grammar, with the sampling that jamd ships with. It
hears the whole song in order; an answer is begun at each call's end and taken back when it is done.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import cast

from jamd.config import Sampling
from jamd.engine.improviser import Improviser, Opening
from jamd.engine.sampling import Sampler
from jamd.engine.session import Session
from jamd.music.note import Note
from jamd.remi.decoder import decode
from jamd.remi.grammar import Bounds, Grammar
from training.evaluation.continuator import Continuator
from training.evaluation.copying import Grams, grams, known
from training.evaluation.excerpts import Excerpt, Pair, excerpt, pairs
from training.evaluation.markov import Markov
from training.evaluation.song import Song

SHIPPED = Sampling()
"""Temperature, top_p and min_p of every answer that is measured: the defaults of jamd.toml."""
BOUNDS = Bounds(metre=False, tempo=False)
"""Live the metre and the tempo are the performer's."""
REAL, MODEL, MARKOV, CONTINUATOR = "real", "model", "markov4", "continuator"


@dataclass(frozen=True, slots=True)
class Task:
    """One song on one grid."""

    number: int
    """Of the song; the answers come back under it."""
    song: Song
    free: bool
    at_most: int
    model: Path
    markov: Path
    seed: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A call with the answers to it, by the name of who plays."""

    song: int
    group: str
    call: Excerpt
    answers: dict[str, Excerpt]
    undecodable: frozenset[str]
    """Whose tokens the language refuses."""
    past: Grams
    """The 8-grams of the song up to the response."""
    flat: bool
    """Its velocities say nothing."""


def sampler(seed: int) -> Sampler:
    """Draws as jamd does by default."""
    return Sampler(SHIPPED.temperature, SHIPPED.top_p, SHIPPED.min_p, seed % 2**64)


def improviser(stream: object, seed: int) -> Improviser:
    """A player of tokens on a Session, or on anything with its feed, step, reset, snapshot and restore."""
    return Improviser(cast(Session, stream), sampler(seed), BOUNDS)


def respond(player: Improviser, pair: Pair, turn: int) -> tuple[int, ...]:
    """The player's tokens behind the pair's tail; it forgets them again. `turn` is the key of every draw."""
    answer = player.begin(pair.tail, Opening(pair.place, pair.first, pair.end_tick, turn))
    while not answer.done:
        player.step()
    player.take_back()
    return tuple(answer.ids)


def notes_of(ids: Sequence[int], pair: Pair) -> list[Note]:
    """The notes of an answer; the response begins at tick 0."""
    notes, _ = decode(ids, pair.place)
    return [Note(n.onset - pair.line, n.duration, n.pitch, n.velocity) for n in notes]


def continued(pair: Pair, rng: random.Random) -> list[Note]:
    """The answer of a Continuator that knows the song so far, the call included."""
    call = [n for n in pair.past if n.onset >= -pair.call.ticks]
    return Continuator(pair.past).answer(call, pair.call.ticks, rng)


def turn_of(name: str) -> int:
    """A number for a text, the same everywhere."""
    return int.from_bytes(blake2b(name.encode(), digest_size=7).digest(), "little")


def play(task: Task) -> list[Answered]:
    """All pairs of a song with all answers."""
    song, out = task.song, list[Answered]()
    players = {
        MODEL: improviser(_session(task.model), task.seed),
        MARKOV: improviser(Markov.load(task.markov), task.seed),
    }
    grammar = Grammar()
    for pair in pairs(song, task.at_most, free=task.free):
        _advance(grammar, pair.heard)
        at_turn = grammar.copy()
        _advance(at_turn, pair.tail)
        name = f"{song.set}/{song.piece}/{'free' if task.free else 'true'}/{pair.line}"
        ids = {}
        for who, player in players.items():
            player.hear(pair.heard)
            ids[who] = respond(player, pair, turn_of(name))
        notes = {who: notes_of(tokens, pair) for who, tokens in ids.items()}
        notes[CONTINUATOR] = continued(pair, random.Random(f"{task.seed}/{name}"))
        answers = {who: excerpt(n, 0, pair.call.metre, level=song.flat_velocity) for who, n in notes.items()}
        refused = frozenset(who for who, tokens in ids.items() if not decodes(at_turn, tokens))
        past = known([grams(pair.past)])
        everybody = {REAL: pair.real, **answers}
        out.append(Answered(task.number, song.group, pair.call, everybody, refused, past, song.flat_velocity))
    return out


def decodes(grammar: Grammar, ids: Sequence[int]) -> bool:
    """Whether the language lets all of `ids` come where `grammar` stands, and the music end behind them."""
    grammar = grammar.copy()
    for token in ids:
        if not grammar.accepts(token):
            return False
        grammar.advance(token)
    return grammar.complete


def _advance(grammar: Grammar, ids: Sequence[int]) -> None:
    for token in ids:
        grammar.advance(token)


@cache
def _session(model: Path) -> Session:
    """Loaded once in each process; one thread, since there is a process for each core."""
    return Session.load(model, device="cpu", threads=1)
