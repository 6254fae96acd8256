"""The brain's diary: at what it looked and when, so that another brain can do exactly the same again.

One letter a look, numbers in grains (GRAIN_NS):

- `m`: the next message that it was told
- `h12`: from here on watermarks say that 12 note-ons were heard; `w50`: a watermark, 50 grains behind the last one
  (`w50.00123`: and so many ns)
- `d-9.00123`: the message that it was deaf from an instant on, so many grains and ns behind the last watermark;
  what else it was told before that it has not heard
- `s7`: a step, 7 grains behind the last watermark
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from jamd.music.messages import GRAIN_NS, Looked, PlanEnded, Watermark
from jamd.music.told import Told

MOST = 400
"""So many looks are told at once, if nothing follows from them before: those of two seconds of music."""
_LOOK = re.compile(r"([mdhws])(-?\d*)(?:\.(\d+))?")


class Look(NamedTuple):
    """What it looked at (`m`, `d`, `h`, `w` or `s`), and the number or the instant that it says."""

    kind: str
    value: int = 0


class Looks:
    """Writes the diary. Owned by the brain: each look is noted before it is taken, and told before what follows."""

    def __init__(self, tell: Callable[[Looked], object]) -> None:
        self._tell = tell
        self._number = 0
        self._from = self._mark = 0  # grains: where these looks begin, and the last watermark
        self._heard = -1
        self._looks: list[str] = []

    def hear(self, message: Told | Watermark) -> None:
        """A message is about to be heard."""
        match message:
            case Watermark(time_ns, heard):
                if heard != self._heard:
                    self._heard = heard
                    self._looks.append(f"h{heard}")
                self._looks.append("w" + self._since_mark(time_ns))
                self._mark = time_ns // GRAIN_NS
            case PlanEnded(time_ns, deaf=True):
                self._looks.append("d" + self._since_mark(time_ns))
            case _:
                self._looks.append("m")

    def step(self, now: int) -> int:
        """A step is about to be made; the instant that counts for it: now, or a little later."""
        grains = -(-now // GRAIN_NS)
        self._looks.append(f"s{grains - self._mark}")
        if len(self._looks) >= MOST:
            self.tell()
        return grains * GRAIN_NS

    def tell(self) -> None:
        """Tells of all looks since the last time."""
        if self._looks:
            self._tell(Looked(self._number, self._from * GRAIN_NS, "".join(self._looks)))
            self._number, self._from = self._number + 1, self._mark
            self._looks.clear()

    def _since_mark(self, time_ns: int) -> str:
        grains, rest = divmod(time_ns, GRAIN_NS)
        return f"{grains - self._mark}" + (f".{rest:05}" if rest else "")


def read_looks(from_ns: int, looks: str) -> Iterator[Look]:
    """What `Looks` has written, with instants in ns."""
    mark = from_ns // GRAIN_NS
    for kind, number, rest in _LOOK.findall(looks):
        if kind in "mh":
            yield Look(kind, int(number or 0))
            continue
        grains = mark + int(number)
        yield Look(kind, grains * GRAIN_NS + int(rest or 0))
        if kind == "w":
            mark = grains
