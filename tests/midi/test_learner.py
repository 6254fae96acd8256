"""Learning: the control that a person means, whatever trembles beside it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jamd.midi.learner import MOVED, SETTLE_NS, Learner
from jamd.midi.messages import control, note_off, note_on
from jamd.music.bindings import Binding
from tests.midi.doubles import MS


def moved(messages: list[tuple[int, bytes]], buttons: bool = True) -> Binding | None:
    """What is learnt from messages (milliseconds, bytes) in the end."""
    learner, now = Learner(buttons), 0
    for ms, data in sorted(messages):
        now = ms * MS
        learner.hear(data, now)
    return learner.learnt(now + SETTLE_NS)


def sweep(channel: int, number: int, values: list[int], from_ms: int = 0) -> list[tuple[int, bytes]]:
    return [(from_ms + 5 * at, control(channel, number, value)) for at, value in enumerate(values)]


@given(st.lists(st.integers(60, 62), max_size=80), st.integers(0, 100), st.integers(MOVED + 3, 127))
def test_the_knob_that_moves_most_is_learnt_however_others_tremble(noise: list[int], start: int, way: int) -> None:
    knob = sweep(2, 20, list(range(min(start, 127 - way), min(start, 127 - way) + way + 1, 1)))
    assert moved(knob + sweep(0, 7, noise)) == Binding("cc", 20, 3)


def test_trembling_alone_is_nothing_even_at_the_end_of_its_way() -> None:
    assert moved(sweep(0, 7, [63, 64, 65, 64] * 100)) is None
    assert moved(sweep(0, 7, [127, 126] * 100)) is None


def test_a_neighbour_that_is_brushed_loses_although_it_moved_first() -> None:
    brushed = sweep(0, 8, list(range(40, 40 + MOVED + 2)))
    assert moved(brushed + sweep(0, 9, list(range(100)), 50)) == Binding("cc", 9, 1)


def test_a_button_is_learnt_at_once_by_the_first_press() -> None:
    learner = Learner(True)
    learner.hear(control(0, 7, 50) + note_off(9, 36) + note_on(9, 36, 90) + note_on(9, 37, 90), 0)
    assert learner.learnt(0) == Binding("note", 36, 10)
    assert moved([(0, b"\xc1\x02")]) == Binding("program", 3, 2)
    assert moved([(0, control(0, 30, 127)), (9, control(0, 30, 0))]) == Binding("cc", 30, 1)


def test_a_number_wants_a_knob_and_no_channel_mode_message_is_one() -> None:
    assert moved([(0, note_on(0, 60, 90)), (1, b"\xc0\x02"), (2, control(0, 123, 127))], buttons=False) is None
