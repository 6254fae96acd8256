"""What is judged before a jam, and what is kept of it: nothing is lost, and nothing overwritten for nothing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Event

import mido
import pytest

from jamd.config import Record, Settings
from jamd.daemon import keeping, main
from jamd.daemon.files import check_target
from jamd.daemon.keeping import Keeping, start_recovery
from jamd.daemon.main import jam
from jamd.errors import ConfigError, MidiFileError, PortError
from jamd.midi.recorder import FileRecorder
from jamd.midi.recording import Recovered
from jamd.music.events import Kind, Performed, Turn, TurnChange
from jamd.music.timeline import Timeline
from tests.midi.files import END, chunk, header

S = 1_000_000_000
PRECIOUS = b"what somebody has worked on for a year"


def write(log: Path, *, performed: bool = True, played: bool = False) -> None:
    """A log as the wire leaves it."""
    recorder = FileRecorder(log, lambda: {"seed": 1})
    recorder.entry(TurnChange(S, Turn.CALL))
    recorder.entry(Timeline(S, 0, S // 2))
    for kind, time in ((Kind.NOTE_ON, S), (Kind.NOTE_OFF, 2 * S)):
        if performed:
            recorder.entry(Performed(time, kind, 60, 80))
        if played:
            recorder.played(Performed(time, kind, 67, 80), time)
    recorder.close()


def pitches(mid: Path) -> list[int]:
    return [m.note for m in mido.MidiFile(mid) if m.type == "note_on" and m.velocity]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder for temporary files, empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


# ---- what is kept ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["performed", "played"])
def test_a_jam_is_recorded_and_copied_to_where_it_was_wanted(
    who: str, tmp_path: Path, said: list[str], temporary: Path
) -> None:
    wanted = tmp_path / "jam.mid"
    wanted.write_bytes(PRECIOUS)
    with Keeping(Record(dir=str(tmp_path / "jams")), wanted, said.append) as kept:
        assert kept.log is not None
        write(kept.log, performed=who == "performed", played=who == "played")
    recorded = kept.log.with_suffix(".mid")
    assert said == [f"recorded {recorded}", f"wrote {wanted}"]
    assert pitches(wanted) == pitches(recorded) == [60 if who == "performed" else 67]
    assert not list(tmp_path.glob("*.part")) and not list(temporary.iterdir())


@pytest.mark.parametrize("failed", [True, False])
@pytest.mark.parametrize("began", [True, False])
@pytest.mark.parametrize("on", [True, False])
def test_a_jam_in_which_nobody_played_leaves_nothing_behind_and_what_was_there_as_it_was(
    failed: bool, began: bool, on: bool, tmp_path: Path, said: list[str], temporary: Path
) -> None:
    wanted, jams = tmp_path / "precious.mid", tmp_path / "jams"
    wanted.write_bytes(PRECIOUS)
    try:
        with Keeping(Record(on, str(jams)), wanted, said.append) as kept:
            assert kept.log is not None
            if began:
                write(kept.log, performed=False)
            if failed:
                raise PortError("there is no such port")
    except PortError:
        assert failed
    assert wanted.read_bytes() == PRECIOUS
    assert not list(temporary.iterdir()) and not (on and list(jams.iterdir()))
    assert said == ([] if failed else [f"nothing was played: {wanted} was not written"])


@pytest.mark.parametrize("on", [True, False])
def test_a_jam_that_cannot_be_written_where_it_was_wanted_is_not_lost(
    on: bool, tmp_path: Path, said: list[str], temporary: Path
) -> None:
    wanted = tmp_path / "stick" / "jam.mid"
    wanted.parent.mkdir()
    with (
        pytest.raises(MidiFileError, match="Cannot write") as failure,
        Keeping(Record(on, str(tmp_path / "jams")), wanted, said.append) as kept,
    ):
        assert kept.log is not None
        write(kept.log)
        wanted.parent.rmdir()
    recorded = kept.log.with_suffix(".mid")
    assert str(recorded) in failure.value.hint and pitches(recorded) == [60]
    assert said == ([f"recorded {recorded}"] if on else [])


def test_an_error_that_ended_the_jam_is_the_one_that_is_raised(
    tmp_path: Path, said: list[str], temporary: Path
) -> None:
    wanted = tmp_path / "stick" / "jam.mid"
    wanted.parent.mkdir()
    with (
        pytest.raises(PortError, match="unplugged"),
        Keeping(Record(True, str(tmp_path / "jams")), wanted, said.append) as kept,
    ):
        assert kept.log is not None
        write(kept.log)
        wanted.parent.rmdir()
        raise PortError("the synth was unplugged")
    assert "Cannot write" in said[-1] and len(said) == 2


def test_a_temporary_folder_is_made_only_where_nothing_else_would_hold_the_log(
    tmp_path: Path, said: list[str], temporary: Path
) -> None:
    with Keeping(Record(False), None, said.append) as kept:
        assert kept.log is None
    with Keeping(Record(True, str(tmp_path / "jams")), tmp_path / "jam.mid", said.append) as kept:
        assert kept.log is not None and kept.log.parent == tmp_path / "jams"
        assert not list(temporary.iterdir())
    with Keeping(Record(False), tmp_path / "jam.mid", said.append) as kept:
        assert kept.log is not None and kept.log.parent.parent == temporary
    assert not list(temporary.iterdir())


def test_a_folder_that_cannot_hold_recordings_is_refused(tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot record into"):
        Keeping(Record(True, str(tmp_path / "file")), None, said.append)


# ---- what is judged before -------------------------------------------------------------------------------


def test_a_target_is_judged_by_what_stands_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file.mid").write_bytes(PRECIOUS)
    os.mkfifo(tmp_path / "pipe")
    for good in (tmp_path / "new.mid", tmp_path / "file.mid"):
        check_target(good)
    for bad, reason in (
        (tmp_path, "it is a folder"),
        (tmp_path / "none" / "x.mid", "there is no folder"),
        (tmp_path / "file.mid" / "x.mid", "there is no folder"),
        (tmp_path / "pipe", "no ordinary file"),
    ):
        with pytest.raises(MidiFileError, match=reason):
            check_target(bad)
    for protected in (tmp_path, tmp_path / "file.mid"):
        monkeypatch.setattr(os, "access", lambda path, mode, protected=protected: Path(path) != protected)
        with pytest.raises(MidiFileError, match="write-protected"):
            check_target(tmp_path / "file.mid")
    assert (tmp_path / "file.mid").read_bytes() == PRECIOUS and not (tmp_path / "new.mid").exists()


def settings(folder: Path, **options: str | bool) -> Settings:
    """Those of a jam whose model nobody loads here."""
    (folder / "model.onnx").touch()
    told = {"midi_in": "file:" + str(call(folder)), "engine_model": str(folder / "model.onnx")}
    return Settings().with_options(**{**told, "record_dir": str(folder / "jams"), **options})


def call(folder: Path, body: bytes = b"\x00\x90\x3c\x40\x60\x80\x3c\x00") -> Path:
    path = folder / "call.mid"
    path.write_bytes(header(0) + chunk(b"MTrk", body + END))
    return path


class Stopped:
    """In the place of the supervisor: plays nothing; `start` is what a test does when it runs."""

    ran = 0
    start: Callable[[], object] = staticmethod(lambda: None)

    def __init__(self, *parts: object) -> None:
        pass

    def run(self) -> int:
        type(self).ran += 1
        type(self).start()
        return 0


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> type[Stopped]:
    class Fresh(Stopped):
        pass

    monkeypatch.setattr(main, "Supervisor", Fresh)
    return Fresh


@pytest.mark.parametrize("way", ["--out", "demo"])
def test_a_target_that_will_not_do_is_refused_before_anything_is_opened(
    way: str, tmp_path: Path, said: list[str], supervisor: type[Stopped]
) -> None:
    out = "synth:" if way == "demo" else f"file:{tmp_path}"
    with pytest.raises(MidiFileError, match="it is a folder"):
        jam(settings(tmp_path, midi_out=out), tmp_path / "events", said.append, tmp_path if way == "demo" else None)
    assert supervisor.ran == 0 and said == []
    assert not (tmp_path / "jams").exists() and not (tmp_path / "events").exists()


@pytest.mark.parametrize(
    ("body", "reason"), [(b"\x00\x99\x24\x40\x60\x89\x24\x00", "only drums"), (b"", "no notes")]
)
def test_a_file_with_nothing_to_answer_is_refused_before_anything_is_opened(
    body: bytes, reason: str, tmp_path: Path, said: list[str], supervisor: type[Stopped]
) -> None:
    asked = settings(tmp_path, midi_out=f"file:{tmp_path / 'jam.mid'}")
    call(tmp_path, body)
    with pytest.raises(MidiFileError, match=reason):
        jam(asked, None, said.append)
    assert supervisor.ran == 0 and said == [] and not (tmp_path / "jam.mid").exists()


# ---- the jams of before ----------------------------------------------------------------------------------


def test_a_jam_does_not_wait_for_the_recovery_of_another(
    tmp_path: Path, said: list[str], supervisor: type[Stopped], monkeypatch: pytest.MonkeyPatch
) -> None:
    playing, recovered = Event(), Event()

    def slow(folder: Path) -> Recovered:
        if playing.wait(30):  # in vain if the jam waited for it
            recovered.set()
        return Recovered((), ())

    monkeypatch.setattr(keeping, "recover", slow)
    supervisor.start = staticmethod(playing.set)
    assert jam(settings(tmp_path), None, said.append) == 0
    assert recovered.wait(30)


def test_a_jam_that_crashed_is_recovered_by_the_time_the_next_one_plays(
    tmp_path: Path, said: list[str], supervisor: type[Stopped]
) -> None:
    (tmp_path / "jams").mkdir()
    write(tmp_path / "jams" / "jam-1.jsonl")
    told: list[str] = []
    supervisor.start = staticmethod(lambda: told.extend(said))
    assert jam(settings(tmp_path), None, said.append) == 0
    assert told[-1] == f"recovered {tmp_path / 'jams' / 'jam-1.mid'}"
    assert pitches(tmp_path / "jams" / "jam-1.mid") == [60]


def test_recordings_that_cannot_be_looked_at_are_said_and_nothing_fails(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(folder: Path) -> Recovered:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(keeping, "recover", refused)
    thread = start_recovery(Record(True, str(tmp_path)), said.append)
    assert thread is not None
    thread.join(30)
    assert said == [f"cannot look for unfinished recordings in {tmp_path}: Permission denied"]
    assert start_recovery(Record(False), said.append) is None
