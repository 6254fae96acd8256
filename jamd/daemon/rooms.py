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


def load_improviser(settings: Settings, seed: int) -> tuple[Improviser, Session]:
    """The improviser that the settings ask for, its model warmed up; ModelError where there is none."""
    session = load_session(settings)
    return make_improviser(session, settings, seed), session


def load_session(settings: Settings) -> Session:
    """The model that the settings name, warmed up; ModelError where there is none."""
    engine = settings.engine
    return Session.load(engine.path, device=engine.device, threads=engine.threads)


def make_improviser(session: Session, settings: Settings, seed: int) -> Improviser:
    """An improviser with an empty memory."""
    sampling = settings.sampling
    sampler = Sampler(sampling.temperature, sampling.top_p, sampling.min_p, seed)
    improviser = Improviser(session, sampler, LIVE)
    improviser.fences = harmony.fences(settings)
    return improviser
