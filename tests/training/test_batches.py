"""Laws of the lanes: nothing is lost, nothing crosses a piece, everything can be gone on with."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="batches are torch tensors: pip install -e .[train]")

from jamd.errors import ConfigError  # noqa: E402  (after the skip)
from jamd.remi.vocabulary import NOTE_VELOCITY, PAD  # noqa: E402
from tests.training.tiny import common_cache, write_cache  # noqa: E402
from training.batches import REPORT, STOP, Batch, Cache, Lanes, half_of  # noqa: E402

FIXTURE_IS_READ_ONLY = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def played(batches: list[Batch]) -> list[list[tuple[int, int]]]:
    """What the lanes play, cut where they say that a piece starts: (token, target) pairs without padding."""
    pieces: list[list[tuple[int, int]]] = []
    for lane in range(len(batches[0].starts)):
        current: list[tuple[int, int]] | None = None
        for batch in batches:
            pairs = list(zip(batch.tokens[lane].tolist(), batch.targets[lane].tolist(), strict=True))
            if batch.starts[lane]:
                current = []
                pieces.append(current)
            assert current is not None
            current += [p for p in pairs if p[0] != PAD]
    return [p for p in pieces if p]


def pairs_of(ids: list[int]) -> list[tuple[int, int]]:
    return list(pairwise(ids))


@FIXTURE_IS_READ_ONLY
@given(
    lengths=st.lists(st.integers(0, 30), min_size=1, max_size=9),
    lanes=st.integers(1, 5),
    tgt_len=st.integers(1, 40),
)
def test_every_token_of_every_piece_is_predicted_once(
    tmp_path: Path, lengths: list[int], lanes: int, tgt_len: int
) -> None:
    runs = write_cache(tmp_path, [{"piece": str(i), "notes": n} for i, n in enumerate(lengths)])
    cache = Cache(tmp_path)
    heard = played(list(Lanes(cache, cache.train(), lanes, tgt_len, seed=4, endless=False)))
    assert sorted(heard) == sorted(pairs_of(r) for r in runs)


@FIXTURE_IS_READ_ONLY
@given(before=st.integers(0, 60), lanes=st.integers(1, 4), seed=st.integers(0, 5))
def test_restored_lanes_go_on_as_if_nothing_had_happened(tmp_path: Path, before: int, lanes: int, seed: int) -> None:
    cache = Cache(common_cache(tmp_path))
    straight = Lanes(cache, cache.train(), lanes, 8, seed=seed)
    for _ in range(before):
        straight.next()
    resumed = Lanes(cache, cache.train(), lanes, 8, seed=seed)
    resumed.restore(json.loads(json.dumps(straight.state())))
    for _ in range(30):
        a, b = straight.next(), resumed.next()
        assert torch.equal(a.tokens, b.tokens) and torch.equal(a.targets, b.targets)
        assert torch.equal(a.starts, b.starts)
    assert straight.epoch == resumed.epoch > 0


def test_each_epoch_plays_each_title_once_and_its_variants_take_turns(tmp_path: Path) -> None:
    runs = write_cache(tmp_path, [{"piece": str(i), "variants": 3, "notes": 4 + 5 * i} for i in range(5)])
    cache = Cache(tmp_path)
    lanes = Lanes(cache, cache.train(), 1, 16, seed=2)  # one lane plays in the order of dealing
    batches = [lanes.next() for _ in range(200)]
    order = [runs.index([p[0][0], *(b for _, b in p)]) for p in played(batches)[:30]]
    epochs = [order[i : i + 5] for i in range(0, 30, 5)]
    for epoch in epochs:
        assert sorted(run // 3 for run in epoch) == [0, 1, 2, 3, 4]
    for three in (epochs[:3], epochs[3:]):
        assert Counter(run for epoch in three for run in epoch) == Counter(range(15))
    assert len({tuple(run // 3 for run in epoch) for epoch in epochs}) > 1  # shuffled anew


def test_another_seed_deals_in_another_order(tmp_path: Path) -> None:
    cache = Cache(common_cache(tmp_path))
    first = [Lanes(cache, cache.train(), 3, 8, seed=s).next().tokens for s in (1, 1, 2)]
    assert torch.equal(first[0], first[1]) and not torch.equal(first[0], first[2])


def test_processes_that_share_the_lanes_read_what_one_would(tmp_path: Path) -> None:
    cache = Cache(common_cache(tmp_path))
    one = Lanes(cache, cache.train(), 5, 8, seed=3)
    shares = [Lanes(cache, cache.train(), 5, 8, seed=3, mine=m) for m in (range(0, 2), range(2, 5))]
    for _ in range(40):
        whole, parts = one.next(), [s.next() for s in shares]
        assert torch.equal(whole.tokens, torch.cat([p.tokens for p in parts]))
        assert torch.equal(whole.starts, torch.cat([p.starts for p in parts]))


def test_flat_velocity_is_heard_but_not_learnt(tmp_path: Path) -> None:
    write_cache(tmp_path, [{"piece": "flat", "flat_velocity": True}, {"piece": "live"}])
    cache = Cache(tmp_path)
    assert [t[0].piece for t in cache.train()] == ["flat", "live"]
    for title, learnt in zip(cache.train(), (False, True), strict=True):
        batches = list(Lanes(cache, [title], 1, 8, endless=False))
        tokens = torch.cat([b.tokens[0] for b in batches]).tolist()
        targets = torch.cat([b.targets[0] for b in batches]).tolist()
        assert any(t in NOTE_VELOCITY for t in tokens)
        assert any(t in NOTE_VELOCITY for t in targets) == learnt
        assert sum(t != PAD for t in targets) == len(cache.tokens(title[0])) - 1 - (0 if learnt else 12)


def test_the_validation_halves_share_no_group_and_hold_all(tmp_path: Path) -> None:
    names = [{"piece": f"v{i}", "split": "valid", "group": f"g{i // 2}"} for i in range(40)]
    write_cache(tmp_path, [*names, {"piece": "t"}])
    cache = Cache(tmp_path)
    halves = [{t[0].group for t in cache.valid(h)} for h in (STOP, REPORT)]
    assert len(cache.valid(STOP)) + len(cache.valid(REPORT)) == 40
    assert halves[0] and halves[1] and not halves[0] & halves[1]


def test_the_half_of_a_group_never_changes() -> None:
    assert [half_of(f"pop909/{n:03}") for n in range(1, 7)] == [REPORT, REPORT, STOP, REPORT, REPORT, REPORT]


def _no_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def _cut_tokens(folder: Path) -> None:
    (folder / "tokens.bin").write_bytes((folder / "tokens.bin").read_bytes()[:100])


def _not_json(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")


def _no_pieces(folder: Path) -> None:
    (folder / "manifest.json").write_text("{}")


def _other_words(folder: Path) -> None:
    common_cache(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"fingerprint": "0" * 16}))


@pytest.mark.parametrize("harm", [_no_manifest, _cut_tokens, _not_json, _no_pieces, _other_words])
def test_a_cache_that_cannot_be_used_is_refused_with_a_hint(tmp_path: Path, harm) -> None:
    common_cache(tmp_path)
    harm(tmp_path)
    with pytest.raises(ConfigError) as refused:
        Cache(tmp_path)
    assert "prepare" in refused.value.hint


def test_lanes_of_another_cache_are_not_gone_on_with(tmp_path: Path) -> None:
    cache = Cache(common_cache(tmp_path / "a"))
    write_cache(tmp_path / "b", [{"piece": str(i), "notes": 50 + i} for i in range(9)])
    other = Cache(tmp_path / "b")
    state = Lanes(cache, cache.train(), 3, 8).state()
    Lanes(cache, cache.train(), 3, 8).restore(state)
    lanes = Lanes(cache, cache.train(), 3, 8, seed=1)
    lanes.next()
    for wrong in (Lanes(other, other.train(), 3, 8), Lanes(cache, cache.train(), 4, 8)):
        with pytest.raises(ConfigError):
            wrong.restore(lanes.state())


def test_a_split_without_pieces_is_said(tmp_path: Path) -> None:
    write_cache(tmp_path, [{"piece": "t"}])
    cache = Cache(tmp_path)
    with pytest.raises(ConfigError):
        Lanes(cache, cache.valid(STOP), 2, 8)
