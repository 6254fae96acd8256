"""When a phrase is over: an adaptive rule on what was performed. Knows no clock: all follows from the events."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

from jamd.music.events import PEDAL_THRESHOLD, SUSTAIN, Kind, Performed

NS = 1_000_000_000
GAPS = 8
"""How many inter-onset intervals the player's pace is read from."""
CHORD_NS = 35_000_000
"""Onsets closer than this are one chord, not a pace: gaps of played music have a minimum at 40-50 ms."""
LONG_NOTE = 2.0
"""A last note this many times the pace says that the phrase has come to rest."""
TAP_NS = 350_000_000
"""A pedal that goes down and up again within this time, with no key down, hands over."""
DIED_AWAY_NS = 3 * NS
"""What the pedal holds this long has died away to the ear: a forgotten pedal does not mute jamd."""


@dataclass(frozen=True, slots=True)
class PhraseRule:
    """The adaptive silence: `gap_factor` times the median inter-onset interval, within the two limits."""

    min_silence_s: float = 0.35
    max_silence_s: float = 1.2
    gap_factor: float = 2.0


class Phrase:
    """What the performer is doing in this phrase, and the instant at which it will be over if nothing more comes."""

    def __init__(self, rule: PhraseRule) -> None:
        self._rule = rule
        self._gaps: deque[int] = deque(maxlen=GAPS)  # the player's pace outlives a phrase
        self._held: set[tuple[int, int]] = set()
        self._pedal_since: int | None = None
        self._ringing = False  # the pedal holds notes whose keys are up
        self.begin()

    def begin(self) -> None:
        """Forgets the phrase, keeps the pace."""
        self.first_ns: int | None = None
        """The first note-on of the phrase; None before it."""
        self.last_ns = 0
        """The last instant at which a key or the pedal ended or began a sound."""
        self._onset: int | None = None
        self._last_length = 0
        self._handed_over: int | None = None

    def hear(self, event: Performed) -> None:
        """Takes in one performed event."""
        key = (event.channel, event.number)
        if event.kind is Kind.NOTE_ON:
            self._note_on(event.time_ns, key)
        elif event.kind is Kind.NOTE_OFF and key in self._held:
            self._held.discard(key)
            self._ringing = self._pedal_since is not None
            self._sounded(event.time_ns)
        elif event.kind is Kind.CONTROL and event.number == SUSTAIN:
            self._pedal(event.time_ns, event.value >= PEDAL_THRESHOLD)
        elif event.kind is Kind.PROGRAM and self.first_ns is not None:
            self._handed_over = event.time_ns

    def let_go(self, time_ns: int) -> list[Performed]:
        """The events that would let go of every key and pedal that is down."""
        keys = [Performed(time_ns, Kind.NOTE_OFF, pitch, 0, channel) for channel, pitch in sorted(self._held)]
        pedal = [] if self._pedal_since is None else [Performed(time_ns, Kind.CONTROL, SUSTAIN, 0)]
        return keys + pedal

    def silence_ns(self) -> int:
        """How long a silence ends this phrase."""
        rule = self._rule
        pace = median(self._gaps) if self._gaps else rule.max_silence_s * NS / rule.gap_factor
        wait = min(max(rule.gap_factor * pace, rule.min_silence_s * NS), rule.max_silence_s * NS)
        if self._gaps and self._last_length >= LONG_NOTE * pace:
            wait /= 2
        return int(wait)

    def over_at(self) -> int | None:
        """The instant at which the phrase is over if nothing more comes; None while it cannot end."""
        if self.first_ns is None:
            return None
        if self._handed_over is not None:
            return self._handed_over
        if self._held:
            return None
        if self._ringing and self._pedal_since is not None:
            return self.last_ns + DIED_AWAY_NS
        return self.last_ns + self.silence_ns()

    @property
    def keys_held(self) -> bool:
        """True while a key is down."""
        return bool(self._held)

    def _note_on(self, time_ns: int, key: tuple[int, int]) -> None:
        if self.first_ns is None:
            self.first_ns = time_ns
        elif self._onset is not None and time_ns - self._onset > CHORD_NS:
            self._gaps.append(time_ns - self._onset)
        self._held.add(key)
        self._handed_over = None
        if self._onset is None or time_ns - self._onset > CHORD_NS:
            self._onset = time_ns
        self.last_ns = time_ns

    def _sounded(self, time_ns: int) -> None:
        if self._onset is not None:
            self._last_length = time_ns - self._onset
        self.last_ns = time_ns

    def _pedal(self, time_ns: int, down: bool) -> None:
        if down and self._pedal_since is None:
            self._pedal_since = time_ns
        elif not down and self._pedal_since is not None:
            tapped = time_ns - self._pedal_since <= TAP_NS and not self._held and not self._ringing
            if tapped and self.first_ns is not None:
                self._handed_over = time_ns
            if self._ringing:
                self.last_ns = time_ns
            self._pedal_since, self._ringing = None, False
