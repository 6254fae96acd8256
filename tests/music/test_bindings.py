"""Bindings as people write them: what is written is meant, and what cannot be meant is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.music.actions import TABLE
from jamd.music.bindings import SOURCES, Binding, clash, parse, parse_out
from tests.music.bindings import bindings


@given(st.sampled_from(list(TABLE)), st.data())
def test_a_binding_reads_back_as_it_is_spelled(name: str, data: st.DataObject) -> None:
    rows = data.draw(st.lists(bindings(TABLE[name]), max_size=3))
    assert parse(", ".join(map(str, rows)), TABLE[name]) == tuple(rows)


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("source", SOURCES)
def test_every_action_can_be_bound_to_every_kind_of_message(name: str, source: str) -> None:
    spec = TABLE[name]
    value = {"choice": f" value {(*spec.choices, '')[0]}", "number": f" value {spec.high:g}"}.get(spec.kind, "")
    (binding,) = parse(f"{source} 5{value}", spec)
    assert (binding.source, binding.number) == (source, 5)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("end_turn", "knob 3", 'must read like "cc 20"'),
        ("end_turn", "nite 3", 'Did you mean "note"?'),
        ("end_turn", "note 3 chanel 2", 'holds the word "chanel": Did you mean "channel"?'),
        ("end_turn", "note 128", "0 to 127, behind note, not 128"),
        ("end_turn", "program 0", "1 to 128, behind program, not 0"),
        ("end_turn", "cc", "behind cc, not nothing"),
        ("end_turn", "cc 123", "0 to 119, behind cc, not 123"),
        ("end_turn", "cc ²", "not ²"),
        ("end_turn", "cc 3 channel 17", "1 to 16, behind channel, not 17"),
        ("end_turn", "cc 3 value 1", "end_turn takes none"),
        ("mode", "note 3", 'must say which value it sets, as in "note 3 value ..."'),
        ("mode", "note 3 value duett", "must be call-response, trade, duet or continue, not duett"),
        ("temperature", "cc 3 from 1", 'must read like "from 0.5 to 1.5"'),
        ("temperature", "cc 3 from 0 to 1", "must be a number, 0.05 to 2"),
        ("temperature", "note 3 value 1 from 1 to 2", "only a cc for a number can have"),
        ("panic", "cc 3 from 0 to 1", "only a cc for a number can have"),
    ],
)
def test_a_mistake_is_named(name: str, text: str, why: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(text, TABLE[name])
    assert why in str(caught.value)


def test_one_message_means_one_thing() -> None:
    assert clash([("undo", Binding("cc", 1)), ("again", Binding("cc", 1, 5))]) == (
        'undo = "cc 1" and again = "cc 1 channel 5" are one message'
    )
    assert not clash([("undo", Binding("cc", 1, 4)), ("again", Binding("cc", 1, 5)), ("keep", Binding("note", 1))])


def test_what_jamd_shows_is_a_controller() -> None:
    assert parse_out(" ") is None
    assert parse_out("cc 119 channel 16") == Binding("cc", 119, 16)
    for text in ("note 3", "cc 3 through", "cc 1, cc 2"):
        with pytest.raises(ValueError):
            parse_out(text)
