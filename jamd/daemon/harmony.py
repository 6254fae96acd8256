"""Chart and fences from the settings: judged before anything is opened."""

from __future__ import annotations

from jamd.config import Settings
from jamd.errors import ConfigError
from jamd.music import scales
from jamd.music.charts import Chart, chart_file
from jamd.music.timeline import Metre
from jamd.remi.fences import ALL, Fences


def chart(settings: Settings, metre: Metre | None = None) -> Chart | None:
    """The chart, if there is one; ConfigError names what is wrong with it in bars of `metre` (else [clock] metre)."""
    if metre is None:
        numerator, denominator = map(int, settings.clock.metre.split("/"))
        metre = Metre(numerator, denominator)
    return Chart.read(settings.harmony.chart, metre)


def chart_text(settings: Settings) -> str:
    """The chart as text, also where the settings name a file of it."""
    text = settings.harmony.chart
    if file := chart_file(text):
        return file.read_text(encoding="utf-8-sig") + "\n"  # which no name of a file has
    return text


def fences(settings: Settings) -> Fences:
    """The fences; ConfigError where they leave no note."""
    wanted, low, high = settings.fences, scales.pitch(settings.fences.low), scales.pitch(settings.fences.high)
    return Fences(
        key=scales.key(wanted.key) or ALL,
        low=0 if low is None else low,
        high=127 if high is None else high,
        density=wanted.density,
        voices=wanted.voices,
        softest=wanted.softest,
        loudest=wanted.loudest,
        follow=settings.harmony.follow,
    )


def judge_jam(settings: Settings) -> None:
    """ConfigError where chart and fences do not go together, or nobody will ever say where a chart's beats are."""
    wanted, _ = judge(settings)
    beatless = settings.clock.bpm == 0 and settings.clock.in_ == "off" and not settings.midi.in_.startswith("file:")
    if wanted is not None and beatless:
        raise ConfigError(
            "a chart needs to know where the beats are, and there is neither a tempo nor a clock to follow",
            "Give a tempo with --bpm, or let jamd follow a MIDI clock ([clock] in).",
        )


def judge(settings: Settings, metre: Metre | None = None) -> tuple[Chart | None, Fences]:
    """Both, which must go together: over no chord of the chart may they leave no note (ConfigError)."""
    wanted, inside = chart(settings, metre), fences(settings)
    if wanted is not None:
        inside.judge(wanted.symbols)
    return wanted, inside
