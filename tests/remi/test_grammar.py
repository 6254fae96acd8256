"""Laws of the grammar: what is sampled decodes, nothing is stuck, and the mask is what the language says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.music.events import Turn
from jamd.music.timeline import FOUR_FOUR, Metre
from jamd.remi import vocabulary as v
from jamd.remi.cursor import Cursor
from jamd.remi.decoder import Decoder, decode
from jamd.remi.grammar import Bounds, Grammar, closing
from jamd.remi.place import Place

LIVE = Bounds(metre=False, tempo=False)
ANSWERING = Place(bar_tick=3840, metre=FOUR_FOUR, position=10, turn=Turn.RESPONSE)
Choice = Callable[[np.random.Generator, np.ndarray], int]


def by_token(rng: np.random.Generator, mask: np.ndarray) -> int:
    """Any token that is allowed, all alike."""
    return int(rng.choice(np.flatnonzero(mask)))


def by_family(rng: np.random.Generator, mask: np.ndarray) -> int:
    """Any allowed family, then any of it: gets deep into slots, where `by_token` sees mostly pitches."""
    families = [f for f in v.TABLE if mask[f.first : f.first + len(f)].any()]
    family = families[rng.integers(len(families))]
    return family.first + by_token(rng, mask[family.first : family.first + len(family)])


def by_finger(rng: np.random.Generator, mask: np.ndarray) -> int:
    """Four keys, much held, in few and full slots: notes of one pitch get into each other's way."""
    if mask[v.DURATION_OPEN] and rng.random() < 0.4:
        return v.DURATION_OPEN
    few = mask.copy()
    for outside in (range(v.NOTE_ON.id(0), v.NOTE_ON.id(60)), range(v.NOTE_ON.id(64), v.NOTE_ON.id(127) + 1)):
        few[outside] = False
    if rng.random() < 0.9:
        few[[v.CALL, v.RESPONSE, v.BAR]] = False
    return by_family(rng, few if few.any() else mask)


def sample(grammar: Grammar, count: int, seed: int = 0, choose: Choice = by_family) -> list[int]:
    """`count` tokens under the mask; the grammar goes on with them."""
    rng, ids = np.random.default_rng(seed), []
    for _ in range(count):
        mask = grammar.allowed()
        assert mask.any(), f"nothing may follow {v.name_of(ids[-1])}"
        ids.append(choose(rng, mask))
        grammar.advance(ids[-1])
    return ids


def opened(bounds: Bounds | None, turn: int = v.CALL) -> Grammar:
    grammar = Grammar(bounds)
    for token in (v.BOS, turn):
        grammar.advance(token)
    return grammar


def name(token: int) -> str:
    return v.family_of(token).name


def walked(ids: Sequence[int]) -> Grammar:
    grammar = Grammar()
    for token in ids:
        grammar.advance(token)
    return grammar


# What the language says, looked up in the history anew for each token: slow, and with no state of its own.

ORDER = ["Note Off", "Pedal Off", "Pedal On", "Chord", "Tempo Class", "Note"]
BETWEEN = ("Bar", "Time Signature", "Call", "Response")


def literal_mask(history: Sequence[int]) -> set[int]:
    """All tokens that tokens.md lets come after `history`."""
    names = [name(token) for token in history]
    inside = {
        "Tempo Class": ["Tempo Value"],
        "Note On": ["Note Duration"],
        "Micro": ["Note Velocity"],
        "BOS": ["Call", "Response"],
    }
    if not names:
        return {v.BOS}
    turn = next((n for n in reversed(names) if n in ("Call", "Response")), None)
    if names[-1] in inside:
        followers = {token for token in range(v.SIZE) if name(token) in inside[names[-1]]}
        twice = names[-1] == "Note On" and v.NOTE_ON.index(history[-1]) in _open(history)
        return followers - ({v.DURATION_OPEN} if twice or turn == "Response" else set())
    slot = None if names[-1] in BETWEEN else _slot(history)
    if names[-1] == "Note Velocity":
        assert slot is not None
        return {v.NOTE_ON.id(pitch) for pitch in _strikable(history, slot)}
    allowed = set() if names[-1] == "Position" else _outer(history, names, turn)
    return allowed if slot is None else allowed | _items(history, slot)


def _slot(history: Sequence[int]) -> list[int]:
    last = max(i for i, token in enumerate(history) if name(token) == "Position")
    return list(history[last + 1 :])


