"""Two processes on a CPU (gloo) are one: same gradients, same curve, also through torchrun and after a kill."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from jamd.errors import ConfigError  # noqa: E402  (after the skip)
from jamd.remi.vocabulary import PAD  # noqa: E402
from tests.training.bench import Bench, stop_at  # noqa: E402
from tests.training.tiny import MODEL, TRAIN, common_cache  # noqa: E402
from training import checkpoint, distributed, settings  # noqa: E402
from training.batches import Cache, Lanes  # noqa: E402
from training.checkpoint import LAST  # noqa: E402
from training.distributed import Alone  # noqa: E402
from training.settings import OPTIMIZERS  # noqa: E402
from training.train import Trainer  # noqa: E402

ROOT = Path(__file__).parents[2]
PLAIN: dict[str, Any] = {"batch": 4, "max_steps": 9}
STEPS = 4
"""Enough for pieces to end in some lanes: padding, which the lanes do not share evenly, and fresh memory."""


def settings_for(architecture: str) -> settings.Settings:
    """Dropout off: its masks are drawn by each process for itself."""
    sizes = MODEL | {"dropout": 0.0, "architecture": architecture, "context": 8}
    return settings.from_tables({"model": sizes, "train": TRAIN | PLAIN}, "test")


def gradients(cache: Path, out: Path, architecture: str, group: Alone) -> list[dict[str, torch.Tensor]]:
    """Of each of the first segments, with the weights of the start: what differs is rounding."""
    trainer, found = Trainer(settings_for(architecture), Cache(cache), out, lambda: 0.0, print, group), []
    for _ in range(STEPS):
        loss, tokens = trainer.backward()
        named = {name: p.grad.clone() for name, p in trainer.model.named_parameters()}
        found.append(named | {"loss": torch.tensor(loss), "tokens": torch.tensor(tokens)})
        trainer.model.zero_grad(set_to_none=True)
    return found


def worker(rank: int, port: int, folder: str) -> None:
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    with distributed.joined() as group:
        for architecture in settings.ARCHITECTURES:
            found = gradients(Path(folder) / "cache", Path(folder), architecture, group)
            torch.save(found, Path(folder) / f"{architecture}-{rank}.pt")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_two_processes_have_the_gradients_of_one(tmp_path: Path) -> None:
    cache = common_cache(tmp_path / "cache")
    torch.multiprocessing.spawn(worker, (free_port(), str(tmp_path)), nprocs=2)
    for architecture in settings.ARCHITECTURES:
        one = gradients(cache, tmp_path, architecture, Alone())
        for rank in (0, 1):
            two = torch.load(tmp_path / f"{architecture}-{rank}.pt")
            for step, (alone, shared) in enumerate(zip(one, two, strict=True)):
                assert alone.keys() == shared.keys()
                for name in alone:
                    close = {"rtol": 1e-5, "atol": 1e-7, "msg": f"{architecture}, rank {rank}, step {step}: {name}"}
                    torch.testing.assert_close(shared[name], alone[name], **close)


def test_the_processes_of_that_test_do_not_have_equally_many_targets(tmp_path: Path) -> None:
    """The control: a mean of the processes' own means would be another loss."""
    cache = Cache(common_cache(tmp_path))
    shares = [Lanes(cache, cache.train(), 4, 8, seed=1, mine=m) for m in (range(0, 2), range(2, 4))]
    counts = [tuple(int((s.next().targets != PAD).sum()) for s in shares) for _ in range(STEPS)]
    assert any(a != b for a, b in counts)


def torchrun(bench: Bench, out: Path, *words: str) -> str:
    """The command line on two processes; what it said."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-addr", "127.0.0.1"]
    command += ["--master-port", str(free_port()), "-m", "training", "train", "--cache", str(bench.cache)]
    done = subprocess.run(
        [*command, "--out", str(out), *words],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_torchrun_goes_on_with_a_run_of_one_process_to_the_same_curve(optimizer: str, tmp_path: Path) -> None:
    """Without dropout also across another number of processes: the memory of all lanes is in the checkpoint."""
    bench = Bench(tmp_path, **PLAIN, valid_every=3, optimizer=optimizer)
    straight, _ = bench.train("straight", dropout=0.0)
    bench.train("shared", dropout=0.0, stopped=stop_at(3))
    torchrun(bench, tmp_path / "shared", "--resume", "--max-steps", "6")
    said = torchrun(bench, tmp_path / "shared", "--resume", "--max-steps", "9")
    assert said.count("finished at step 9") == 1 and "2 processes" in said  # one speaks
    assert list(bench.losses("shared")) == list(range(1, 10))
    assert bench.losses("shared") == pytest.approx(bench.losses("straight"), rel=1e-5)
    held = checkpoint.load(tmp_path / "shared" / LAST)
    assert held.training["memory"]["valid"].tolist() == straight._memory.valid.tolist()
    assert held.training["rng"].shape[0] == 2
    assert held.card["valid_loss"] == pytest.approx(straight.counters.best_loss, rel=1e-5)


def test_lanes_that_cannot_be_shared_evenly_are_refused() -> None:
    group = Alone()
    group.rank, group.size = 1, 2
    assert group.share(6) == range(3, 6)
    with pytest.raises(ConfigError, match="5 lanes"):
        group.share(5)


def test_outside_torchrun_a_process_is_alone(monkeypatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with distributed.joined() as group:
        assert (group.rank, group.size, group.writes, group.share(3)) == (0, 1, True, range(3))
    assert not torch.distributed.is_initialized()
