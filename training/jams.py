"""A jam's log as training data: in other keys, and with the roles of player and jamd exchanged.

jamd's own notes are heard and never learnt: what it played would teach it its own mistakes. The player's are learnt
as calls, and, with the roles exchanged, as answers to what jamd played: so the model learns to answer as the player
does. Chance decides nothing but the key, by (seed, set, piece, variant) as in augment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from jamd.music.events import Answered, Charted, Kind, LogEntry, Performed, Turn, TurnChange
from jamd.music.log import in_order
from jamd.remi.vocabulary import CHORD, NOTE_OFF, NOTE_ON
from training.augment import HIGHEST, LOWEST, SHIFTS, Key, transposed
from training.corpus.recordings import Jam

OTHER_CHANNEL = 15
"""jamd's keys and pedal, where its notes stand beside the player's in one log: neither lets go of the other's."""
_KEYS = frozenset({Kind.NOTE_ON, Kind.NOTE_OFF})


def variant_log(jam: Jam, key: Key, *, train: bool) -> tuple[list[LogEntry], Turn]:
    """The log of the jam's variant, and whose turns in it are jamd's.

    Variant 0 is the jam as it was heard; then every other one has the roles exchanged. A jam that is not for
    training keeps its key.
    """
    exchanged = key.variant % 2 == 1 and bool(jam.played)
    entries = with_roles_exchanged(jam) if exchanged else list(jam.entries)
    shift = _shift(jam, key) if train else 0
    return [shifted(entry, shift) for entry in entries], Turn.CALL if exchanged else Turn.RESPONSE


def with_roles_exchanged(jam: Jam) -> list[LogEntry]:
    """The player answers what jamd has played: turns change over, and jamd's notes are performed."""
    opening = TurnChange(min(e.time_ns for e in jam.entries), Turn.RESPONSE)  # a log need not say that a Call begins
    kept = [_exchanged(e) for e in jam.entries if not isinstance(e, Answered)]
    return in_order([opening, *kept, *(replace(e, channel=OTHER_CHANNEL) for e in jam.played)])


def _exchanged(entry: LogEntry) -> LogEntry:
    if not isinstance(entry, TurnChange):
        return entry
    return replace(entry, turn=Turn.CALL if entry.turn is Turn.RESPONSE else Turn.RESPONSE)


def shifted(entry: LogEntry, shift: int) -> LogEntry:
    """The entry `shift` semitones higher."""
    match entry:
        case Performed(kind=kind, number=number) if kind in _KEYS:
            return replace(entry, number=number + shift)
        case Charted(chord=str(chord)):
            return replace(entry, chord=transposed(chord, shift))
        case Answered(ids=ids):
            return replace(entry, ids=tuple(_shifted_token(token, shift) for token in ids))
    return entry


def _shifted_token(token: int, shift: int) -> int:
    if token in CHORD:
        return CHORD.of(transposed(CHORD.values[CHORD.index(token)], shift))
    for family in (NOTE_ON, NOTE_OFF):
        if token in family:
            return family.id(family.index(token) + shift)
    return token


def _shift(jam: Jam, key: Key) -> int:
    """A shift that keeps the jam on the keyboard: none at first, then others as long as there are any."""
    pitches = [*_pitches(jam.entries), *_pitches(jam.played)]
    low, high = min(pitches, default=LOWEST), max(pitches, default=HIGHEST)
    fitting = [s for s in SHIFTS if s and low + s >= LOWEST and high + s <= HIGHEST]
    key.piece_rng().shuffle(fitting)
    return [0, *fitting][key.variant // 2 % (len(fitting) + 1)]


def _pitches(entries: Iterable[LogEntry]) -> Iterator[int]:
    for entry in entries:
        if isinstance(entry, Performed) and entry.kind in _KEYS:
            yield entry.number
        elif isinstance(entry, Answered):
            yield from (f.index(token) for token in entry.ids for f in (NOTE_ON, NOTE_OFF) if token in f)
