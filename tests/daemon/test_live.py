"""The whole daemon in real time on JACK: what is played goes through whole, is answered, and ends in silence."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import mido
import pytest

from tests.daemon.live import control, jamd, note_off, note_on, scale, wait_until
from tests.daemon.peers import FluidSynth, Heard, Instrument, Monitor, closing, connect, sounding
from tests.daemon.stage import CALL, NAMED, stage

pytestmark = pytest.mark.usefixtures("jack_server")

FLOOD = 1000


def write_call(path: Path) -> list[tuple[float, bytes]]:
    """Writes a .mid with a chord, a repeated and an overlapping note, a pedal, a wheel and a second channel.

    Returns its messages with their seconds, as mido reads them.
    """
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(120))])
    for ticks, kind, numbers, channel in (
        (0, "control_change", (64, 127), 0),
        (0, "note_on", (48, 70), 0),
        (0, "note_on", (60, 80), 0),
        (0, "note_on", (64, 80), 0),
        (240, "note_off", (60, 40), 0),
        (0, "note_on", (60, 90), 0),
        (120, "note_on", (67, 100), 0),
        (60, "note_off", (64, 0), 0),
        (60, "note_off", (60, 0), 0),
        (0, "note_on", (36, 60), 2),
        (120, "control_change", (1, 99), 0),
        (120, "note_on", (67, 0), 0),
        (0, "note_off", (36, 0), 2),
        (120, "note_off", (48, 0), 0),
        (60, "control_change", (64, 0), 0),
    ):
        names = ("control", "value") if kind == "control_change" else ("note", "velocity")
        numbered = dict(zip(names, numbers, strict=True))
        track.append(mido.Message(kind, time=ticks, channel=channel, **numbered))
    file = mido.MidiFile(type=0, ticks_per_beat=480, tracks=[track])
    file.save(path)
    events, seconds = [], 0.0
    for message in mido.MidiFile(path):
        seconds += message.time
        if not message.is_meta:
            events.append((seconds, bytes(message.bytes())))
    return events


def plainly(events: list[bytes]) -> list[tuple[str, int, int, int]]:
    """What they say, however it is spelled: a note-off has many spellings and a velocity that is no one's."""
    said = []
    for data in events:
        heard = Heard(0, data)
        kind = "off" if heard.note_off else "on" if heard.note_on else "control"
        said.append((kind, data[0] & 0x0F, data[1], 0 if heard.note_off else data[2]))
    return said


def test_a_file_played_in_goes_through_whole_is_answered_and_ends_in_silence(tmp_path: Path, model: Path) -> None:
    call = write_call(tmp_path / "call.mid")
    keyboard, fluid = Instrument("Performer"), FluidSynth(tmp_path)
    monitor = Monitor(tmp_path, "mon")
    with closing(keyboard, fluid, monitor):
        virtual = ("--in", "virtual:Partner", "--out", "virtual:Partner", "--bars", "2")
        with jamd(tmp_path, *virtual, model=model) as daemon:
            daemon.wait_ready()
            for source, target in (
                ("Performer:out", "Partner-in:in"),
                ("Partner-out:out", "mon:input"),
                ("Partner-out:out", "Fluid:midi_00"),
            ):
                connect(source, target)
            keyboard.play(call)
            wait_until(lambda: len(monitor.heard()) > len(call) and sounding(monitor.heard()), "an answer")
            through = [event.data for event in monitor.heard()[: len(call)]]
            assert plainly(through) == plainly([data for _, data in call])
            over = daemon.wait_for("phrase_end")
            assert over["over_ns"] <= daemon.wait_for("note_out")["t_ns"]
            assert daemon.end(signal.SIGTERM) == 0
            ended = len(monitor.heard())
        assert not sounding(monitor.heard())
        samples = fluid.render()
        assert len(monitor.heard()) == ended
    assert max(samples) > 300
    assert len(list((tmp_path / "jams").glob("*.mid"))) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_all_its_processes_ends_in_silence_with_a_recording(
    number: int, tmp_path: Path, model: Path
) -> None:
    with stage(tmp_path, model) as scene:
        assert [event["in"] for event in scene.daemon.events("ready") if "in" in event] == ["Keyboard:out"]
        scene.call_and_answer()
        family = scene.daemon.family()
        scene.silence_after(lambda: os.killpg(scene.daemon.process.pid, number))
        assert scene.daemon.process.wait(30) == 0
        wait_until(lambda: not scene.daemon.family(), f"{family} to be gone")
        (mid,) = (tmp_path / "jams").glob("*.mid")
        assert f"recorded {mid}" in scene.daemon.printed
        assert [track.name for track in mido.MidiFile(mid).tracks][-2:] == ["Performer", "jamd"]
        assert sum(message.type == "note_on" for message in mido.MidiFile(mid)) >= len(CALL) + 1


