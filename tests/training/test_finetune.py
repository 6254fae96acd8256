"""A model learns a player's recordings and plays in jamd; where nothing is learnt, nothing is written."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from export import to_onnx, weights  # noqa: E402
from jamd.config import SHIPPED_MODEL, Settings  # noqa: E402
from jamd.engine.session import Session  # noqa: E402
from jamd.errors import ConfigError, JamdError, ModelError  # noqa: E402
from jamd.headless import respond  # noqa: E402
from tests.tiny import TINY, tiny_model  # noqa: E402
from tests.training.player import player_folder, tune_file  # noqa: E402
from training import checkpoint, validation  # noqa: E402
from training.__main__ import main  # noqa: E402
from training.batches import STOP, Lanes  # noqa: E402
from training.checkpoint import BEST, LAST, Checkpoint  # noqa: E402
from training.corpus.recordings import read_folder  # noqa: E402
from training.finetune import DROPOUT, EPOCHS, Outcome, finetune, settings_for  # noqa: E402
from training.settings import TrainSettings  # noqa: E402
from training.takes import OWN, Plan, write  # noqa: E402

CALL = Path(__file__).parents[2] / "jamd" / "models" / "call.mid"
PLAN = Plan(held_out=0.2, variants=2)
TRAIN = TrainSettings(batch=2, lr=3e-3, threads=1, amp="fp32", patience=2)


class Bench:
    """A player's folder and a base model; `said` holds what was told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.player = player_folder(folder / "player")
        self.base = tiny_model(folder / "base.onnx")
        self.said: list[str] = []

    def finetune(self, out: str = "new.onnx", base: Path | None = None, **options: Any) -> Outcome:
        chosen: dict[str, Any] = {"train": TRAIN, "plan": PLAN, "epochs": 3, "say": self.said.append} | options
        return finetune(base or self.base, self.player, self.folder / out, **chosen)

    def score(self, model: Path) -> float:
        """Bits a note of the held-out files, anew."""
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        cache = write(read_folder(self.player), PLAN, scratch)
        loaded, _ = weights.load_model(model)
        lanes = Lanes(cache, cache.valid(STOP), 2, TINY.tgt_len, endless=False)
        return validation.score(loaded, lanes, torch.device("cpu"), bf16=False).bits_per_note


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Without the check of parity, which takes a process of its own; `learnt` has it."""
    monkeypatch.setattr(to_onnx, "_verified", lambda *args: None)
    return Bench(tmp_path)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, Outcome]:
    """A bench on which a finetune has ended."""
    made = Bench(tmp_path_factory.mktemp("learnt"))
    return made, made.finetune()


def test_what_was_held_out_is_likelier_afterwards_and_the_file_is_the_best_of_the_run(learnt) -> None:
    bench, outcome = learnt
    assert outcome.after < outcome.before
    assert bench.score(bench.base) == pytest.approx(outcome.before, rel=1e-3)
    assert bench.score(bench.folder / "new.onnx") == pytest.approx(outcome.after, rel=1e-2)  # half precision
    assert (outcome.files, outcome.held_out, outcome.skipped) == (7, 1, 1)
    assert any("broken.mid" in line for line in bench.said)
    assert any(line.startswith("step") and "tokens/s" in line for line in bench.said)


def test_the_new_model_plays_in_jamd(learnt, tmp_path: Path) -> None:
    bench, outcome = learnt
    session = Session.load(bench.folder / "new.onnx", "cpu")
    assert session.step(1).shape == (TINY.vocab_size,)
    assert (session.info.mem_len, session.info.n_layer) == (TINY.mem_len, TINY.n_layer)
    settings = Settings().with_options(engine_model=outcome.out, sampling_seed=5)
    assert respond(CALL, tmp_path / "jam.mid", settings).answer_notes > 0


def test_the_card_tells_base_files_steps_and_both_measures_but_no_names_of_files(learnt) -> None:
    bench, outcome = learnt
    info = Session.load(bench.folder / "new.onnx", "cpu").info
    facts = weights.card_of(info.training)
    assert facts["finetuned"]["before"] == outcome.before
    assert facts["bits_per_note"] == outcome.after
    assert facts["step"] == outcome.steps > 0
    assert [s["set"] for s in facts["sources"]] == [OWN]
    assert info.card == (bench.folder / "new.md").read_text()
    for said in ("base", "7 recordings", f"{outcome.before:.3f}", f"{outcome.after:.3f}", f"{outcome.steps} steps"):
        assert said in info.card
    assert "tune0" not in json.dumps(dict(info.training)) + info.card


def test_nothing_else_is_left_behind(learnt) -> None:
    bench, _ = learnt
    assert {p.name for p in bench.folder.iterdir()} >= {"new.onnx", "new.md"}
    assert not [p for p in bench.folder.iterdir() if p.name.startswith(".")]


def test_a_finetuned_model_can_be_finetuned_again_and_remembers_its_base(learnt, monkeypatch) -> None:
    bench, first = learnt
    monkeypatch.setattr(to_onnx, "_verified", lambda *args: None)
    again = bench.finetune("newer.onnx", base=bench.folder / "new.onnx", epochs=1, force=True)
    assert again.before == pytest.approx(first.after, rel=1e-2)
    assert weights.load(bench.folder / "newer.onnx").card["base"]["finetuned"]["base"] == "base"


def test_the_same_player_and_seed_give_the_same_weights(bench: Bench) -> None:
    short = {"epochs": 1, "force": True}
    for name in "ab":
        bench.finetune(f"{name}.onnx", **short)
    a, b = (weights.load(bench.folder / f"{name}.onnx").weights for name in "ab")
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_checkpoint_and_the_folder_of_a_run_are_bases_too(bench: Bench) -> None:
    held = weights.load(bench.base)
    run = bench.folder / "run"
    run.mkdir()
    checkpoint.save(Checkpoint(held.config, held.weights, {"sources": [{"set": "tiny"}]}), run / BEST)
    outcomes = []
    for base in (run, run / BEST, bench.base):
        one_step = iter((False, True)).__next__
        outcomes.append(bench.finetune(f"{base.name}.onnx", base=base, force=True, stopped=one_step))
    assert len({o.before for o in outcomes}) == 1
    assert outcomes[0].base == "run"


def test_where_nothing_gets_better_nothing_is_written_unless_it_is_forced(bench: Bench) -> None:
    """At this rate no weight moves, so that no loss does; patience ends it."""
    still = TrainSettings(batch=2, lr=1e-30, threads=1, amp="fp32", patience=1)
    with pytest.raises(JamdError, match="nothing was written") as caught:
        bench.finetune(train=still)
    assert "--resume --force" in caught.value.hint
    assert not (bench.folder / "new.onnx").exists()
    steps = iter(range(1000))
    outcome = bench.finetune(train=still, resume=True, force=True, stopped=lambda: next(steps) < 0)
    assert next(steps) <= 1, "what was learnt was there"
    assert outcome.after == outcome.before
    assert (bench.folder / "new.onnx").exists()
    assert not (bench.folder / "new.run").exists()


def test_an_interrupt_exports_what_was_learnt_so_far(bench: Bench) -> None:
    asked = iter(range(1000))
    outcome = bench.finetune(epochs=50, stopped=lambda: next(asked) >= 25)
    assert 0 < outcome.steps <= 25
    assert outcome.after < outcome.before
    assert Session.load(outcome.out, "cpu").info.training


@pytest.mark.parametrize("killed", [False, True])
def test_a_run_that_was_stopped_or_killed_goes_on_to_the_same_model(bench: Bench, killed: bool) -> None:
    whole, asked = bench.finetune("whole.onnx"), iter(range(1000))

    def stopped() -> bool:
        if next(asked) < 2 * whole.steps // 3:
            return False
        if killed:
            raise KeyboardInterrupt
        return True

    with pytest.raises(KeyboardInterrupt) if killed else nullcontext():
        bench.finetune("again.onnx", stopped=stopped)
    assert (bench.folder / "again.run").exists()
    again = bench.finetune("again.onnx", resume=True)
    assert (again.steps, again.tokens, again.before, again.after) == (
        whole.steps, whole.tokens, whole.before, whole.after
    )  # fmt: skip
    a, b = (weights.load(bench.folder / f"{name}.onnx").weights for name in ("whole", "again"))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not (bench.folder / "again.run").exists()


def test_a_stopped_run_is_neither_begun_anew_nor_gone_on_with_otherwise(bench: Bench) -> None:
    one_step = iter((False, True)).__next__
    bench.finetune(force=True, stopped=one_step)
    for otherwise, said in (({}, "--resume"), ({"resume": True, "epochs": 4}, "begin anew")):
        with pytest.raises(ConfigError) as caught:
            bench.finetune(**otherwise)
        assert said in caught.value.hint
    assert (bench.folder / "new.run").exists()


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_was_learnt_outlives_an_export_that_fails(bench: Bench, monkeypatch, fault: BaseException) -> None:
    whole = bench.finetune("whole.onnx")

    def full(*args: object) -> None:
        raise fault

    with monkeypatch.context() as patched, pytest.raises((ConfigError, KeyboardInterrupt)):
        patched.setattr(to_onnx.onnx, "save_model", full)
        bench.finetune()
    assert "--resume" in bench.said[-1] and "new.run" in bench.said[-1]
    asked: list[int] = []
    again = bench.finetune(resume=True, stopped=lambda: bool(asked.append(1)))
    assert len(asked) == 0, "nothing is learnt a second time"
    assert (again.steps, again.after) == (whole.steps, whole.after)
    assert not (bench.folder / "new.run").exists()


def test_the_last_word_of_a_stopped_run_changes_nothing_in_its_folder(bench: Bench, monkeypatch) -> None:
    """So it may be killed at any moment then."""
    saved: list[str] = []
    save = checkpoint.save
    monkeypatch.setattr(checkpoint, "save", lambda held, path: (saved.append(path.name), save(held, path)))
    asked = iter(range(1000))
    outcome = bench.finetune(epochs=50, stopped=lambda: next(asked) >= 25)
    held = checkpoint.load(bench.folder / "new.run" / LAST)
    assert outcome.steps == held.card["step"] == 25, "it is the model as it stood, and better than all before"
    assert saved[-1] == LAST and held.card["best_step"] < 25
    assert checkpoint.load(bench.folder / "new.run" / BEST).card["step"] == held.card["best_step"]


def test_a_run_is_not_gone_on_with_other_recordings(bench: Bench) -> None:
    bench.finetune(force=True, stopped=iter((False, True)).__next__)
    more = tune_file(bench.player / "tune9.mid", seed=9)
    with pytest.raises(ConfigError, match="other recordings") as caught:
        bench.finetune(resume=True)
    assert "begin anew" in caught.value.hint and "new.run" in caught.value.hint
    more.unlink()
    assert bench.finetune(resume=True).steps > 1


def test_what_stands_where_the_run_is_to_be_stays_there(bench: Bench) -> None:
    place = bench.folder / "new.run"
    place.write_text("mine")
    with pytest.raises(ConfigError, match="cannot be written"):
        bench.finetune()
    assert place.read_text() == "mine"
    place.unlink()
    place.mkdir()
    (place / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="something else"):
        bench.finetune()
    assert (place / "notes.txt").read_text() == "mine"


def test_a_device_that_is_not_here_is_a_sentence(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="tpu") as caught:
        bench.finetune(train=TrainSettings(batch=2, device="tpu"))
    assert "cpu" in caught.value.hint
    assert not (bench.folder / "new.run").exists()


def test_a_clock_may_end_it_before_the_epochs_do(bench: Bench) -> None:
    seconds = iter(range(10_000))
    hurried = TrainSettings(batch=2, lr=3e-3, threads=1, amp="fp32", hours=30 / 3600)
    outcome = bench.finetune(epochs=50, train=hurried, now=lambda: float(next(seconds)), force=True)
    assert outcome.steps <= 30


def test_an_epoch_hears_every_learnt_file_once_and_ends_with_a_validation(bench: Bench) -> None:
    model, _ = weights.load_model(bench.base)
    (bench.folder / "scratch").mkdir()
    cache = write(read_folder(bench.player), PLAN, bench.folder / "scratch")
    settings = settings_for(model, cache, TRAIN, EPOCHS)
    segments = sum(-(-(t[0].length - 1) // TINY.tgt_len) for t in cache.train())
    assert settings.train.valid_every == -(-segments // TRAIN.batch)
    assert settings.train.max_steps == EPOCHS * settings.train.valid_every
    assert settings.model.dropout >= DROPOUT
    assert (settings.model.mem_len, settings.model.d_model) == (TINY.mem_len, TINY.d_model)


@pytest.mark.parametrize(("out", "said"), [("new.mid", "no name for a model"), ("base.onnx/new.onnx", "be written")])
def test_a_target_that_cannot_be_is_refused_before_anything_is_done(bench: Bench, out: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        bench.finetune(out)
    assert bench.said == []


def test_a_base_that_is_no_model_is_refused(bench: Bench) -> None:
    with pytest.raises(ModelError):
        bench.finetune(base=bench.player / "tune0.mid")


def test_the_command_teaches_and_its_last_line_is_json(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    options = {"from": bench.base, "data": bench.player, "out": tmp_path / "mine.onnx", "epochs": 2, "lr": 0.003}
    options |= {"variants": 2, "batch": 2, "threads": 1, "held-out": 0.2}
    done = CliRunner().invoke(main, ["finetune", *(str(x) for k, o in options.items() for x in (f"--{k}", o))])
    assert done.exit_code == 0, done.output
    said = json.loads(done.output.splitlines()[-1])
    assert said["after"] < said["before"]
    assert Path(said["out"]).exists()


def test_without_a_base_the_command_takes_the_shipped_model(tmp_path: Path, monkeypatch) -> None:
    seen = []

    def spy(base: Path, *args: object, **named: object) -> Outcome:
        seen.append(base)
        raise JamdError("enough")

    monkeypatch.setattr("training.finetune.finetune", spy)
    done = CliRunner().invoke(main, ["finetune", "--data", str(tmp_path), "--out", str(tmp_path / "n.onnx")])
    assert done.exit_code == JamdError.exit_code
    assert seen == [SHIPPED_MODEL]


def test_bad_input_ends_the_command_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    base = tiny_model(tmp_path / "base.onnx")
    options = ["--from", str(base), "--data", str(tmp_path / "data"), "--out", str(tmp_path / "n.onnx")]
    done = CliRunner().invoke(main, ["finetune", *options])
    assert done.exit_code == ConfigError.exit_code
    assert "no .mid file" in done.output
    tune_file(tmp_path / "data" / "one.mid")
    done = CliRunner().invoke(main, ["finetune", *options])
    assert "both teach and test" in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "n.onnx").exists()
