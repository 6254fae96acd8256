"""Chart, key and range in the whole daemon, on JACK."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from jamd.music.events import Answered, Charted
from jamd.music.log import read_log
from jamd.remi import vocabulary as v
from tests.daemon.live import jamd, scale, wait_until
from tests.daemon.peers import Instrument, closing

pytestmark = pytest.mark.usefixtures("jack_server")


def test_an_answer_keeps_to_key_and_range_and_says_the_chart(tmp_path: Path, model: Path) -> None:
    keyboard, synth = Instrument("Keyboard"), Instrument("Synth")
    words = ("--in", "Keyboard", "--out", "Synth", "--no-thru", "--bpm", "120", "--bars", "4")
    harmony = ("--chart", "Bb7 | Eb7", "--key", "Bb C Db")
    low = "[fences]\nlow = 'C3'\n"
    with closing(keyboard, synth), jamd(tmp_path, *words, *harmony, model=model, config=low) as daemon:
        daemon.wait_ready()
        keyboard.play(scale((60, 62, 64, 65, 67)))
        wait_until(lambda: daemon.events("note_out"), "an answer")
        keyboard.play(scale((72,)))
        daemon.wait_for("barge_in")
        assert daemon.end() == 0
        pitches = {event["pitch"] for event in daemon.events("note_out")}
    assert {pitch % 12 for pitch in pitches} <= {10, 0, 1} and min(pitches) >= 48
    (path,) = daemon.jams.rglob("*.jsonl")
    log = read_log(path)
    assert {entry.chord for entry in log if isinstance(entry, Charted)} <= {"A#:dom", "D#:dom"}
    said = chain.from_iterable(entry.ids for entry in log if isinstance(entry, Answered))
    names = [v.CHORD.values[v.CHORD.index(token)] for token in said if token in v.CHORD]
    assert names and set(names) <= {"A#:dom", "D#:dom"}
