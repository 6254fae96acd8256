"""The player and its keyboard as they stood in the wire, without a port: what is played is told, and nothing sounds."""

from __future__ import annotations

from collections.abc import Callable

from jamd.daemon.played import HowPlayed
from jamd.midi.keyboard import Keyboard
from jamd.midi.ledger import SIZE, Ledger
from jamd.midi.messages import control
from jamd.midi.player import MS, Player
from jamd.music.actions import Action
from jamd.music.events import SUSTAIN, Kind, LogEntry, Performed
from jamd.music.messages import Missed


class Hands:
    """jamd's hands: a new wire has new ones. `played` is told of each event, and when it was due."""

    def __init__(self, how: HowPlayed, played: Callable[[Performed, int], None]) -> None:
        settings = how.settings
        self._thru = how.thru
        self._keyboard = Keyboard(lambda message: None, Ledger(bytearray(SIZE)))
        channel = max(settings.midi.channel - 1, 0)
        self.player = Player(self._keyboard, played, channel, settings.player.late_ms * MS)

    def late(self, now: int) -> list[Missed]:
        """Plays what is due; which notes were left out."""
        reports = [report for report in self.player.play(now) if report.what == "late"]
        return [Missed(now, int(r.facts["due_ns"]), int(r.facts["pitch"])) for r in reports]

    def hear(self, entry: LogEntry) -> None:
        """What goes through to the synth may end notes there, or lift its pedal."""
        control_change = isinstance(entry, Performed) and entry.kind is Kind.CONTROL and entry.number != SUSTAIN
        if self._thru and control_change and isinstance(entry, Performed):
            self._keyboard.pass_on(control(entry.channel, entry.number, entry.value))

    def act(self, action: Action) -> None:
        """What the wire itself does about it."""
        if action.name == "panic":
            self._keyboard.silence()
