"""What jamd shows on the performer's controller: each change once, and only where it was asked for."""

from __future__ import annotations

from jamd.midi.messages import control
from jamd.midi.state_out import StateOut


def test_the_state_is_shown_once_a_change() -> None:
    sent: list[bytes] = []
    shown = StateOut(sent.append, (15, 119), None)
    for name in ("listening", "listening", "thinking", "playing", "listening"):
        shown.state(name)
    shown.late()
    assert sent == [control(15, 119, value) for value in (0, 64, 127, 0)]


def test_late_notes_are_counted_as_far_as_a_controller_can() -> None:
    sent: list[bytes] = []
    shown = StateOut(sent.append, None, (0, 20))
    shown.state("playing")
    for _ in range(200):
        shown.late()
    assert sent == [control(0, 20, value) for value in range(1, 128)]
