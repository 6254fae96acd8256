"""The loop learns, may be killed at any moment, stops when it should, and keeps its hands off REPORT."""

from __future__ import annotations

import dataclasses
import math
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from jamd.errors import ConfigError, ModelError  # noqa: E402  (after the skip)
from jamd.remi.vocabulary import SIZE  # noqa: E402
from tests.training.bench import Bench, Killed, kill_at, stop_at  # noqa: E402
from tests.training.tiny import MODEL, config_file, write_cache  # noqa: E402
from training import checkpoint, run, settings, validation  # noqa: E402
from training.__main__ import main  # noqa: E402
from training.architecture import config_of  # noqa: E402
from training.batches import REPORT, STOP, Cache, Lanes, half_of  # noqa: E402
from training.checkpoint import BEST, DECAYED, HOLD, LAST  # noqa: E402
from training.metrics import Metrics  # noqa: E402
from training.model import TransformerXL  # noqa: E402
from training.settings import ModelSizes  # noqa: E402
from training.train import Trainer  # noqa: E402

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("optimizer", settings.OPTIMIZERS)
def test_a_killed_run_goes_on_to_the_same_curve(tmp_path: Path, optimizer: str) -> None:
    bench = Bench(tmp_path, save_every=6, valid_every=5, optimizer=optimizer)
    straight, _ = bench.train("straight", max_steps=14)
    with pytest.raises(Killed):
        bench.train("killed", max_steps=14, stopped=kill_at(9))  # saved at step 6; 7, 8 and 9 are lost
    assert len(bench.losses("killed")) == 9
    resumed, _ = bench.train("killed", resume=True)
    assert bench.losses("killed") == bench.losses("straight")
    assert list(bench.losses("straight")) == list(range(1, 15))
    for name, parameter in straight.model.state_dict().items():
        assert torch.equal(parameter, resumed.model.state_dict()[name]), name


def test_a_run_killed_before_its_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.train("straight", max_steps=5)
    with pytest.raises(Killed):
        bench.train("killed", max_steps=5, stopped=kill_at(3))
    assert not (tmp_path / "killed" / LAST).exists()
    run.train(
        bench.config, {"max_steps": 5}, bench.cache, tmp_path / "killed",
        resume=True, stopped=lambda: False, say=print, now=bench.now,
    )  # fmt: skip
    assert bench.losses("killed") == bench.losses("straight")
    lines = [line["step"] for line in Metrics(tmp_path / "killed").lines() if "loss" in line]
    assert lines == [1, 2, 3, 4, 5], "what the killed attempt had written is gone"


