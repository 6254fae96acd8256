"""When a phrase is over: an adaptive rule on what was performed. Knows no clock: all follows from the events."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

from jamd.music.events import ALL_NOTES_OFF, ALL_SOUND_OFF, RESET_CONTROLLERS, SUSTAIN, Kind, Performed
from jamd.remi.held import Keys, Sustain

NS = 1_000_000_000
GAPS = 8
"""How many inter-onset intervals the player's pace is read from."""
CHORD_NS = 35_000_000
"""Onsets closer than this are one chord, not a pace: gaps of played music have a minimum at 40-50 ms."""
LONG_NOTE = 2.0
"""A last note this many times the pace says that the phrase has come to rest."""
TAP_NS = 350_000_000
"""A pedal that goes down and up again within this time, with no key down, hands over."""
TAP_REST_NS = 100_000_000
"""Before it was rest for so long: pianists pedal behind short notes too, and hardly a phrase ends there."""
DIED_AWAY_NS = 3 * NS
"""What the pedal holds this long has died away to the ear: a forgotten pedal does not mute jamd."""


@dataclass(frozen=True, slots=True)
class PhraseRule:
    """The adaptive silence: `gap_factor` times the median inter-onset interval, within the two limits.

    After a long last note it is half as long, but never less than the least.
    """

    min_silence_s: float = 0.35
    max_silence_s: float = 1.2
    gap_factor: float = 2.0


class Phrase:
    """What the performer is doing in this phrase, and the instant at which it will be over if nothing more comes."""

    def __init__(self, rule: PhraseRule) -> None:
        self._rule = rule
        self._gaps: deque[int] = deque(maxlen=GAPS)  # the player's pace outlives a phrase
        self._keys, self._sustain = Keys(), Sustain()
        self._pedal_ns = 0  # when the pedal last went down
        self._rested = False  # before that it was quiet for a moment
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
        match event.kind:
            case Kind.NOTE_ON:
                self._note_on(event)
            case Kind.NOTE_OFF if self._keys.release(event.number, event.channel):
                self._key_up(event.time_ns)
            case Kind.CONTROL:
                self._control(event)
            case Kind.PROGRAM if self.first_ns is not None:
                self._handed_over = event.time_ns

    def hand_over(self, time_ns: int) -> None:
        """The phrase is over, if there is one, whatever is held."""
        if self.first_ns is not None:
            self._handed_over = time_ns

    def let_go(self, time_ns: int) -> list[Performed]:
        """The events that let go of every key and pedal that is down."""
        keys = [Performed(time_ns, Kind.NOTE_OFF, pitch, 0, channel) for channel, pitch in self._keys.holds]
        return keys + [Performed(time_ns, Kind.CONTROL, SUSTAIN, 0, ch) for ch in self._sustain.channels]

    def silence_ns(self) -> int:
        """How long a silence ends this phrase."""
        rule = self._rule
        pace = median(self._gaps) if self._gaps else rule.max_silence_s * NS / rule.gap_factor
        wait = min(rule.gap_factor * pace, rule.max_silence_s * NS)
        if self._gaps and self._last_length >= LONG_NOTE * pace:
            wait /= 2
        return int(max(wait, rule.min_silence_s * NS))  # half of the least would be a breath, see bench_phrase.py

    def over_at(self) -> int | None:
        """The instant at which the phrase is over if nothing more comes; None while it cannot end."""
        if self.first_ns is None:
            return None
        if self._handed_over is not None:
            return self._handed_over
        if self._keys.held:
            return None
        if self._ringing:
            return self.last_ns + DIED_AWAY_NS
        return self.last_ns + self.silence_ns()

    def _note_on(self, event: Performed) -> None:
        time_ns = event.time_ns
        if self.first_ns is None:
            self.first_ns = time_ns
        elif self._onset is not None and time_ns - self._onset > CHORD_NS:
            self._gaps.append(time_ns - self._onset)
        self._keys.press(event.number, event.channel)
        self._handed_over = None
        if self._onset is None or time_ns - self._onset > CHORD_NS:
            self._onset = time_ns
        self.last_ns = time_ns

    def _key_up(self, time_ns: int) -> None:
        self._ringing = self._sustain.down
        if self._onset is not None:
            self._last_length = time_ns - self._onset
        self.last_ns = time_ns

    def _control(self, event: Performed) -> None:
        if event.number in (ALL_NOTES_OFF, ALL_SOUND_OFF):
            if self._keys.release_all(event.channel):
                self._key_up(event.time_ns)
        elif event.number in (SUSTAIN, RESET_CONTROLLERS):
            value = event.value if event.number == SUSTAIN else 0
            if self._sustain.move(value, event.channel):
                self._pedal_moved(event.time_ns)

    def _pedal_moved(self, time_ns: int) -> None:
        if self._sustain.down:
            self._pedal_ns, self._rested = time_ns, time_ns - self.last_ns >= TAP_REST_NS
            return
        quiet = self._rested and not self._keys.held and not self._ringing
        if quiet and time_ns - self._pedal_ns <= TAP_NS and self.first_ns is not None:
            self._handed_over = time_ns
        if self._ringing:
            self.last_ns = time_ns
        self._ringing = False
