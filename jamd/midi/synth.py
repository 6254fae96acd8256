"""A synthesizer where there is none: fluidsynth as a program of our own, played through its shell."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from jamd.errors import PortError

SOUND_FONTS = (
    "/usr/share/sounds/sf2/default-GM.sf2",
    "/usr/share/sounds/sf2/FluidR3_GM.sf2",
    "/usr/share/sounds/sf2/TimGM6mb.sf2",
    "/usr/share/soundfonts/default.sf2",
    "/usr/share/soundfonts/FluidR3_GM.sf2",
    "/opt/homebrew/share/soundfonts/default.sf2",
)
"""Where the packages of Debian, Fedora, Arch and Homebrew put them."""
_START_S = 0.7
"""A fluidsynth that finds no sound device has given up by then."""
_QUIT_S = 0.3
"""One that has not ended by then is ended."""


def find_sound_font() -> Path | None:
    """A sound font: $SOUND_FONT, else one that a package has installed; None without fluidsynth or font."""
    if shutil.which("fluidsynth") is None:
        return None
    named = [os.environ["SOUND_FONT"]] if os.environ.get("SOUND_FONT") else []
    return next((Path(name) for name in [*named, *SOUND_FONTS] if Path(name).is_file()), None)


def open_synth() -> Synth:
    """fluidsynth with the sound font that is there; PortError where it cannot sound."""
    font = find_sound_font()
    if font is None:
        raise PortError(
            "there is no fluidsynth, or no sound font for it.",
            "Install fluidsynth and timgm6mb-soundfont (or set SOUND_FONT), or name an output port with --out.",
        )
    return Synth(font)


def synth_works() -> bool:
    """True if there is a fluidsynth that finds a sound device."""
    try:
        open_synth().close()
    except PortError:
        return False
    return True


class Synth:
    """An output port that is heard: fluidsynth's shell reads notes from its standard input."""

    name = "fluidsynth"

    def __init__(self, font: Path) -> None:
        program = shutil.which("fluidsynth") or "fluidsynth"
        self._process = subprocess.Popen(
            [program, "-q", "-n", str(font)],
            bufsize=0,  # each message goes out at once, and none waits to fail later
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for main: the synth must outlive it to end its notes
        )
        try:
            self._process.wait(_START_S)
        except subprocess.TimeoutExpired:
            return
        raise PortError("fluidsynth found no sound device", "Name an output port with --out, or file:jam.mid.")

    def send(self, message: bytes) -> None:
        """Plays a channel message; what fluidsynth's shell has no word for is left out.

        PortError where fluidsynth is gone.
        """
        line, pipe = _command(message), self._process.stdin
        if not line:
            return
        try:
            if pipe is None or pipe.closed:
                raise BrokenPipeError
            pipe.write(line.encode())
        except OSError as error:
            raise PortError("fluidsynth has ended.", "Start again, or name an output port with --out.") from error

    def close(self) -> None:
        """Ends fluidsynth, if it has not ended by itself."""
        pipe = self._process.stdin
        with contextlib.suppress(OSError):  # nobody reads any more
            if pipe is not None and not pipe.closed:
                pipe.write(b"quit\n")
        with contextlib.suppress(OSError):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(_QUIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _command(message: bytes) -> str:
    """A channel message in the words of fluidsynth's shell."""
    kind, channel = message[0] & 0xF0, message[0] & 0x0F
    match kind:
        case 0x90 if message[2]:
            return f"noteon {channel} {message[1]} {message[2]}\n"
        case 0x80 | 0x90:
            return f"noteoff {channel} {message[1]}\n"
        case 0xB0:
            return f"cc {channel} {message[1]} {message[2]}\n"
        case 0xC0:
            return f"prog {channel} {message[1]}\n"
    return ""
