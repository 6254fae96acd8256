"""What sets jamd up on a fresh machine, and what judges its tests there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GPU = "SKIPPED [2] tests/engine/test_session.py:9: needs a GPU\n"
DATA = "SKIPPED [1] tests/remi/test_data.py:42: no training data in /x/shared/data (JAMD_DATA names another folder)\n"


@pytest.mark.parametrize(("version", "warned"), [((3, 11), False), ((3, 12), False), ((3, 13), True), ((3, 14), True)])
def test_make_warns_of_a_python_for_which_a_package_must_be_built_and_goes_on(
    version: tuple[int, int], warned: bool, tmp_path: Path
) -> None:
    code = f"import sys; sys.version_info = {(*version, 0)}; exec(sys.argv[1])"
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\nif [ "$1" = -c ]; then exec {sys.executable} -c "{code}" "$2"; fi\nmkdir -p "$3"\n'
    )
    python.chmod(0o755)
    stamp = tmp_path / "venv" / ".stamp-venv"
    command = ["make", "-s", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}", str(stamp)]
    plain = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    done = subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True, check=True)
    assert stamp.exists()
    assert ("python-rtmidi" in done.stderr) == warned
    assert len(done.stderr.splitlines()) == warned


def judge(folder: Path, log: str) -> subprocess.CompletedProcess[str]:
    (folder / "log").write_text("....\n" + log + "PASSED\n")
    return subprocess.run([ROOT / ".ci" / "skips", folder / "log"], capture_output=True, text=True, check=False)


def test_only_a_gpu_and_the_training_data_may_be_missing_in_ci_and_the_data_is_named(tmp_path: Path) -> None:
    for log in ("", GPU):
        done = judge(tmp_path, log)
        assert (done.returncode, done.stderr) == (0, "")
    done = judge(tmp_path, GPU + DATA)
    assert done.returncode == 0 and "no training data in /x/shared/data" in done.stderr


@pytest.mark.parametrize(
    "other",
    [
        "SKIPPED [1] tests/midi/test_jack_ports.py:3: no jackd\n",
        "SKIPPED [1] tests/remi/test_data.py:42: no symusic\n",
        "SKIPPED [1] tests/remi/test_other.py:42: no training data in /x\n",
    ],
)
def test_any_other_skip_fails_ci_and_is_named(other: str, tmp_path: Path) -> None:
    done = judge(tmp_path, GPU + other + DATA)
    assert done.returncode == 1 and other.strip() in done.stderr
