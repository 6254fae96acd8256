"""8-grams: what of a music stands in another, note for note, in whatever key. Knows no model.

An 8-gram is 8 successive (pitch interval, onset gap) pairs, so 9 notes in order of onset and pitch. Onsets are
first rounded to sixteenths, so that the notes of a chord keep their order however they were played; notes of
one pitch and sixteenth are one. A gap of a 4/4 bar or more is one class. Grams are kept as 64-bit hashes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from jamd.music.note import Note
from jamd.music.timeline import FOUR_FOUR, TICKS_PER_QUARTER
from jamd.remi import vocabulary as v

LENGTH = 8
"""Pairs of a gram."""
SIXTEENTH = TICKS_PER_QUARTER // 4
LONGEST_GAP = 15
"""Sixteenths; all that is longer counts as this."""
_INTERVALS = 256
_GAPS = LONGEST_GAP + 1

Grams = NDArray[np.uint64]
Ticks = NDArray[np.int64]

_HASHES = np.random.default_rng(8).integers(0, 2**64, (LENGTH, _INTERVALS * _GAPS), dtype=np.uint64)
"""A random number for each pair at each place; a gram is the XOR of its eight (Zobrist 1970)."""


def grams(notes: Sequence[Note]) -> Grams:
    """The 8-grams of notes in the order of the music, [n]; fewer than nine notes have none."""
    return grams_of(np.array([n.onset for n in notes], np.int64), np.array([n.pitch for n in notes], np.int64))


def grams_of(onsets: Ticks, pitches: Ticks) -> Grams:
    """The 8-grams of notes given as onsets in ticks and pitches, both [m]."""
    keys = np.unique(np.floor_divide(2 * onsets + SIXTEENTH, 2 * SIXTEENTH) * 128 + pitches)
    steps, tones = np.divmod(keys, 128)
    if len(keys) <= LENGTH:
        return np.zeros(0, np.uint64)
    pairs = (np.diff(tones) + 128) * _GAPS + np.minimum(np.diff(steps), LONGEST_GAP)
    count = len(pairs) - LENGTH + 1
    hashed = _HASHES[0][pairs[:count]]
    for place in range(1, LENGTH):
        hashed = hashed ^ _HASHES[place][pairs[place : place + count]]
    return np.asarray(hashed)


def known(runs: Iterable[Grams]) -> Grams:
    """The grams that occur in any of the runs: sorted, each once."""
    return np.unique(np.concatenate([np.zeros(0, np.uint64), *runs]))


def share(found: Grams, of: Grams) -> float:
    """The share of `found` that occurs in `of` (what `known` gave); NaN where there is nothing to look for."""
    if not len(found):
        return float("nan")
    if not len(of):
        return 0.0
    at = np.minimum(np.searchsorted(of, found), len(of) - 1)
    return float(np.mean(of[at] == found))


def struck(tokens: NDArray[np.uint16]) -> tuple[Ticks, Ticks]:
    """Onsets (ticks, the first bar line at 0) and pitches of all notes of a token run, as `decode` has them.

    The run begins before BOS. Whole arrays at a time: millions of tokens take seconds.
    """
    ids: Ticks = tokens.astype(np.int64)
    ons = np.flatnonzero(_in(ids, v.NOTE_ON))
    bar = np.cumsum(ids == v.BAR)
    slots = _last(ids, _in(ids, v.POSITION))[ons]
    micros = _last(ids, _in(ids, v.MICRO) | _in(ids, v.POSITION) | (ids == v.CALL) | (ids == v.RESPONSE))[ons]
    offsets = np.array(v.MICROS)[np.clip(micros - v.MICRO.first, 0, len(v.MICROS) - 1)]
    onsets = _lines(ids, bar)[bar[ons]] + (slots - v.POSITION.first) * v.SLOT_TICKS
    onsets += np.where(_in(micros, v.MICRO), offsets, 0) * v.MICRO_TICKS
    return onsets, ids[ons] - v.NOTE_ON.first


def _in(ids: Ticks, family: v.Family) -> NDArray[np.bool_]:
    return (ids >= family.first) & (ids < family.first + len(family))


def _last(ids: Ticks, wanted: NDArray[np.bool_]) -> Ticks:
    """At each place the latest id that is wanted."""
    return ids[np.maximum.accumulate(np.where(wanted, np.arange(len(ids)), 0))]


def _lines(ids: Ticks, bar: Ticks) -> Ticks:
    """The tick of each bar's line, by the number of the bar; number 0 lies before the first."""
    metre = np.zeros(int(bar[-1]) + 1 if len(bar) else 1, np.int64)
    said = np.flatnonzero(_in(ids, v.TIME_SIGNATURE))
    metre[bar[said]] = np.array([m.ticks for m in v.METRES])[ids[said] - v.TIME_SIGNATURE.first]
    metre[0] = metre[0] or FOUR_FOUR.ticks
    lengths = metre[np.maximum.accumulate(np.where(metre > 0, np.arange(len(metre)), 0))]
    return np.asarray(np.cumsum(lengths) - lengths - lengths[0])
