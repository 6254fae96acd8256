"""`jamd replay`: plays a recording again, writes the .mid of it, and says whether it is the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jamd import __version__
from jamd.config import Settings
from jamd.daemon.choosing import load_named
from jamd.daemon.files import check_target
from jamd.daemon.played import with_model
from jamd.daemon.rooms import make_improviser, manners
from jamd.engine.info import digest
from jamd.engine.pace import Pace, SteadyPace
from jamd.engine.partner import Partner
from jamd.engine.runtime import VERSION
from jamd.engine.session import Session
from jamd.errors import MidiFileError, ModelError
from jamd.midi.recording import Jam, write_jam
from jamd.music.events import Kind
from jamd.music.messages import Report, Welcome
from jamd.replay.brain import NewPartner, Send
from jamd.replay.followed import Difference, Followed
from jamd.replay.free import Free
from jamd.replay.source import UNREADABLE, Source, damaged, read_source

WIDTH = 160
"""So much of a line that differs is shown."""
NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class FirstDifference:
    """Where a jam begins to differ from its recording."""

    line: int
    """Of the log."""
    at_s: float
    """Behind the first note."""
    was: str
    now: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it."""

    recording: Path
    out: Path
    model: Path
    same: bool | None
    """None where another model played."""
    lines: int
    """Of the recording's log."""
    first_difference: FirstDifference | None
    text: str
    """All this for a person."""


def replay(recording: Path, out: Path, model: str | None) -> Outcome:
    """Plays `recording` again and writes `out`. `model`: another file than the one that played, or where that is now.

    MidiFileError where the recording cannot be replayed or `out` not be written, ModelError where there is no model.
    """
    source = read_source(recording)
    _check_out(source, out)
    settings = with_model(source.how.settings, model or _its_model(source))
    path, lines = settings.engine.path, len(source.records) + 1
    same_model = source.digests == {digest(path)}
    session = load_named(settings.engine)
    followed, free = (_partners(session, settings, source.how.seed, pace) for pace in (Pace, SteadyPace))
    try:
        if not same_model:
            text = _otherwise(source, Free(source, free).run(), out, path)
            return Outcome(recording, out, path, None, lines, None, text)
        same, difference, text = _the_same(source, followed, free, out, session.device)
        return Outcome(recording, out, path, same, lines, difference, text)
    except UNREADABLE as error:
        raise damaged(source.log, error) from error


def _its_model(source: Source) -> str:
    """The file of the model that played: where it was then, or where jamd's own is now."""
    played = [welcome.model for welcome in source.welcomes]
    for path in (*map(Path, played), *source.how.settings.engine.shipped):
        if path.is_file() and source.digests == {digest(path)}:
            return str(path)
    raise ModelError(
        f"{played[0]} is not the model that played in {source.log}, or not there.",
        "Name that one with --model FILE.onnx; any other plays the same gig for comparison.",
    )


def _partners(session: Session, settings: Settings, seed: int, pace: type[Pace]) -> NewPartner:
    """Makes partners as the brain does, one at a time, on one loaded model."""

    def partner(send: Send, welcome: Welcome) -> Partner:
        session.reset()
        improviser = make_improviser(settings, session, seed)
        return Partner(improviser, manners(settings), send, _nobody, pace(welcome.token_ns))

    return partner


def _nobody(report: Report) -> None:
    """Nobody listens to reports."""


def _check_out(source: Source, out: Path) -> None:
    for mine in (source.log, source.mid):
        if out.resolve() == mine.resolve():
            raise MidiFileError(f"{out} is the recording itself.", "Name another file with --out FILE.mid.")
    check_target(out)


def _the_same(
    source: Source, followed: NewPartner, free: NewPartner, out: Path, device: str
) -> tuple[bool, FirstDifference | None, str]:
    """Whether it is, where it is not, and both in words."""
    try:
        jam = Followed(source, followed).run()
    except Difference as found:
        write_jam(Free(source, free).run(), out)
        difference = _first(found, source)
        return False, difference, f"wrote {out}, as jamd plays it now: {_told(difference, source, device)}"
    write_jam(jam, out)
    lines = f"{len(source.records) + 1} lines of its log"
    if not source.mid.is_file():
        return True, None, f"wrote {out}: the same as {source.log} in all {lines}"
    if out.read_bytes() != source.mid.read_bytes():
        text = f"wrote {out}: the same as {source.log} in all {lines}, but {source.mid} is another file than those make"
        return False, None, text
    return True, None, f"wrote {out}: every byte is the same as in {source.mid}, and in all {lines}"


def _first(found: Difference, source: Source) -> FirstDifference:
    at_ns = max(int(found.record.facts.get("time_ns", 0)) - source.start_ns, 0)
    return FirstDifference(found.record.number, round(at_ns / NS, 1), found.record.line, found.now)


def _told(first: FirstDifference, source: Source, device: str) -> str:
    """Why that may be, where it begins to differ, and how."""
    where = f"line {first.line} of {source.log}, {first.at_s} s after the first note"
    how = f"{first.was[:WIDTH]} is now {first.now[:WIDTH]}"
    return f"{_elsewhere(source, device)}it first differs in {where}: {how}"


def _elsewhere(source: Source, device: str) -> str:
    """On what it was recorded, and on what it is played now, if that is something else."""
    now = f"jamd {__version__} on {device} with ONNX Runtime {VERSION}"
    for welcome in source.welcomes:
        then = f"jamd {source.how.version} on {welcome.device} with ONNX Runtime {welcome.runtime}"
        if then != now:
            return f"recorded by {then}, this is {now}; "
    return ""


def _otherwise(source: Source, jam: Jam, out: Path, model: Path) -> str:
    write_jam(jam, out)
    struck = sum(event.kind is Kind.NOTE_ON for event in jam.played)
    before = sum(record.type == "played" and record.facts["kind"] == "note_on" for record in source.records)
    return f"wrote {out}: the same gig with {model.name}, {struck} notes of jamd's where there were {before}"