def test_a_stopped_run_saves_and_goes_on_to_the_same_curve(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.train("straight", max_steps=12)
    for _ in range(3):
        bench.train("stopped", resume=(tmp_path / "stopped").exists(), stopped=stop_at(4), max_steps=12)
    assert bench.losses("stopped") == bench.losses("straight")


def test_the_curve_hangs_on_memory_dropout_and_data_position(tmp_path: Path) -> None:
    """The control: a checkpoint that has lost one of them goes on to another curve."""
    bench = Bench(tmp_path)
    bench.train("straight", max_steps=8)
    for lost in ("memory", "rng", "lanes"):
        bench.train(lost, max_steps=8, stopped=stop_at(4))
        path = tmp_path / lost / LAST
        held = checkpoint.load(path)
        fresh = Lanes(Cache(bench.cache), Cache(bench.cache).train(), 3, MODEL["tgt_len"]).state()
        held.training[lost] = {
            "memory": None,
            "rng": torch.Generator().manual_seed(99).get_state(),
            "lanes": fresh,
        }[lost]
        checkpoint.save(held, path)
        bench.train(lost, resume=True)
        assert bench.losses(lost)[4] == bench.losses("straight")[4]
        assert bench.losses(lost)[8] != bench.losses("straight")[8], lost


def test_a_run_given_more_time_before_its_decay_goes_on_as_if_it_had_had_it_from_the_start(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.train("straight", max_steps=20)
    bench.train("longer", max_steps=10, stopped=stop_at(6))
    bench.train("longer", resume=True, max_steps=20)
    assert bench.losses("longer") == bench.losses("straight")
    assert checkpoint.load(tmp_path / "longer" / HOLD).card["step"] == 14  # 0.7 of 20


def test_a_run_given_more_time_after_its_decay_goes_on_from_before_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, valid_every=4)
    bench.train("straight", max_steps=20)
    bench.train("longer", max_steps=10)
    decayed = (tmp_path / "longer" / BEST).read_bytes()
    assert bench.losses("longer") != {s: v for s, v in bench.losses("straight").items() if s <= 10}
    trainer, said = bench.train("longer", resume=True, max_steps=20)
    assert any("hold.pt (step 7)" in line for line in said)
    assert bench.losses("longer") == bench.losses("straight")
    assert (tmp_path / "longer" / DECAYED).read_bytes() == decayed
    again, said = bench.train("longer", resume=True)
    assert again.counters.step == trainer.counters.step == 20 and not any("hold" in line for line in said)


def test_what_is_drawn_is_saved_before(tmp_path: Path, monkeypatch) -> None:
    bench, saved = Bench(tmp_path, valid_every=4), []
    monkeypatch.setattr(Trainer, "_draw", lambda self: saved.append(checkpoint.load(tmp_path / "run" / LAST)))
    bench.train("run", max_steps=10)
    assert [held.card["step"] for held in saved] == [4, 8, 10]


def test_what_an_earlier_end_learnt_outlives_every_kill_of_the_longer_run(tmp_path: Path, monkeypatch) -> None:
    bench = Bench(tmp_path, valid_every=7, lr=1e-2)
    bench.train("run", max_steps=30)
    decayed = (tmp_path / "run" / BEST).read_bytes()
    save = Trainer.save

    def killed(self: Trainer, name: str = LAST) -> None:
        if self.counters.step > 21:  # it was held up to 21: the first save of its own, BEST is written by then
            raise Killed
        save(self, name)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "save", killed)
        for _ in range(2):
            with pytest.raises(Killed):
                bench.train("run", resume=True, max_steps=90)
            assert (tmp_path / "run" / DECAYED).read_bytes() == decayed
    held = checkpoint.load(tmp_path / "run" / LAST)
    assert held.card["step"] == 21 and held.card["settings"]["train"]["max_steps"] == 90
    assert (tmp_path / "run" / BEST).read_bytes() != decayed
    bench.train("straight", max_steps=90)
    bench.train("run", resume=True)
    assert bench.losses("run") == bench.losses("straight")


def test_a_run_killed_in_its_decay_goes_on_to_the_same_curve(tmp_path: Path) -> None:
    bench = Bench(tmp_path, save_every=2)
    bench.train("straight", max_steps=20)
    with pytest.raises(Killed):
        bench.train("killed", max_steps=20, stopped=kill_at(17))
    _, said = bench.train("killed", resume=True)
    assert bench.losses("killed") == bench.losses("straight") and not any("hold" in line for line in said)


