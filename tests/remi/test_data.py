"""Pieces of the training data: their tokens obey the grammar and keep every note."""

from __future__ import annotations

import os
import tarfile
from itertools import islice
from pathlib import Path

import pytest

from jamd.midi.smf import MidiLog, read_midi
from jamd.remi.decoder import decode
from tests.remi.matching import lost, said, struck

DATA = Path(os.environ.get("JAMD_DATA", Path(__file__).parents[3] / "shared" / "data"))
PIECES = 2
LONGEST_NS = 180 * 10**9
NO_MIDI = {"improvisor_leadsheets.tar.xz"}  # chord charts as text
SETS = [path for path in sorted(DATA.glob("*.tar.xz")) if path.name not in NO_MIDI] or [None]


def pieces(archive: Path, folder: Path) -> list[Path]:
    """The first MIDI files of an archive, unpacked."""
    with tarfile.open(archive, "r|xz") as tar:
        members = (member for member in tar if member.isfile() and member.name.endswith((".mid", ".midi")))
        paths = []
        for number, member in enumerate(islice(members, PIECES)):
            content = tar.extractfile(member)
            assert content is not None
            paths.append(folder / f"{number}.mid")
            paths[-1].write_bytes(content.read())
    return paths


@pytest.mark.parametrize("archive", SETS, ids=lambda path: path.name.split(".")[0] if path else "none")
def test_pieces_are_accepted_and_keep_every_note(archive: Path | None, tmp_path: Path) -> None:
    if archive is None:
        pytest.skip(f"no training data in {DATA} (JAMD_DATA names another folder)")
    paths = pieces(archive, tmp_path)
    assert paths, f"{archive.name} holds no MIDI file"
    for path in paths:
        _check(read_midi(path))


def _check(piece: MidiLog) -> None:
    log = [entry for entry in piece.entries if entry.time_ns < LONGEST_NS]
    told, played = said(log, min(piece.end_ns, LONGEST_NS)), struck(log)
    assert played and told.hanging == 0
    assert len(told.notes) + told.merged == len(played)
    assert lost(played, told.notes) == []
    notes, _ = decode(told.ids)
    last: dict[int, int] = {}
    for note in notes:
        assert last.get(note.pitch, note.onset) <= note.onset and note.duration > 0
        last[note.pitch] = note.onset + note.duration
