"""When jamd takes a phrase to be over, against real music and against fixed silences.

    python tests/bench/bench_phrase.py --data DATA --half report

Pieces of the validation split, which trained nothing, are heard by the product's own detector on a fake clock: its
instants are exact, the brain's 50 ms and an entry on the beat come on top. After a decision it begins anew.

    a rest      no key is down. It ends a phrase if it lasts a beat or more and reaches or crosses a bar line, and so
                does the last one of a piece. `sound`: no key is down and the pedal holds nothing for so long
    cuts        decisions in any other rest, for each phrase
    cut         phrases with such a decision in them, per cent
    missed      rests that end a phrase and in which nothing is decided before the next key, per cent
    missed_2s   of those, the ones of two seconds or more (a partner had room), per cent
    late        milliseconds from the last key's release to a decision in a rest that ends a phrase; `onset`: from the
                last key's onset

Rows: `jamd`; `jamd, no pedal` does not hear the pedal; a silence of so many seconds behind the last key, and behind
what the pedal holds (`+ pedal`); `equal`: the fixed silence that makes as many cuts as jamd does.
In brackets 95 % intervals by drawing pieces with replacement.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Protocol

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from jamd.engine.phrase import Phrase, PhraseRule
from jamd.music.events import PEDAL_THRESHOLD, SUSTAIN, Kind, Performed
from jamd.remi.vocabulary import SLOT_TICKS
from training.batches import REPORT, STOP, TRAIN, half_of
from training.corpus.grid import Grid
from training.corpus.piece import Piece, Struck
from training.corpus.sets import SETS

NS, MS = 1_000_000_000, 1_000_000
NEVER = 1 << 62
SINGERS = ("openscore_lieder",)
"""Sets whose voice is listened to, not the keyboard."""
FIXED_S = (0.25, 0.6, 1.0)
ROOM_NS = 2 * NS
DRAWS, SEED = 1000, 1
_ORDER = {Kind.NOTE_OFF: 0, Kind.CONTROL: 1, Kind.NOTE_ON: 2}


class Ear(Protocol):
    """Whoever decides when a phrase is over."""

    def hear(self, event: Performed) -> None: ...

    def over_at(self) -> int | None: ...

    def begin(self) -> None: ...


class Silence:
    """A fixed silence since the last key went up or, with `pedal`, since the pedal let go of what it held."""

    def __init__(self, seconds: float, pedal: bool = False) -> None:
        self._wait, self._hears_pedal = round(seconds * NS), pedal
        self._keys = set[tuple[int, int]]()
        self._down = self._ringing = False
        self._last: int | None = None

    def begin(self) -> None:
        self._last = None

    def hear(self, event: Performed) -> None:
        if event.kind is Kind.CONTROL:
            self._down = event.value >= PEDAL_THRESHOLD and self._hears_pedal
            if self._ringing and not self._down:
                self._ringing = False
                self._last = event.time_ns if self._last is not None else None
        elif event.kind is Kind.NOTE_ON:
            self._keys.add((event.channel, event.number))
            self._last = event.time_ns
        else:
            self._keys.discard((event.channel, event.number))
            self._ringing = self._down
            self._last = event.time_ns if self._last is not None else None

    def over_at(self) -> int | None:
        return None if self._keys or self._ringing or self._last is None else self._last + self._wait


@dataclass(slots=True)
class Rest:
    """No key is down from `start_ns` on, until one is struck at `end_ns`."""

    start_ns: int
    end_ns: int
    onset_ns: int
    """The last onset before it."""
    ends: dict[str, bool] = field(default_factory=dict)
    """Whether it ends a phrase, by what counts as rest: `keys`, `sound`."""


@dataclass(slots=True)
class Song:
    """What is heard, and its rests in order."""

    events: list[Performed]
    rests: list[Rest]
    pedal: bool


@dataclass(slots=True)
class Tally:
    """What was decided in a song."""

    phrases: int = 0
    cuts: int = 0
    cut: int = 0
    missed: int = 0
    roomy: int = 0
    missed_2s: int = 0
    late: list[float] = field(default_factory=list)
    onset: list[float] = field(default_factory=list)


def song_of(piece: Piece, sings: bool) -> Song | None:
    """A piece as a performance; None without notes or beats."""
    notes = piece.voice if sings else piece.notes
    if not notes or piece.grid is None:
        return None
    moves = () if sings else piece.pedal
    events = [Performed(move.time_ns, Kind.CONTROL, SUSTAIN, move.value) for move in moves]
    for note in notes:
        events.append(Performed(note.on_ns, Kind.NOTE_ON, note.pitch, note.velocity, note.channel))
        events.append(Performed(note.off_ns, Kind.NOTE_OFF, note.pitch, 0, note.channel))
    events.sort(key=lambda event: (event.time_ns, _ORDER[event.kind]))
    rests = list(_rests(notes))
    ups = _ups([(move.time_ns, move.value >= PEDAL_THRESHOLD) for move in moves])
    for rest in rests:
        rest.ends["keys"] = _ends(piece.grid, rest.start_ns, rest.end_ns)
        rest.ends["sound"] = _ends(piece.grid, ups(rest.start_ns), rest.end_ns)
    return Song(events, rests, bool(moves))


def _rests(notes: Sequence[Struck]) -> Iterator[Rest]:
    until = notes[0].on_ns
    for note, following in pairwise([*notes, None]):
        assert note is not None
        until = max(until, note.off_ns)
        if following is None or following.on_ns > until:
            yield Rest(until, NEVER if following is None else following.on_ns, note.on_ns)


def _ups(moves: Sequence[tuple[int, bool]]) -> Callable[[int], int]:
    """When the sound of a key that goes up at an instant ends."""
    times = [time_ns for time_ns, _ in moves]

    def ends(time_ns: int) -> int:
        i = bisect_right(times, time_ns) - 1
        if i < 0 or not moves[i][1]:
            return time_ns
        return next((at for at, down in moves[i:] if not down), NEVER - 1)

    return ends


def _ends(grid: Grid, start_ns: int, end_ns: int) -> bool:
    """Whether a rest lasts a beat, and a bar line lies in it; instants count as the slots nearest to them."""
    if end_ns == NEVER:
        return True
    if start_ns >= end_ns:
        return False
    start, end = (-(-(2 * grid.tick_at(at) - SLOT_TICKS) // (2 * SLOT_TICKS)) * SLOT_TICKS for at in (start_ns, end_ns))
    metre = grid.bars[max(bisect_right(grid.bars, start, key=lambda mark: mark.tick) - 1, 0)].metre
    lines = grid.bar_lines(start, end + 1)
    return end - start >= metre.beat_ticks and any(start <= line <= end for line in lines)


def decisions(ear: Ear, events: Sequence[Performed]) -> list[int]:
    """The instants at which a listener takes a phrase to be over."""
    out, now = list[int](), 0
    for event in [*events, None]:
        over = ear.over_at()
        if over is not None and (event is None or over < event.time_ns):
            out.append(max(over, now))
            ear.begin()
        if event is not None:
            ear.hear(event)
            now = event.time_ns
    return out


def judged(song: Song, decided: Sequence[int], truth: str) -> Tally:
    """How decisions stand to the rests that end a phrase."""
    tally, cut_before, waits = Tally(), 0, iter([*decided, NEVER])
    at = next(waits)
    for rest in song.rests:
        inside = list[int]()
        while at < rest.end_ns and at != NEVER:
            inside.append(at)
            at = next(waits)
        if not rest.ends[truth]:
            cut_before += len(inside)
            continue
        early = [one for one in inside if one < rest.start_ns]
        right = [one for one in inside if one >= rest.start_ns]
        cuts = cut_before + len(early) + len(right[1:])
        tally.phrases += 1
        tally.cuts += cuts
        tally.cut += cuts > 0
        cut_before = 0
        roomy = rest.end_ns - rest.start_ns >= ROOM_NS
        tally.roomy += roomy
        tally.missed += not right
        tally.missed_2s += roomy and not right
        if right:
            tally.late.append((right[0] - rest.start_ns) / MS)
            tally.onset.append((right[0] - rest.onset_ns) / MS)
    return tally


# ---- figures -------------------------------------------------------------------------------------------------


def figures(tallies: Sequence[Tally]) -> dict[str, list[float]]:
    """Each figure: value, low, high."""
    rng = np.random.default_rng(SEED)
    draws = rng.integers(len(tallies), size=(DRAWS, len(tallies)))
    counts = np.array([[t.phrases, t.cuts, t.cut, t.missed, t.roomy, t.missed_2s] for t in tallies], np.float64)
    sums = np.vstack([counts.sum(axis=0), counts[draws].sum(axis=1)])
    below = np.maximum(sums, 1)
    found = {
        "cuts": sums[:, 1] / below[:, 0],
        "cut": 100 * sums[:, 2] / below[:, 0],
        "missed": 100 * sums[:, 3] / below[:, 0],
        "missed_2s": 100 * sums[:, 5] / below[:, 4],
    }
    for name, lists, percents in (
        ("late", [t.late for t in tallies], (50, 90)),
        ("onset", [t.onset for t in tallies], (50,)),
    ):
        arrays = [np.array(values) for values in lists]
        drawn = [np.concatenate(arrays), *(np.concatenate([arrays[i] for i in row]) for row in draws[:300])]
        for percent in percents:
            found[f"{name} p{percent}"] = np.array([np.percentile(d, percent) if len(d) else np.nan for d in drawn])
    return {
        name: [round(float(x), 3) for x in (values[0], *np.nanpercentile(values[1:], (2.5, 97.5)))]
        for name, values in found.items()
    }


def measure(songs: Sequence[Song], rule: PhraseRule) -> dict[str, dict[str, dict[str, list[float]]]]:
    """All rows, by what counts as rest."""
    pedal = any(song.pedal for song in songs)
    ears: dict[str, tuple[Callable[[], Ear], bool]] = {"jamd": (partial(Phrase, rule), True)}
    if pedal:
        ears["jamd, no pedal"] = (partial(Phrase, rule), False)
    for seconds in FIXED_S:
        ears[f"{seconds:g} s"] = (partial(Silence, seconds), True)
    for seconds in FIXED_S if pedal else ():
        ears[f"{seconds:g} s + pedal"] = (partial(Silence, seconds, pedal=True), True)
    out: dict[str, dict[str, dict[str, list[float]]]] = {}
    decided = {name: [_heard(song, *ear) for song in songs] for name, ear in ears.items()}
    for truth in ("keys", "sound") if pedal else ("keys",):
        rows = {name: _tallies(songs, heard, truth) for name, heard in decided.items()}
        equal, told = _equal(songs, sum(t.cuts for t in rows["jamd"]), truth, pedal)
        rows[f"equal, {equal:.2f} s"] = told
        out[truth] = {name: figures(tallies) for name, tallies in rows.items()}
    return out


def _heard(song: Song, ear: Callable[[], Ear], pedal: bool) -> list[int]:
    return decisions(ear(), song.events if pedal else [e for e in song.events if e.kind is not Kind.CONTROL])


def _tallies(songs: Sequence[Song], heard: Sequence[Sequence[int]], truth: str) -> list[Tally]:
    return [judged(song, decided, truth) for song, decided in zip(songs, heard, strict=True)]


def _equal(songs: Sequence[Song], cuts: int, truth: str, pedal: bool) -> tuple[float, list[Tally]]:
    """The shortest fixed silence with no more cuts, to 10 ms."""
    low, high = 1, 400
    while low < high:
        middle = (low + high) // 2
        made = _tallies(songs, [decisions(Silence(middle / 100, pedal), s.events) for s in songs], truth)
        low, high = (low, middle) if sum(t.cuts for t in made) <= cuts else (middle + 1, high)
    told = _tallies(songs, [decisions(Silence(low / 100, pedal), s.events) for s in songs], truth)
    return low / 100, told


def songs_of(data: Path, name: str, half: str, most: int) -> list[Song]:
    """Songs of a set's validation split, in an order of their own."""
    source, out = SETS[name], list[Song]()
    with tempfile.TemporaryDirectory() as scratch:
        folder = source.open(data, Path(scratch))
        rows = [row for row in source.rows(folder) if row.split != TRAIN and half in ("all", half_of(row.group))]
        rows.sort(key=lambda row: hashlib.sha256(f"{name}/{row.piece}".encode()).digest())
        for row in rows:
            song = song_of(source.read(folder, row), name in SINGERS)
            if song is not None and len(out) < most:
                out.append(song)
    return out


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="the folder of the *.tar.xz")
    parser.add_argument("--sets", nargs="+", default=["wjazzd", "openscore_lieder", "asap"], choices=list(SETS))
    parser.add_argument("--half", default=REPORT, choices=(STOP, REPORT, "all"), help="of the validation split")
    parser.add_argument("--most", default=60, type=int, help="songs of a set")
    rule = PhraseRule()
    parser.add_argument("--min", default=rule.min_silence_s, type=float, help="another rule than the shipped one")
    parser.add_argument("--max", default=rule.max_silence_s, type=float)
    parser.add_argument("--factor", default=rule.gap_factor, type=float)
    options = parser.parse_args()
    rule = PhraseRule(options.min, options.max, options.factor)
    began, told = time.perf_counter(), dict[str, object]()
    for name in options.sets:
        songs = songs_of(options.data, name, options.half, options.most)
        measured = measure(songs, rule)
        told[name] = {"songs": len(songs), **measured}
        for truth, rows in measured.items():
            phrases = sum(rest.ends[truth] for song in songs for rest in song.rests)
            print(f"\n{name}, rests of the {truth}: {len(songs)} songs, {phrases} phrases")
            for row, found in rows.items():
                cells = [f"{key} {value:.4g} ({low:.3g}-{high:.3g})" for key, (value, low, high) in found.items()]
                print(f"  {row:16}", "  ".join(cells))
    print(json.dumps({"seconds": round(time.perf_counter() - began, 1), "half": options.half, **told}))


if __name__ == "__main__":
    main()
