"""Whoever is killed in the middle of a note: silence within 200 ms, nothing left behind, and the jam goes on."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import mido
import pytest

from tests.daemon.live import alive, control, jamd, note_off, note_on, wait_until
from tests.daemon.stage import CALL, Stage, stage

pytestmark = pytest.mark.usefixtures("impatient_server")

SILENT_MS = 200.0
AGAIN_NS = 2_000_000_000
TRIES = 3
"""A busy machine may be slow to start a process: the best of so many counts. For silence each one counts."""


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    os.kill(pid, number)
    if number == signal.SIGKILL:
        wait_until(lambda: not alive(pid), f"process {pid} to die")


def best_return(scene: Stage, process: str) -> int:
    """Kills it in the middle of a note, up to three times; the shortest time until the next one was ready, in ns."""
    best = 2**63
    for number in range(1, TRIES + 1):
        scene.call_and_answer()
        assert scene.silence_after(lambda: kill(scene.daemon.pids(process)[-1])) <= SILENT_MS
        if process == "wire":
            scene.daemon.wait_ready(wires=number + 1)
        else:
            scene.daemon.wait_ready(brains=number + 1)
        replaced = scene.daemon.events("replaced")[-1]["t_ns"]
        best = min(best, scene.daemon.events("ready")[-1]["t_ns"] - replaced)
        if best <= AGAIN_NS:
            break
    return best


@pytest.mark.parametrize("process", ["brain", "wire"])
def test_a_killed_child_leaves_silence_within_200_ms_and_the_jam_goes_on_within_2_s(
    process: str, tmp_path: Path, model: Path
) -> None:
    with stage(tmp_path, model) as scene:
        wait_until(scene.daemon.spares, "a spare wire")
        assert best_return(scene, process) <= AGAIN_NS
        scene.call_and_answer()
        assert scene.daemon.end() == 0
        assert not scene.sounding


def test_a_killed_main_leaves_silence_within_200_ms_no_process_and_a_recording_that_the_next_start_completes(
    tmp_path: Path, model: Path
) -> None:
    with stage(tmp_path, model) as scene:
        scene.call_and_answer()
        scene.keyboard.play([(0.0, note_on(50))])
        wait_until(lambda: (0, 50) in scene.sounding, "a held note to go through")
        family, memory = scene.daemon.family(), scene.daemon.shared_memory()
        assert len(family) >= 3
        assert len(memory) == 1
        assert scene.silence_after(lambda: scene.daemon.end(signal.SIGKILL)) <= SILENT_MS
        wait_until(lambda: not any(map(alive, family)), "every child to leave")
        assert not any(block.exists() for block in memory)
    logs = list((tmp_path / "jams").glob("*.jsonl"))
    assert len(logs) == 1
    assert not logs[0].with_suffix(".mid").exists()
    with jamd(tmp_path / "next", "--record", str(tmp_path / "jams"), model=model) as daemon:
        daemon.wait_ready()
        assert f"recovered {logs[0].with_suffix('.mid')}" in daemon.printed
    recovered = mido.MidiFile(logs[0].with_suffix(".mid"))
    assert sum(message.type == "note_on" and message.velocity > 0 for message in recovered) > len(CALL) + 1


def test_keys_held_while_the_wire_dies_end_and_do_not_hold_up_the_jam(tmp_path: Path, model: Path) -> None:
    with stage(tmp_path, model) as scene:
        wait_until(scene.daemon.spares, "a spare wire")
        scene.call()
        scene.keyboard.play([(0.0, note_on(50)), (0.02, note_on(53))])
        wait_until(lambda: {(0, 50), (0, 53)} <= scene.sounding, "the held notes to go through")
        before = len(scene.note_ons)

        def die() -> None:
            kill(scene.daemon.pids("wire")[-1])
            scene.keyboard.play([(0.0, note_off(50))])  # nobody hears this

        assert scene.silence_after(die) <= SILENT_MS
        wait_until(lambda: len(scene.note_ons) > before, "an answer")
        scene.keyboard.play([(0.0, note_off(53))])
        scene.wait_silent()
        scene.call_and_answer()


def test_what_was_set_is_told_to_a_new_brain_also_by_a_wire_that_came_after_it(tmp_path: Path, model: Path) -> None:
    with stage(tmp_path, model, config='[bindings]\ntemperature = "cc 20"\nundo = "cc 21"\n') as scene:
        wait_until(scene.daemon.spares, "a spare wire")
        scene.keyboard.play([(0.0, control(20, 127)), (0.01, control(21, 127))])
        wait_until(lambda: len(scene.daemon.events("action")) == 2, "both")
        kill(scene.daemon.pids("wire")[-1])
        scene.daemon.wait_ready(wires=2)
        kill(scene.daemon.pids("brain")[-1])
        scene.daemon.wait_ready(wires=2, brains=2)
        scene.call_and_answer()
        assert scene.daemon.end() == 0
    (log,) = (tmp_path / "jams").glob("*.jsonl")
    records = [json.loads(line) for line in log.read_text().splitlines()]
    told = [record.get("what") for record in records if record["type"] == "told"]
    welcomes = [at for at, what in enumerate(told) if what == "welcome"]
    assert "action" in told[welcomes[-1] :]
    assert {(r["name"], r["value"]) for r in records if r.get("what") == "action"} == {("temperature", 2.0)}


def test_without_a_spare_a_killed_wire_is_replaced_all_the_same(tmp_path: Path, model: Path) -> None:
    with stage(tmp_path, model) as scene:
        wait_until(scene.daemon.spares, "a spare wire")
        scene.call_and_answer()
        for pid in scene.daemon.spares():
            kill(pid)
        kill(scene.daemon.pids("wire")[-1])
        scene.wait_silent()
        scene.daemon.wait_ready(wires=2)
        scene.call_and_answer()


def test_a_brain_that_hangs_loses_its_plan_and_then_its_place(tmp_path: Path, model: Path) -> None:
    with stage(tmp_path, model) as scene:
        scene.call_and_answer()
        kill(scene.daemon.pids("brain")[-1], signal.SIGSTOP)
        scene.wait_silent()
        scene.daemon.wait_ready(brains=2)
        stopped, replaced = scene.daemon.events("stopped"), scene.daemon.events("replaced")
        assert [event["why"] for event in stopped] == ["brain_silent"]
        assert stopped[0]["t_ns"] < replaced[0]["t_ns"]
        scene.call_and_answer()


def test_a_wire_that_hangs_is_replaced(tmp_path: Path, model: Path) -> None:
    with stage(tmp_path, model) as scene:
        wait_until(scene.daemon.spares, "a spare wire")
        scene.call_and_answer()
        kill(scene.daemon.pids("wire")[-1], signal.SIGSTOP)
        scene.daemon.wait_ready(wires=2)
        scene.wait_silent()
        scene.call_and_answer()