def _open(history: Sequence[int]) -> set[int]:
    held: set[int] = set()
    for before, token in pairwise(history):
        if token == v.DURATION_OPEN:
            held.add(v.NOTE_ON.index(before))
        elif token in v.NOTE_OFF:
            held.discard(v.NOTE_OFF.index(token))
    return held


def _pedal(history: Sequence[int]) -> int:
    return next((token for token in reversed(history) if token in (v.PEDAL_OFF, v.PEDAL_ON)), v.PEDAL_OFF)


def _lent(history: Sequence[int]) -> bool:
    """Whether a Response is under way that began with the pedal down."""
    at = max(i for i, token in enumerate(history) if token in (v.CALL, v.RESPONSE))
    return history[at] == v.RESPONSE and _pedal(history[:at]) == v.PEDAL_ON


def _strikable(history: Sequence[int], slot: Sequence[int]) -> set[int]:
    group_start = max((i + 1 for i, token in enumerate(slot) if token in v.MICRO), default=0)
    struck = [v.NOTE_ON.index(token) for token in slot[group_start:] if token in v.NOTE_ON]
    return set(range(max(struck, default=-1) + 1, 128)) - _blocked(history, slot, slot[group_start - 1 : group_start])


def _blocked(history: Sequence[int], slot: Sequence[int], micro: Sequence[int]) -> set[int]:
    """Open pitches, but not those opened at the slot's centre where something is to be struck before it."""
    if micro and micro[0] < v.MICRO.of("+1"):
        centre = slot[: next(i for i, token in enumerate(slot) if token in v.MICRO)]
        return _open(history) - _open(centre)
    return _open(history)


def _outer(history: Sequence[int], names: Sequence[str], turn: str | None) -> set[int]:
    metres = [token for token in history if token in v.TIME_SIGNATURE]
    if names[-1] == "Bar" and not metres:
        return {v.TIME_SIGNATURE.id(i) for i in range(len(v.TIME_SIGNATURE))}
    allowed = {v.BAR, v.CALL, v.RESPONSE}
    if names[-1] == "Bar":
        allowed |= {v.TIME_SIGNATURE.id(i) for i in range(len(v.TIME_SIGNATURE))}
    if turn == "Response" and _pedal(history) == v.PEDAL_ON and not _lent(history):
        allowed -= {v.CALL, v.RESPONSE}
    if "Bar" in names:
        bar = history[len(names) - 1 - names[::-1].index("Bar") :]
        said = [v.POSITION.index(token) for token in bar if token in v.POSITION]
        floor = max(said) + (names[-1] not in ("Call", "Response")) if said else 0
        slots = v.METRES[v.TIME_SIGNATURE.index(metres[-1])].ticks // v.SLOT_TICKS
        allowed |= {v.POSITION.id(i) for i in range(floor, slots)}
    return allowed


def _items(history: Sequence[int], slot: Sequence[int]) -> set[int]:
    stages = {**{n: i for i, n in enumerate(ORDER)}, "Tempo Value": 4, "Note Duration": 5}
    stage = stages[name(slot[-1])] if slot else -1
    pedal = _pedal(history)
    allowed: set[int] = set()
    responds = next(token for token in reversed(history) if token in (v.CALL, v.RESPONSE)) == v.RESPONSE
    if stage <= 0 and not responds:
        ended = max((v.NOTE_OFF.index(token) for token in slot), default=-1)
        allowed |= {v.NOTE_OFF.id(pitch) for pitch in _open(history) if pitch > ended}
    if stage < 1 and pedal == v.PEDAL_ON and not _lent(history):
        allowed.add(v.PEDAL_OFF)
    if stage < 2 and pedal == v.PEDAL_OFF:
        allowed.add(v.PEDAL_ON)
    if stage < 3:
        allowed |= {v.CHORD.id(i) for i in range(len(v.CHORD))}
    if stage < 4:
        allowed |= {v.TEMPO_CLASS.id(i) for i in range(len(v.TEMPO_CLASS))}
    if _strikable(history, slot):
        allowed |= {v.NOTE_VELOCITY.id(i) for i in range(len(v.NOTE_VELOCITY))}
    passed = max((v.MICRO.index(token) for token in slot if token in v.MICRO), default=-1)
    for micro in (v.MICRO.id(i) for i in range(passed + 1, len(v.MICRO))):
        if len(_blocked([*history, micro], [*slot, micro], [micro])) < 128:
            allowed.add(micro)
    return allowed


