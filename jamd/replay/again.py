"""`jamd replay`: plays a recording again, writes the .mid of it, and says whether it is the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jamd.config import SHIPPED_MODEL, Settings
from jamd.daemon.choosing import load_named
from jamd.daemon.files import check_target
from jamd.daemon.played import with_model
from jamd.daemon.rooms import make_improviser, manners
from jamd.engine.info import digest
from jamd.engine.pace import Pace
from jamd.engine.partner import Partner
from jamd.errors import MidiFileError, ModelError
from jamd.midi.recording import Jam, write_jam
from jamd.music.events import Kind
from jamd.music.messages import Report, Welcome
from jamd.replay.brain import NewPartner, Send
from jamd.replay.followed import Difference, Followed
from jamd.replay.free import Free
from jamd.replay.source import DAMAGED, Source, read_source

WIDTH = 160
"""So much of a line that differs is shown."""
NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it: `text` for a person, `same` False where the model is the same and the jam is not."""

    text: str
    same: bool


def replay(recording: Path, out: Path, model: str | None) -> Outcome:
    """Plays `recording` again and writes `out`. `model`: another file than the one that played, or where that is now.

    MidiFileError where the recording cannot be replayed or `out` not be written, ModelError where there is no model.
    """
    source = read_source(recording)
    _check_out(source, out)
    settings = with_model(source.how.settings, model or _its_model(source))
    same_model = source.digests == {digest(settings.engine.path)}
    partner = _partners(settings, source.how.seed)
    try:
        if not same_model:
            return _otherwise(source, Free(source, partner).run(), out, settings)
        return _the_same(source, partner, out)
    except (KeyError, ValueError) as error:
        raise MidiFileError(f"{source.log} cannot be followed: {error}.", DAMAGED) from error


def _its_model(source: Source) -> str:
    """The file of the model that played: where it was then, or where jamd's own is now."""
    played = [welcome.model for welcome in source.welcomes]
    for path in (*map(Path, played), SHIPPED_MODEL):
        if path.is_file() and source.digests == {digest(path)}:
            return str(path)
    raise ModelError(
        f"{played[0]} is not the model that played in {source.log}, or not there.",
        "Name that one with --model FILE.onnx; any other plays the same gig for comparison.",
    )


def _partners(settings: Settings, seed: int) -> NewPartner:
    """Makes partners as the brain does, one at a time, on one loaded model."""
    session = load_named(settings.engine)

    def partner(send: Send, welcome: Welcome) -> Partner:
        session.reset()
        improviser = make_improviser(settings, session, seed)
        return Partner(improviser, manners(settings), send, _nobody, Pace(welcome.token_ns))

    return partner


def _nobody(report: Report) -> None:
    """Nobody listens to reports."""


def _check_out(source: Source, out: Path) -> None:
    for mine in (source.log, source.mid):
        if out.resolve() == mine.resolve():
            raise MidiFileError(f"{out} is the recording itself.", "Name another file with --out FILE.mid.")
    check_target(out)


def _the_same(source: Source, partner: NewPartner, out: Path) -> Outcome:
    try:
        jam = Followed(source, partner).run()
    except Difference as difference:
        write_jam(Free(source, partner).run(), out)
        return Outcome(f"wrote {out}, as jamd plays it now: {_told(difference, source)}", same=False)
    write_jam(jam, out)
    lines = f"{len(source.records) + 1} lines of its log"
    if not source.mid.is_file():
        return Outcome(f"wrote {out}: the same as {source.log} in all {lines}", same=True)
    if out.read_bytes() != source.mid.read_bytes():
        text = f"wrote {out}: the same as {source.log} in all {lines}, but {source.mid} is another file than those make"
        return Outcome(text, same=False)
    return Outcome(f"wrote {out}: every byte is the same as in {source.mid}, and in all {lines}", same=True)


def _told(difference: Difference, source: Source) -> str:
    """Where it begins to differ, and how."""
    facts, line = difference.record.facts, difference.record.line
    at = max(int(facts.get("time_ns", 0)) - source.start_ns, 0) / NS
    where = f"line {difference.record.number} of {source.log}, {at:.1f} s after the first note"
    return f"it first differs in {where}: {line[:WIDTH]} is now {difference.now[:WIDTH]}"


def _otherwise(source: Source, jam: Jam, out: Path, settings: Settings) -> Outcome:
    write_jam(jam, out)
    struck = sum(event.kind is Kind.NOTE_ON for event in jam.played)
    before = sum(record.type == "played" and record.facts["kind"] == "note_on" for record in source.records)
    name = settings.engine.path.name
    told = f"wrote {out}: the same gig with {name}, {struck} notes of jamd's where there were {before}"
    return Outcome(told, same=True)
