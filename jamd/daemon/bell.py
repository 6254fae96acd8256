"""A bell between two processes: who waits wakes at once. It says that there is news, never what: see the mailboxes.

A lost ring costs no message, only the rest of a wait; nobody ever waits to ring, and who dies leaves nothing locked.
"""

from __future__ import annotations

import contextlib
import select
import socket

RINGS = 4096
"""So many are heard as one."""


class Bell:
    """Made by main, handed to its children when they start: to one who rings, to one who hears and their heirs."""

    def __init__(self) -> None:
        self._heard, self._rung = socket.socketpair()
        self._heard.setblocking(False)
        self._rung.setblocking(False)

    def __setstate__(self, state: dict[str, socket.socket]) -> None:
        """In a child: what it is handed does not know that it never waits."""
        self.__dict__.update(state)
        for end in state.values():
            end.setblocking(False)

    def ring(self) -> None:
        """Wakes who waits; nothing where he has rings enough to hear."""
        with contextlib.suppress(OSError):
            self._rung.send(b"!")

    def wait(self, seconds: float) -> bool:
        """Returns when it has rung since the last time, or after a while; whether it has."""
        rung = bool(select.select([self._heard], [], [], seconds)[0])
        if rung:
            with contextlib.suppress(OSError):
                self._heard.recv(RINGS)
        return rung

    def close(self) -> None:
        """Lets go of it."""
        self._heard.close()
        self._rung.close()
