"""Two hands on one keyboard: each ends only what it began, and the synth hears each key in turn on and off."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd.midi.keyboard import Keyboard
from jamd.midi.ledger import SIZE, Ledger
from jamd.midi.messages import control, note_off, note_on
from tests.midi.doubles import Ear

ACTIONS = st.lists(
    st.tuples(st.sampled_from(("press", "release")), st.integers(0, 1), st.integers(0, 1), st.integers(60, 62))
)


class Dies(Exception):
    """The process ends here."""


def keyboard() -> tuple[Keyboard, list[bytes], Ledger]:
    sent: list[bytes] = []
    ledger = Ledger(bytearray(SIZE))
    return Keyboard(sent.append, ledger), sent, ledger


WITH_ENDS = st.lists(
    st.tuples(
        st.sampled_from(("press", "release", "down", "up", "reset", "sound off", "notes off", "mono")),
        st.integers(0, 1),
        st.integers(0, 1),
        st.integers(60, 62),
    )
)
ENDS = {"sound off": 120, "notes off": 123, "mono": 126}


@given(WITH_ENDS)
def test_whatever_passes_each_key_is_heard_on_and_off_in_turn_and_the_pedal_where_it_was_last_put(
    actions: list[tuple[str, int, int, int]],
) -> None:
    ear, ledger = Ear(), Ledger(bytearray(SIZE))
    keys = Keyboard(ear.hear, ledger)
    hands = [keys.hand(), keys.hand()]
    holds: list[set[tuple[int, int]]] = [set(), set()]
    feet: list[dict[int, int]] = [{}, {}]
    for action, hand, channel, pitch in actions:
        if action == "press":
            hands[hand].press(channel, pitch, 64)
            holds[hand].add((channel, pitch))
        elif action == "release":
            assert hands[hand].release(channel, pitch) == ((channel, pitch) in holds[hand])
            holds[hand].discard((channel, pitch))
        elif action in ("down", "up"):
            feet[hand][channel] = 127 * (action == "down")
            hands[hand].pedal(channel, feet[hand][channel])
        elif action == "reset":
            keys.pass_on(control(channel, 121, 0))
            ear.pedals[channel] = 0
            feet = [{c: v for c, v in foot.items() if c != channel} for foot in feet]
        else:
            keys.pass_on(control(channel, ENDS[action], 0))
            holds = [{key for key in held if key[0] != channel} for held in holds]
        assert ear.keys == holds[0] | holds[1] == set(ledger.sounding())
        for used in (0, 1):
            assert ear.pedals.get(used, 0) == max(foot.get(used, 0) for foot in feet)
        assert [hand.held for hand in hands] == holds and [hand.pedals for hand in hands] == feet


def test_a_pedal_that_is_put_down_again_after_a_reset_of_controllers_goes_through() -> None:
    keys, sent, _ = keyboard()
    thru = keys.hand()
    thru.pedal(0, 127)
    keys.pass_on(control(0, 121, 0))
    thru.pedal(0, 127)
    assert sent == [control(0, 64, 127), control(0, 121, 0), control(0, 64, 127)]


def test_all_notes_off_ends_each_key_in_words_that_every_synth_knows() -> None:
    keys, sent, ledger = keyboard()
    thru, player = keys.hand(), keys.hand()
    thru.press(0, 60, 64)
    player.press(0, 62, 64)
    player.press(1, 62, 64)
    sent.clear()
    keys.pass_on(control(0, 123, 0))
    assert sent == [note_off(0, 60), note_off(0, 62), control(0, 123, 0)]
    assert ledger.sounding() == [(1, 62)]
    assert not thru.release(0, 60) and sent[3:] == []


@given(ACTIONS)
def test_a_key_sounds_exactly_while_a_hand_holds_it(actions: list[tuple[str, int, int, int]]) -> None:
    ear, ledger = Ear(), Ledger(bytearray(SIZE))
    keys = Keyboard(ear.hear, ledger)
    hands = [keys.hand(), keys.hand()]
    holds: list[set[tuple[int, int]]] = [set(), set()]
    for action, hand, channel, pitch in actions:
        if action == "press":
            hands[hand].press(channel, pitch, 64)
            holds[hand].add((channel, pitch))
        else:
            assert hands[hand].release(channel, pitch) == ((channel, pitch) in holds[hand])
            holds[hand].discard((channel, pitch))
        assert ear.keys == holds[0] | holds[1] == set(ledger.sounding())
    assert ear.struck == sum(action == "press" for action, *_ in actions)


def test_a_key_that_is_struck_again_is_let_go_first() -> None:
    keys, sent, _ = keyboard()
    thru, player = keys.hand(), keys.hand()
    thru.press(0, 60, 50)
    player.press(0, 60, 90)
    assert player.release(0, 60)
    assert sent == [note_on(0, 60, 50), note_off(0, 60), note_on(0, 60, 90)]  # the performer still holds it
    thru.release(0, 60)
    assert sent[3:] == [note_off(0, 60)]


@pytest.mark.parametrize("dies_at", range(1, 6))
def test_whoever_dies_while_sending_leaves_no_sounding_key_out_of_the_ledger(dies_at: int) -> None:
    ledger, ear = Ledger(bytearray(SIZE)), Ear()
    left = [dies_at]

    def send(message: bytes) -> None:
        ear.hear(message)
        left[0] -= 1
        if not left[0]:
            raise Dies  # the message is out, and nothing after it was done

    hand = Keyboard(send, ledger).hand()
    with pytest.raises(Dies):
        hand.press(0, 60, 64)
        hand.press(0, 60, 64)
        hand.press(1, 62, 64)
        hand.release(0, 60)
    assert ear.keys <= set(ledger.sounding())


@pytest.mark.parametrize("dies_at", range(1, 4))
def test_whoever_dies_before_sending_leaves_no_sounding_key_out_of_the_ledger(dies_at: int) -> None:
    ledger, ear = Ledger(bytearray(SIZE)), Ear()
    left = [dies_at]

    def send(message: bytes) -> None:
        left[0] -= 1
        if not left[0]:
            raise Dies
        ear.hear(message)

    hand = Keyboard(send, ledger).hand()
    with pytest.raises(Dies):
        hand.press(0, 60, 64)
        hand.release(0, 60)
        hand.press(0, 62, 64)
    assert ear.keys <= set(ledger.sounding())


def test_the_pedal_stays_down_while_a_hand_holds_it() -> None:
    keys, sent, _ = keyboard()
    thru, player = keys.hand(), keys.hand()
    thru.pedal(0, 100)
    player.pedal(0, 127)
    thru.pedal(0, 0)
    player.pedal(0, 0)
    assert sent == [control(0, 64, 100), control(0, 64, 127), control(0, 64, 0)]


def test_a_pedal_that_is_let_go_by_one_hand_is_left_where_the_other_holds_it() -> None:
    keys, sent, _ = keyboard()
    thru, player = keys.hand(), keys.hand()
    player.pedal(0, 127)
    thru.pedal(0, 40)  # half a pedal
    player.pedal(0, 0)
    assert sent == [control(0, 64, 127), control(0, 64, 40)]


def test_silence_ends_what_a_predecessor_began_and_forgets_what_hands_held() -> None:
    keys, sent, ledger = keyboard()
    ledger.mark(4, 77)
    hand = keys.hand()
    hand.press(0, 60, 64)
    hand.pedal(0, 127)
    sent.clear()
    keys.silence()
    assert {note_off(4, 77), note_off(0, 60), control(0, 64, 0), control(4, 120, 0)} <= set(sent)
    assert ledger.sounding() == ledger.channels() == [] and not hand.held and not hand.pedals
    sent.clear()
    hand.release(0, 60)
    keys.silence()
    assert sent == []


def test_what_is_passed_on_makes_its_channel_one_to_quieten() -> None:
    keys, sent, ledger = keyboard()
    keys.pass_on(control(7, 66, 127))
    assert sent == [control(7, 66, 127)] and ledger.channels() == [7]
