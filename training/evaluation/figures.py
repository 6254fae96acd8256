"""From bits of single tokens to bits a note, gains and ratios, each with its interval, for each set and for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.bars import ALL, PARTS, SECOND_HALF, Marks
from training.evaluation.baselines import MIXTURE, SONG_CACHE
from training.evaluation.bootstrap import Bootstrap, Cell, Column
from training.evaluation.song import Song

OWN, XZ = "own", "xz"
BESIDE = "beside "
"""Before the context lengths of a second model."""
EVERY_SET = "all"
SHORT, LONG = "512", "4096"
RATIOS = {
    "context_512_to_mixture": (SHORT, MIXTURE, ALL),
    "own_to_xz": (OWN, XZ, ALL),
    "context_4096_to_song_cache": (LONG, SONG_CACHE, ALL),
    "context_4096_to_song_cache_second_half": (LONG, SONG_CACHE, SECOND_HALF),
}
"""What the gates ask for: the bits of one over the bits of the other, on a part of the tokens."""
TokenBits = Mapping[str, Sequence[NDArray[np.floating]]]


class Figures:
    """Sums over the songs' tokens, by system and part; every table is made of them. `seed` decides the draws."""

    def __init__(self, songs: Sequence[Song], marks: Sequence[Marks], seed: int) -> None:
        self._sets = np.array([song.set for song in songs])
        self._marks, self._seed = marks, seed
        self._notes = {part: np.array([m.notes_in(part) for m in marks], dtype=float) for part in PARTS}
        self._sums: dict[tuple[str, str], Column] = {}
        self.systems: list[str] = []

    def add(self, system: str, bits: Sequence[NDArray[np.floating]]) -> None:
        """The bits of each song's tokens but the first, [n - 1]."""
        self.systems.append(system)
        for part in PARTS:
            sums = [m.sum_in(part, row) for m, row in zip(self._marks, bits, strict=True)]
            self._sums[system, part] = np.array(sums)

    def add_whole(self, system: str, bits: Sequence[float]) -> None:
        """The bits of each song where single tokens have none (xz)."""
        self.systems.append(system)
        self._sums[system, ALL] = np.array(bits)

    @property
    def names(self) -> list[str]:
        """The sets, and `all` where there are several."""
        sets = list(dict.fromkeys(self._sets.tolist()))
        return sets if len(sets) == 1 else [*sets, EVERY_SET]

    def bits_per_note(self) -> dict[str, dict[str, dict[str, Any]]]:
        """{set: {system: {part: cell or None}}}."""
        return {
            name: {
                system: {part: _json(self._per_note(name, system, part)) for part in PARTS} for system in self.systems
            }
            for name in self.names
        }

    def gains(self) -> dict[str, dict[str, Any]]:
        """{set: {part: cell}}: bits a note that context LONG saves over context SHORT; None without the two."""
        return {name: {part: _json(self._saved(name, SHORT, LONG, part)) for part in PARTS} for name in self.names}

    def differences(self) -> dict[str, dict[str, dict[str, Any]]]:
        """{set: {context: {part: cell}}}: bits a note that the model saves over the one beside it."""
        contexts = [system.removeprefix(BESIDE) for system in self.systems if system.startswith(BESIDE)]
        return {
            name: {c: {part: _json(self._saved(name, BESIDE + c, c, part)) for part in PARTS} for c in contexts}
            for name in self.names
        }

    def ratios(self) -> dict[str, dict[str, Any]]:
        """{set: {name of RATIOS: cell or None}}."""
        return {
            name: {ratio: _json(self._quotient(name, *terms)) for ratio, terms in RATIOS.items()} for name in self.names
        }

    def notes(self, name: str, part: str = ALL) -> int:
        """How many notes a part of a set holds."""
        return int(self._notes[part][self._of(name)].sum())

    def _per_note(self, name: str, system: str, part: str) -> Cell | None:
        here = self._of(name)
        sums = self._sums.get((system, part))
        return None if sums is None else self._draws(name).quotient(sums[here], self._notes[part][here])

    def _saved(self, name: str, without: str, given: str, part: str) -> Cell | None:
        """Bits a note that `given` needs less than `without`, song by song."""
        here = self._of(name)
        more, less = self._sums.get((without, part)), self._sums.get((given, part))
        if more is None or less is None:
            return None
        return self._draws(name).quotient((more - less)[here], self._notes[part][here])

    def _quotient(self, name: str, above: str, below: str, part: str) -> Cell | None:
        here = self._of(name)
        over, under = self._sums.get((above, part)), self._sums.get((below, part))
        return None if over is None or under is None else self._draws(name).quotient(over[here], under[here])

    def _of(self, name: str) -> NDArray[np.bool_]:
        if name == EVERY_SET and name not in self._sets:
            return np.ones(len(self._sets), dtype=bool)
        return np.asarray(self._sets == name)

    def _draws(self, name: str) -> Bootstrap:
        return Bootstrap(int(self._of(name).sum()), self._seed)


def _json(cell: Cell | None) -> dict[str, Any] | None:
    return None if cell is None else cell.json()
