"""The evaluation from end to end: songs, the model's bits, the baselines' bits, figures; and the music it plays."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.batches import REPORT, Cache
from training.evaluation import continuation, likelihood
from training.evaluation.bars import REPEATED, Marks, marks
from training.evaluation.baselines import MIXTURE, SONG_CACHE, STEPS, learnt
from training.evaluation.compression import xz_bits
from training.evaluation.figures import BESIDE, OWN, XZ, Figures
from training.evaluation.progress import Watch, unwatched
from training.evaluation.song import Song
from training.evaluation.songs import Gathered, gather
from training.evaluation.subject import Subject, opened

CONTEXTS = (512, 1024, 2048, 4096)
PAIRS = 400
"""Calls that are answered on each grid."""
BITS, MUSIC = "bits", "music"
NO_TRAIN = "needs --train CACHE"
NO_FIT = "the cache has no validation pieces, apart from those measured, to fit its weights on"
NO_ENGINE = "GPT-2 is never exported, so the engine cannot play it"


@dataclass(frozen=True, slots=True)
class Settings:
    """What is measured, and how."""

    data: Path
    sets: Sequence[str] | None = None
    train: Path | None = None
    """The cache that baselines learn from; its training groups are never measured."""
    split: str = REPORT
    songs: int | None = None
    """At most so many of each set."""
    contexts: tuple[int, ...] = CONTEXTS
    workers: int = 2
    seed: int = 1
    skip: frozenset[str] = frozenset()
    pairs: int = PAIRS
    beside: Path | None = None
    """Another model, read with the same contexts: a GPT-2, say."""


@dataclass(slots=True)
class Clock:
    """Seconds that the parts took."""

    seconds: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.monotonic)

    def lap(self, name: str) -> None:
        """What went on since the last lap was `name`."""
        now = time.monotonic()
        self.seconds[name] = round(now - self._since, 1)
        self._since = now


def evaluate(model: Path, settings: Settings, watch: Watch = unwatched) -> dict[str, Any]:
    """Everything, JSON-ready: see report.py for the keys. Raises JamdError for what cannot be used."""
    clock = Clock()
    cache = Cache(settings.train) if settings.train is not None else None
    with opened(model) as subject:
        trained = {title[0].group for title in cache.train()} if cache is not None else set()
        gathered = gather(
            settings.data, settings.sets, split=settings.split, without_groups=trained,
            at_most=settings.songs, workers=settings.workers, watch=watch,
        )  # fmt: skip
        clock.lap("reading")
        out: dict[str, Any] = {"model": subject.json(), "seed": settings.seed}
        measured = [marks(song) for song in gathered.songs]
        out |= {"data": _data(settings, gathered, measured), "missing": {}}
        if BITS not in settings.skip:
            with opened(settings.beside) if settings.beside is not None else nullcontext() as beside:
                out["beside"] = None if beside is None else beside.json()
                subjects = {"": subject} if beside is None else {"": subject, BESIDE: beside}
                out |= _bits(subjects, cache, gathered.songs, measured, settings, watch, clock, out["missing"])
        out[MUSIC] = _music(subject, gathered.songs, settings, watch, out["missing"])
        clock.lap(MUSIC)
    return out | {"seconds": clock.seconds}


def _data(settings: Settings, gathered: Gathered, measured: Sequence[Marks]) -> dict[str, Any]:
    sets: dict[str, Counter[str]] = {}
    for song, mark in zip(gathered.songs, measured, strict=True):
        counts = sets.setdefault(song.set, Counter())
        counts.update(songs=1, tokens=len(mark.notes), notes=mark.notes_in("all"))
        counts.update(repeated_notes=mark.notes_in(REPEATED), flat_velocity=int(song.flat_velocity))
    return {
        "folder": str(settings.data),
        "split": settings.split,
        "sets": {name: dict(counts) for name, counts in sets.items()},
        "left_out": dict(gathered.left_out),
        "skipped": gathered.skipped,
    }


def _bits(
    subjects: Mapping[str, Subject],
    cache: Cache | None,
    songs: Sequence[Song],
    measured: Sequence[Marks],
    settings: Settings,
    watch: Watch,
    clock: Clock,
    missing: dict[str, str],
) -> dict[str, Any]:
    """The bits tables of the subjects, by what stands before their contexts; what is missing is told why."""
    figures = Figures(songs, measured, settings.seed)
    runs = [song.tokens for song in songs]
    contexts = {name: _possible(name, subject, settings.contexts, missing) for name, subject in subjects.items()}
    tokens, subject = sum(map(len, runs)), subjects[""]
    with watch(tokens * (sum(map(len, contexts.values())) + 1), "Bits a note") as tick:
        for name, lengths in contexts.items():
            by_context = likelihood.bits(subjects[name].path, lengths, runs, settings.workers, tick)
            for context, found in zip(lengths, by_context, strict=True):
                figures.add(f"{name}{context}", found)
        clock.lap("contexts")
        own = likelihood.bits(subject.onnx or subject.path, [likelihood.OWN], runs, settings.workers, tick)
        figures.add(OWN, own[0])
        clock.lap("own_memory")
    out: dict[str, Any] = {"baselines": None}
    if cache is None:
        missing |= dict.fromkeys((MIXTURE, SONG_CACHE), NO_TRAIN)
    else:
        with watch(STEPS, "n-grams") as tick:
            known = learnt(cache, songs, tick)
        if known is None:
            missing |= dict.fromkeys((MIXTURE, SONG_CACHE), NO_FIT)
        else:
            for name, rows in known.bits.items():
                figures.add(name, rows)
            out["baselines"] = {"train_tokens": known.train_tokens, "fit_tokens": known.fit_tokens}
        clock.lap("n_grams")
    figures.add_whole(XZ, [xz_bits(song, mark) for song, mark in zip(songs, measured, strict=True)])
    clock.lap("xz")
    return out | {
        "bits_per_note": figures.bits_per_note(),
        "gain_4096_over_512": figures.gains(),
        "saved_over_beside": figures.differences(),
        "ratios": figures.ratios(),
    }


def _possible(name: str, subject: Subject, contexts: Sequence[int], missing: dict[str, str]) -> list[int]:
    """The contexts that a model can be measured at; why not the others is told."""
    out = []
    for context in contexts:
        why = likelihood.why_not(subject.model, context)
        if why:
            missing[f"{name}{context}"] = why
        else:
            out.append(context)
    return out


def _music(
    subject: Subject, songs: Sequence[Song], settings: Settings, watch: Watch, missing: dict[str, str]
) -> dict[str, Any] | None:
    """What the model plays, by continuation.evaluate."""
    if MUSIC in settings.skip:
        return None
    if subject.onnx is None:
        missing[MUSIC] = NO_ENGINE
        return None
    with watch(len(songs), "Playing") as tick:
        return continuation.evaluate(
            songs, subject.onnx, seed=settings.seed, workers=settings.workers,
            pairs=settings.pairs, training=settings.train, tick=tick,
        )  # fmt: skip
