"""8-grams: what is copied is found in any key, what is fresh is not."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jamd.music.note import Note
from jamd.remi import vocabulary as v
from jamd.remi.cursor import Cursor
from tests.training.evaluation.tunes import row, song
from tests.training.tiny import write_cache
from training.batches import Cache
from training.evaluation.continuation import _learnt
from training.evaluation.copying import LENGTH, grams, grams_of, known, share, struck

PITCHES = st.lists(st.integers(30, 90), min_size=LENGTH + 1, max_size=60)


def fresh(seed: int, count: int = 200) -> list[Note]:
    rng = random.Random(seed)
    return row([rng.randint(40, 80) for _ in range(count)])


@given(PITCHES, st.integers(-12, 12), st.integers(0, 99))
def test_copied_music_is_copied_whole_in_any_key_and_any_bar(pitches: list[int], shift: int, bars: int) -> None:
    copy = [Note(n.onset + 1920 * bars, n.duration, n.pitch + shift, 1) for n in row(pitches)]
    assert share(grams(copy), known([grams(row(pitches))])) == 1


def test_fresh_random_music_is_not_copied() -> None:
    assert share(grams(fresh(1)), known([grams(fresh(seed)) for seed in range(2, 40)])) == 0


def test_half_of_a_copy_counts_as_about_half() -> None:
    theirs, mine = fresh(1, 100), fresh(2, 100)
    both = [*theirs, *(Note(n.onset + 100 * 240, n.duration, n.pitch, 66) for n in mine)]
    assert 0.4 < share(grams(both), known([grams(theirs)])) < 0.5


def test_another_rhythm_is_no_copy() -> None:
    pitches = [60, 62, 64, 65, 67, 69, 71, 72, 74, 76]
    assert share(grams(row(pitches, step=120)), known([grams(row(pitches, step=240))])) == 0


@given(PITCHES, st.randoms(use_true_random=False))
def test_a_chord_has_the_same_grams_however_it_is_rolled(pitches: list[int], rng: random.Random) -> None:
    rolled = [Note(n.onset + rng.randint(-30, 29), n.duration, n.pitch, n.velocity) for n in row(pitches, step=480)]
    assert np.array_equal(grams(rolled), grams(row(pitches, step=480)))


def test_there_is_one_gram_for_each_run_of_nine_notes() -> None:
    assert [len(grams(row(range(40, 40 + n)))) for n in (0, 1, 8, 9, 12)] == [0, 0, 0, 1, 4]


def test_what_says_nothing_has_no_share() -> None:
    assert np.isnan(share(grams([]), known([grams(fresh(1))])))
    assert share(grams(fresh(1)), known([])) == 0


def test_notes_are_read_out_of_tokens_as_the_cursor_reads_them() -> None:
    plain = song(3)
    for ids in (plain.tokens, plain.free, metres()):
        cursor, expected = Cursor(), list[tuple[int, int]]()
        for token in ids.tolist():
            cursor.feed(token)
            if token in v.NOTE_ON:
                expected.append((cursor.tick, v.NOTE_ON.index(token)))
        onsets, pitches = struck(ids)
        assert list(zip(onsets.tolist(), pitches.tolist(), strict=True)) == expected
        assert len(grams_of(onsets, pitches)) == max(len(set(expected)) - LENGTH, 0)


def metres() -> np.ndarray:
    """Bars of 3/4, then 6/8, a silent one, micros, and a turn inside a slot."""
    note = [v.NOTE_VELOCITY.id(9), v.NOTE_ON.id(60), v.NOTE_DURATION.id(9)]
    three, six = (v.TIME_SIGNATURE.of(name) for name in ("3/4", "6/8"))
    first = [v.BOS, v.CALL, v.BAR, three, v.POSITION.id(0), *note, v.MICRO.of("-2"), *note, v.POSITION.id(20), *note]
    then = [v.BAR, v.BAR, v.POSITION.id(5), v.MICRO.of("+1"), *note, v.RESPONSE, v.POSITION.id(5), *note]
    return np.array([*first, *then, v.BAR, six, v.POSITION.id(7), *note, v.BAR, v.POSITION.id(2), *note], np.uint16)


def test_copies_are_looked_for_in_the_training_split_alone(tmp_path: Path) -> None:
    write_cache(tmp_path / "cache", [{"piece": "t", "notes": 40}, {"piece": "v", "notes": 40, "split": "valid"}])
    trained, _ = _learnt([song(1)], tmp_path / "cache", tmp_path)
    assert trained is not None and len(trained) > 0
    cache = Cache(tmp_path / "cache")
    ours = grams_of(*struck(cache.tokens(cache.train()[0][0])))
    assert share(ours, trained) == 1 and len(trained) == len(np.unique(ours))
