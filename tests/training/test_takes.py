"""From a folder to a cache: files held out whole, jamd's turns without a target, the same bytes each time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from jamd.errors import ConfigError  # noqa: E402
from jamd.music.events import Performed  # noqa: E402
from jamd.remi import vocabulary as v  # noqa: E402
from tests.training.player import jam_file, player_folder, tune_file  # noqa: E402
from tests.training.tiny import common_cache  # noqa: E402
from training import takes  # noqa: E402
from training.batches import REPORT, STOP, Lanes, learnable  # noqa: E402
from training.batches import Piece as CachePiece  # noqa: E402
from training.corpus.piece import Piece  # noqa: E402
from training.corpus.recordings import Jam, Recording, read_folder  # noqa: E402
from training.takes import OWN, Plan, Takes  # noqa: E402

PLAN = Plan(held_out=0.3, variants=3)


@pytest.fixture(scope="module")
def player(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return player_folder(tmp_path_factory.mktemp("player"))


def written(player: Path, folder: Path, plan: Plan = PLAN, mix: Path | None = None) -> Takes:
    folder.mkdir()
    return takes.write(read_folder(player), plan, folder, mix)


def test_each_file_is_learnt_or_tested_never_both(player: Path, tmp_path: Path) -> None:
    cache = written(player, tmp_path / "c")
    learnt, tested = ({t[0].piece for t in titles} for titles in (cache.train(), cache.valid(STOP)))
    assert len(learnt) == 5
    assert len(tested) == 2
    assert not learnt & tested
    assert {len(t) for t in cache.train()} == {3}
    assert {len(t) for t in cache.valid(STOP)} == {1}
    assert cache.valid(REPORT) == cache.valid(STOP)


@given(count=st.integers(2, 40), share=st.floats(0.01, 0.5), seed=st.integers(0, 99))
def test_a_share_of_the_files_is_held_out_one_at_least_and_one_at_least_is_learnt(count, share, seed) -> None:
    recordings = [Recording(f"{i}.mid", Piece(())) for i in range(count)]
    out = takes.held_out(recordings, Plan(share, 1, seed))
    assert len(out) == min(max(round(share * count), 1), count - 1)
    assert out == takes.held_out(recordings[::-1], Plan(share, 1, seed))


def test_one_file_alone_is_refused(tmp_path: Path) -> None:
    tune_file(tmp_path / "in" / "only.mid")
    with pytest.raises(ConfigError, match="both teach and test"):
        written(tmp_path / "in", tmp_path / "c")


def test_the_same_folder_and_seed_give_the_same_bytes(player: Path, tmp_path: Path) -> None:
    for name in "ab":
        written(player, tmp_path / name)
    for file in ("tokens.bin", "manifest.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    written(player, tmp_path / "c", Plan(0.3, 3, seed=2))
    assert (tmp_path / "a" / "tokens.bin").read_bytes() != (tmp_path / "c" / "tokens.bin").read_bytes()


def test_a_log_that_makes_no_sense_is_skipped_and_named(player: Path, tmp_path: Path) -> None:
    found = read_folder(player)
    jam = next(r for r in found.recordings if isinstance(r.music, Jam))
    headless = tuple(e for e in jam.music.entries if isinstance(e, Performed))  # no Timeline before the notes
    found.recordings.append(Recording("headless.jsonl", Jam(headless)))
    cache = takes.write(found, PLAN, tmp_path)
    assert found.skipped[-1][0] == "headless.jsonl"
    assert len(found.recordings) == 7
    assert all(t[0].piece != "headless.jsonl" for t in cache.titles)


def test_jamds_notes_are_heard_and_have_no_target_and_the_players_all_have(tmp_path: Path) -> None:
    """In a jam of three calls of six notes; jamd plays one note to each."""
    folder = tmp_path / "in"
    for i in range(2):
        jam_file(folder / f"jam{i}.jsonl", turns=3 + i)
    cache = written(folder, tmp_path / "c", Plan(0.5, 2))
    heard, exchanged = cache.train()[0]
    turns = 3 + int(heard.piece == "jam1.jsonl")
    assert (heard.silent, exchanged.silent) == ("response", "call")
    for piece in (heard, exchanged):
        lanes = Lanes(cache, [(piece,)], 1, 7, endless=False)
        batches = list(lanes)
        tokens, targets = (np.concatenate([getattr(b, n)[0].numpy() for b in batches]) for n in ("tokens", "targets"))
        assert sum(t in v.NOTE_ON for t in tokens.tolist()) == 7 * turns
        assert sum(t in v.NOTE_ON for t in targets.tolist()) == 6 * turns
        assert {v.CALL, v.RESPONSE} <= set(targets.tolist())


@given(
    ids=st.lists(st.sampled_from([v.CALL, v.RESPONSE, v.BAR, v.NOTE_ON.id(60)]), min_size=1, max_size=30),
    cut=st.integers(0, 30),
    silent=st.sampled_from(["call", "response"]),
)
def test_what_is_learnt_does_not_depend_on_where_segments_are_cut(ids: list[int], cut: int, silent: str) -> None:
    run, piece = np.array([v.BOS, *ids], np.uint16), CachePiece(OWN, "a", "a", "train", 0, 1 + len(ids), silent=silent)
    cut = min(cut, len(run))
    whole = learnable(piece, run, slice(0, len(run)))
    parts = [learnable(piece, run, slice(0, cut)), learnable(piece, run, slice(cut, len(run)))]
    assert np.concatenate(parts).tolist() == whole.tolist()
    turn, expected = None, []
    for token in run.tolist():
        turn = token if token in (v.CALL, v.RESPONSE) else turn
        muted = turn == {"call": v.CALL, "response": v.RESPONSE}[silent] and token not in (v.CALL, v.RESPONSE)
        expected.append(not muted)
    assert whole.tolist() == expected


def test_a_mix_brings_about_as_many_tokens_and_its_sources(player: Path, tmp_path: Path) -> None:
    common_cache(tmp_path / "other")
    cache = written(player, tmp_path / "c", PLAN, tmp_path / "other")
    mixed = [t for t in cache.train() if t[0].set == "mix"]
    own = sum(t[0].length for t in cache.titles if t[0].set == OWN)
    assert 0 < sum(t[0].length for t in mixed) <= own + max(t[0].length for t in mixed)
    assert all(t[0].piece.startswith("tiny/t") for t in mixed)
    assert [s["set"] for s in cache.manifest["sources"]] == [OWN, "tiny"]
    other = takes.Cache(tmp_path / "other")
    same = next(t[0] for t in other.train() if f"tiny/{t[0].piece}" == mixed[-1][0].piece)
    assert cache.tokens(mixed[-1][0]).tolist() == other.tokens(same).tolist()


def test_file_names_stay_out_of_what_the_model_is_told_of_its_sources(player: Path, tmp_path: Path) -> None:
    cache = written(player, tmp_path / "c")
    assert "tune" not in json.dumps(cache.manifest["sources"])
