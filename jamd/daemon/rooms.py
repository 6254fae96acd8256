"""Builds the rooms from the settings: what each part is told, in one place."""

from __future__ import annotations

from jamd.config import Settings
from jamd.daemon import harmony
from jamd.engine.improviser import Improviser
from jamd.engine.partner import Manners
from jamd.engine.phrase import PhraseRule
from jamd.engine.sampling import Sampler
from jamd.engine.session import Session
from jamd.music import scales
from jamd.music.timeline import Metre
from jamd.remi.grammar import Bounds

LIVE = Bounds(metre=False, tempo=False)
"""What a sampler may not do while somebody else owns metre and tempo."""


def manners(settings: Settings) -> Manners:
    """How to take turns, from the settings."""
    turn, clock = settings.turn, settings.clock
    numerator, denominator = map(int, clock.metre.split("/"))
    rule = PhraseRule(turn.min_silence_s, turn.max_silence_s, turn.gap_factor)
    return Manners(
        rule,
        turn.entry,
        turn.bars,
        turn.max_bars,
        clock.bpm,
        Metre(numerator, denominator),
        turn.mode,
        turn.trade_bars,
        turn.duet_lookahead_beats,
        turn.duet_commit_beats,
        turn.handover_cc,
        harmony.chart(settings),
        scales.pitch(settings.harmony.split),
    )


def make_improviser(settings: Settings, session: Session, seed: int) -> Improviser:
    """The improviser that the settings ask for; its memory is the session's."""
    sampling = settings.sampling
    sampler = Sampler(sampling.temperature, sampling.top_p, sampling.min_p, seed)
    improviser = Improviser(session, sampler, LIVE)
    improviser.fences = harmony.fences(settings)
    return improviser
