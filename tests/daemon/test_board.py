"""The board: what one side writes the other reads, and nothing overlaps."""

from __future__ import annotations

from jamd.daemon.board import Board


def test_cells_ledger_and_mailboxes_are_shared_and_do_not_overlap() -> None:
    board = Board.create()
    joined = Board.join(board.name)
    board.write("heard", 2**40)
    board.ledger[:] = bytes([255]) * len(board.ledger)
    for name in (
        "wire_to_brain",
        "brain_to_wire",
        "wire_to_main",
        "brain_to_main",
        "main_to_wire",
        "main_to_brain",
    ):
        assert board.box(name).put(name)
    assert joined.read("heard") == 2**40
    assert joined.read("brain_beat_ns") == 0
    assert bytes(joined.ledger) == bytes([255]) * len(board.ledger)
    for name in (
        "wire_to_brain",
        "brain_to_wire",
        "wire_to_main",
        "brain_to_main",
        "main_to_wire",
        "main_to_brain",
    ):
        assert joined.box(name).take() == [name]
    joined.close()
    board.close()
