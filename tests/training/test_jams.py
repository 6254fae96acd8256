"""A jam as training data: transposed whole, roles exchanged, jamd's notes heard and never learnt."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("symusic", reason="training needs symusic: pip install -e .[train]")

from jamd.music.events import Answered, Charted, Turn, TurnChange
from jamd.remi import vocabulary as v
from jamd.remi.encoder import tokenize
from tests.training.player import jam_entries
from training import jams
from training.augment import Key
from training.corpus.recordings import Jam


def jam(turns: int = 3) -> Jam:
    entries, played = jam_entries(turns)
    return Jam(tuple(entries), tuple(played))


def variant(number: int, *, train: bool = True, of: Jam | None = None):
    return jams.variant_log(of or jam(), Key(1, "own", "jam", number), train=train)


def spans(ids: list[int]) -> list[tuple[int, list[int]]]:
    """(turn token, pitches struck) of each turn."""
    out: list[tuple[int, list[int]]] = []
    for token in ids:
        if token in (v.CALL, v.RESPONSE):
            out.append((token, []))
        elif token in v.NOTE_ON:
            out[-1][1].append(v.NOTE_ON.index(token))
    return out


def test_variant_0_is_what_the_partner_heard() -> None:
    entries, silent = variant(0)
    assert entries == list(jam().entries)
    assert silent is Turn.RESPONSE


def test_with_the_roles_exchanged_jamd_calls_and_the_player_answers() -> None:
    heard, exchanged = spans(tokenize(variant(0)[0])), spans(tokenize(variant(1)[0]))
    flipped = {v.CALL: v.RESPONSE, v.RESPONSE: v.CALL}
    assert [(flipped[turn], pitches) for turn, pitches in heard if pitches] == [s for s in exchanged if s[1]]
    assert variant(1)[1] is Turn.CALL


def test_without_a_record_of_what_jamd_played_no_roles_are_exchanged() -> None:
    entries, silent = variant(1, of=Jam(jam().entries))
    assert silent is Turn.RESPONSE
    assert any(isinstance(e, Answered) for e in entries)


@given(shift=st.integers(-12, 12))
def test_tokens_of_a_shifted_log_are_the_shifted_tokens(shift: int) -> None:
    """All but the names of chords that the notes make up, which the encoder finds in the other key by itself."""
    plain = tokenize(jam().entries)
    moved = tokenize(jams.shifted(entry, shift) for entry in jam().entries)
    assert len(moved) == len(plain)
    for a, b in zip(plain, moved, strict=True):
        if a in v.NOTE_ON or a in v.NOTE_OFF:
            assert b == a + shift
        elif a in v.CHORD and v.CHORD.values[v.CHORD.index(a)] != v.NO_CHORD:
            (root, quality), (other, same) = (v.CHORD.values[v.CHORD.index(t)].split(":") for t in (a, b))
            assert same == quality
            assert (v.ROOTS.index(other) - v.ROOTS.index(root) - shift) % 12 == 0
        else:
            assert a == b


def test_answers_and_charts_move_with_the_keys_and_nothing_else_does() -> None:
    answer = Answered(5, (v.BAR, v.NOTE_ON.id(60), v.NOTE_OFF.id(40), v.CHORD.of("B:min"), v.CHORD.of(v.NO_CHORD)))
    moved = (v.BAR, v.NOTE_ON.id(61), v.NOTE_OFF.id(41), v.CHORD.of("C:min"), v.CHORD.of(v.NO_CHORD))
    assert jams.shifted(answer, 1) == Answered(5, moved)
    assert jams.shifted(Charted(5, "A:maj"), 3) == Charted(5, "C:maj")
    for still in (Charted(5, None), Charted(5, v.NO_CHORD), TurnChange(5, Turn.CALL)):
        assert jams.shifted(still, 4) == still


def test_variants_take_other_keys_in_turn_and_what_is_tested_keeps_its_own() -> None:
    def lowest(number: int, **how: bool) -> int:
        return min(p for _, pitches in spans(tokenize(variant(number, **how)[0])) for p in pitches)

    assert len({lowest(n) for n in range(24)}) == 12
    assert lowest(0) == lowest(1) == 60
    assert {lowest(n, train=False) for n in range(24)} == {60}
    assert lowest(7) == lowest(7)


def test_a_shift_never_leaves_the_keyboard() -> None:
    edge = [jams.shifted(e, 108 - 74) for e in jam().entries]
    for number in range(24):
        entries, _ = variant(number, of=Jam(tuple(edge)))
        pitches = [p for _, struck in spans(tokenize(entries)) for p in struck]
        assert max(pitches) <= 108


def test_roles_are_exchanged_from_the_first_note_on() -> None:
    ids = np.array(tokenize(jams.with_roles_exchanged(jam())))
    assert ids[:2].tolist() == [v.BOS, v.RESPONSE]
