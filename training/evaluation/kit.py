"""A blind listening kit: numbered answers of several players to the same calls, and who played what, elsewhere.

    OUT/README.txt  ratings.csv         what to do; the sheet to fill in
    OUT/calls/01/call.mid  1.mid  2.mid  the call alone, then the call with one answer each (.wav beside them)
    OUT/key/key.json                    who played which number

All files of a call say the same but for the answer's notes: one track, one piano, one tempo, no pedal, velocities
and durations in the bins of the vocabulary, the last bar's end marked by nothing, one and the same date.
"""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import symusic

from jamd.engine.improviser import Improviser
from jamd.errors import ConfigError
from jamd.music.note import Note
from jamd.music.timeline import NS_PER_MINUTE, TICKS_PER_QUARTER
from jamd.remi import vocabulary as v
from jamd.remi.decoder import settled
from training import places
from training.evaluation.answers import continued, notes_of, respond, turn_of
from training.evaluation.excerpts import Excerpt, Pair, excerpt, pairs
from training.evaluation.song import Song

TRUE, CONTINUATOR = "human", "continuator"
LEAD_TICKS = TICKS_PER_QUARTER
"""Silence before the call, so that a note a little early has room."""
DATE = 1_000_000_000
"""When all files say that they were written (seconds since 1970)."""
SOUNDFONTS = ("/usr/share/sounds/sf2", "/usr/share/soundfonts", "/usr/local/share/soundfonts", "/opt/homebrew/share")
SHEET = ("call", "number", "good_1_to_5", "human_or_machine")
KEY = Path("key") / "key.json"
_NO_WAV = "Leave the sound files out by --no-wav."


@dataclass(frozen=True, slots=True)
class Trial:
    """A call and the answers to it, by the name of who plays."""

    song: str
    pair: Pair
    answers: dict[str, Excerpt]


def trials(songs: Sequence[Song], players: Mapping[str, Improviser], calls: int, seed: int) -> Iterator[Trial]:
    """As many calls as wanted if the songs have them, one or more of each song; each answered by everybody."""
    order = list(songs)
    random.Random(seed).shuffle(order)
    left, each = calls, -(-calls // max(len(order), 1))
    for song in order:
        for player in players.values():
            player.reset()
        for pair in pairs(song, min(each, left), free=False):
            name = f"{song.set}/{song.piece}/{pair.line}"
            notes = {TRUE: list(pair.real.notes), CONTINUATOR: continued(pair, random.Random(f"{seed}/{name}"))}
            for who, player in players.items():
                player.hear(pair.heard)
                notes[who] = notes_of(respond(player, pair, turn_of(name)), pair)
            answers = {who: excerpt(n, 0, pair.call.metre, level=song.flat_velocity) for who, n in notes.items()}
            left -= 1
            yield Trial(f"{song.set}/{song.piece}", pair, answers)


def check(out: Path) -> None:
    """ConfigError for a folder that is not empty, or that cannot be made and written to."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} is not empty.", "Name a new folder by --out.")
    places.try_folder(out)


def write(
    heard: Iterator[Trial], out: Path, seed: int, soundfont: Path | None, tick: Callable[[int], None] = lambda _: None
) -> int:
    """Writes the kit to a folder that is new or empty and gives the number of calls; `tick(1)` after each.

    ConfigError when something stands there already, or when there is no call.
    """
    check(out)
    rng, rows, key = random.Random(f"order/{seed}"), list[tuple[str, int]](), dict[str, dict[str, object]]()
    for number, trial in enumerate(heard, 1):
        call = f"{number:02}"
        folder = out / "calls" / call
        folder.mkdir(parents=True)
        order = sorted(trial.answers)
        rng.shuffle(order)
        _save(folder / "call.mid", trial.pair, None, soundfont)
        for index, who in enumerate(order, 1):
            _save(folder / f"{index}.mid", trial.pair, trial.answers[who], soundfont)
        rows += [(call, index) for index in range(1, len(order) + 1)]
        key[call] = {"song": trial.song, "players": {str(i): who for i, who in enumerate(order, 1)}}
        tick(1)
    if not rows:
        raise ConfigError("No song has a call of four bars with an answer.", "Name more sets by --sets.")
    _papers(out, rows, key)
    for path in [out, *out.rglob("*")]:
        os.utime(path, (DATE, DATE))
    return len(key)


def _save(path: Path, pair: Pair, answer: Excerpt | None, soundfont: Path | None) -> None:
    """The call and, behind it, the answer."""
    notes = _binned(pair.call.notes) + _binned(answer.notes if answer else (), pair.call.ticks)
    score = symusic.Score(TICKS_PER_QUARTER)
    score.tempos.append(symusic.Tempo(0, qpm=round(NS_PER_MINUTE / pair.ns_per_quarter)))
    metre = pair.call.metre
    score.time_signatures.append(symusic.TimeSignature(0, metre.numerator, metre.denominator))
    track = symusic.Track("Piano", 0, False)
    for n in settled(notes):
        track.notes.append(symusic.Note(n.onset + LEAD_TICKS, n.duration, n.pitch, n.velocity))
    score.tracks.append(track)
    score.dump_midi(path)
    if soundfont is not None:
        _sound(path, soundfont)


def _binned(notes: Sequence[Note], shift: int = 0) -> list[Note]:
    """Velocities and durations as the vocabulary has them, whoever played."""
    out = []
    for n in notes:
        length = v.duration_ticks(v.duration_token(n.duration))
        velocity = v.velocity_value(v.velocity_token(n.velocity))
        out.append(Note(max(n.onset + shift, 0 if shift else -LEAD_TICKS), length, n.pitch, velocity))
    return out


def find_soundfont() -> Path | None:
    """A soundfont where systems keep them."""
    return next((path for folder in SOUNDFONTS for path in sorted(Path(folder).rglob("*.sf2"))), None)


def _sound(path: Path, soundfont: Path) -> None:
    """The .wav of a .mid beside it; ConfigError when fluidsynth fails."""
    wav = path.with_suffix(".wav")
    command = ["fluidsynth", "-n", "-i", "-q", "-r", "44100", "-F", str(wav), str(soundfont), str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"fluidsynth did not play {path}: {error}.", "Leave .wav out by --no-wav.") from error
    if done.returncode or not wav.exists():
        raise ConfigError(
            f"fluidsynth did not play {path}: {done.stderr.strip()[-200:]}", "Leave .wav out by --no-wav."
        )


def _papers(out: Path, rows: Sequence[tuple[str, int]], key: Mapping[str, object]) -> None:
    with (out / "ratings.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(SHEET)
        writer.writerows((call, number, "", "") for call, number in rows)
    (out / "README.txt").write_text(_README, encoding="utf-8")
    (out / KEY).parent.mkdir()
    (out / KEY).write_text(json.dumps(key, indent=1), encoding="utf-8")


_README = """A blind test of musical answers.

In calls/01, calls/02 and so on, call.mid is a call of four bars; 1.mid, 2.mid and so on are the same call with
an answer of four bars to it. One answer is how the song really goes on, the others are by machines. Where there
are .wav files they are the same music.

Listen to the call, then to the answers, and fill in ratings.csv: how good is the answer to this call, 1 (does not
belong) to 5 (could not be better), and was it a human or a machine. Lines may stay empty. Every listener fills in
a copy. Do not look into the folder key before that: it says who played what.

Then: python -m training listen --score ratings.csv --key key/key.json
"""
