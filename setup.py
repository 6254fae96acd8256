"""What jamd is and needs; tool settings stand in pyproject.toml, the versions of CI in constraints.txt."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

# onnxruntime and onnxruntime-gpu overwrite each other's files: exactly one of them per platform.
GPU = "(sys_platform=='linux' and platform_machine=='x86_64') or sys_platform=='win32'"
CPU = "(sys_platform=='linux' and platform_machine!='x86_64') or sys_platform=='darwin'"

REQUIRES = [
    "numpy>=1.26",  # arrays for the model, sampling
    "mido>=1.3,<1.4",  # MIDI files and messages; jamd/midi/mido_files.py leans on its registry of meta messages
    "python-rtmidi>=1.5.8",  # MIDI ports: ALSA, JACK, CoreMIDI, Windows
    "click>=8.1",  # the command line
    "platformdirs>=4",  # the user's data and configuration folders on each system
    "python-osc>=1.9",  # OSC from and to other programs; pure Python, no needs of its own, released since 2013
    "tomlkit>=0.13",  # jamd learn writes jamd.toml: alone in keeping a person's comments and order
    f"onnxruntime-gpu>=1.25; {GPU}",  # runs the model, on CPU too; 1.24 has no TensorScatter of opset 24
    f"onnxruntime>=1.25; {CPU}",  # the same, where there is no CUDA
]

EXTRAS = {
    # CUDA 13 libraries for onnxruntime-gpu, where the system does not bring them
    "cuda": [
        f"nvidia-cublas; {GPU}",  # matrix products; the wheel's own extra forgets it
        f"nvidia-cuda-runtime; {GPU}",  # CUDA itself
        f"nvidia-curand; {GPU}",  # linked by the CUDA provider
        f"nvidia-cudnn-cu13; {GPU}",  # reductions
    ],
    "train": [
        "torch>=2.9,<3",  # the model in training; 2.9 brings Muon
        "onnx>=1.19",  # writes the .onnx file: opset 24
        "scikit-learn>=1.4",  # the random forest that tells real answers from generated ones
        "symusic>=0.5",  # reads thousands of .mid files fast
        "matplotlib>=3.8",  # draws the curves of a run
    ],
    "test": [
        "pytest>=8",  # runs the tests
        "hypothesis>=6.100",  # laws over random input
        "packaging>=23",  # reads the platform markers above
        "onnx>=1.19",  # writes the tests' tiny model
        "JACK-Client>=0.5.5",  # stand-in performers on real ports
        "ruff>=0.6",  # lint
        "mypy>=1.11",  # types
    ],
}

if __name__ == "__main__":
    setup(
        name="jamd",
        version=re.search(r'__version__ = "(.+)"', (HERE / "jamd/__init__.py").read_text())[1],
        description="A MIDI improvisation partner: you play a phrase, a Transformer-XL answers, in real time",
        long_description=(HERE / "README.md").read_text(encoding="utf-8"),
        long_description_content_type="text/markdown",
        license="MIT",
        python_requires=">=3.11",
        packages=find_packages(include=["jamd", "jamd.*"]),  # training and export run from the checkout
        package_data={"jamd": ["models/*"]},
        install_requires=REQUIRES,
        extras_require=EXTRAS,
        entry_points={"console_scripts": ["jamd = jamd.cli:main"]},
    )
