"""Port names: the one that is meant, or a sentence that says which there are."""

from __future__ import annotations

import pytest

from jamd.errors import PortError
from jamd.midi.names import match, same_device

NAMES = ["Digital Piano:Digital Piano MIDI 1 20:0", "nanoKEY2:nanoKEY2 MIDI 1 24:0", "nanoPAD:nanoPAD MIDI 1 28:0"]


@pytest.mark.parametrize("wanted", [NAMES[0], "Digital Piano:Digital Piano MIDI 1", "digital piano", "PIANO", "20:0"])
def test_a_port_is_found_by_its_name_or_a_part_of_it_in_any_case(wanted: str) -> None:
    assert match(wanted, NAMES) == NAMES[0]


def test_an_exact_name_wins_over_names_that_contain_it() -> None:
    assert match("Synth:in", ["Synth:in 2", "Synth:in", "Big Synth:in"]) == "Synth:in"
    assert match("Synth:in", ["Synth:in 2 24:0", "Synth:in 20:0"]) == "Synth:in 20:0"


def test_an_ambiguous_name_is_refused_with_the_candidates() -> None:
    with pytest.raises(PortError) as caught:
        match("nano", NAMES)
    assert NAMES[1] in caught.value.message and NAMES[2] in caught.value.message and caught.value.hint
    assert NAMES[0] not in caught.value.message


def test_two_devices_of_one_name_are_ambiguous_until_alsas_numbers_are_named() -> None:
    twins = ["Keys:Keys MIDI 1 20:0", "Keys:Keys MIDI 1 24:0"]
    with pytest.raises(PortError):
        match("Keys:Keys MIDI 1", twins)
    assert match(twins[1], twins) == twins[1]


def test_a_name_that_is_not_there_is_refused_with_a_guess_and_a_list() -> None:
    with pytest.raises(PortError) as caught:
        match("nanoKEYS", NAMES)
    assert "nanoKEYS" in caught.value.message
    assert 'Did you mean "nanoKEY2"' in caught.value.hint and all(name in caught.value.hint for name in NAMES)
    assert caught.value.exit_code == 3


def test_without_any_port_the_hint_says_what_to_do() -> None:
    with pytest.raises(PortError) as caught:
        match("Keyboard", [])
    assert "virtual" in caught.value.hint


def test_our_own_ports_are_only_found_by_their_exact_names() -> None:
    names = ["jamd-in:in", "jamd-in-01:in", "Mjamd-in:in"]
    assert match("jamd", names, ["jamd-in"]) == "Mjamd-in:in"
    assert match("jamd-in-01:in", names, ["jamd-in"]) == "jamd-in-01:in"
    with pytest.raises(PortError) as caught:
        match("jamd", names[:2], ["jamd-in"])
    assert "jamd-in" not in caught.value.hint


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (NAMES[0], NAMES[0], True),
        ("Keys:Keys MIDI 1 20:0", "Keys:Keys MIDI 2 20:1", True),
        (NAMES[1], NAMES[2], False),
        ("jamd-in:in", "jamd-out:out", False),
        ("system:midi_capture_1", "system:midi_playback_1", True),
        ("system:midi_capture_1", "system:midi_playback_2", False),
        ("a2j:Keys [20] (capture): Keys 1", "a2j:Keys [20] (playback): Keys 1", True),
        ("a2j:Keys [20] (capture): Keys 1", "a2j:Synth [24] (playback): Synth 1", False),
    ],
)
def test_one_device_is_known_by_its_ports(one: str, other: str, same: bool) -> None:
    assert same_device(one, other) == same
