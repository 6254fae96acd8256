"""`jamd demo`: a bundled call played through the whole daemon in real time; heard where fluidsynth can sound."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path

from jamd.config import Settings
from jamd.daemon.main import jam
from jamd.midi.synth import find_sound_font, synth_works

CALL = "models/call.mid"
"""Eight bars of our own, to be answered."""


def run(settings: Settings, out: Path, say: Callable[[str], None]) -> int:
    """Plays the call, writes the jam to `out`, says how to hear it; the exit code."""
    font = find_sound_font()
    live = font is not None and synth_works(font)
    with resources.as_file(resources.files("jamd") / CALL) as call:
        midi = replace(settings.midi, in_=f"file:{call}", out=f"file:{out}", thru=True)
        if live:
            midi = replace(midi, out="synth")
        code = jam(replace(settings, midi=midi), None, say)
    if live:
        say("You heard it through fluidsynth.")
    elif font is not None:
        wav = out.with_suffix(".wav")
        if _render(font, out, wav):
            say(f"There is no sound device here: listen to {wav}.")
    else:
        say(f"To hear it, open {out} in any player, or install fluidsynth and timgm6mb-soundfont.")
    return code


def _render(font: Path, mid: Path, wav: Path) -> bool:
    program = shutil.which("fluidsynth")
    if program is None:
        return False
    done = subprocess.run(
        [program, "-q", "-ni", "-F", str(wav), str(font), str(mid)], capture_output=True, check=False
    )
    return done.returncode == 0 and wav.exists()