def test_a_signal_while_it_starts_ends_it_without_a_word_too_many(tmp_path: Path, model: Path) -> None:
    for number, started in enumerate(
        (
            lambda daemon: "seed" in daemon.printed,
            lambda daemon: len(daemon.family()) >= 3,
            lambda daemon: daemon.pids("wire"),
        )
    ):
        with jamd(tmp_path / str(number), model=model) as daemon:
            wait_until(lambda daemon=daemon, started=started: started(daemon), "it to start")
            os.killpg(daemon.process.pid, signal.SIGINT)
            assert daemon.process.wait(30) == 0


def test_a_second_signal_does_not_wait_for_a_wire_that_hangs(tmp_path: Path, model: Path) -> None:
    with jamd(tmp_path, "--in", "virtual", "--out", "virtual", model=model) as daemon:
        daemon.wait_ready()
        os.kill(daemon.pids("wire")[0], signal.SIGSTOP)
        daemon.process.send_signal(signal.SIGINT)
        assert daemon.end(signal.SIGINT) == 0
        wait_until(lambda: not daemon.family(), "its children to leave")


def test_a_performer_who_plays_into_the_answer_ends_it_at_once(tmp_path: Path, model: Path) -> None:
    with stage(tmp_path, model) as scene:
        scene.call_and_answer()
        scene.keyboard.play([(0.0, note_on(21)), (0.6, note_off(21))])
        wait_until(lambda: scene.sounding == {(0, 21)}, "the answer to stop")
        assert scene.daemon.wait_for("barge_in")
        scene.wait_silent()
        assert scene.note_ons[-1].key == (0, 21)
        scene.call_and_answer()


def test_without_real_time_priority_it_plays_too(tmp_path: Path, model: Path) -> None:
    with stage(tmp_path, model, config="[player]\nrealtime = false\n") as scene:
        assert [event["realtime"] for event in scene.daemon.events("ready") if "realtime" in event] == [False]
        scene.call_and_answer()


def test_a_piano_as_both_ports_sounds_no_note_twice(tmp_path: Path, model: Path) -> None:
    piano = Instrument("Piano")
    with closing(piano), jamd(tmp_path, "--in", "piano", "--out", "piano", "--bars", "1", model=model) as daemon:
        daemon.wait_ready()
        piano.play(scale(CALL))
        wait_until(lambda: sounding(piano.heard()), "an answer")
        assert daemon.end() == 0
        assert len(daemon.events("note_in")) == len(CALL)
        assert sum(event.note_on for event in piano.heard()) == len(daemon.events("note_out"))


def flood() -> list[tuple[float, bytes]]:
    """In 20 ms a thousand each of controllers, clocks and active sensing; a chord in their midst, and stray bytes."""
    events: list[tuple[float, bytes]] = [(0.0, b"\x40"), (0.0, b"\xf4"), (0.0, note_off(99))]
    pitches = {100: 61, 350: 63, 600: 66, 850: 68}
    for number in range(FLOOD):
        seconds = number * 2e-5
        events += [(seconds, b"\xf8"), (seconds, control(1, number % 128)), (seconds, b"\xfe")]
        if number in pitches:
            events += [(seconds, note_on(pitches[number])), (seconds, b"\x22")]
    return events + [(0.1, note_on(pitch, velocity=0)) for pitch in pitches.values()]


def test_a_flood_loses_nothing_and_is_answered(tmp_path: Path, model: Path) -> None:
    keyboard, synth = Instrument("Keyboard"), Instrument("Synth")
    with closing(keyboard, synth), jamd(tmp_path, *NAMED, "--bars", "1", model=model) as daemon:
        daemon.wait_ready()
        played = flood()
        keyboard.play(played)
        keyboard.finish()
        daemon.wait_for("note_out")
        heard = [event.data for event in synth.heard()]
        wheel = [data for data in heard if data[:2] == control(1, 0)[:2]]
        assert wheel == [data for _, data in played if data[:2] == control(1, 0)[:2]]
        notes = [data for _, data in played if data[0] == 0x90 and data[2]]
        assert [data for data in heard if data[0] == 0x90][: len(notes)] == notes
        assert not daemon.events("backlog")
        assert not daemon.events("replaced")
        assert daemon.end() == 0
        assert not sounding(synth.heard())
