"""MIDI clock out on a fake clock: 24 clocks a quarter, started, continued and stopped where the song is."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from jamd.midi.clock_out import MOST, ClockOut
from jamd.music.timeline import Metre, Timeline
from tests.midi.clock_sources import CLOCK, CONTINUE, START, STOP, song_position

MS = 1_000_000


class Follower:
    """A clock out, and all that it has sent with its instant."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, bytes]] = []
        self.now = 0
        self.out = ClockOut(lambda message: self.heard.append((self.now, message)))

    def run(self, timeline: Timeline, song: int | None, until_ms: float) -> None:
        """Plays whenever something is due, but looks at the Timeline at once."""
        self.out.follow(timeline, song, self.now)
        while self.out.due is not None and self.out.due <= until_ms * MS:
            self.now = max(self.now, self.out.due)
            self.out.play(self.now)
        self.now = round(until_ms * MS)

    def times(self, message: bytes) -> list[int]:
        return [at for at, heard in self.heard if heard == message]


def test_clocks_are_a_24th_apart_and_on_the_beat_and_start_stands_before_the_downbeat() -> None:
    line = Timeline(0, -960, 480 * MS, downbeat=0)
    follower = Follower()
    follower.run(line, 0, 2000)
    clocks = follower.times(CLOCK)
    assert {b - a for a, b in pairwise(clocks)} == {20 * MS}
    assert follower.times(START) == [960 * MS] and 960 * MS in clocks
    at = follower.heard.index((960 * MS, START))
    assert follower.heard[at + 1] == (960 * MS, CLOCK)


def test_without_a_timeline_nothing_is_due_and_nothing_is_sent() -> None:
    follower = Follower()
    follower.out.follow(None, None, 0)
    follower.out.play(1000 * MS)
    assert follower.out.due is None and follower.heard == []
    follower.out.stop()
    assert follower.heard == []


def test_a_song_that_rolls_already_is_joined_on_a_sixteenth_with_its_position() -> None:
    follower = Follower()
    follower.now = 70 * MS
    follower.run(Timeline(0, 1000 * 120, 480 * MS), 0, 400)
    messages = [message for _, message in follower.heard if message != CLOCK]
    assert messages == [song_position(1001), CONTINUE]
    assert follower.times(CONTINUE) == [120 * MS]


def test_a_song_that_stops_is_told_at_once_and_clocks_go_on() -> None:
    follower, line = Follower(), Timeline(0, 0, 480 * MS)
    follower.run(line, 0, 500)
    follower.run(line, None, 1000)
    assert follower.times(STOP) == [500 * MS] and max(follower.times(CLOCK)) > 950 * MS
    follower.run(line, 0, 1500)
    assert len(follower.times(CONTINUE)) == 1 and len(follower.times(START)) == 1


def test_the_end_of_the_jam_stops_who_was_started_once() -> None:
    follower = Follower()
    follower.run(Timeline(0, 0, 480 * MS), 0, 500)
    follower.out.stop()
    follower.out.stop()
    assert len(follower.times(STOP)) == 1 and follower.out.due is None


@given(st.lists(st.tuples(st.integers(200, 1500), st.integers(10, 2000)), min_size=1, max_size=8))
def test_with_every_new_tempo_as_many_clocks_are_sent_as_the_ticks_say(changes: list[tuple[int, int]]) -> None:
    follower, line = Follower(), Timeline(0, 0, 500 * MS)
    until = 0.0
    for quarter_ms, lasts_ms in changes:
        line = line.successor(follower.now, ns_per_quarter=quarter_ms * MS)
        until += lasts_ms
        follower.run(line, 0, until)
    assert len(follower.times(CLOCK)) == line.tick_at(follower.now) // 20 + 1
    assert len(follower.times(START)) == 1


def test_a_start_between_two_clocks_begins_at_that_very_instant() -> None:
    follower, line = Follower(), Timeline(0, 0, 480 * MS)
    follower.run(line, None, 507)
    started = line.successor(507 * MS, downbeat=line.tick_at(507 * MS))
    follower.run(started, started.tick, 600)
    assert follower.times(START) == [507 * MS] and {507 * MS, 527 * MS} < set(follower.times(CLOCK))


def test_a_wire_that_was_held_up_makes_up_for_a_beat_at_most_and_then_tells_the_position_anew() -> None:
    follower, line = Follower(), Timeline(0, 0, 480 * MS, Metre(4, 4))
    follower.run(line, 0, 100)
    sent = len(follower.times(CLOCK))
    follower.now = 5000 * MS
    follower.out.play(follower.now)
    assert len(follower.times(CLOCK)) == sent + MOST
    follower.run(line, 0, 5400)
    assert follower.times(CONTINUE) == [5040 * MS]
    assert [m for _, m in follower.heard if m[0] == 0xF2] == [song_position(42)]
