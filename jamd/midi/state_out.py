"""What jamd shows on the performer's controller: its state, and how many notes came too late, as control changes."""

from __future__ import annotations

from collections.abc import Callable

from jamd.midi.messages import control

STATES = {"listening": 0, "thinking": 64, "playing": 127}
Address = tuple[int, int]
"""Channel, which counts from 0, and controller."""


class StateOut:
    """Sends what has changed. Owned by the wire."""

    def __init__(self, send: Callable[[bytes], None], state: Address | None, late: Address | None) -> None:
        """Where something is None, it is not shown."""
        self._send, self._addresses = send, {"state": state, "late": late}
        self._shown: dict[str, int] = {}
        self._late = 0

    def state(self, name: str) -> None:
        """jamd is in a state; one that is not in STATES has no value of its own."""
        if name in STATES:
            self._show("state", STATES[name])

    def late(self) -> None:
        """One more note was left out, since it would have come too late. Nothing counts beyond 127."""
        self._late += 1
        self._show("late", min(self._late, 127))

    def _show(self, what: str, value: int) -> None:
        address = self._addresses[what]
        if address is not None and self._shown.get(what) != value:
            self._shown[what] = value
            self._send(control(*address, value))
