"""MIDI files as mido reads them: what it alone refuses is read too, what is broken is refused in plain words."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import mido
from mido.midifiles import meta

_STRICT = (
    meta.MetaSpec_sequence_number,
    meta.MetaSpec_channel_prefix,
    meta.MetaSpec_set_tempo,
    meta.MetaSpec_smpte_offset,
    meta.MetaSpec_time_signature,
    meta.MetaSpec_key_signature,
)
"""Events for which mido (1.3.3) refuses a whole file where they are too short or out of range; players go on."""
_LONGEST_PAUSE = (1 << 28) - 1
"""Ticks between two events: the standard has no longer number, mido reads any, and we would walk its bars."""


def load(data: bytes) -> mido.MidiFile:
    """The file in `data`; ValueError with a reason for people where it is no whole MIDI file.

    Data bytes above 127 are taken for 127, meta events that make no sense for zeros.
    """
    if not data:
        raise ValueError("it is empty")
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        data = data[20:]
    if data[:4] != b"MThd":
        raise ValueError("it does not begin like one")
    try:
        file = mido.MidiFile(file=BytesIO(data), clip=True)
    except EOFError:
        raise ValueError("it is cut short") from None
    except (OSError, ValueError) as error:
        raise ValueError("it is damaged") from error
    if file.type not in range(3):
        raise ValueError(f"it is of type {file.type}, and there are only 0, 1 and 2")
    if file.ticks_per_beat == 0 or (file.ticks_per_beat < 0 and file.ticks_per_beat & 0xFF == 0):
        raise ValueError("it does not say how long its ticks are")
    if any(message.time > _LONGEST_PAUSE for track in file.tracks for message in track):
        raise ValueError("it is damaged")
    return file


def _forgive(spec: Any) -> None:
    """From now on an event of this kind that makes no sense says zeros."""

    def decode(self: Any, message: Any, data: Any) -> None:
        try:
            spec.decode(self, message, data)
        except (LookupError, ValueError, meta.KeySignatureError):
            vars(message).update(dict.fromkeys(self.attributes, 0))

    meta.add_meta_spec(type(spec.__name__, (spec,), {"decode": decode}))


def _make_known(kind: int) -> None:
    """From now on mido knows this kind: it forgets the pause before what it does not know, and all comes early."""
    name = f"MetaSpec_unknown_{kind:02x}"
    meta.add_meta_spec(type(name, (meta.MetaSpec_sequencer_specific,), {"type_byte": kind}))


# Said once, when this module is loaded, in the way that mido has for events it does not know.
for _spec in _STRICT:
    _forgive(_spec)
for _kind in range(256):
    if isinstance(meta.build_meta_message(_kind, bytes(5)), meta.UnknownMetaMessage):
        _make_known(_kind)
