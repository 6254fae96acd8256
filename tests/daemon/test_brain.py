"""The brain: does what people ask for, but for what is the wire's business; hears what is meant for it alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jamd.daemon.brain import Brain
from jamd.daemon.hearing import hear
from jamd.daemon.words import Hello
from jamd.music.actions import TABLE, Action
from jamd.music.events import Kind, Performed, Turn, TurnChange
from jamd.music.messages import GRAIN_NS, Looked, Watermark
from tests.midi.doubles import WELCOME

NOTE = Performed(5, Kind.NOTE_ON, 60, 80)


class FakePartner:
    """Writes down what it is told."""

    finished = False

    def __init__(self) -> None:
        self.told: list[object] = []
        self.send = self.told.append

    def act(self, action: Action) -> None:
        self.told.append(action)

    def panic(self, time_ns: int) -> None:
        self.told.append(time_ns)

    def hear(self, entry: object) -> None:
        self.told.append(entry)

    def reach(self, watermark_ns: int, heard: int) -> None:
        self.told.append((watermark_ns, heard))

    def step(self, now: int) -> bool:
        self.told.append(now)
        self.send(TurnChange(now, Turn.CALL))
        return False


def brain(partner: FakePartner, said: list[object]) -> Brain:
    def make(send: object) -> FakePartner:
        partner.send = send  # type: ignore[assignment]
        return partner

    return Brain(make, said.append, WELCOME)  # type: ignore[arg-type]  # it stands in for one


@pytest.mark.parametrize("name", TABLE)
def test_each_action_has_one_who_does_it(name: str) -> None:
    partner, action = FakePartner(), Action(5, name, 1.0)
    hear(partner, action)  # type: ignore[arg-type]  # it stands in for one
    assert partner.told == ([5] if name == "panic" else [] if name in ("keep", "tap") else [action])


def test_what_was_meant_for_a_predecessor_is_not_heard() -> None:
    partner, said = FakePartner(), list[object]()
    new = brain(partner, said)
    new.look([NOTE, Watermark(6, 1), replace(WELCOME, brain=6)], lambda: 9)
    assert said == [Hello(WELCOME)] and partner.told == []
    new.look([NOTE, WELCOME, NOTE], lambda: 9)
    assert partner.told == [NOTE, GRAIN_NS]


def test_its_diary_is_told_before_what_follows_from_it() -> None:
    partner, said = FakePartner(), list[object]()
    new = brain(partner, said)
    new.look([WELCOME, NOTE, Watermark(6, 1)], lambda: 9)
    assert said[1:] == [Looked(0, 0, "mh1w0.00006s1"), TurnChange(GRAIN_NS, Turn.CALL)]


def test_a_brain_that_is_told_nothing_does_nothing() -> None:
    partner, said = FakePartner(), list[object]()
    new = brain(partner, said)
    new.look([WELCOME], lambda: 9)
    told = len(partner.told)
    assert not new.look([], lambda: 10) and len(partner.told) == told