@pytest.mark.parametrize("choose", [by_token, by_family, by_finger])
@pytest.mark.parametrize("seed", range(3))
def test_the_mask_is_what_the_language_says(seed: int, choose: Choice) -> None:
    grammar, ids, rng = Grammar(), [], np.random.default_rng(seed)
    for _ in range(500):
        assert set(np.flatnonzero(grammar.allowed())) == literal_mask(ids), [v.name_of(t) for t in ids[-12:]]
        ids.append(choose(rng, grammar.allowed()))
        grammar.advance(ids[-1])


def test_the_mask_is_what_the_language_says_when_every_pitch_is_open() -> None:
    ids = [v.BOS, v.CALL, v.BAR, v.TIME_SIGNATURE.id(2), v.POSITION.id(0)]
    for pitch in range(128):
        ids += [v.NOTE_VELOCITY.id(9), v.NOTE_ON.id(pitch), v.DURATION_OPEN]
        assert set(np.flatnonzero(walked(ids).allowed())) == literal_mask(ids)
    assert walked(ids).accepts(v.MICRO.of("-1")) and not walked(ids).accepts(v.MICRO.of("+1"))
    ids += [v.MICRO.of("-1"), v.NOTE_VELOCITY.id(9), v.NOTE_ON.id(127)]
    assert not walked(ids).accepts(v.DURATION_OPEN)
    for token in (v.NOTE_DURATION.id(0), v.POSITION.id(3), v.NOTE_OFF.id(127), v.CHORD.id(0)):
        ids.append(token)
        assert set(np.flatnonzero(walked(ids).allowed())) == literal_mask(ids)


@given(st.integers(0, 2**32), st.sampled_from([by_token, by_family, by_finger]))
@settings(max_examples=25, deadline=None)
def test_without_bounds_the_mask_and_acceptance_agree_on_every_id(seed: int, choose: Choice) -> None:
    grammar = Grammar()
    for step in range(60):
        mask = grammar.allowed()
        if step % 6 == 0:
            assert [grammar.accepts(token) for token in range(v.SIZE)] == mask.tolist()
        sample(grammar, 1, seed + step, choose)


@pytest.mark.parametrize("token", [-1, v.SIZE, v.PAD])
def test_what_is_no_music_is_never_accepted(token: int) -> None:
    for ids in ([], [v.BOS], [v.BOS, v.CALL], [v.BOS, v.CALL, v.BAR]):
        grammar = walked(ids)
        assert not grammar.accepts(token)
        with pytest.raises(ValueError):
            grammar.advance(token)


@pytest.mark.parametrize(
    ("bounds", "choose", "seed"),
    [
        (None, by_token, 1),
        (None, by_family, 2),
        (None, by_finger, 7),
        (Bounds(), by_token, 3),
        (Bounds(), by_family, 4),
        (LIVE, by_family, 5),
        (Bounds(turns=True, silent_bars=0, notes=1), by_family, 6),
    ],
)
def test_ten_thousand_sampled_tokens_decode_and_nothing_gets_stuck(
    bounds: Bounds | None, choose: Choice, seed: int
) -> None:
    grammar, decoder = opened(bounds), Decoder()
    ids = [v.BOS, v.CALL]
    if bounds == LIVE:  # somebody else says the metre
        ids += [v.BAR, v.TIME_SIGNATURE.of("4/4")]
        for token in ids[2:]:
            grammar.advance(token)
    ids += sample(grammar, 10_000, seed, choose)
    while not grammar.complete:
        ids += sample(grammar, 1, seed, choose)
    ids += closing(grammar)
    down, sounding = False, dict[int, int]()
    for token in ids:
        for event in decoder.feed(token):
            down = event.down if hasattr(event, "down") else down
    assert decoder.finish() == [] and not down
    notes, pedals = decode(ids)
    assert len(notes) > 500
    for note in notes:
        assert note.duration > 0 and 1 <= note.velocity <= 127
        assert sounding.get(note.pitch, -v.SLOT_TICKS) <= note.onset, "two notes of one pitch sound at once"
        sounding[note.pitch] = note.onset + note.duration
    assert all(a.down != b.down for a, b in pairwise(pedals))


