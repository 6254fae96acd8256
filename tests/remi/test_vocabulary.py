"""Laws of the table of tokens."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.remi import vocabulary as v


def test_families_cover_all_ids_once_and_in_order() -> None:
    ids = [family.id(index) for family in v.TABLE for index in range(len(family))]
    assert ids == list(range(v.SIZE))
    assert [v.family_of(token) for token in ids] == [family for family in v.TABLE for _ in range(len(family))]


def test_the_table_has_the_sizes_of_the_design() -> None:
    assert {family.name: len(family) for family in v.TABLE} == {
        "PAD": 1,
        "BOS": 1,
        "Call": 1,
        "Response": 1,
        "Bar": 1,
        "Time Signature": 11,
        "Position": 72,
        "Note Off": 128,
        "Pedal Off": 1,
        "Pedal On": 1,
        "Chord": 61,
        "Tempo Class": 3,
        "Tempo Value": 60,
        "Micro": 4,
        "Note Velocity": 32,
        "Note On": 128,
        "Note Duration": 65,
    }
    assert v.SIZE == 571


def test_the_language_is_frozen() -> None:
    """Trained models name this fingerprint: a change here makes every one of them a stranger."""
    assert v.FINGERPRINT == "f9ae19e8c85021d9"


def test_names_are_unique_and_spelled_as_in_remi() -> None:
    names = [v.name_of(token) for token in range(v.SIZE)]
    assert len(set(names)) == v.SIZE
    assert {
        "Bar_None",
        "Position_1",
        "Position_72",
        "Note Velocity_31",
        "Note On_127",
        "Tempo Class_mid",
        "Tempo Value_59",
        "Chord_C:maj",
        "Chord_N:N",
        "Time Signature_12/8",
        "Micro_-2",
        "Note Duration_open",
    } <= set(names)


@pytest.mark.parametrize("token", [-1, v.SIZE, 10**6])
def test_an_id_outside_the_table_has_no_family(token: int) -> None:
    with pytest.raises(IndexError, match=str(token)):
        v.family_of(token)


@pytest.mark.parametrize("family", v.TABLE, ids=lambda family: family.name)
def test_a_family_knows_its_own(family: v.Family) -> None:
    for index, value in enumerate(family.values):
        token = family.id(index)
        assert family.of(value) == token and family.index(token) == index and token in family
    assert family.first - 1 not in family and family.id(len(family) - 1) + 1 not in family
    for outside in (-1, len(family)):
        with pytest.raises(IndexError, match=family.name):
            family.id(outside)


def test_every_slot_of_every_metre_has_a_position() -> None:
    assert all(metre.ticks % v.SLOT_TICKS == 0 for metre in v.METRES)
    assert max(metre.ticks for metre in v.METRES) == v.SLOT_TICKS * v.POSITIONS


def test_micros_fill_a_slot_evenly_and_never_meet_the_next() -> None:
    offsets = sorted({0, *v.MICROS})
    assert [offset * v.MICRO_TICKS for offset in offsets] == [-16, -8, 0, 8, 16]
    assert v.SLOT_TICKS + offsets[0] * v.MICRO_TICKS - offsets[-1] * v.MICRO_TICKS == v.MICRO_TICKS


@given(st.integers(1, 50_000))
@settings(deadline=None)
def test_a_duration_takes_the_nearest_bin_in_the_logarithm(ticks: int) -> None:
    chosen = v.duration_ticks(v.duration_token(ticks))
    best = min(abs(math.log(ticks / other)) for other in v.DURATIONS)
    assert abs(math.log(ticks / chosen)) == pytest.approx(best)


def test_duration_bins_come_back_and_rise_from_a_24th_to_16_quarters() -> None:
    tokens = [v.duration_token(ticks) for ticks in v.DURATIONS]
    assert tokens == [v.NOTE_DURATION.id(index) for index in range(v.DURATION_BINS)]
    assert list(v.DURATIONS) == sorted(set(v.DURATIONS))
    assert (v.DURATIONS[0], v.DURATIONS[-1]) == (20, 7680)


@pytest.mark.parametrize("velocity", range(1, 128))
def test_a_velocity_is_kept_within_two_and_never_falls_silent(velocity: int) -> None:
    value = v.velocity_value(v.velocity_token(velocity))
    assert abs(value - velocity) <= 2 and 1 <= value <= 127


@pytest.mark.parametrize("bpm", range(v.MIN_BPM, v.MAX_BPM + 1))
def test_a_whole_tempo_in_range_is_kept(bpm: int) -> None:
    assert v.tempo_bpm(*v.tempo_tokens(bpm)) == bpm


@given(st.floats(0.5, 5000))
@settings(deadline=None)
def test_any_tempo_is_said_at_the_nearest_octave_that_fits(bpm: float) -> None:
    said = v.tempo_bpm(*v.tempo_tokens(bpm))
    octaves = round(math.log2(said / bpm))
    assert abs(bpm * 2.0**octaves - said) <= 0.5 + 1e-9
    if v.MIN_BPM <= bpm <= v.MAX_BPM:
        assert octaves == 0


def test_tempo_210_has_a_class() -> None:
    """REMI's classes leave 210 out: `range(150, 210)`, then `> 210`."""
    assert v.tempo_bpm(*v.tempo_tokens(210)) == 105
