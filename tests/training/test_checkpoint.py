"""Checkpoints: whole or not at all, and never of another language."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="checkpoints hold tensors: pip install -e .[train]")

from jamd.errors import ModelError  # noqa: E402  (after the skip)
from jamd.remi.vocabulary import SIZE  # noqa: E402
from training import checkpoint  # noqa: E402
from training.checkpoint import BEST, LAST, Checkpoint  # noqa: E402
from training.model import ModelConfig, TransformerXL  # noqa: E402

CONFIG = ModelConfig(
    n_layer=1, d_model=8, n_head=2, d_head=4, d_inner=8, tgt_len=4, mem_len=6, vocab_size=SIZE, dropout=0.1
)


def made(step: int) -> tuple[TransformerXL, Checkpoint]:
    torch.manual_seed(step)
    model = TransformerXL(CONFIG).eval()
    state = {"lanes": [(3, 4)], "memory": None, "rng": torch.get_rng_state()}
    return model, Checkpoint(CONFIG, model.state_dict(), {"step": step}, state)


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    model, saved = made(3)
    checkpoint.save(saved, tmp_path / LAST)
    loaded = checkpoint.load(tmp_path / LAST)
    assert (loaded.config, loaded.card, loaded.fingerprint) == (saved.config, saved.card, saved.fingerprint)
    assert loaded.training["lanes"] == [(3, 4)]
    assert torch.equal(loaded.training["rng"], saved.training["rng"])
    assert all(torch.equal(loaded.weights[n], w) for n, w in model.state_dict().items())
    assert [p.name for p in tmp_path.iterdir()] == [LAST]


def test_a_save_that_breaks_off_leaves_the_last_one_whole(tmp_path: Path, monkeypatch) -> None:
    checkpoint.save(made(1)[1], tmp_path / LAST)
    write = torch.save

    def half(held: object, file) -> None:
        write(held, file)
        file.truncate(file.tell() // 2)
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(OSError, match="no space"):
        checkpoint.save(made(2)[1], tmp_path / LAST)
    assert checkpoint.load(tmp_path / LAST).card == {"step": 1}


def test_the_model_of_a_run_is_its_best_else_its_last(tmp_path: Path) -> None:
    last, best = made(1), made(2)
    tokens = torch.arange(1, 5)[None]
    checkpoint.save(last[1], tmp_path / LAST)
    for path, (wanted, _) in ((tmp_path, last), (tmp_path / LAST, last)):
        model, _ = checkpoint.load_model(path)
        assert torch.equal(model(tokens)[0], wanted(tokens)[0])
    checkpoint.save(best[1], tmp_path / BEST)
    model, held = checkpoint.load_model(tmp_path)
    assert torch.equal(model(tokens)[0], best[0](tokens)[0]) and held.card == {"step": 2}
    assert not model.training


def test_another_vocabulary_is_refused_by_name(tmp_path: Path) -> None:
    _, foreign = made(1)
    foreign.fingerprint = "f" * 16
    checkpoint.save(foreign, tmp_path / LAST)
    with pytest.raises(ModelError, match="f" * 16):
        checkpoint.load(tmp_path / LAST)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    checkpoint.save(made(1)[1], tmp_path / LAST)
    whole = (tmp_path / LAST).read_bytes()
    torch.save({"format": 99, **vars_of(made(1)[1])}, tmp_path / "future")
    torch.save({"weights": 1}, tmp_path / "other")
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_text("hello")
    for name in ("future", "other", "cut", "empty", "text", "missing"):
        with pytest.raises(ModelError, match=name) as caught:
            checkpoint.load(tmp_path / name)
        assert caught.value.hint


def vars_of(held: Checkpoint) -> dict[str, object]:
    sizes = {f: getattr(CONFIG, f) for f in CONFIG.__dataclass_fields__}
    return {f: getattr(held, f) for f in held.__dataclass_fields__} | {"config": sizes}
