"""The continuation table, with a tiny model of random weights and synthetic songs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jamd.engine.session import Session
from jamd.errors import ModelError
from jamd.music.note import Note
from jamd.remi.grammar import Grammar
from tests.tiny import tiny_model
from tests.training.evaluation.tunes import moved, song
from tests.training.tiny import write_cache
from training.evaluation import answers as players
from training.evaluation import classifier
from training.evaluation.answers import CONTINUATOR, MARKOV, MODEL, REAL, Answered, Task
from training.evaluation.comparison import COLUMNS, OTHER, auc, mean, table
from training.evaluation.continuation import MEASURES, evaluate
from training.evaluation.copying import grams, known
from training.evaluation.excerpts import pairs
from training.evaluation.markov import learn
from training.evaluation.song import Song

SONGS = [song(seed, root=55 + seed % 12) for seed in range(11)]


@pytest.fixture(autouse=True)
def small_forests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier, "TREES", 5)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("markov")
    learn([s.tokens for s in SONGS], folder)
    return folder


def task(model: Path, tables: Path, one: Song = SONGS[0], *, free: bool = False, seed: int = 1) -> Task:
    return Task(0, one, free, 2, model, tables, seed)


def truths(songs: list[Song] = SONGS) -> list[Answered]:
    """What `play` gives, with players that all give the true response."""
    out = []
    for i, one in enumerate(songs):
        for pair in pairs(one, 2, free=False):
            everybody = dict.fromkeys((REAL, MODEL, MARKOV, CONTINUATOR), pair.real)
            past = known([grams(pair.past)])
            out.append(Answered(i, one.group, pair.call, everybody, frozenset(), past, one.flat_velocity))
    return out


def struck(notes: Sequence[Note]) -> list[tuple[int, int]]:
    return sorted((n.onset, n.pitch) for n in notes)


def values(column: dict[str, Any]) -> dict[str, Any]:
    return {measure: cell for measure, cell in column.items() if measure not in ("auc", "undecodable")}


def test_an_answer_that_is_the_true_one_scores_as_the_true_one() -> None:
    columns = table(truths(), known([]), 1)["columns"]
    assert values(columns[MODEL]) == values(columns[CONTINUATOR]) == values(columns[REAL])
    assert columns[REAL]["auc"] is None and columns[REAL].get("undecodable") is None


def test_the_table_says_all_it_promises_and_knows_who_plays_worse() -> None:
    found = table(truths(), None, 1)
    assert found["pairs"] == 22 and found["songs"] == 11 and set(found["columns"]) == set(COLUMNS)
    assert all(set(column) <= set(MEASURES) for column in found["columns"].values())
    real, other = (found["columns"][name] for name in (REAL, OTHER))
    assert other["in_scale"]["value"] < real["in_scale"]["value"] == 1
    assert other["match_raw"]["value"] < 0.3 < real["match_raw"]["value"]
    assert real["copied_training"] is None


def test_transposing_a_song_with_its_answers_changes_nothing_but_what_is_heard_as_it_sounds() -> None:
    def shifted(a: Answered, by: int) -> Answered:
        return replace(a, call=moved(a.call, by), answers={who: moved(e, by) for who, e in a.answers.items()})

    plain = table(truths(), None, 1)["columns"][MODEL]
    other = table([shifted(a, (5 * a.song) % 7 - 3) for a in truths()], None, 1)["columns"][MODEL]
    same = set(plain) - {"match_raw", "auc", "copied_song"}
    assert {m: plain[m] for m in same} == {m: other[m] for m in same}
    assert plain["copied_song"] == other["copied_song"]  # 8-grams know no key either


def test_an_interval_holds_its_value_and_songs_weigh_by_their_pairs() -> None:
    cell = mean(np.array([0.0, 1.0, 1.0, np.nan]), np.array([0, 1, 1, 2]), seed=1)
    assert cell is not None and cell["value"] == pytest.approx(2 / 3, abs=1e-4)
    assert cell["low"] == 0 and cell["high"] == 1
    assert mean(np.array([np.nan]), np.array([0]), seed=1) is None


def test_the_area_s_interval_holds_it_and_narrows_with_more_songs() -> None:
    rng = np.random.default_rng(1)
    cells = []
    for songs in (10, 200):
        real, other = rng.normal(1, 1, 2 * songs), rng.normal(0, 1, 2 * songs)
        cell = auc(real, other, np.repeat(np.arange(songs), 2), seed=1)
        assert cell is not None and cell["value"] == pytest.approx(classifier.auc(real, other))
        assert cell["low"] < cell["value"] < cell["high"]
        cells.append(cell["high"] - cell["low"])
    assert cells[1] < cells[0] / 2 and 0.03 < cells[1] < 0.12  # by Hanley & McNeil 1982 it is 0.09


def test_one_song_has_an_interval_of_its_own_value() -> None:
    assert mean(np.array([0.25, 0.75]), np.array([4, 4]), 1) == {"value": 0.5, "low": 0.5, "high": 0.5}


@pytest.mark.parametrize("free", [False, True])
def test_everybody_answers_each_call_in_the_language_and_in_its_bars(model: Path, tables: Path, free: bool) -> None:
    played = players.play(task(model, tables, free=free))
    assert len(played) == 2
    for answered in played:
        assert set(answered.answers) == {REAL, MODEL, MARKOV, CONTINUATOR} and not answered.undecodable
        for excerpt in answered.answers.values():
            assert excerpt.notes and excerpt.ticks == answered.call.ticks
            assert all(n.onset >= -20 and n.onset + n.duration <= excerpt.ticks for n in excerpt.notes)


def test_an_answer_depends_on_the_seed_and_on_nothing_that_was_played_before(model: Path, tables: Path) -> None:
    first, again = (players.play(task(model, tables)) for _ in range(2))
    other = players.play(task(model, tables, seed=2))
    assert [a.answers for a in first] == [a.answers for a in again] != [a.answers for a in other]
    fresh = players.improviser(Session.load(model, device="cpu"), 1)
    pair_1, pair_2 = pairs(SONGS[0], 2, free=False)
    fresh.hear((*pair_1.heard, *pair_2.heard))  # no answer to the first call
    name = f"tunes/0/true/{pair_2.line}"
    notes = players.notes_of(players.respond(fresh, pair_2, players.turn_of(name)), pair_2)
    assert sorted((n.onset, n.pitch) for n in first[1].answers[MODEL].notes) == sorted(
        (n.onset, n.pitch) for n in notes
    )


def test_tokens_that_the_language_refuses_are_seen() -> None:
    pair = next(pairs(SONGS[0], 1, free=False))
    grammar = Grammar()
    for token in (*pair.heard, *pair.tail):
        grammar.advance(token)
    assert players.decodes(grammar, pair.first)
    assert not players.decodes(grammar, [*pair.first, 3, 500])
    assert not players.decodes(grammar, [*pair.first, 17])  # a Position, and nothing in it
    assert grammar.accepts(pair.first[0]) if pair.first else True


def test_the_whole_is_json_and_does_not_depend_on_the_number_of_workers(model: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    write_cache(cache, [{"piece": f"t{i}", "notes": 40} for i in range(3)])
    ticks = list[int]()
    found = [
        evaluate(SONGS[:3], model, seed=1, workers=workers, pairs=4, training=cache, tick=ticks.append)
        for workers in (1, 2)
    ]
    assert sum(ticks) == 2 * 3
    alone, together = ({k: v for k, v in json.loads(json.dumps(f)).items() if k != "seconds"} for f in found)
    assert alone == together and alone["true_grid"]["pairs"] == alone["free_grid"]["pairs"] == 4
    assert alone["markov_learnt_from"] == "training set"
    assert alone["true_grid"]["columns"][MODEL]["undecodable"]["value"] == 0


def test_without_a_cache_markov_learns_from_songs_of_other_groups(model: Path) -> None:
    found = evaluate(SONGS[:2], model, seed=1, workers=1, pairs=2, training=None, tick=lambda _: None)
    assert found["markov_learnt_from"] == "the other half of the songs"
    assert found["true_grid"]["columns"][MODEL]["copied_training"] is None


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"no")
    with pytest.raises(ModelError):
        evaluate(SONGS[:1], tmp_path / "x.onnx", seed=1, workers=1, pairs=1, training=None, tick=lambda _: None)
