"""Sources of MIDI clock for tests: what a machine sends, how it wobbles on the way, and how far a Timeline is off."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, repeat

from jamd.midi.clock_follower import ClockFollower
from jamd.music.messages import Transport
from jamd.music.timeline import FOUR_FOUR, NS_PER_MINUTE, Metre, Timeline

MS = 1_000_000
POLL_NS = MS // 2
PER_QUARTER, TICKS = 24, 20
CLOCK, START, CONTINUE, STOP = b"\xf8", b"\xfa", b"\xfb", b"\xfc"


def song_position(sixteenths: int) -> bytes:
    return bytes((0xF2, sixteenths % 128, sixteenths // 128))


@dataclass(frozen=True)
class Sent:
    """A message: when it was meant, when it came, and which clock since the first it is (None: no clock)."""

    meant_ns: int
    came_ns: int
    message: bytes
    number: int | None = None


def clocks(tempos: Iterable[float], start_ns: int = 1000 * MS) -> list[Sent]:
    """Perfect clocks, one for each tempo (quarters a minute), which is how long it lasts."""
    lengths = [NS_PER_MINUTE / bpm / PER_QUARTER for bpm in tempos]
    times = accumulate(lengths[:-1], initial=float(start_ns))
    return [Sent(round(t), round(t), CLOCK, number) for number, t in enumerate(times)]


def steady(bpm: float, quarters: float, start_ns: int = 1000 * MS) -> list[Sent]:
    """Perfect clocks of one tempo."""
    return clocks(repeat(bpm, round(quarters * PER_QUARTER)), start_ns)


def walking(most: float, quarters: float, seed: int = 1, start_ns: int = 1000 * MS) -> list[Sent]:
    """A clock of 120 of which each tick is by up to that part longer or shorter, and the next begins where it ends."""
    chance = random.Random(seed)
    tempos = [120 / chance.uniform(1 - most, 1 + most) for _ in range(round(quarters * PER_QUARTER))]
    return clocks(tempos, start_ns)


def in_periods(sent: Sequence[Sent], period_ms: float, first_ms: float = 0.0) -> list[Sent]:
    """They come when a period of the server ends."""
    length, first = round(period_ms * MS), round(first_ms * MS)
    return [replace(one, came_ns=-(-(one.came_ns - first) // length) * length + first) for one in sent]


def wobbling(sent: Sequence[Sent], wobble: Callable[[], float]) -> list[Sent]:
    """Each comes `wobble` milliseconds off, and none overtakes another."""
    off = [replace(one, came_ns=one.meant_ns + round(wobble() * MS)) for one in sent]
    times = accumulate((one.came_ns for one in off), max)
    return [replace(one, came_ns=time) for one, time in zip(off, times, strict=True)]


def normal(sigma_ms: float, seed: int = 1) -> Callable[[], float]:
    """A wobble of that standard deviation, 0 on average."""
    chance = random.Random(seed)
    return lambda: chance.gauss(0.0, sigma_ms)


def uniform(most_ms: float, seed: int = 1) -> Callable[[], float]:
    """A wobble of at most so much."""
    chance = random.Random(seed)
    return lambda: chance.uniform(-most_ms, most_ms)


def without(sent: Sequence[Sent], lost: Callable[[int], bool]) -> list[Sent]:
    """Without the clocks whose number is lost."""
    return [one for one in sent if one.number is None or not lost(one.number)]


def with_messages(sent: Sequence[Sent], *before: tuple[int, bytes]) -> list[Sent]:
    """With a message before the clock of that number."""
    messages = {number: [m for n, m in before if n == number] for number, _ in before}
    out: list[Sent] = []
    for one in sent:
        out += [Sent(one.meant_ns, one.came_ns, m) for m in messages.get(one.number or 0, [])]
        out.append(one)
    return out


@dataclass
class Followed:
    """What a follower made of a source."""

    timelines: list[Timeline] = field(default_factory=list)
    transports: list[Transport] = field(default_factory=list)
    lost_ns: list[int] = field(default_factory=list)
    song_start: int | None = None

    def at(self, time_ns: int) -> Timeline:
        """The Timeline that holds then."""
        return [t for t in self.timelines if t.time_ns <= time_ns][-1]


def follow(sent: Iterable[Sent], metre: Metre = FOUR_FOUR, holds: Timeline | None = None) -> Followed:
    """A follower hears it all, polled as the wire polls."""
    follower, found = ClockFollower(metre), Followed()
    for one in sent:
        now = -(-one.came_ns // POLL_NS) * POLL_NS
        if follower.watch(now):
            found.lost_ns.append(now)
        for entry in follower.hear(one.message, now, holds):
            if isinstance(entry, Transport):
                found.transports.append(entry)
            else:
                found.timelines.append(entry)
                holds = entry
    found.song_start = follower.song_start
    return found


def song_tick(timeline: Timeline, time_ns: int) -> float:
    """The tick with its fraction, counted from the Timeline's downbeat."""
    exact = timeline.tick + (time_ns - timeline.time_ns) * 480 / timeline.ns_per_quarter
    return exact - timeline.downbeat


def phase_errors_ms(found: Followed, sent: Sequence[Sent], from_ns: int) -> list[float]:
    """How far the Timelines were ahead (behind: negative) at each clock as it was meant; clock 0 is a downbeat."""
    errors = []
    for one in sent:
        if one.number is not None and one.meant_ns >= from_ns:
            timeline = found.at(one.meant_ns)
            ahead = song_tick(timeline, one.meant_ns) - TICKS * one.number
            errors.append(ahead * timeline.ns_per_quarter / 480 / MS)
    return errors
