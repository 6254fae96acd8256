"""A stage on real ports: a keyboard, the daemon, and a monitor in the place of the synth, joined by their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.daemon.live import Jamd, control, jamd, scale, wait_until
from tests.daemon.peers import MS, Heard, Instrument, Monitor, closing, connect, silent_from, sounding

CALL = (60, 62, 64, 65)
NAMED = ("--in", "keyboard", "--out", "SYNTH")
"""The ports are Keyboard:out and Synth:input: a part of the name, in any case, finds them."""
MARK = 119
"""A controller that says in the MIDI log: now."""


class Stage:
    """Who is on it, and what they do together."""

    def __init__(self, keyboard: Instrument, synth: Monitor, marker: Instrument, daemon: Jamd) -> None:
        self.keyboard, self.synth, self.daemon = keyboard, synth, daemon
        self._marker = marker

    @property
    def note_ons(self) -> list[Heard]:
        """All that the synth has heard begin."""
        return [event for event in self.synth.heard() if event.note_on]

    @property
    def sounding(self) -> set[tuple[int, int]]:
        """What sounds at the synth."""
        return sounding(self.synth.heard())

    def call(self, pitches: Sequence[int] = CALL) -> int:
        """Plays a phrase, which goes through whole and in order; how many notes have begun when its last one has."""
        before = len(self.note_ons)
        self.keyboard.play(scale(pitches))
        wait_until(lambda: len(self.note_ons) >= before + len(pitches), f"{pitches} to go through")
        through = [event.data[1] for event in self.note_ons[before:][: len(pitches)]]
        assert through == list(pitches)
        self.keyboard.finish()
        return before + len(pitches)

    def call_and_answer(self) -> None:
        """Plays a phrase, and waits until a note of the answer sounds."""
        before = self.call()
        wait_until(lambda: len(self.note_ons) > before and self.sounding, "an answer")

    def wait_silent(self) -> None:
        """Until nothing sounds."""
        wait_until(lambda: not self.sounding, "silence")

    def silence_after(self, act: Callable[[], object]) -> float:
        """Does it while something sounds; how long it took until nothing did, in milliseconds of the MIDI log.

        The mark is in the log before it is done: what is measured is never too short.
        """
        assert self.sounding
        self._marker.play([(0.0, control(MARK, 1))])
        self._marker.finish()
        act()
        self.wait_silent()
        heard = self.synth.heard()
        marks = [event.frame for event in heard if event.data[:2] == control(MARK, 1)[:2]]
        return (silent_from(heard) - marks[-1]) / MS


@contextmanager
def stage(folder: Path, model: Path, *options: str, config: str = "") -> Iterator[Stage]:
    """A daemon that is ready, between a keyboard and a synth that it has found by their names."""
    keyboard, synth, marker = Instrument("Keyboard"), Monitor(folder), Instrument("Marker")
    with closing(keyboard, synth, marker):
        connect("Marker:out", "Synth:input")
        with jamd(folder, *NAMED, "--bars", "2", *options, model=model, config=config) as daemon:
            daemon.wait_ready()
            try:
                yield Stage(keyboard, synth, marker, daemon)
            finally:
                print("heard by the synth:", *synth.heard(), sep="\n")  # pytest shows it where the test fails
