"""How a partner plays with its performer: what the settings and the actions say, and what state it is in."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from jamd.engine.phrase import PhraseRule
from jamd.music.charts import Chart
from jamd.music.timeline import FOUR_FOUR, Metre

SOSTENUTO = 66


class State(Enum):
    """What the partner is doing."""

    LISTENING = "listening"
    THINKING = "thinking"
    PLAYING = "playing"


@dataclass(frozen=True, slots=True)
class Manners:
    """How the partner takes turns. `bpm` 0: the performer is free, each phrase begins a bar of its own."""

    rule: PhraseRule = field(default_factory=PhraseRule)
    entry: str = "auto"
    """`immediate`, `beat`, `bar`; `auto`: the next beat where the tempo is known, else at once."""
    bars: int = 0
    """Length of an answer in bars; 0: about as long as the call."""
    max_bars: int = 16
    bpm: float = 0.0
    metre: Metre = FOUR_FOUR
    mode: str = "call-response"
    """The one to begin with: a name of `jamd.music.actions.MODES`."""
    trade_bars: int = 4
    """Bars of each turn in trade."""
    lookahead_beats: float = 1.0
    """So far, behind what is certain, reaches a plan of a duet."""
    commit_beats: float = 0.5
    """So near to its beginning the next beat of a duet becomes certain."""
    handover_cc: int = SOSTENUTO
    """The controller that hands over in the mode continue."""
    chart: Chart | None = None
    """The chords to play over, once somebody says where the beats are."""
    split: int | None = None
    """Keys below this pitch name the chords instead."""
