"""How far ahead jamd has to be: learnt from how long its work takes. Reads no clock, it is told when work begins.

A smoothed mean and a smoothed deviation, as TCP keeps them for its timeout (RFC 6298): mean + 4 deviations is late
only when something is wrong, and one disturbance is forgotten after some twenty good ones.
"""

from __future__ import annotations

from jamd.engine.budget import HOPS_MS, NEXT_TOKENS, ROLLED_MS, SLOT_TOKENS

MS = 1_000_000
TOKEN_NS, DEVIATION_NS = 2_000_000, 1_500_000
"""What a token is taken to need before one was made: a margin of 60 ms."""
LONGEST_TOKEN_NS = 100 * MS
"""More is no pace but a disturbance: a machine that slept."""
BEGIN_TOKENS = 4
"""A snapshot and the tail of a phrase take about as long."""
LEAST_NS, MOST_NS = 20 * MS, 500 * MS
"""The least is what it takes to hand on what stands already."""


class Estimate:
    """How long something takes that is done again and again, in nanoseconds."""

    def __init__(self, mean: int, deviation: int) -> None:
        self.mean, self.deviation = mean, deviation

    def add(self, took: int) -> None:
        """It took so long this time."""
        error = took - self.mean
        self.deviation += (abs(error) - self.deviation) // 4
        self.mean += error // 8

    def bound(self, times: int = 1) -> int:
        """What so many of them will hardly exceed."""
        return times * self.mean + 4 * self.deviation


class Pace:
    """The pace of tokens. Owned by the core; written by the mode that is on."""

    def __init__(self, token_ns: int = TOKEN_NS) -> None:
        self.token_ns = token_ns
        """What a token was expected to need."""
        self._token = Estimate(token_ns, min(DEVIATION_NS, token_ns))
        self._began: tuple[int, int] | None = None  # when work began that still goes on, and how many tokens

    def begin(self, now: int, tokens: int) -> None:
        """Work on so many tokens begins, and goes on until the next `look`."""
        self._began = now, tokens

    def look(self, now: int) -> None:
        """Whatever was begun is done."""
        if self._began is not None:
            began, tokens = self._began
            self._token.add(min(max(now - began, 0) // tokens, LONGEST_TOKEN_NS))
            self._began = None

    def time_for(self, tokens: int) -> int:
        """So long, at most, takes work on so many tokens."""
        return self._token.bound(tokens)

    @property
    def by_note(self) -> bool:
        """Whether the notes of a slot may be played as they are made, and be heard as struck together."""
        return NEXT_TOKENS * self._token.mean <= ROLLED_MS * MS

    @property
    def margin_ns(self) -> int:
        """So long before an instant an answer must be begun to be heard there."""
        return min(max(int(HOPS_MS * MS) + self.time_for(BEGIN_TOKENS + SLOT_TOKENS), LEAST_NS), MOST_NS)


class SteadyPace(Pace):
    """One that learns nothing: where no time passes while it works, as in a replay, there is nothing to learn."""

    def look(self, now: int) -> None:
        """Whatever was begun is done."""
        self._began = None
