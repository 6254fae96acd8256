"""What the performer's controls ask for: a bound message as Actions, found by one look into a dict."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping

from jamd.midi.messages import CONTROL, NOTE_OFF, NOTE_ON, PROGRAM
from jamd.music.actions import PRESSED, TABLE, Action, Spec, Value
from jamd.music.bindings import Binding

POLY_PRESSURE = 0xA0
_STATUSES = {"cc": (CONTROL,), "program": (PROGRAM,), "note": (NOTE_ON, NOTE_OFF, POLY_PRESSURE)}
"""All that belongs to a binding: with a note also its end, and how hard it is held."""
AGAIN_NS = 50_000_000
"""Nobody presses a button twice within this: what says the same so soon is an echo of it."""
Scene = tuple[tuple[str, Value], ...]


class Target(ABC):
    """What one binding asks for on one channel. Knows whether it is pressed: a press counts once."""

    def __init__(self, through: bool = False) -> None:
        self.through = through
        """The message is heard as music, and passed on, as well."""

    @abstractmethod
    def fire(self, message: bytes, now: int) -> list[Action]:
        """The actions that a message asks for."""


class SceneTarget(Target):
    """Several settings at once, called by a program change."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self._scene = scene

    def fire(self, message: bytes, now: int) -> list[Action]:
        """All of them."""
        return [Action(now, name, value) for name, value in self._scene]


class ActionTarget(Target):
    """One action. `holds` is that of the Bindings, which alone write it."""

    def __init__(self, spec: Spec, binding: Binding, holds: Mapping[str, Value]) -> None:
        super().__init__(binding.through)
        self._spec, self._binding, self._holds = spec, binding, holds
        self._turns = binding.source == "cc" and spec.settable and binding.value is None
        self._down = self._lets_go = False
        self._said: tuple[int, int] | None = None  # value and instant of the controller's last message
        self._position: int | None = None  # of a knob

    def fire(self, message: bytes, now: int) -> list[Action]:
        """None where nothing changes: a press counts once, and so does a value that holds.

        Of what never says when it is let go each press counts; a switch takes it for the other way round.
        """
        kind = message[0] & 0xF0
        if kind == POLY_PRESSURE:
            return []
        if self._turns:
            return self._turned(message[2], now)
        if kind == PROGRAM or (kind == CONTROL and self._again(message[2], now)):
            return [Action(now, self._spec.name, self._binding.value)]
        down = message[2] >= PRESSED if kind == CONTROL else kind == NOTE_ON and message[2] > 0
        struck = kind == NOTE_ON and down  # a key that is struck again was let go between
        if down == self._down and not struck:
            return []
        self._down = down
        if self._spec.kind == "switch":
            return [Action(now, self._spec.name, float(down))]
        return [Action(now, self._spec.name, self._binding.value)] if down else []

    def _again(self, value: int, now: int) -> bool:
        """A press of a button that never says when it is let go: the same value once more; a pedal wobbles."""
        before, self._said = self._said, (value, now)
        self._lets_go = self._lets_go or value < PRESSED
        if self._lets_go or before is None:
            return False
        return value == before[0] and now - before[1] >= AGAIN_NS

    def _turned(self, position: int, now: int) -> list[Action]:
        """Whoever set another value meanwhile: a knob that is moved says its own."""
        before, self._position = self._position, position
        value = self._spec.scaled(position, self._binding.low, self._binding.high)
        if position == before or value == self._holds.get(self._spec.name):
            return []
        return [Action(now, self._spec.name, value)]


class Bindings:
    """Which messages are controls, and what holds of all that can be set. Owned by the wire."""

    def __init__(
        self,
        rows: Iterable[tuple[str, Binding]] = (),
        scenes: Iterable[tuple[int, Scene]] = (),
        channel: int | None = None,
        holds: Mapping[str, Value] | None = None,
    ) -> None:
        """`rows` are actions and what is bound to them; `scenes` stand by their program, which counts from 1.

        What names no channel is heard on `channel`, which counts from 0; None: on all. `holds` is what was set
        before a predecessor died.
        """
        self.holds: dict[str, Value] = dict(holds or {})
        """Of each action that keeps its value the last that was asked for, by a control or another program."""
        self._targets: dict[int, Target] = {}
        heard = range(16) if channel is None else (channel,)
        for name, binding in rows:
            channels = (binding.channel - 1,) if binding.channel else heard
            for at in channels:
                self._bind(binding, at, ActionTarget(TABLE[name], binding, self.holds))
        for program, scene in scenes:
            for at in heard:
                self._bind(Binding("program", program), at, SceneTarget(scene))

    def find(self, message: bytes) -> Target | None:
        """What a channel message asks for; None: it is music."""
        return self._targets.get(message[0] << 8 | message[1])

    def keep(self, action: Action) -> None:
        """Somebody has asked for it."""
        if TABLE[action.name].settable:
            self.holds[action.name] = action.value

    def _bind(self, binding: Binding, channel: int, target: Target) -> None:
        number = binding.number - (binding.source == "program")
        for status in _STATUSES[binding.source]:
            self._targets[(status | channel) << 8 | number] = target
