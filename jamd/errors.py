"""What can go wrong, said to a person: a sentence, a hint that says what to do, and an exit code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class JamdError(Exception):
    """Base of every error that jamd raises on purpose; the command line prints it without a traceback.

    `message` says what is wrong and where, `hint` what to do about it.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[type[JamdError], tuple[str, str]]:
        return type(self), (self.message, self.hint)  # crosses process borders whole


class ConfigError(JamdError):
    """A settings file or option that cannot be used."""

    exit_code = 2


class PortError(JamdError):
    """A MIDI port or MIDI system that cannot be had."""

    exit_code = 3


class MidiFileError(JamdError):
    """A .mid file that cannot be read, or holds nothing to work with."""

    exit_code = 4


class ModelError(JamdError):
    """A model file that cannot be loaded, or speaks another vocabulary."""

    exit_code = 5


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint `Did you mean "x"?` for the nearest known word, or an empty string."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f'Did you mean "{near[0]}"?' if near else ""
