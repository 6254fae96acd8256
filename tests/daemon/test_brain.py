"""What the brain does with what people ask for: the partner does it, but for what is the wire's business."""

from __future__ import annotations

import pytest

from jamd.daemon.brain import _act
from jamd.music.actions import TABLE, Action


class FakePartner:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def act(self, action: Action) -> None:
        self.told.append(action)

    def panic(self, time_ns: int) -> None:
        self.told.append(time_ns)


@pytest.mark.parametrize("name", TABLE)
def test_each_action_has_one_who_does_it(name: str) -> None:
    partner, action = FakePartner(), Action(5, name, 1.0)
    _act(action, partner)  # type: ignore[arg-type]  # it stands in for one
    assert partner.told == ([5] if name == "panic" else [] if name in ("keep", "tap") else [action])
