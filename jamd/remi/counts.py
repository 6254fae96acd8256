"""What became of the notes that an encoder read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """What became of the notes: note tokens + `merged` + `overruled` = `notes`, once all is said."""

    notes: int = 0
    """Note-ons read."""
    merged: int = 0
    """Taken into another note of the same pitch and Micro."""
    overruled: int = 0
    """Performed in a Response whose heard answer the log tells: not said."""
    struck_off: int = 0
    """Ended after 16 quarters."""
