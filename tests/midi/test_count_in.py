"""The count-in on a fake clock: a click a beat, the downbeat accented, each ended, none after bar 1 has begun."""

from __future__ import annotations

import pytest

from jamd.midi.count_in import ACCENT, BEAT, LATE_NS, CountIn
from jamd.midi.keyboard import Keyboard
from jamd.midi.ledger import SIZE, Ledger
from jamd.music.timeline import Metre, Timeline
from tests.midi.doubles import MS, Ear


class Drum:
    """A count-in, and what it has sent with its instant."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, bytes]] = []
        self.ear, self.now = Ear(), 0
        self.clicks = CountIn(Keyboard(self._hear, Ledger(bytearray(SIZE))).hand())

    def _hear(self, message: bytes) -> None:
        self.ear.hear(message)
        self.heard.append((self.now, message))

    def run(self, until_ms: int) -> None:
        while (due := self.clicks.due) is not None and due <= until_ms * MS:
            self.now = max(self.now, due)
            self.clicks.play(self.now)
        self.now = until_ms * MS

    @property
    def struck(self) -> list[tuple[float, int]]:
        """Beats in ticks of 1 ms, and pitches."""
        return [(at / MS, message[1]) for at, message in self.heard if message[0] == 0x99]


@pytest.mark.parametrize(
    ("metre", "beats"),
    [
        (Metre(4, 4), (0, 480, 960, 1440)),
        (Metre(3, 4), (0, 480, 960)),
        (Metre(6, 8), (0, 720)),
        (Metre(7, 8), (0, 480, 960, 1440)),
    ],
)
def test_every_beat_of_every_bar_clicks_with_an_accent_on_the_downbeat(metre: Metre, beats: tuple[int, ...]) -> None:
    drum = Drum()
    drum.clicks.begin(Timeline(0, 0, 480 * MS, metre), 2, 2 * metre.ticks)
    drum.run(10_000)
    bars = [(float(bar * metre.ticks + beat), (BEAT if beat else ACCENT)[0]) for bar in range(2) for beat in beats]
    assert drum.struck == bars
    assert drum.ear.silent and drum.clicks.due is None


def test_a_click_that_would_be_late_is_left_out() -> None:
    drum = Drum()
    drum.clicks.begin(Timeline(0, 0, 480 * MS), 1, 1920)
    drum.now = 480 * MS + LATE_NS + 1
    drum.clicks.play(drum.now)
    drum.run(2000)
    assert [at for at, _ in drum.struck] == [960, 1440]


def test_clicks_come_to_a_tempo_that_was_tapped_meanwhile_and_none_comes_twice() -> None:
    drum = Drum()
    slow = Timeline(0, 0, 480 * MS)
    drum.clicks.begin(slow, 1, 1920)
    drum.run(481)
    drum.clicks.follow(slow.successor(481 * MS, ns_per_quarter=240 * MS))
    drum.run(3000)
    assert [round(at) for at, _ in drum.struck] == [0, 480, 720, 960] and drum.ear.silent


def test_when_it_is_stopped_the_click_that_sounds_ends() -> None:
    drum = Drum()
    drum.clicks.begin(Timeline(0, 0, 480 * MS), 1, 1920)
    drum.run(10)
    assert not drum.ear.silent
    drum.clicks.stop()
    assert drum.ear.silent and drum.clicks.due is None