@given(
    st.integers(0, 2**32), st.sampled_from([None, Bounds(), LIVE]), st.sampled_from([by_token, by_family, by_finger])
)
@settings(max_examples=20, deadline=None)
def test_every_prefix_decodes_and_can_be_closed(seed: int, bounds: Bounds | None, choose: Choice) -> None:
    grammar, ids = Grammar.at(ANSWERING, bounds=bounds), []
    for step in range(120):
        ids += sample(grammar, 1, seed + step, choose)
        notes, _ = decode(ids, ANSWERING)
        assert all(note.duration > 0 for note in notes)
        if grammar.complete:
            _assert_closed(grammar, ids)
        else:
            with pytest.raises(ValueError, match="whole item"):
                closing(grammar)


def _assert_closed(grammar: Grammar, ids: list[int]) -> None:
    ending, after, decoder = closing(grammar), grammar.copy(), Decoder(ANSWERING)
    for token in ending:
        after.advance(token)
    assert after.complete and not after.pedal_down and not after.open_pitches and closing(after) == ()
    for token in (*ids, *ending):
        decoder.feed(token)
    assert decoder.finish() == []


def test_a_copy_goes_its_own_way() -> None:
    grammar = opened(None)
    sample(grammar, 500, 7)
    twin, mask = grammar.copy(), grammar.allowed()
    before = mask.copy()
    sample(twin, 300, 8)
    assert (mask == before).all() and (grammar.allowed() == before).all()
    again = grammar.copy()
    assert sample(grammar, 300, 9) == sample(again, 300, 9)


def test_sampling_keeps_its_bounds() -> None:
    bounds = Bounds(silent_bars=2, notes=3, metre=False, tempo=False)
    grammar = opened(bounds)
    ids = [v.BAR, v.TIME_SIGNATURE.of("3/8")]
    for token in ids:
        grammar.advance(token)
    ids += sample(grammar, 10_000, 1)
    names = [name(token) for token in ids]
    assert not {"Call", "Response", "Tempo Class"} & set(names) and names.count("Time Signature") == 1
    text = "".join({"Bar": "B", "Position": "P", "Note On": "n"}.get(n, "") for n in names)
    assert max(map(len, text.replace("n", "").split("P"))) == 3  # two silent bars, then that of the Position
    assert max(part.count("n") for part in text.replace("B", "P").split("P")) == 3


def test_sampling_goes_on_from_a_walk_and_leaves_it_alone() -> None:
    ids = [v.BOS, v.CALL, v.BAR, v.TIME_SIGNATURE.of("4/4"), v.POSITION.id(3), v.CHORD.id(1), v.RESPONSE]
    walk = walked(ids)
    before = walk.allowed().copy()
    assert before[v.CALL]
    answering = walk.sampling(LIVE, earliest=20)
    assert set(np.flatnonzero(answering.allowed())) == {
        v.BAR,
        *(v.POSITION.id(slot) for slot in range(20, 48)),
    }
    sample(answering, 200)
    assert walk.bounds is None and (walk.allowed() == before).all() and walk.next_slot == 3


def test_silence_before_a_turn_does_not_forbid_the_next_bar() -> None:
    ids = [v.BOS, v.CALL, v.BAR, v.TIME_SIGNATURE.of("4/4"), *[v.BAR] * 9]
    assert not walked(ids).sampling(Bounds(silent_bars=4)).allowed()[v.BAR]
    assert walked([*ids, v.RESPONSE]).sampling(Bounds(silent_bars=4)).allowed()[v.BAR]
    assert walked(ids).sampling(Bounds(silent_bars=4), earliest=48).allowed()[v.BAR]


def test_what_the_bounds_leave_free_may_be_sampled() -> None:
    ids = sample(opened(Bounds(turns=True, metre=True, tempo=True)), 3000)
    assert {"Call", "Response", "Time Signature", "Tempo Class"} <= {name(token) for token in ids}


def test_bounds_never_hold_when_accepting() -> None:
    grammar = opened(Bounds(silent_bars=1, notes=1, metre=False, tempo=False))
    note = [v.NOTE_VELOCITY.id(9), v.NOTE_ON.id(60), v.NOTE_DURATION.id(9)]
    for token in (
        *(v.BAR, v.TIME_SIGNATURE.id(0), v.BAR, v.BAR, v.BAR, v.TIME_SIGNATURE.id(1)),
        *(v.POSITION.id(0), *v.tempo_tokens(100), *note, v.MICRO.id(0), *note, v.RESPONSE),
    ):
        assert grammar.accepts(token)
        grammar.advance(token)


