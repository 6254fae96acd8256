"""`jamd demo`: a bundled call through the whole daemon in real time, heard where fluidsynth can sound."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path

from jamd.config import Settings
from jamd.daemon.files import check_target
from jamd.daemon.main import jam
from jamd.midi.ports import OWN_SYNTH
from jamd.midi.synth import find_sound_font, synth_works

CALL = "models/call.mid"
"""Four bars of our own, to be answered."""


def run(settings: Settings, out: Path, say: Callable[[str], None]) -> int:
    """Plays the call, writes the jam to `out`, says how to hear it; the exit code. JamdError as in `jam`."""
    check_target(out)
    live = synth_works()
    with resources.as_file(resources.files("jamd") / CALL) as call:
        midi = replace(settings.midi, in_=f"file:{call}", out=OWN_SYNTH if live else f"file:{out}", thru=True)
        record = replace(settings.record, on=False)
        code = jam(replace(settings, midi=midi, record=record), None, say, wanted=out)
    if out.is_file():  # whoever ends it at once has nothing to hear
        say(_how_to_hear(out, live))
    return code


def _how_to_hear(out: Path, live: bool) -> str:
    if live:
        return f"You heard it through fluidsynth; it is in {out}."
    font, wav = find_sound_font(), out.with_suffix(".wav")
    if font is not None and _render(font, out, wav):
        return f"There is no sound device here: {out} is rendered as {wav}, to listen to elsewhere."
    return f"To hear it, open {out} in any player, or install fluidsynth and timgm6mb-soundfont."


def _render(font: Path, mid: Path, wav: Path) -> bool:
    program = shutil.which("fluidsynth")
    if program is None:
        return False
    done = subprocess.run(
        [program, "-q", "-ni", "-F", str(wav), str(font), str(mid)], capture_output=True, check=False
    )
    return done.returncode == 0 and wav.exists()
