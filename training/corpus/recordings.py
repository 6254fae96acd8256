"""A player's own folder: .mid files of any kind, and the jams that jamd recorded, each file once."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from jamd.errors import ConfigError, JamdError, MidiFileError
from jamd.music.events import Kind, LogEntry, Performed, Undone
from jamd.music.log import forgets, read_log, remembered
from jamd.music.timeline import TICKS_PER_QUARTER
from training.corpus import midi, score
from training.corpus.piece import FLAT_VELOCITIES, Piece

MIDI_ENDINGS, LOG_ENDING = (".mid", ".midi"), ".jsonl"
ANSWER_TRACK = "jamd"
"""In a .mid that jamd wrote: the track of its own playing."""
FEWEST_NOTES = 8
"""Of the player, in a file that may teach something."""
STEPS = (3, 4, 12)
"""Parts of a quarter on which playing to a click falls: triplets, sixteenths, and the twelfths of written music."""
STEADY = 0.5
"""Of what playing in perfect time reaches: a spread of about a sixth of a step, 15 ms in sixteenths at 150."""
SURE = 4.0
"""So many standard deviations beyond what onsets without a beat would reach."""


@dataclass(frozen=True, slots=True)
class Jam:
    """The recording of a jam: the log that decides the tokens, and what jamd played."""

    entries: tuple[LogEntry, ...]
    played: tuple[Performed, ...] = ()

    @property
    def struck(self) -> list[Performed]:
        """The keys that the player struck."""
        return [e for e in self.entries if isinstance(e, Performed) and e.kind is Kind.NOTE_ON]

    @property
    def flat_velocity(self) -> bool:
        """True when the player's velocities say nothing."""
        return len({event.value for event in self.struck}) <= FLAT_VELOCITIES


@dataclass(frozen=True, slots=True)
class Recording:
    """One file of the player's."""

    name: str
    """Its path in the folder."""
    music: Piece | Jam
    """A .mid is a Piece; its grid is None where the file was not played to its beats."""


@dataclass(slots=True)
class Folder:
    """What was found in a folder."""

    recordings: list[Recording] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    """Names of files that teach nothing, with the reason."""


def read_folder(folder: Path) -> Folder:
    """All recordings in a folder and the folders in it, by name; what cannot be used is in `skipped`.

    ConfigError when there is no such folder, or nothing in it that can be learnt from.
    """
    if not folder.is_dir():
        raise ConfigError(f"There is no folder {folder}.", "Name the folder of your recordings by --data.")
    found, digests = Folder(), dict[bytes, str]()
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (*MIDI_ENDINGS, LOG_ENDING) and p.is_file())
    for path in files:
        name = path.relative_to(folder).as_posix()
        try:
            _take(path, name, found, digests)
        except (JamdError, OSError, ValueError) as error:
            found.skipped.append((name, (str(error).splitlines() or [repr(error)])[0]))
    if not found.recordings:
        raise ConfigError(_nothing(folder, found), "It takes .mid files, or the .jsonl logs that jamd records.")
    return found


def _nothing(folder: Path, found: Folder) -> str:
    if not found.skipped:
        return f"{folder} holds no .mid file and no log of a jam."
    name, why = found.skipped[0]
    return f"None of the {len(found.skipped)} files in {folder} can be learnt from; {name}: {why}"


def _take(path: Path, name: str, found: Folder, digests: dict[bytes, str]) -> None:
    """Reads a file into `found`, unless it is there already."""
    data = path.read_bytes()
    twin = digests.setdefault(hashlib.sha256(data).digest(), name)
    if twin != name:
        raise MidiFileError(f"the same as {twin}")
    if path.suffix.lower() == LOG_ENDING:
        found.recordings.append(Recording(name, read_jam(path)))
    elif not path.with_suffix(LOG_ENDING).is_file():
        found.recordings.append(Recording(name, read_midi(path)))
    else:
        raise MidiFileError(f"the jam of {path.with_suffix(LOG_ENDING).name}")


def read_midi(path: Path) -> Piece:
    """The playing in a .mid, drums left out, on its own grid where it is evident that it was played to that.

    MidiFileError when it cannot be read, holds hardly a note, or is a jam without its log.
    """
    if any(track.name == ANSWER_TRACK for track in midi.load(path, "Tick").tracks):
        raise MidiFileError("half of it is jamd's own playing; its log (.jsonl) tells which, and is not beside it")
    piece = score.read_file(score.PLAIN, path)
    _enough(len(piece.notes))
    assert piece.grid is not None, "a file has ticks"
    onsets = sorted({piece.grid.tick_at(note.on_ns) for note in piece.notes})
    return piece if in_time(onsets) else replace(piece, grid=None)


def _enough(notes: int) -> None:
    if notes < FEWEST_NOTES:
        raise MidiFileError(f"{notes} notes, and it takes {FEWEST_NOTES} to learn from")


def in_time(onsets: Sequence[int]) -> bool:
    """Whether onsets (ticks, one a chord) fall on the file's own beats more than chance has it.

    For triplets, sixteenths and twelfths of a quarter: the mean of cos(2 pi onset / step), which is 1 for what is
    written and near 0 for playing that knows no click (the vector strength of Goldberg & Brown 1969, but only
    in the direction of the beat). It must reach STEADY, and SURE of its standard deviations, 1 / sqrt(2 n) each.
    """
    strength = max((_strength(onsets, step) for step in STEPS), default=0.0)
    return strength >= STEADY and strength * math.sqrt(2 * len(onsets)) >= SURE


def _strength(onsets: Sequence[int], step: int) -> float:
    turn = 2 * math.pi * step / TICKS_PER_QUARTER
    return sum(math.cos(turn * onset) for onset in onsets) / max(len(onsets), 1)


def read_jam(path: Path) -> Jam:
    """The jam in a log; a last line that a crash has torn is passed over, as when jamd reads it.

    MidiFileError when it is the log of no jam or holds hardly a note of the player's, ValueError for a bad line.
    """
    first, *lines = path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1] or [""]
    if '"jam"' not in first:
        raise MidiFileError("no log of a jam")
    entries = read_log(path)
    undone = [entry for entry in entries if isinstance(entry, Undone)]
    played = [_played(line) for line in lines if '"type":"played"' in line]
    kept = [event for event in played if not any(forgets(u, event) for u in undone)]
    jam = Jam(tuple(remembered(entries)), tuple(kept))
    _enough(len(jam.struck))
    return jam


def _played(line: str) -> Performed:
    """What jamd played, and when it really did; ValueError where the line does not say."""
    record = json.loads(line)
    try:
        number, value, channel = (int(record[key]) for key in ("number", "value", "channel"))
        return Performed(int(record["time_ns"]), Kind(record["kind"]), number, value, channel)
    except (KeyError, TypeError) as error:
        raise ValueError(f"not what jamd played: {line}") from error
