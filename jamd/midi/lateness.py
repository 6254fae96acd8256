"""How late notes were played, and answers came: counts of fixed size, since a jam may last for hours."""

from __future__ import annotations

BUCKET_NS = 50_000
"""A twentieth of a millisecond: lateness is wanted to the tenth."""
_BUCKETS = 1000


class Lateness:
    """Counts of notes by their lateness. Written by the player."""

    def __init__(self) -> None:
        self._buckets = [0] * (_BUCKETS + 1)
        self.played = 0
        self.skipped = 0
        """Notes left out because they were too late."""
        self.worst_ns = 0

    def add(self, late_ns: int) -> None:
        """A note was played this late."""
        self._buckets[min(late_ns // BUCKET_NS, _BUCKETS)] += 1
        self.played += 1
        self.worst_ns = max(self.worst_ns, late_ns)

    def skip(self) -> None:
        """A note was left out."""
        self.skipped += 1

    def percentile_ns(self, percent: float) -> int:
        """The lateness that `percent` of the notes did not exceed, to a bucket; 0 without notes."""
        wanted, seen = self.played * percent / 100, 0
        for index, number in enumerate(self._buckets):
            seen += number
            if number and seen >= wanted:
                return min((index + 1) * BUCKET_NS, self.worst_ns)
        return 0

    def facts(self) -> dict[str, int | float | str | bool]:
        """For a report: counts, and milliseconds."""
        return {
            "played": self.played,
            "skipped": self.skipped,
            "p50_ms": self.percentile_ns(50) / 1e6,
            "p99_ms": self.percentile_ns(99) / 1e6,
            "worst_ms": self.worst_ns / 1e6,
        }


class Responses:
    """Counts the answers that were to begin as a phrase ended, and those that came later than a budget. The wire's."""

    def __init__(self, budget_ns: int) -> None:
        self._budget_ns = budget_ns
        self._answers = self._over = 0

    def add(self, after_ns: int) -> bool:
        """The first note of one was played so long after the phrase's end; True where that is over the budget."""
        over = after_ns > self._budget_ns
        self._answers, self._over = self._answers + 1, self._over + over
        return over

    def facts(self) -> dict[str, int | float | str | bool]:
        """For a report: counts."""
        return {"answers": self._answers, "over_budget": self._over, "budget_ms": self._budget_ns / 1e6}
