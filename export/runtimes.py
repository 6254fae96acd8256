"""Other versions of onnxruntime beside the installed one, each in its folder under .ort/. Knows no model."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from jamd.errors import ModelError

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".ort"
LOWEST = "1.25"
"""The lowest onnxruntime that setup.py allows; the newest is what is installed."""


def environment(version: str = "") -> dict[str, str]:
    """The environment of a Python that imports this onnxruntime; `""` is the installed one.

    The plain CPU wheel is fetched when it is wanted for the first time. ModelError if that cannot be done.
    """
    paths = [str(_folder(version))] if version else []
    inherited = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*paths, str(ROOT), *([inherited] if inherited else [])]),
    }


def _folder(version: str) -> Path:
    folder = FOLDER / f"onnxruntime-{version}"
    if not folder.exists():
        FOLDER.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER) as partial:
            _install(version, Path(partial) / "whole")
            shutil.move(Path(partial) / "whole", folder)
    return folder


def _install(version: str, folder: Path) -> None:
    """numpy and the rest come from the Python that runs: only the wheel itself is unpacked."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run(
        [*command, "--target", str(folder), f"onnxruntime=={version}.*"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = " ".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-1:])
        raise ModelError(
            f"onnxruntime {version}, on which the model is to be tried too, cannot be fetched: {reason}",
            "Try again with a network, or check on the installed one alone with --only-installed.",
        )
