"""Hands on, on real ports: knobs, buttons, pedals and OSC reach the daemon, and jamd learn reads a real keyboard."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import mido
import pytest
from pythonosc.udp_client import SimpleUDPClient

from jamd import config
from jamd.music.events import Answered, Kind, Performed, Undone
from jamd.music.log import in_order, remembered
from jamd.music.timeline import Timeline
from tests.daemon.live import LONG_S, ROOT, Jamd, control, note_off, note_on, ringing_model, scale, wait_until
from tests.daemon.peers import Instrument, lsp
from tests.daemon.peers import closing as closed
from tests.daemon.stage import CALL, stage
from tests.daemon.test_modes_live import finish
from tests.daemon.test_osc import Peer, free_port

pytestmark = pytest.mark.usefixtures("jack_server")

HANDS = """
[bindings]
temperature = "cc 20"
panic = "cc 22"
keep = "note 24 channel 10"
state_out = "cc 118 channel 16"

[scenes.3]
temperature = 1.5
bars = 2
"""


BUTTONS = """
[bindings]
undo = "cc 23"
again = "cc 24"
mode = "cc 25 value trade, cc 26 value call-response"
"""


def test_a_knob_a_pad_and_a_scene_are_no_music_and_are_heard_at_once(tmp_path: Path, model: Path) -> None:
    with stage(tmp_path, model, config=HANDS) as scene:
        scene.call_and_answer()
        pad = [note_on(24, channel=9), note_off(24, channel=9)]
        scene.keyboard.play([(0.02 * n, m) for n, m in enumerate([control(20, 127), *pad, b"\xc0\x02", b"\xc0\x04"])])
        wait_until(lambda: len(scene.daemon.events("action")) >= 4, "all four")
        told = [(event["name"], event.get("value")) for event in scene.daemon.events("action")]
        assert told == [("temperature", 2.0), ("keep", None), ("temperature", 1.5), ("bars", 2.0)]
        assert "temperature 2.0" in scene.daemon.printed
        wait_until(lambda: any(m.data == b"\xc0\x04" for m in scene.synth.heard()), "the program that is none of ours")
        through = [m.data for m in scene.synth.heard()]
        assert not {control(20, 127), *pad, b"\xc0\x02"} & set(through)
        shown = [m[2] for m in through if m[:2] == control(118, 0, 15)[:2]]
        assert shown[0] == 0 and {64, 127} <= set(shown) <= {0, 64, 127}
        assert scene.daemon.end() == 0
        (mid,) = (tmp_path / "jams").glob("*.mid")
        assert [m.text for m in mido.MidiFile(mid) if m.type == "marker"] == ["keep 1"]
        assert not any(m.type == "note_on" and m.note == 24 for m in mido.MidiFile(mid))


def test_panic_by_a_controller_silences_what_sounds(tmp_path: Path) -> None:
    model = ringing_model(tmp_path / "rings.onnx")
    with stage(tmp_path, model, config=HANDS) as scene:
        scene.keyboard.play([(0.0, note_on(30))])
        wait_until(lambda: (0, 30) in scene.sounding, "a key that is held")
        ms = scene.silence_after(lambda: scene.keyboard.play([(0.0, control(22, 127))]))
        print(f"silent after {ms:.1f} ms")
        scene.keyboard.play([(0.0, note_off(30))])
        scene.call_and_answer()
        ms = scene.silence_after(lambda: scene.keyboard.play([(0.0, control(22, 0)), (0.01, control(22, 127))]))
        print(f"the answer silent after {ms:.1f} ms")
        assert scene.daemon.wait_for("stopped")["why"] == "panic"


def test_undo_by_a_controller_silences_the_answer_and_forgets_the_exchange(tmp_path: Path, model: Path) -> None:
    with stage(tmp_path, model, config=BUTTONS) as scene:
        scene.call_and_answer()
        ms = scene.silence_after(lambda: scene.keyboard.play([(0.0, control(23, 127)), (0.01, control(23, 0))]))
        print(f"silent after {ms:.1f} ms")
        scene.daemon.wait_for("undo")
        log = finish(scene)
    assert [event["name"] for event in scene.daemon.events("action")] == ["undo"]
    assert any(isinstance(entry, Undone) for entry in log)
    kept = remembered(in_order(log))
    assert not any(isinstance(e, Answered) or (isinstance(e, Performed) and e.kind is Kind.NOTE_ON) for e in kept)


def test_each_press_of_a_button_without_release_makes_another_answer_to_the_same_call(
    tmp_path: Path, model: Path
) -> None:
    with stage(tmp_path, model, "--bpm", "120", config=BUTTONS) as scene:
        scene.call_and_answer()
        for presses in (1, 2):
            scene.keyboard.play([(0.0, control(24, 127))])
            wait_until(lambda n=presses: len(scene.daemon.events("again")) == n, "the answer to be forgotten")
            asked_ns = scene.daemon.events("again")[-1]["t_ns"]
            wait_until(lambda t=asked_ns: _notes_since(scene.daemon, t), "another answer")
        wait_until(lambda: scene.daemon.events("state")[-1]["state"] == "listening", "its end")
        log = finish(scene)
    assert sum(isinstance(entry, Undone) for entry in log) == 2
    kept = remembered(in_order(log))
    called = [e.number for e in kept if isinstance(e, Performed) and e.kind is Kind.NOTE_ON]
    assert called == list(CALL) and sum(isinstance(entry, Answered) for entry in kept) == 1


def _notes_since(daemon: Jamd, time_ns: int) -> list[dict[str, Any]]:
    return [event for event in daemon.events("note_out") if event["t_ns"] > time_ns]


def test_a_button_changes_the_mode_while_jamd_plays(tmp_path: Path, model: Path) -> None:
    with stage(tmp_path, model, "--bpm", "120", "--trade-bars", "1", config=BUTTONS) as scene:
        scene.call_and_answer()
        scene.keyboard.play([(0.0, control(25, 127)), (0.01, control(25, 0))])
        wait_until(lambda: scene.daemon.events("mode"), "trade")
        turns, traded = len(scene.daemon.events("phrase_end")), scene.daemon.events("mode")[0]["t_ns"]
        scene.keyboard.play(scale(range(60, 67)))
        wait_until(lambda: len(scene.daemon.events("phrase_end")) > turns, "jamd's bar")
        due_ns = scene.daemon.events("phrase_end")[turns]["over_ns"]
        scene.keyboard.play([(0.0, control(26, 127)), (0.01, control(26, 0))])
        wait_until(lambda: len(scene.daemon.events("mode")) == 2, "call and response")
        log = finish(scene)
    assert [(event["mode"], "why" in event) for event in scene.daemon.events("mode")] == [
        ("trade", False),
        ("call-response", False),
    ]
    timeline = next(entry for entry in log if isinstance(entry, Timeline))
    assert due_ns > traded and (timeline.tick_at(due_ns) - timeline.downbeat) % timeline.metre.ticks == 0


def test_osc_does_the_same_and_is_told_the_state(tmp_path: Path) -> None:
    model = ringing_model(tmp_path / "rings.onnx")
    port = free_port()
    with closing(Peer()) as tablet:
        osc = f'[osc]\nport = {port}\nto = "127.0.0.1:{tablet.port}"\n'
        with stage(tmp_path, model, config=osc) as scene:
            client = SimpleUDPClient("127.0.0.1", port)
            client.send_message("/jamd/temperature", 1.25)
            client.send_message("/jamd/nonsense", 1)
            assert scene.daemon.wait_for("action")["value"] == 1.25
            assert "no action" in scene.daemon.wait_for("osc_refused")["why"]
            client.send_message("/jamd/mode", "trade")
            assert "tempo" in scene.daemon.wait_for("mode")["why"]  # there are no beats: jamd stays as it is
            scene.call_and_answer()
            ms = scene.silence_after(lambda: client.send_message("/jamd/panic", 1.0))
            print(f"silent after {ms:.1f} ms")
            client.close()
            told = tablet.hear(7)
            assert told[:3] == [("/jamd/state", "listening"), ("/jamd/late", 0), ("/jamd/temperature", 1.25)]
            assert told[3:] == [
                ("/jamd/mode", "trade"),
                ("/jamd/mode", "call-response"),
                ("/jamd/state", "thinking"),
                ("/jamd/state", "playing"),
            ]


def test_jamd_learn_binds_the_knob_that_is_turned_on_a_real_port(tmp_path: Path) -> None:
    path = tmp_path / "jamd.toml"
    path.write_text("# mine\n[clock]\nbpm = 90\n")
    command = [sys.executable, "-m", "jamd", "--config", str(path), "learn", "temperature", "--in", "virtual:Teacher"]
    keyboard = Instrument("Turner")
    with closed(keyboard):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            wait_until(lambda: "Teacher-in:in" in lsp(), "the port of jamd learn")
            keyboard.client.connect("Turner:out", "Teacher-in:in")
            noise = [(0.01 * n, control(7, 60 + n % 3, 4)) for n in range(60)]
            keyboard.play([*noise, *((0.1 + 0.01 * n, control(21, n, 4)) for n in range(50))])
            printed, _ = process.communicate(timeout=LONG_S)
        finally:
            process.kill()
            process.wait()
    assert 'temperature = "cc 21 channel 5"' in printed
    assert config.load(path).bindings.temperature == "cc 21 channel 5"
    assert path.read_text().startswith("# mine\n[clock]\nbpm = 90\n")


def test_a_port_that_another_program_has_is_named_before_anything_opens(tmp_path: Path, model: Path) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other:
        other.bind(("127.0.0.1", 0))
        port = str(other.getsockname()[1])
        command = [sys.executable, "-m", "jamd", "listen", "--model", str(model), "--no-record", "--osc", port]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LONG_S, check=False)
    assert done.returncode == 2 and f"cannot listen for OSC on 127.0.0.1:{port}" in done.stderr
