"""Bound messages are no music: they ask for what the table allows, once; all else is heard as if nothing were bound."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.midi.bindings import AGAIN_NS, Bindings
from jamd.midi.echo import EchoGuard
from jamd.midi.keyboard import Keyboard
from jamd.midi.ledger import SIZE, Ledger
from jamd.midi.listener import Listener
from jamd.midi.messages import control, note_off, note_on
from jamd.music.actions import TABLE, Action
from jamd.music.bindings import SOURCES, Binding, parse
from jamd.music.events import Performed
from tests.music.bindings import bindings

Row = tuple[str, Binding]


def listener(sent: list[bytes] | None = None, *rows: Row, channel: int | None = None, **options: Any) -> Listener:
    keyboard = Keyboard((sent if sent is not None else []).append, Ledger(bytearray(SIZE)))
    bound = Bindings(rows, options.pop("scenes", ()), channel)
    return Listener(keyboard, EchoGuard(), thru=True, channel=channel, bindings=bound, **options)


def row(name: str, text: str) -> Row:
    return name, parse(text, TABLE[name])[0]


def program(channel: int, number: int) -> bytes:
    return bytes((0xC0 | channel, number))


def pressed(binding: Binding, value: int = 127) -> bytes:
    """The message on which a binding acts."""
    channel = max(binding.channel - 1, 0)
    if binding.source == "note":
        return note_on(channel, binding.number, max(value, 1))
    return program(channel, binding.number - 1) if binding.source == "program" else control(
        channel, binding.number, value
    )


RANDOM = st.sampled_from([(name, spec) for name, spec in TABLE.items()]).flatmap(
    lambda item: bindings(item[1], through=False).map(lambda binding: (item[0], binding))
)
BYTES = st.integers(0, 127)
CHANNEL_MESSAGES = st.one_of(
    st.tuples(st.sampled_from([0x80, 0x90, 0xA0, 0xB0, 0xE0]), st.integers(0, 15), BYTES, BYTES),
    st.tuples(st.sampled_from([0xC0, 0xD0]), st.integers(0, 15), BYTES),
).map(lambda parts: bytes((parts[0] | parts[1], *parts[2:])))


@given(st.data(), st.sampled_from(list(TABLE)), st.sampled_from(list(SOURCES)), st.integers(0, 127))
def test_every_action_is_reached_from_every_kind_of_message_with_a_value_of_its_range(
    data: st.DataObject, name: str, source: str, position: int
) -> None:
    spec = TABLE[name]
    binding = data.draw(bindings(spec, through=False).filter(lambda b: b.source == source))
    ears = listener(None, (name, binding))
    actions = ears.hear(pressed(binding, 0), 1) + ears.hear(pressed(binding, position), 2)
    actions += ears.hear(pressed(binding, 127), 3)
    assert actions and all(isinstance(a, Action) and a.name == name for a in actions)
    for action in actions:
        assert isinstance(action, Action) and spec.check(action.value) == action.value
        assert binding.value in (None, action.value)


@given(st.lists(RANDOM, max_size=3), st.lists(CHANNEL_MESSAGES, max_size=30), st.data())
def test_bound_messages_are_never_music_and_unbound_ones_all_are_in_order(
    rows: list[Row], messages: list[bytes], data: st.DataObject
) -> None:
    messages += [pressed(binding) for _, binding in rows]
    messages = data.draw(st.permutations(messages))
    sent: list[bytes] = []
    plain_sent: list[bytes] = []
    ears, plain = listener(sent, *rows), listener(plain_sent)
    bound = Bindings(rows)
    heard = [event for message in messages for event in ears.hear(message, 0)]
    music = [m for m in messages if bound.find(m) is None]
    as_if = [event for message in music for event in plain.hear(message, 0)]
    assert [event for event in heard if isinstance(event, Performed)] == as_if
    assert sent == plain_sent and ears.heard == plain.heard


def test_a_press_counts_once_however_long_the_pedal_wobbles() -> None:
    ears = listener(None, row("end_turn", "cc 64"))
    values = [0, 30, 63, 64, 90, 127, 100, 64, 63, 0, 127]
    assert [bool(ears.hear(control(0, 64, value), 0)) for value in values] == [v in (3, 10) for v in range(11)]


def test_a_switch_says_when_it_is_let_go_also_as_a_note() -> None:
    ears = listener(None, row("hand_over", "cc 4"), row("hand_over", "note 36"))
    said = [ears.hear(m, 0) for m in (control(0, 4, 0), control(0, 4, 80), control(0, 4, 70), control(0, 4, 1))]
    said += [ears.hear(m, 0) for m in (note_on(0, 36, 1), b"\xa0\x24\x40", note_off(0, 36), note_off(0, 36))]
    values = [[action.value for action in actions if isinstance(action, Action)] for actions in said]
    assert values == [[], [1.0], [], [0.0], [1.0], [], [0.0], []]


def test_each_press_counts_of_a_button_that_never_says_when_it_is_let_go() -> None:
    ears = listener(None, row("undo", "cc 20"), row("mode", "cc 21 value duet"), row("hand_over", "cc 22"))
    for number, values in ((20, [None] * 4), (21, ["duet"] * 4), (22, [1.0, None, None, None])):
        said = [ears.hear(control(0, number, 127), press * AGAIN_NS) for press in range(4)]
        assert [action.value for actions in said for action in actions if isinstance(action, Action)] == values


def test_a_switch_that_a_program_change_presses_is_the_other_way_round_each_time() -> None:
    ears = listener(None, row("hand_over", "program 3"))
    assert [ears.hear(b"\xc0\x02", press) for press in range(2)] == [[Action(at, "hand_over")] for at in range(2)]


def test_a_button_that_lets_go_or_says_its_press_twice_at_once_counts_once() -> None:
    ears = listener(None, row("undo", "cc 20"), row("keep", "cc 21"))
    said = [ears.hear(control(0, 20, value), at * AGAIN_NS) for at, value in enumerate((127, 0, 127, 127, 127, 0, 127))]
    assert [bool(actions) for actions in said] == [True, False, True, False, False, False, True]
    twice = [ears.hear(control(0, 21, 127), at) for at in (0, 1, AGAIN_NS - 1)]
    assert [bool(actions) for actions in twice] == [True, False, False]


def test_a_knob_says_each_value_once_and_a_part_of_a_range_may_be_turned_round() -> None:
    ears = listener(None, row("temperature", "cc 1 from 1.2 to 0.6"))
    said = [ears.hear(control(3, 1, value), 0) for value in (0, 0, 127, 127)]
    values = [[action.value for action in actions if isinstance(action, Action)] for actions in said]
    assert values == [[1.2], [], [0.6], []]


def values(said: list[Any]) -> list[list[Any]]:
    return [[action.value for action in actions if isinstance(action, Action)] for actions in said]


@pytest.mark.parametrize(("name", "zone"), [("mode", (10, 20, 21)), ("bars", (1, 2, 3))])
def test_a_knob_that_moves_within_a_zone_says_its_value_if_a_scene_or_a_program_set_another(
    name: str, zone: tuple[int, int, int]
) -> None:
    spec = TABLE[name]
    own, other = spec.scaled(zone[0]), spec.scaled(127)
    bound = Bindings([row(name, "cc 1"), row(name, "cc 2")], [(1, ((name, other),))])
    keyboard = Keyboard(lambda message: None, Ledger(bytearray(SIZE)))
    ears = Listener(keyboard, EchoGuard(), bindings=bound)
    said = [ears.hear(control(0, 1, at), 0) for at in zone[:2]]
    assert values(said) == [[own], []]  # nobody else has set it
    ears.hear(program(0, 0), 0)
    assert values([ears.hear(control(0, 1, at), 0) for at in (zone[1], zone[2], zone[0])]) == [[], [own], []]
    bound.keep(Action(0, name, other))  # from another program
    assert values([ears.hear(control(0, 2, at), 0) for at in (127, zone[0])]) == [[], [own]]
    assert values([ears.hear(control(0, 1, at), 0) for at in (zone[2], 127)]) == [[], [other]]


def test_what_was_set_before_a_predecessor_died_holds_and_what_was_done_does_not() -> None:
    bound = Bindings([row("mode", "cc 1")], holds={"mode": "duet"})
    for name, value in (("temperature", 1.5), ("undo", None), ("hand_over", 1.0)):
        bound.keep(Action(0, name, value))
    assert bound.holds == {"mode": "duet", "temperature": 1.5}
    target = bound.find(control(0, 1, 70))
    assert target is not None and target.fire(control(0, 1, 70), 0) == []  # it is the duet that holds


def test_what_is_bound_through_is_music_as_well() -> None:
    sent: list[bytes] = []
    ears = listener(sent, row("end_turn", "note 40 through"))
    action, event = ears.hear(note_on(0, 40, 9), 5)
    assert action == Action(5, "end_turn") and isinstance(event, Performed) and ears.heard == 1
    assert sent == [note_on(0, 40, 9)]


@pytest.mark.parametrize(("channel", "at"), [(None, range(16)), (2, [2])])
def test_what_names_no_channel_is_heard_where_jamd_listens(channel: int | None, at: list[int]) -> None:
    rows = (row("keep", "cc 9"), row("undo", "cc 9 channel 10")) if channel == 2 else (row("keep", "cc 9"),)
    ears = listener(None, *rows, channel=channel)
    found = {c: ears.hear(control(c, 9, 127), 0) for c in range(16)}
    assert [c for c in range(16) if found[c] == [Action(0, "keep")]] == list(at)
    assert (found[9] == [Action(0, "undo")]) is (channel == 2)


def test_a_scene_sets_all_that_it_names_and_programs_count_from_1() -> None:
    ears = listener(None, scenes=[(3, (("mode", "duet"), ("temperature", 1.1)))])
    assert ears.hear(program(0, 2), 4) == [Action(4, "mode", "duet"), Action(4, "temperature", 1.1)]
    (event,) = ears.hear(program(0, 3), 4)
    assert isinstance(event, Performed)


def test_what_comes_back_as_an_echo_asks_for_nothing() -> None:
    keyboard, guard = Keyboard(lambda message: None, Ledger(bytearray(SIZE))), EchoGuard(True)
    ears = Listener(keyboard, guard, bindings=Bindings([row("undo", "cc 119")]))
    guard.sent(control(15, 119, 127), 0)
    assert ears.hear(control(15, 119, 127), 1) == []
