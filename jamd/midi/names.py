"""Finding the one port that a person means by a name. Knows no MIDI library."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from jamd.errors import PortError, did_you_mean

_ALSA_ADDRESS = re.compile(r" \d+:\d+$")
"""What ALSA adds behind a name: numbers that change from day to day."""
_BRIDGES = ("a2j", "system", "Midi-Bridge")
"""Clients that show the ports of many devices under their own name."""


def plain(name: str) -> str:
    """A port's name without ALSA's numbers."""
    return _ALSA_ADDRESS.sub("", name)


def client(name: str) -> str:
    """The device or program that a port belongs to: what stands before the first colon."""
    return plain(name).partition(":")[0]


def same_device(one: str, other: str) -> bool:
    """True where an input and an output belong to one device or program."""
    return _device(one) == _device(other)


def match(wanted: str, names: Sequence[str], ours: Iterable[str] = ()) -> str:
    """The name that `wanted` means: the exact one, else the only one that contains it in any case.

    Ports of the clients `ours` are only found by exact name: who looks for a keyboard does not mean jamd.
    PortError where there is none, or more than one.
    """
    others = [name for name in names if not _belongs(name, ours)]
    found = (
        [name for name in names if name == wanted]
        or [name for name in names if plain(name) == wanted]
        or [name for name in others if wanted.casefold() in name.casefold()]
    )
    if not found:
        raise PortError(f'There is no MIDI port "{wanted}".', _what_there_is(wanted, others))
    if len(found) > 1:
        hint = "Write more of the name of the one that you mean."
        raise PortError(f'"{wanted}" could be any of these ports: {", ".join(found)}.', hint)
    return found[0]


def _device(name: str) -> str:
    if client(name) in _BRIDGES:
        return re.sub("capture|playback", "", name)
    return client(name)


def _belongs(name: str, ours: Iterable[str]) -> bool:
    """True for a port of one of our clients; JACK adds -01 to the name of a second one."""
    return re.sub(r"-\d\d$", "", client(name)) in set(ours)


def _what_there_is(wanted: str, names: Sequence[str]) -> str:
    if not names:
        return 'There are no ports at all: switch your device on, or use "virtual" and connect to it.'
    guess = did_you_mean(wanted, [*names, *map(client, names)])
    return " ".join(filter(None, [guess, f"There is: {', '.join(names)}."]))
