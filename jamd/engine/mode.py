"""What a mode of playing is to the partner."""

from __future__ import annotations

from typing import Protocol

from jamd.music.events import Performed
from jamd.music.timeline import Timeline


class Mode(Protocol):
    """Decides when jamd plays, for how long, and when it yields. One is on at a time; all write the core's state."""

    def hear(self, entry: Performed | Timeline) -> None:
        """Takes in what the wire has stamped."""

    def reach(self, watermark_ns: int) -> None:
        """The log is complete up to there."""

    def miss(self, due_ns: int, pitch: int) -> None:
        """The player has left a note out."""

    def step(self, now: int) -> bool:
        """Does a piece of what is to do; True where more waits to be done at once."""

    def interrupt(self, time_ns: int, why: str) -> None:
        """What was being played has stopped: it is remembered as far as it was heard."""

    def forget(self, time_ns: int) -> None:
        """What is begun, or being played, ends here and was never begun: memory goes back anyhow."""

    def answer(self, time_ns: int, *, anew: bool = False) -> None:
        """The performer's turn is over, as he says; `anew`: the last answer was forgotten."""

    def roll(self, time_ns: int, rolling: bool) -> None:
        """The song that the clock counts begins, or stops."""

    def leave(self, now: int) -> bool:
        """Another mode is wanted: True when nothing of this one is under way; asked until it is so."""

    def stay(self) -> None:
        """The other mode is not wanted any more."""

    @property
    def finished(self) -> bool:
        """True where nothing is under way, and nothing was left unanswered."""
