"""The picture of a run shows what its metrics say, and a run draws it by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("matplotlib", reason="curves are drawn by matplotlib: pip install -e .[train]")

from jamd.errors import ConfigError, ModelError
from training import curves
from training.__main__ import main
from training.metrics import Metrics

PNG = b"\x89PNG\r\n"


def run_in(folder: Path, slope: float) -> Path:
    folder.mkdir(parents=True)
    for step in range(1, 6):
        Metrics(folder).write(step=step, tokens=step * 10**6, loss=5 - slope * step, lr=1e-3 / step)
    Metrics(folder).write(step=5, tokens=5 * 10**6, valid_loss=4.0, bits_per_note=17.0)
    return folder


def test_each_panel_holds_the_numbers_of_each_run(tmp_path: Path) -> None:
    runs = [run_in(tmp_path / "xl", 0.5), run_in(tmp_path / "gpt2", 0.25)]
    figure = curves.draw(runs, tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(PNG)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["gpt2", "x.png", "xl"]
    loss, bits, rate = figure.axes
    assert [line.get_label() for line in loss.lines] == ["xl, training", "xl", "gpt2, training", "gpt2"]
    assert [list(line.get_ydata()) for line in loss.lines[2:]] == [[4.75, 4.5, 4.25, 4.0, 3.75], [4.0]]
    assert list(loss.lines[0].get_xdata()) == [1, 2, 3, 4, 5]
    assert [list(line.get_ydata()) for line in bits.lines] == [[17.0], [17.0]]
    assert list(rate.lines[0].get_ydata()) == [1e-3 / step for step in range(1, 6)]


def test_a_run_without_a_line_yet_gives_an_empty_picture(tmp_path: Path) -> None:
    curves.draw([tmp_path], tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(PNG)


def test_the_command_overlays_runs_and_refuses_other_folders(tmp_path: Path) -> None:
    runs = [str(run_in(tmp_path / "xl", 0.5)), str(run_in(tmp_path / "gpt2", 0.25))]
    done = CliRunner().invoke(main, ["curves", *runs, "--out", str(tmp_path / "x.png")])
    assert done.exit_code == 0 and (tmp_path / "x.png").is_file()
    refused = CliRunner().invoke(main, ["curves", str(tmp_path), "--out", str(tmp_path / "y.png")])
    assert refused.exit_code == ModelError.exit_code and "metrics.jsonl" in refused.output
    assert not (tmp_path / "y.png").exists()
    refused = CliRunner().invoke(main, ["curves", *runs, "--out", str(tmp_path / "nowhere" / "x.png")])
    assert refused.exit_code == ConfigError.exit_code and "cannot be written" in refused.output


def test_a_run_draws_itself(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from tests.training.bench import Bench

    Bench(tmp_path, valid_every=2).train("run", max_steps=4)
    assert (tmp_path / "run" / curves.PICTURE).read_bytes().startswith(PNG)
