"""The player as it stood in the wire, without a port: what is played is told, and nothing sounds."""

from __future__ import annotations

from collections.abc import Callable

from jamd.config import Settings
from jamd.midi.keyboard import Keyboard
from jamd.midi.ledger import SIZE, Ledger
from jamd.midi.player import MS, Player
from jamd.music.events import Performed
from jamd.music.messages import Missed


class Hands:
    """jamd's hands: a new wire has new ones. `played` is told of each event, and when it was due."""

    def __init__(self, settings: Settings, played: Callable[[Performed, int], None]) -> None:
        keyboard = Keyboard(lambda message: None, Ledger(bytearray(SIZE)))
        channel = max(settings.midi.channel - 1, 0)
        self.player = Player(keyboard, played, channel, settings.player.late_ms * MS)

    def late(self, now: int) -> list[Missed]:
        """Plays what is due; which notes were left out."""
        reports = [report for report in self.player.play(now) if report.what == "late"]
        return [Missed(now, int(r.facts["due_ns"]), int(r.facts["pitch"])) for r in reports]