def test_a_checkpoint_from_before_there_were_these_settings_is_gone_on_with(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.train("straight", max_steps=8, optimizer="adamw")
    bench.train("old", max_steps=8, optimizer="adamw", stopped=stop_at(4))
    path = tmp_path / "old" / LAST
    held = torch.load(path, weights_only=True)
    del held["architecture"], held["training"]["counters"]["decaying"], held["training"]["counters"]["skipped"]
    settings_then = held["card"]["settings"]
    for name in ("architecture", "context"):
        del settings_then["model"][name]
    for name in ("decay_share", "optimizer", "adamw_lr", "max_tokens"):
        del settings_then["train"][name]
    held["training"]["optimizer"] = held["training"]["optimizer"][0]
    held["training"]["rng"], held["training"]["rng_cuda"] = held["training"]["rng"][0], []
    torch.save(held, path)
    bench.train("old", resume=True)
    assert bench.losses("old") == bench.losses("straight")


def test_a_young_run_has_a_short_memory_and_a_grown_one_the_whole(tmp_path: Path) -> None:
    bench, lengths = Bench(tmp_path), []
    forward = TransformerXL.forward

    def heard(self: TransformerXL, tokens, memory=None):
        lengths.append(memory.hidden[0].shape[1] if memory else 0)
        return forward(self, tokens, memory)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(TransformerXL, "forward", heard)
        bench.train("run", max_steps=12, short_mem_len=4, short_share=0.5, valid_every=5, stopped=stop_at(5))
    assert lengths[:5] == [0, 4, 4, 4, 4]
    assert max(lengths[5:]) == MODEL["mem_len"]  # validation hears all
    bench.train("run", resume=True)
    bench.train("straight", max_steps=12, short_mem_len=4, short_share=0.5)
    bench.train("grown", max_steps=12)
    assert bench.losses("run") == bench.losses("straight") != bench.losses("grown")


def test_validation_leaves_no_trace_in_training(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.train("never", max_steps=7)
    bench.train("often", max_steps=7, valid_every=2)
    assert bench.losses("often") == bench.losses("never")


def test_it_learns(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    trainer, _ = bench.train("run", max_steps=150, lr=1e-2)
    losses = bench.losses("run")
    assert losses[1] > 0.95 * math.log(SIZE)
    assert sum(losses[s] for s in range(141, 151)) / 10 < 1.5
    assert trainer.counters.best_loss < 2


def test_it_learns_with_bf16_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.train("run", max_steps=60, lr=1e-2, amp="bf16")
    assert bench.losses("run")[60] < 3


def test_the_best_weights_are_kept_and_patience_ends_the_run(tmp_path: Path) -> None:
    bench = Bench(tmp_path, valid_every=2, patience=2, lr=10.0, warmup_steps=0, clip=100.0, decay_share=0.0)
    trainer, said = bench.train("run", max_steps=400)
    valid = [line for line in Metrics(tmp_path / "run").lines() if "valid_loss" in line]
    best = min(valid, key=lambda line: line["valid_loss"])
    assert trainer.counters.step < 400 and "finished" in said[-1]
    assert valid.index(best) == len(valid) - 3
    held = checkpoint.load(tmp_path / "run" / BEST)
    assert held.card["step"] == held.card["best_step"] == best["step"]
    assert held.card["valid_loss"] == best["valid_loss"] and held.training is None
    assert held.card["sources"][0]["licence"] == "CC0"
    model, _ = checkpoint.load_model(tmp_path / "run")
    cache = Cache(bench.cache)
    lanes = Lanes(cache, cache.valid(STOP), 3, MODEL["tgt_len"], endless=False)
    score = validation.score(model, lanes, torch.device("cpu"), bf16=False)
    assert score.loss == pytest.approx(best["valid_loss"], rel=1e-6)


def test_out_of_patience_the_rate_begins_to_fall_before_the_run_ends(tmp_path: Path) -> None:
    bench = Bench(tmp_path, valid_every=2, patience=2, lr=10.0, warmup_steps=0, clip=100.0)
    trainer, said = bench.train("straight", max_steps=50)
    begun = next(int(line.split()[1]) for line in said if "begins to fall now" in line)
    rates = {line["step"]: line["lr"] for line in Metrics(tmp_path / "straight").lines() if "lr" in line}
    assert begun < 35 and trainer.counters.step < 50
    assert set(rates[step] for step in range(1, begun + 1)) == {10.0}
    assert all(rates[step + 1] < rates[step] for step in range(begun + 2, trainer.counters.step))
    assert checkpoint.load(tmp_path / "straight" / HOLD).card["step"] in (begun, begun + 1)
    bench.train("stopped", max_steps=50, stopped=stop_at(begun + 3))
    bench.train("stopped", resume=True)
    assert bench.losses("stopped") == bench.losses("straight")
    longer, said = bench.train("stopped", resume=True, max_steps=400, patience=0, stopped=stop_at(5))
    assert "hold.pt" in said[0] and longer.fraction == longer.counters.step / 400


def test_the_reporting_half_is_never_read(tmp_path: Path, monkeypatch) -> None:
    bench, groups = Bench(tmp_path, valid_every=2), set()
    tokens = Cache.tokens

    def read(self: Cache, piece):
        groups.add((piece.split, piece.group))
        return tokens(self, piece)

    monkeypatch.setattr(Cache, "tokens", read)
    bench.train("run", max_steps=20)
    heard = {group for split, group in groups if split == "valid"}
    assert heard and all(half_of(group) == STOP for group in heard)
    assert any(half_of(f"v{i}") == REPORT for i in range(8))


def test_bits_per_note_counts_every_token_but_only_notes_as_notes(tmp_path: Path) -> None:
    runs = write_cache(tmp_path, [{"piece": "a"}, {"piece": "b", "notes": 7}])
    cache = Cache(tmp_path)
    config = config_of(ModelSizes(**MODEL), SIZE)
    model = TransformerXL(config)
    with torch.no_grad():  # nothing but the bias speaks: every token costs log2(SIZE) bits
        model.embedding.weight.zero_()
    lanes = Lanes(cache, cache.train(), 3, config.tgt_len, endless=False)
    score = validation.score(model, lanes, torch.device("cpu"), bf16=False)
    assert (score.notes, score.tokens) == (19, sum(len(r) - 1 for r in runs))
    assert score.loss == pytest.approx(math.log(SIZE))
    assert score.bits_per_note == pytest.approx(score.tokens * math.log2(SIZE) / 19)
    assert model.training


def test_an_excerpt_takes_the_sets_in_turn_and_keeps_to_its_size(tmp_path: Path) -> None:
    pieces = [{"piece": f"{s}{i}", "set": s, "notes": 20} for s in "abc" for i in range(30 if s == "a" else 3)]
    write_cache(tmp_path, pieces)
    titles = Cache(tmp_path).train()
    chosen = validation.excerpt(titles, 460, 50)
    assert [t[0].set for t in chosen] == ["a", "b", "c"] * 3
    assert {t[0].length for t in chosen} == {50}
    assert validation.excerpt(list(reversed(titles)), 460, 50) == chosen
    assert len(validation.excerpt(titles, 10**9, 10**9)) == len(titles)


def test_a_run_by_hours_ends_when_its_hours_are_spent_also_when_resumed(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.train("run", hours=100 / 3600, stopped=stop_at(10))  # two seconds a step on this clock
    trainer, said = bench.train("run", resume=True)
    assert "finished" in said[-1]
    assert 40 < trainer.counters.step <= 50
    assert trainer.watch.elapsed == pytest.approx(100, abs=2)
    again, _ = bench.train("run", resume=True)
    assert again.counters.step == trainer.counters.step  # nothing left to do


def test_a_loss_that_is_no_number_ends_the_run_and_spares_the_checkpoint(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    trainer, _ = bench.train("run", max_steps=4, stopped=stop_at(2))
    with torch.no_grad():
        trainer.model.logits_bias.fill_(torch.nan)
    with pytest.raises(ModelError, match="step 2"):
        trainer.run(lambda: False)
    assert all(w.isfinite().all() for w in checkpoint.load(tmp_path / "run" / LAST).weights.values())


def test_a_run_is_not_overwritten_nor_mixed_with_another(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.train("run", max_steps=2)
    with pytest.raises(ConfigError, match="already"):
        bench.train("run", max_steps=2)
    for changed in ({"batch": 2}, {"seed": 5}):
        with pytest.raises(ConfigError, match=next(iter(changed))):
            bench.train("run", resume=True, **changed)
    bigger = dataclasses.replace(bench.config, model=dataclasses.replace(bench.config.model, n_layer=3))
    with pytest.raises(ConfigError, match="another model"):
        run.merge(bigger, {}, checkpoint.load(tmp_path / "run" / LAST))
    write_cache(bench.cache, [{"piece": "t", "notes": 30}, {"piece": "v0", "split": "valid"}])
    with pytest.raises(ConfigError, match="another cache"):
        bench.train("run", resume=True, max_steps=9)


def test_a_new_run_begins_with_the_weights_of_another_and_nothing_else(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    first, _ = bench.train("first", max_steps=60, lr=1e-2)
    other = Bench(tmp_path / "other")
    write_cache(other.cache, [{"piece": f"t{i}", "notes": 30} for i in range(4)] + [{"piece": "v0", "split": "valid"}])
    trainer, _ = other.train("second", max_steps=4, lr=1e-6, init=tmp_path / "first")
    began = other.losses("second")[1]
    assert began < 0.6 * math.log(SIZE) and trainer.counters.step == 4
    assert checkpoint.load(other.folder / "second" / LAST).card["settings"]["train"]["lr"] == 1e-6
    again = run.train(
        None, {"max_steps": 1}, other.cache, tmp_path / "third",
        resume=False, stopped=lambda: False, say=print, now=bench.now, init=tmp_path / "first" / LAST,
    )  # fmt: skip
    assert again.settings.model == first.settings.model and again.settings.train.lr == 1e-2
    for wrong in ({"architecture": "gpt2"}, {"d_inner": 40}):
        with pytest.raises(ModelError, match="of this size"):
            other.train(f"wrong-{next(iter(wrong))}", max_steps=1, init=tmp_path / "first", **wrong)


def test_a_cache_that_can_stop_no_run_is_refused_before_the_first_step(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    reported = next(f"v{i}" for i in range(8) if half_of(f"v{i}") == REPORT)
    write_cache(bench.cache, [{"piece": "t", "notes": 30}, {"piece": reported, "split": "valid"}])
    with pytest.raises(ConfigError, match='half "stop"') as caught:
        bench.train("run", max_steps=4)
    assert "prepare" in caught.value.hint
    assert not list((tmp_path / "run").iterdir())


def test_a_new_run_needs_an_end(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ends"):
        Bench(tmp_path).train("run")


def test_metrics_cut_short_by_a_kill_are_mended(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    for step in range(1, 4):
        metrics.write(step=step, loss=1.0)
    path = tmp_path / "metrics.jsonl"
    path.write_text(path.read_text()[:-8])
    assert [line["step"] for line in metrics.lines()] == [1, 2]
    metrics.rewind(1)
    metrics.write(step=2, loss=2.0)
    assert metrics.lines() == [{"step": 1, "loss": 1.0}, {"step": 2, "loss": 2.0}]


@pytest.mark.parametrize("name", ["S", "M", "L"])
def test_named_configs_are_whole_and_of_the_documented_size(name: str) -> None:
    sizes = settings.load(name).model
    wanted = {"S": (6, 256, 4, 1024), "M": (8, 512, 8, 2048), "L": (12, 768, 12, 3072)}[name]
    assert (sizes.n_layer, sizes.d_model, sizes.n_head, sizes.d_inner) == wanted
    assert sizes.d_head * sizes.n_head == sizes.d_model


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("batsh = 3", 'Did you mean "batch"?'),
        ("batch = 0", "more than 0"),
        ("batch = -2", "below 0"),
        ("lr = true", "type float"),
        ('batch = "3"', "type int"),
        ('amp = "fp8"', "bf16"),
        ("[other]", "no table"),
        ("= 3", "not TOML"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, line: str, said: str) -> None:
    path = config_file(tmp_path / "x.toml")
    kept = [old for old in path.read_text().splitlines() if old.split(" =")[0] != line.split(" =")[0]]
    path.write_text("\n".join([*kept, line]))
    with pytest.raises(ConfigError) as refused:
        settings.load(str(path))
    assert said in str(refused.value)
    assert refused.value.hint or "not TOML" not in said


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ("[0, 9]", "Layers are 0 to"),
        ("[0.5]", "type int"),
        ('"all"', "list of int"),
        ("[]", "Set both or neither"),
    ],
)
def test_long_layers_that_cannot_be_are_named(tmp_path: Path, layers: str, said: str) -> None:
    sizes = "n_layer = 2\nd_model = 8\nn_head = 2\nd_head = 4\nd_inner = 8\nmem_len = 8\nlong_mem_len = 16\n"
    (tmp_path / "x.toml").write_text(f"[model]\n{sizes}long_layers = [1]\n")
    assert settings.load(str(tmp_path / "x.toml")).model.long_layers == (1,)
    (tmp_path / "x.toml").write_text(f"[model]\n{sizes}long_layers = {layers}\n")
    with pytest.raises(ConfigError) as refused:
        settings.load(str(tmp_path / "x.toml"))
    assert said in str(refused.value)


def test_a_missing_size_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("[model]\nn_layer = 2\n")
    with pytest.raises(ConfigError, match="d_model"):
        settings.load(str(tmp_path / "x.toml"))


def test_bad_input_gets_a_sentence_and_an_exit_code(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    common = ["train", "--cache", str(bench.cache), "--out", str(tmp_path / "run"), "--max-steps", "1"]
    for words, said in (
        ([*common, "--config", "XXL"], "Known: L, M, S"),
        (common, "--config S"),
        (
            [
                "train",
                "--cache",
                str(tmp_path),
                "--out",
                str(tmp_path / "r"),
                "--config",
                "S",
                "--max-steps",
                "1",
            ],
            "prepare",
        ),
        ([*common[:-2], "--config", "S"], "--hours, --max-steps or --max-tokens"),
    ):
        result = CliRunner().invoke(main, words)
        assert result.exit_code == ConfigError.exit_code and said in result.output
        assert "Traceback" not in result.output


NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "file/run"], "file/run cannot be written"),
        (["--out", "run", "--device", "tpu"], 'No computing on the device "tpu"'),
        (["--out", "run", "--device", "meta"], 'No computing on the device "meta"'),
        pytest.param(["--out", "run", "--device", "cuda"], 'No computing on the device "cuda"', marks=NO_GPU),
    ],
)
def test_a_place_or_device_that_cannot_be_had_is_a_sentence(
    tmp_path: Path, monkeypatch, words: list[str], said: str
) -> None:
    bench = Bench(tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("in the way")
    common = ["train", "--cache", str(bench.cache), "--config", str(tmp_path / "tiny.toml"), "--max-steps", "1"]
    result = CliRunner().invoke(main, [*common, *words])
    assert result.exit_code == ConfigError.exit_code and said in result.output
    assert "Traceback" not in result.output and len(result.output.splitlines()) == 2


def test_a_full_disk_is_a_sentence_that_says_how_to_go_on(tmp_path: Path, monkeypatch) -> None:
    bench = Bench(tmp_path, save_every=2)

    def full(held: object, path: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(ConfigError, match="No space left") as caught:
        patched.setattr(checkpoint, "save", full)
        bench.train("run", max_steps=4)
    assert "--resume" in caught.value.hint


def test_sigterm_saves_and_exits_with_0(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    out = tmp_path / "run"
    words = ["train", "--config", str(tmp_path / "tiny.toml"), "--cache", str(bench.cache), "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "training", *words, "--max-steps", "1000000"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        for line in process.stdout:
            if line.startswith("step 3 "):
                process.send_signal(signal.SIGTERM)
                break
        rest, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    step = checkpoint.load(out / LAST).card["step"]
    assert step >= 3 and f"stopped at step {step}" in rest


def test_without_torch_the_command_says_what_to_install() -> None:
    code = "import sys; sys.modules['torch'] = None; from training.__main__ import main; main(['train'])"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode != 0 and "pip install" in ran.stderr and "Traceback" not in ran.stderr
