"""The conductor: says which Timeline holds. It comes from a file, somebody's MIDI clock, taps or a fixed tempo.

Whoever says it, ticks never jump: also not from those of the brain, which makes a Timeline of its own for somebody who
plays freely. Its time is what its caller says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from jamd.midi.clock_follower import ClockFollower
from jamd.midi.clock_tap import FEWEST, Tapper
from jamd.midi.messages import MessageReader
from jamd.midi.port_types import Clock, InputPort, NullInput
from jamd.music.messages import Report, Resumed, Transport
from jamd.music.timeline import FOUR_FOUR, NS_PER_MINUTE, TICKS_PER_QUARTER, Metre, Timeline, ns_per_quarter

LEAD_NS = 500_000_000
"""From the brain's greeting to a fixed tempo's first beat."""
LEAN = 2
"""Beats within which a Timeline comes to where the taps are."""


@dataclass(frozen=True, slots=True)
class Tempo:
    """What the conductor is told. `bpm` 0: nobody has fixed it."""

    bpm: float = 0.0
    metre: Metre = FOUR_FOUR
    count_in: int = 0
    """Bars of clicks before bar 1."""
    send: bool = False
    """Somebody follows jamd: with a fixed tempo it leads, and follows nobody."""
    goes_on: bool = False
    """This wire goes on with a jam that another has begun."""


class Conductor:
    """Knows the Timeline that holds, and where its song stands. Owned by the wire.

    `file` is a clock that has it all; `port` a port of its own for somebody's clock, else the wire says what it heard
    (`hear`); `follows` is False where nobody's clock counts.
    """

    def __init__(
        self,
        tempo: Tempo | None = None,
        report: Callable[[Report], object] = lambda report: None,
        *,
        file: Clock | None = None,
        port: InputPort | None = None,
        follows: bool = True,
    ) -> None:
        self._tempo, self._report = tempo or Tempo(), report
        self._file, self._port, self._reader = file or NullInput(), port, MessageReader()
        self._follows = follows and file is None and not (self._tempo.send and self._tempo.bpm)
        self._follower, self._tapper = ClockFollower(self._tempo.metre), Tapper()
        self._ready = False  # a brain has greeted: it will hear what is said
        self._waits = False  # the brain makes a Timeline of its own, which is not here yet
        self._brain: Timeline | None = None  # the last one of the brain's own
        self._said: list[Timeline | Transport] = []  # since `entries` was asked
        self._later: list[Timeline | Transport] = []  # what begins by itself, in the order of time
        self._song: int | None = None
        self.timeline: Timeline | None = None
        """The last one that was made here."""
        self.count_in: tuple[Timeline, int, int] | None = None
        """What is to be clicked: the Timeline, the number of bars, and the tick at which they end."""

    @property
    def song(self) -> int | None:
        """The Timeline's tick at song position 0; None while no song rolls."""
        return self._follower.song_start if self._follower.follows else self._song

    # ---- what it is told -----------------------------------------------------------------------------------

    def hear(self, message: bytes, now: int) -> None:
        """A system message came in on the port that is played on."""
        if self._port is None:
            self._hear(message, now)

    def tap(self, now: int) -> None:
        """The performer taps the beat. Taps count where no clock of anybody's comes, and no file is played."""
        beats = self._tapper.tap(now)
        waits = self.timeline is None and bool(self._later)  # for the fixed tempo's first beat
        if beats is None or self._quiet or waits:
            return
        if self._follower.comes(now) or not isinstance(self._file, NullInput):
            if self._tapper.beats == FEWEST - 1:  # once for a run of them
                self._report(Report(now, "ignored", {"action": "tap", "why": "taps do not count: a clock is followed"}))
            return
        holds, metre = self.timeline or self._brain, self._tempo.metre
        quarter_ns = round(NS_PER_MINUTE / beats * TICKS_PER_QUARTER / metre.beat_ticks)
        if holds is None:
            self._say(Timeline(now, self._tapper.beats * metre.beat_ticks, quarter_ns, metre))
            return
        beat = holds.metre.beat_ticks
        off = (holds.tick_at(now) - holds.downbeat + beat // 2) % beat - beat // 2  # its nearest beat is so far behind
        leaning = holds.successor(now, ns_per_quarter=round(quarter_ns * LEAN * beat / (LEAN * beat - off)))
        meets_ns = leaning.time_at(leaning.tick + LEAN * beat - off)
        self._say(leaning, leaning.successor(meets_ns, ns_per_quarter=quarter_ns))

    def play(self) -> None:
        """The performer plays: without a Timeline the brain makes one now."""
        self._waits = self._waits or (self.timeline is None and self._brain is None)

    def told(self, timeline: Timeline) -> None:
        """The brain has made a Timeline of its own."""
        self._brain, self._waits = timeline, False

    def greet(self, now: int, known: Timeline | None) -> list[Timeline | Resumed | Transport]:
        """A brain is there, or there again, and knows of a Timeline, or of none; what it must be told."""
        if known is not None and self.timeline is None and self._brain is None:
            self.told(known)  # a predecessor of this wire made it, or the brain
        first, self._ready = not self._ready, True
        if first and not self._tempo.goes_on:
            self._judge_count_in(now)
        if first and self._fixed and self._tempo.goes_on:
            self.timeline = self._brain
        elif first and self._fixed:
            self._later = [Timeline(now + LEAD_NS, 0, ns_per_quarter(self._tempo.bpm), self._tempo.metre)]
        rolls: list[Timeline | Resumed | Transport] = []
        if self._follower.rolling is not None:
            rolls.append(Transport(now, self._follower.rolling))
        if known is not None:
            return rolls
        if self.timeline is not None:
            return [self.timeline, *rolls]
        return [Resumed(self._brain), *rolls] if self._brain is not None else rolls

    def lead_in_ns(self, first: Timeline, now: int) -> int:
        """When a file begins, which may begin from `now` on: after its count-in, if there is one."""
        bars = self._tempo.count_in
        start_ns = now + first.time_at(first.tick + bars * first.metre.ticks) - first.time_ns
        if bars:
            self.count_in = replace(first, time_ns=start_ns), bars, first.tick
        return start_ns

    # ---- what it says --------------------------------------------------------------------------------------

    def look(self, now: int) -> bool:
        """Takes in what its clock has by now; True where `entries` has something to say. Costs little."""
        for timeline in self._file.timelines(now):
            self._song = timeline.next_bar_line(timeline.tick) if self._song is None else self._song
            self.timeline = timeline
            self._said.append(timeline)
        for stamp, data in self._port.poll(now) if self._port else []:
            for message in self._reader.feed(data):
                self._hear(message, stamp)
        return bool(self._said) or self._begins(now)

    def entries(self, now: int) -> list[Timeline | Transport]:
        """What has begun since the last call: Timelines, and the song that begins or stops."""
        self.look(now)
        if self._follower.watch(now):
            self._report(Report(now, "clock_lost"))
        while self._begins(now):
            self._begin(self._later.pop(0), now)
        said, self._said = self._said, []
        return said

    def _begins(self, now: int) -> bool:
        """Whether something begins by itself."""
        return bool(self._later) and self._later[0].time_ns <= now and not self._quiet

    @property
    def _quiet(self) -> bool:
        return self._waits or not self._ready

    def _hear(self, message: bytes, now: int) -> None:
        if not self._follows:
            return
        follower = self._follower
        followed, lost = follower.follows, follower.lost
        for entry in follower.hear(message, now, self.timeline or self._brain, quiet=self._quiet):
            if isinstance(entry, Timeline):
                self._say(entry)
            else:
                self._said.append(entry)
                self._report(Report(now, "transport", {"rolling": entry.rolling}))
        if lost and not follower.lost:
            self._report(Report(now, "clock_back"))
        if follower.follows and not followed:
            self._later.clear()  # nobody else's tempo counts any more
            self.count_in = None
            self._report(Report(now, "clock", {"bpm": round(follower.bpm, 1)}))

    def _say(self, timeline: Timeline, *later: Timeline) -> None:
        """It holds, and `later` what follows it by itself; a song that is to begin does so on its bar 1 as before."""
        self.timeline = timeline
        begun = list[Timeline | Transport](later)
        if self._song is not None and any(isinstance(entry, Transport) for entry in self._later):
            begun.append(Transport(timeline.time_at(self._song), True))
        self._later = sorted(begun, key=lambda entry: entry.time_ns)
        self._said.append(timeline)
        self._report(Report(timeline.time_ns, "tempo", {"bpm": round(timeline.bpm, 3)}))

    # ---- a fixed tempo -------------------------------------------------------------------------------------

    @property
    def _fixed(self) -> bool:
        """True if a fixed tempo has to stand before anybody plays."""
        tempo = self._tempo
        needed = tempo.bpm > 0 and (tempo.count_in > 0 or tempo.send)
        return needed and isinstance(self._file, NullInput) and not self._follower.follows

    def _judge_count_in(self, now: int) -> None:
        """A count-in that nobody will hear is told."""
        if self._tempo.count_in and not self._tempo.bpm and isinstance(self._file, NullInput):
            why = "there is no count-in: it needs a bpm, or a file to play"
            self._report(Report(now, "ignored", {"setting": "count_in", "why": why}))

    def _begin(self, entry: Timeline | Transport, now: int) -> None:
        if isinstance(entry, Transport):
            self._said.append(entry)
        elif self.timeline is not None:
            self._say(entry)  # taps have met the beat
        else:
            self._begin_bar_1(entry, now)

    def _begin_bar_1(self, timeline: Timeline, now: int) -> None:
        """The fixed tempo: bar 1 comes after the count-in."""
        tick, bars = self._brain.tick_at(now) if self._brain else 0, self._tempo.count_in
        self._song = tick + bars * timeline.metre.ticks
        timeline = replace(timeline, time_ns=now, tick=tick, downbeat=self._song)
        self._say(timeline)
        self.count_in = (timeline, bars, self._song) if bars else None
        self._later = [Transport(timeline.time_at(self._song), True)]
