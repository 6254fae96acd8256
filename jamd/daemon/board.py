"""The board: one block of shared memory that outlives each process: heartbeats, sounding notes, mailboxes."""

from __future__ import annotations

import contextlib
from multiprocessing.shared_memory import SharedMemory

from jamd.daemon.mailbox import Mailbox

_CELLS = ("wire_beat_ns", "brain_beat_ns", "heard", "file_start_ns")
_LEDGER_ROOM = 8192
_BOXES = {
    "wire_to_brain": 1 << 20,
    "brain_to_wire": 1 << 20,
    "wire_to_main": 1 << 20,
    "brain_to_main": 1 << 20,
    "main_to_wire": 1 << 16,
    "main_to_brain": 1 << 16,
}
_SIZE = 64 + _LEDGER_ROOM + sum(_BOXES.values())


class Board:
    """Made by main, joined by name by its children; main removes it.

    Cells, in nanoseconds where so named: `wire_beat_ns` and `brain_beat_ns` are written by the process they
    name (0: not up yet). `heard` (the performer's note-ons so far) and `file_start_ns` (when the input file
    began; 0: not yet) are written by the wire, whose successor goes on from them.
    """

    def __init__(self, memory: SharedMemory, *, owner: bool) -> None:
        self._memory, self._owner = memory, owner
        buffer = memoryview(memory.buf)  # type: ignore[arg-type]  # None only after close
        self._cells = buffer[: 8 * len(_CELLS)].cast("Q")
        self.ledger = buffer[64 : 64 + _LEDGER_ROOM]
        """Sounding notes: written by the wire; a successor reads it first."""
        self._boxes: dict[str, Mailbox] = {}
        at = 64 + _LEDGER_ROOM
        for name, room in _BOXES.items():
            self._boxes[name] = Mailbox(buffer[at : at + room])
            at += room

    @classmethod
    def create(cls) -> Board:
        """A new board, all zero."""
        return cls(SharedMemory(create=True, size=_SIZE), owner=True)

    @classmethod
    def join(cls, name: str) -> Board:
        """The board that main has made."""
        return cls(SharedMemory(name=name), owner=False)

    @property
    def name(self) -> str:
        """What `join` asks for."""
        return self._memory.name

    def box(self, name: str) -> Mailbox:
        """The mailbox `from_to_to`, such as `wire_to_brain`."""
        return self._boxes[name]

    def read(self, cell: str) -> int:
        """A cell's value."""
        return self._cells[_CELLS.index(cell)]

    def write(self, cell: str, value: int) -> None:
        """Sets a cell; only its owner does."""
        self._cells[_CELLS.index(cell)] = value

    def close(self, *, remove: bool = False) -> None:
        """Lets go; the owner also removes the block, and so does a child that is left alone (`remove`)."""
        self._cells.release()
        self.ledger.release()
        for box in self._boxes.values():
            box.close()
        self._memory.close()
        if self._owner or remove:
            with contextlib.suppress(FileNotFoundError):  # another child was quicker
                self._memory.unlink()
