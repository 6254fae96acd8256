"""One jam from start to end: what is judged before the children start, and who is there while they play."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from jamd import __version__
from jamd.config import Settings
from jamd.daemon import harmony
from jamd.daemon.diary import Diary
from jamd.daemon.files import check_target, read_call
from jamd.daemon.keeping import RECOVERY_S, Keeping, start_recovery
from jamd.daemon.osc import Osc
from jamd.daemon.signals import Signals
from jamd.daemon.supervisor import Supervisor
from jamd.daemon.words import Job
from jamd.engine import LARGE_PAGES
from jamd.midi.port_types import File
from jamd.midi.ports import parse_spec


def jam(settings: Settings, events: Path | None, say: Callable[[str], None], wanted: Path | None = None) -> int:
    """Plays one jam; the exit code. What was recorded is there however it ended; its .mid goes to `wanted` too.

    JamdError, before anything is opened, where a model, a file or a name will not do.
    """
    model = settings.engine.path
    harmony.judge_jam(settings)
    wanted = _judge_files(settings, wanted)
    seed = settings.sampling.seed or secrets.randbelow(2**32 - 1) + 1
    diary = Diary(say, events)
    with closing(Osc(settings.osc)) as osc, Signals() as signals, Keeping(settings.record, wanted, say) as keeping:
        ports = f"in {settings.midi.in_}, out {settings.midi.out}"
        budget = settings.engine.budget_ms
        plays = f"a model in {budget:g} ms" if budget else f"model {model.name}"
        say(f"jamd {__version__}: {ports}, {plays}, seed {seed}")
        for name, value in LARGE_PAGES.items():
            os.environ.setdefault(name, value)  # for the brain, which begins with it
        recovery = start_recovery(settings.record, say)
        supervisor = Supervisor(lambda board: Job(board, settings, seed, keeping.log), diary, signals, osc)
        if recovery is not None:
            recovery.join(RECOVERY_S)  # the children load meanwhile
        return supervisor.run()


def _judge_files(settings: Settings, wanted: Path | None) -> Path | None:
    """Where the .mid is to go, if anywhere: `wanted`, else what `--out file:` names. MidiFileError for a bad file."""
    source, target = parse_spec(settings.midi.in_), parse_spec(settings.midi.out)
    if isinstance(source, File):
        read_call(source.path)
    if wanted is None and isinstance(target, File):
        wanted = target.path
    if wanted is not None:
        check_target(wanted)
    return wanted