def test_a_response_never_opens_a_note() -> None:
    grammar = opened(None, v.RESPONSE)
    rng = np.random.default_rng(4)
    for _ in range(3000):
        mask = grammar.allowed()
        mask[v.CALL] = False
        assert not mask[v.DURATION_OPEN]
        grammar.advance(by_family(rng, mask))


@pytest.mark.parametrize(("earliest", "first"), [(0, 10), (10, 10), (30, 30), (47, 47), (48, None)])
def test_an_answer_begins_no_earlier_than_it_may(earliest: int, first: int | None) -> None:
    grammar = Grammar.at(ANSWERING, earliest=earliest, bounds=Bounds())
    positions = [] if first is None else [v.POSITION.id(slot) for slot in range(first, 48)]
    assert set(np.flatnonzero(grammar.allowed())) == {v.BAR, *positions}
    assert grammar.next_slot == first
    grammar.advance(v.BAR)
    assert grammar.allowed()[v.POSITION.id(0)]


def test_only_behind_a_turn_token_a_position_repeats() -> None:
    ids = [v.BOS, v.CALL, v.BAR, v.TIME_SIGNATURE.of("4/4"), v.POSITION.id(5), v.CHORD.id(0)]
    assert not walked(ids).accepts(v.POSITION.id(5))
    assert walked([*ids, v.RESPONSE]).accepts(v.POSITION.id(5))
    assert not walked([*ids, v.RESPONSE]).accepts(v.POSITION.id(4))


@pytest.mark.parametrize("metre", v.METRES, ids=str)
def test_positions_stay_inside_the_metre(metre: Metre) -> None:
    grammar = walked([v.BOS, v.CALL, v.BAR, v.TIME_SIGNATURE.of(str(metre))])
    inside = [slot * v.SLOT_TICKS < metre.ticks for slot in range(v.POSITIONS)]
    assert [grammar.accepts(v.POSITION.id(slot)) for slot in range(v.POSITIONS)] == inside


def test_a_grammar_that_starts_in_the_middle_goes_on_like_one_that_came_there() -> None:
    rng, bounds = np.random.default_rng(5), Bounds(silent_bars=1)
    for seed in range(20):
        came, cursor = opened(bounds), Cursor()
        ids = sample(came, int(rng.integers(50, 400)), seed)
        while not came.complete:
            ids += sample(came, 1, seed)
        for token in (v.CALL, v.RESPONSE):
            came.advance(token)
            ids.append(token)
        for token in ids:
            cursor.feed(token)
        begun = Grammar.at(cursor.place, open_pitches=came.open_pitches, pedal_down=came.pedal_down, bounds=bounds)
        assert (begun.allowed() == came.allowed()).all()
        assert sample(begun, 200, seed) == sample(came, 200, seed)


def test_a_refusal_names_the_token_and_what_was_expected() -> None:
    ids = [v.BOS, v.CALL, v.BAR, v.TIME_SIGNATURE.of("2/4"), v.POSITION.id(5), v.NOTE_VELOCITY.id(3)]
    with pytest.raises(ValueError, match=r"^Bar_None cannot follow Note Velocity: expected Note On$"):
        walked([*ids, v.BAR])
    ids += [v.NOTE_ON.id(60), v.NOTE_DURATION.id(3)]
    with pytest.raises(ValueError, match=r"Position_6 cannot follow Note Duration: .*Position_7 to _24"):
        walked([*ids, v.POSITION.id(5)])
    with pytest.raises(ValueError, match=r"the id 571 cannot follow the start: expected BOS"):
        Grammar().advance(v.SIZE)


def test_music_that_is_over_needs_no_ending() -> None:
    assert closing(walked([v.BOS, v.CALL, v.BAR, v.TIME_SIGNATURE.id(0)])) == ()


def test_the_last_slot_of_a_bar_is_closed_in_the_next_bar() -> None:
    ids = [v.BOS, v.CALL, v.BAR, v.TIME_SIGNATURE.of("2/4"), v.POSITION.id(23), v.PEDAL_ON]
    assert closing(walked(ids)) == (v.BAR, v.POSITION.id(0), v.PEDAL_OFF)
    note = [v.NOTE_VELOCITY.id(1), v.NOTE_ON.id(60), v.DURATION_OPEN]
    assert closing(walked([*ids[:4], v.POSITION.id(3), *note])) == (v.POSITION.id(4), v.NOTE_OFF.id(60))
