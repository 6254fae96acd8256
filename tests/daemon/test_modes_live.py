"""Each mode in real time on JACK: who plays when, at the synth, and what the log says of it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from jamd.music.events import Answered, Timeline, Turn, TurnChange
from jamd.music.log import read_log
from jamd.remi.encoder import tokenize
from jamd.remi.grammar import Grammar
from tests.daemon.live import Jamd, control, scale, wait_until
from tests.daemon.stage import Stage, stage
from tests.tiny import tiny_model

pytestmark = pytest.mark.usefixtures("jack_server")
TIMED = ("--bpm", "120")
SOSTENUTO = 66


def log_of(daemon: Jamd) -> list[Any]:
    """The log so far, which must be readable as tokens."""
    (path,) = daemon.jams.rglob("*.jsonl")
    log = read_log(path)
    grammar = Grammar()
    for token in tokenize(log):
        grammar.advance(token)
    return log


def finish(stand: Stage) -> list[Any]:
    """Ends the daemon; nothing sounds; its log."""
    assert stand.daemon.end() == 0
    stand.wait_silent()
    return log_of(stand.daemon)


def test_in_trade_the_first_note_is_due_on_the_downbeat(tmp_path: Path, model: Path) -> None:
    with stage(tmp_path, model, "--mode", "trade", "--trade-bars", "1", *TIMED) as stand:
        stand.keyboard.play(scale(range(60, 67)))
        wait_until(lambda: len(stand.daemon.events("note_out")) > 1, "an answer")
        wait_until(lambda: stand.daemon.events("note_out")[-1]["late_ms"] >= 0, "a note")
        turns = [r["turn"] for r in stand.daemon.events("phrase_end")]
        log = finish(stand)
    outs = stand.daemon.events("note_out")
    timeline = next(entry for entry in log if isinstance(entry, Timeline))
    downbeats = [e.time_ns for e in log if isinstance(e, TurnChange) and e.turn is Turn.RESPONSE]
    assert turns and downbeats
    assert (timeline.tick_at(downbeats[0]) - timeline.downbeat) % timeline.metre.ticks == 0
    first = next(out for out in outs if out["due_ns"] >= downbeats[0])
    assert first["due_ns"] == downbeats[0]
    late = [out["late_ms"] for out in outs if out["due_ns"] in downbeats]
    print("first notes against the downbeat, ms:", [round(ms, 3) for ms in late])


def test_in_a_duet_both_play_and_nobody_stops(tmp_path: Path) -> None:
    with stage(tmp_path, tiny_model(tmp_path / "tiny.onnx"), "--mode", "duet", *TIMED) as stand:
        stand.keyboard.play(scale([60, 62, 64, 65] * 12, 0.25))
        wait_until(lambda: len(stand.daemon.events("note_out")) > 2, "jamd to play along")
        stand.keyboard.finish()
        wait_until(lambda: len(stand.daemon.events("note_in")) == 48, "the performer")
        assert not stand.daemon.events("stopped")
        log = finish(stand)
    voices = [entry.turn for entry in log if isinstance(entry, TurnChange)]
    assert all(a is not b for a, b in pairwise(voices)) and len(voices) > 4
    assert any(isinstance(entry, Answered) for entry in log)
    print("notes of jamd's:", len(stand.daemon.events("note_out")), "late:", len(stand.daemon.events("late")))


def test_a_pedal_hands_over_and_takes_back(tmp_path: Path, model: Path) -> None:
    with stage(tmp_path, model, "--mode", "continue", *TIMED) as stand:
        stand.call()
        assert not stand.daemon.events("note_out")
        stand.keyboard.play([(0.0, control(SOSTENUTO, 127))])
        wait_until(lambda: stand.daemon.events("note_out"), "jamd to go on")
        stand.keyboard.play([(0.0, control(SOSTENUTO, 0))])
        stand.wait_silent()
        log = finish(stand)
    assert [e.turn for e in log if isinstance(e, TurnChange)] == [Turn.CALL, Turn.RESPONSE]
