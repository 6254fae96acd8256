"""jamd.toml as frozen settings, one class a section: names, defaults, ranges and help are spelled here, once.

The options of the command line are derived from these fields, and jamd.toml is checked against them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import platformdirs

from jamd.errors import ConfigError, ModelError, did_you_mean
from jamd.music import actions, bindings, scales
from jamd.music.bindings import Binding
from jamd.remi.fences import FOLLOWS
from jamd.remi.vocabulary import MAX_BPM, METRES, MIN_BPM

FILE_NAME = "jamd.toml"
SHIPPED_MODEL = Path(__file__).parent / "models" / "S.onnx"

Value = bool | int | float | str
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text in quotes"}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a setting is for, and which values it takes.

    These are `choices`, or else values of the default's type: any, or `low` to `high` and those in `also`.
    """

    help: str
    default: Value
    low: float | None = None
    high: float | None = None
    also: tuple[float, ...] = ()
    choices: tuple[Value, ...] = ()
    reads: Callable[[str], object] | None = None
    """Reads a text that has a language of its own; ValueError, to follow the key's name, where it cannot."""

    @property
    def allowed(self) -> str:
        """The values it takes, in words."""
        if self.choices:
            *most, last = map(spell, self.choices)
            return f"{', '.join(most)} or {last}"
        kind = _KINDS[type(self.default)]
        if self.low is None:
            return kind
        extra = "".join(f"{v:g} or " for v in self.also)
        return f"{kind}, {extra}{self.low:.10g} to {self.high:.10g}"

    def check(self, value: object) -> Value:
        """`value` as the setting holds it; ValueError, saying what it must be, when it cannot."""
        if type(value) is int and type(self.default) is float:
            value = float(value)
        if not self._fits(value):
            raise ValueError(f"must be {self.allowed}, not {spell(value)}")
        if self.reads is not None:
            self.reads(str(value))
        return value  # type: ignore[return-value]  # _fits has just compared its type

    def _fits(self, value: object) -> bool:
        if self.choices:
            return any(type(value) is type(c) and value == c for c in self.choices)
        if type(value) is not type(self.default):
            return False
        if self.low is None or self.high is None or not isinstance(value, int | float):
            return True
        return value in self.also or self.low <= value <= self.high


def spell(value: object) -> str:
    """A value as jamd.toml spells it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def setting(default: Value, help: str, **bounds: Any) -> Any:
    """A dataclass field that carries its Rule; `bounds` are `low`, `high`, `also`, `choices` and `reads`."""
    return field(default=default, metadata={"rule": Rule(help, default, **bounds)})


@dataclass(frozen=True, slots=True)
class Midi:
    """[midi]: where the playing comes from and where the answer goes."""

    in_: str = setting(
        "virtual", 'Port to listen to: a name or a part of one, "virtual", "virtual:NAME" or "file:PATH.mid".'
    )
    out: str = setting("virtual", 'Port to play to: spelled like in, or "synth:" for fluidsynth.')
    api: str = setting("auto", "MIDI system.", choices=("auto", "alsa", "jack"))
    channel: int = setting(
        0, "Channel to listen to, 0 for all of them; the answer goes out on it, or on 1.", low=0, high=16
    )
    thru: bool | Literal["auto"] = setting(
        "auto",
        "Pass the playing on to the output; auto: yes, unless both ports are one device.",
        choices=("auto", True, False),
    )


@dataclass(frozen=True, slots=True)
class Clock:
    """[clock]: the pulse."""

    bpm: float = setting(
        0.0, "Quarter notes a minute, 0 to play freely.", low=float(MIN_BPM), high=float(MAX_BPM), also=(0,)
    )
    metre: str = setting("4/4", "Time signature.", choices=tuple(map(str, METRES)))
    in_: str = setting(
        "",
        'Port whose MIDI clock is followed: a name or a part of one, "virtual:NAME"; empty: the input; "off": none.',
    )
    send: bool = setting(
        False, "Send MIDI clock to the output: of the clock that is followed; with a bpm jamd leads, and follows none."
    )
    count_in: int = setting(0, "Bars of clicks before bar 1, where a bpm is set or a file is played.", low=0, high=8)


@dataclass(frozen=True, slots=True)
class Turn:
    """[turn]: how jamd plays with you, when a phrase has ended, and how the answer comes in."""

    mode: str = setting(
        "call-response",
        "How jamd plays with you; trade and duet need a tempo: a clock, or bpm.",
        choices=actions.MODES,
    )
    trade_bars: int = setting(4, "Bars of each turn in trade.", low=1, high=64)
    duet_commit_beats: float = setting(
        0.5, "Beats before a beat of a duet at which jamd decides what it plays there.", low=0.1, high=16.0
    )
    duet_lookahead_beats: float = setting(
        1.0, "Beats behind that one which are planned with it, and played if the next plan is late.", low=0.0, high=16.0
    )
    handover_cc: int = setting(
        66,
        "Controller that hands over to jamd while it is down, in the mode continue; 66 is the sostenuto pedal; "
        "64, sustain, still sounds.",
        low=0,
        high=119,
    )
    min_silence_s: float = setting(
        0.35, "Seconds of silence that a phrase needs at least to be over.", low=0.05, high=10.0
    )
    max_silence_s: float = setting(1.2, "Seconds of silence that end any phrase.", low=0.05, high=30.0)
    gap_factor: float = setting(
        2.0,
        "A phrase ends after this many of its usual gaps, half as many after a long note, within the two limits.",
        low=1.0,
        high=10.0,
    )
    bars: int = setting(0, "Bars of an answer, 0 for about as many as the call.", low=0, high=64)
    max_bars: int = setting(16, "Bars of the longest answer.", low=1, high=64)
    entry: str = setting(
        "auto",
        "When the answer begins; auto: on the beat when the tempo is known, else immediate.",
        choices=("auto", "immediate", "beat", "bar"),
    )

    def __post_init__(self) -> None:
        if self.min_silence_s > self.max_silence_s:
            raise ValueError(f"min_silence_s {self.min_silence_s} is more than max_silence_s {self.max_silence_s}")
        if self.bars > self.max_bars:
            raise ValueError(f"bars {self.bars} is more than max_bars {self.max_bars}")


@dataclass(frozen=True, slots=True)
class Sampling:
    """[sampling]: how the next token is drawn."""

    temperature: float = setting(1.0, "Below 1 plays safer, above 1 wilder.", low=0.05, high=2.0)
    top_p: float = setting(
        0.98, "Draw among the likeliest tokens that together have this probability.", low=0.01, high=1.0
    )
    min_p: float = setting(0.0, "Leave out tokens less likely than this part of the likeliest one.", low=0.0, high=0.99)
    seed: int = setting(
        0,
        "The same seed and playing give the same answer; 0 draws a new seed each start.",
        low=0,
        high=2**32 - 1,
    )


@dataclass(frozen=True, slots=True)
class Harmony:
    """[harmony]: the chords that jamd plays over."""

    chart: str = setting("", 'Chords that go round from bar 1, as in "Am7 | D7 | Gmaj7 | %", or a file of them.')
    follow: str = setting(
        FOLLOWS[0],
        "How notes keep to its chords; free: as the model likes; on strong beats only chord tones; or to the scale.",
        choices=FOLLOWS,
    )
    split: str = setting(
        "", 'Keys below it name the chords instead, as in "C3" (C4 is middle C); empty for none.', reads=scales.pitch
    )


@dataclass(frozen=True, slots=True)
class Fences:
    """[fences]: what jamd never plays outside of."""

    key: str = setting(
        "", 'Key or scale, as in "C major", "D dorian", "C blues" or "C D E G A"; empty for any note.', reads=scales.key
    )
    low: str = setting("", 'Lowest note, as in "C3" or 48 in quotes; empty for any.', reads=scales.pitch)
    high: str = setting("", 'Highest note, as in "C6" or 84 in quotes; empty for any.', reads=scales.pitch)
    density: float = setting(0.0, "Most notes that begin in a beat, 0 for any number.", low=0.5, high=16.0, also=(0,))
    voices: int = setting(0, "Most notes that sound at once, 0 for any number.", low=0, high=16)
    softest: int = setting(1, "Lowest velocity.", low=1, high=127)
    loudest: int = setting(127, "Highest velocity.", low=1, high=127)


@dataclass(frozen=True, slots=True)
class Engine:
    """[engine]: the model and what runs it."""

    model: str = setting(
        "",
        "Model file (.onnx), empty for the one that came with jamd; python -m export --int8 makes quicker ones.",
    )
    device: str = setting("auto", "Device that runs the model.", choices=("auto", "cpu", "cuda"))
    threads: int = setting(1, "CPU threads for one step of the model.", low=1, high=64)
    budget_ms: float = setting(
        0.0,
        "Milliseconds from the end of your phrase to jamd's first note, where it enters at once and nothing was "
        "drafted: the model that is named plays if it keeps this here, else the largest that does; 0: whatever it "
        "takes.",
        low=10.0,
        high=1000.0,
        also=(0,),
    )

    @property
    def shipped(self) -> tuple[Path, ...]:
        """The models that came with jamd."""
        return tuple(sorted(SHIPPED_MODEL.parent.glob("*.onnx")))

    @property
    def path(self) -> Path:
        """The model file; ModelError when it is not there."""
        path = Path(self.model).expanduser() if self.model else SHIPPED_MODEL
        if path.is_file():
            return path
        raise ModelError(
            f"there is no model file {path}",
            "Name one with --model FILE.onnx, or train one: python -m training prepare, "
            "python -m training train, python -m export RUN --out FILE.onnx.",
        )


@dataclass(frozen=True, slots=True)
class Record:
    """[record]: what is kept of a jam."""

    on: bool = setting(True, "Record every jam: its log, and a two-track .mid with the tempo map.")
    dir: str = setting("", "Folder for the recordings, empty for jamd's own in the user's data folder.")

    @property
    def folder(self) -> Path:
        """The folder that recordings go to (it may not exist yet)."""
        own = platformdirs.user_data_path("jamd", appauthor=False) / "jams"
        return Path(self.dir).expanduser() if self.dir else own


@dataclass(frozen=True, slots=True)
class Player:
    """[player]: how the answer is played."""

    late_ms: int = setting(30, "A note later than this many milliseconds is left out.", low=1, high=1000)
    realtime: bool = setting(True, "Ask the system for real-time priority.")


def bound(name: str) -> Any:
    """A field for the messages that ask for an action."""
    spec = actions.TABLE[name]
    return setting("", spec.help, reads=partial(bindings.parse, spec=spec))


@dataclass(frozen=True, slots=True)
class Bindings:
    """[bindings]: controls of the performer's, by the action that they ask for, and what jamd shows on theirs."""

    INTRO: ClassVar = (
        'Controls: "cc 20", "note 36 channel 10", "program 3" (programs and channels count from 1); several behind',
        'commas. A cc turns a number through its range, or through a part: "cc 20 from 0.6 to 1.2". What a button',
        'sets stands behind value: "note 36 value duet". What is bound is not heard as music, unless you add',
        '"through". jamd learn ACTION writes these lines for you.',
    )
    mode: str = bound("mode")
    entry: str = bound("entry")
    temperature: str = bound("temperature")
    top_p: str = bound("top_p")
    density: str = bound("density")
    bars: str = bound("bars")
    end_turn: str = bound("end_turn")
    again: str = bound("again")
    undo: str = bound("undo")
    hand_over: str = bound("hand_over")
    keep: str = bound("keep")
    tap: str = bound("tap")
    panic: str = bound("panic")
    state_out: str = setting(
        "",
        'A cc that jamd sends, such as "cc 119 channel 16": 0 listening, 64 thinking, 127 playing.',
        reads=bindings.parse_out,
    )
    late_out: str = setting("", "A cc that jamd sends: how many notes came too late so far.", reads=bindings.parse_out)

    @property
    def rows(self) -> tuple[tuple[str, bindings.Binding], ...]:
        """Every binding with the name of its action."""
        table = actions.TABLE.items()
        return tuple((name, binding) for name, spec in table for binding in bindings.parse(getattr(self, name), spec))


@dataclass(frozen=True, slots=True)
class Scenes:
    """[scenes.N]: settings that program N calls up at once; programs count from 1, as on an instrument's display."""

    INTRO: ClassVar = (
        "Settings that a program change calls up at once; programs count from 1. An example:",
        "[scenes.3]",
        'mode = "duet"',
        "temperature = 1.1",
    )
    by_program: tuple[tuple[int, tuple[tuple[str, actions.Value], ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Osc:
    """[osc]: Open Sound Control, from and to other programs and tablets."""

    port: int = setting(0, "UDP port that OSC messages come in on, 0 for none.", low=1, high=65535, also=(0,))
    listen: str = setting("127.0.0.1", "Address to listen on: this machine alone, or 0.0.0.0 for the whole network.")
    to: str = setting(
        "", 'Where the state goes as OSC: "127.0.0.1:9001"; empty: nowhere.', reads=lambda text: address(text)
    )


def address(text: str) -> tuple[str, int] | None:
    """Host and port of "HOST:PORT"; None for an empty text; ValueError where it is neither."""
    host, _, port = text.rpartition(":")
    if not text:
        return None
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f'must read like "127.0.0.1:9001", not "{text}"')
    return host, int(port)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, by section; replaced, never changed."""

    midi: Midi = Midi()
    clock: Clock = Clock()
    turn: Turn = Turn()
    sampling: Sampling = Sampling()
    harmony: Harmony = Harmony()
    fences: Fences = Fences()
    engine: Engine = Engine()
    record: Record = Record()
    player: Player = Player()
    bindings: Bindings = Bindings()
    scenes: Scenes = Scenes()
    osc: Osc = Osc()

    def __post_init__(self) -> None:
        programs = [(f"[scenes.{n}]", Binding("program", n)) for n, _ in self.scenes.by_program]
        for rows in ([*self.bindings.rows, *programs], self._pedal_rows, self._shown_rows):
            if clash := bindings.clash(rows):
                raise ValueError(clash)

    @property
    def _pedal_rows(self) -> list[tuple[str, Binding]]:
        """The pedal that hands over, and what would keep it from being heard: the default one just gives way."""
        turn = self.turn
        if turn.mode != "continue" and turn.handover_cc == Turn().handover_cc:
            return []
        pedal = ("[turn] handover_cc", Binding("cc", turn.handover_cc, self.midi.channel))
        return [pedal, *(row for row in self.bindings.rows if row[0] != "hand_over" and not row[1].through)]

    @property
    def _shown_rows(self) -> list[tuple[str, Binding]]:
        """What jamd shows, on its channel, and what people may say there: what comes back could be either's."""
        channel, own = self.midi.channel, self.bindings
        rows = [(name, binding, channel) for name, binding in own.rows]
        shown = (("state_out", bindings.parse_out(own.state_out)), ("late_out", bindings.parse_out(own.late_out)))
        rows += [(name, binding, channel or 1) for name, binding in shown if binding]
        return [(name, replace(binding, channel=binding.channel or at)) for name, binding, at in rows]

    def with_table(self, table: Mapping[str, object], source: str) -> Settings:
        """These settings with those of `table` ({section: {key: value}}) in their place.

        ConfigError names `source`, section and key, and says what would do.
        """
        sections: dict[str, Any] = {}
        for name, entries in table.items():
            if name not in _SECTIONS:
                raise ConfigError(f"{source}: there is no section [{name}]", _suggest(name, _SECTIONS))
            if not isinstance(entries, Mapping):
                raise ConfigError(f"{source}: {name} is a section", f"Write [{name}] on a line of its own.")
            read = _scenes if name == "scenes" else _section
            sections[name] = read(getattr(self, name), name, entries, source)
        try:
            return replace(self, **sections)
        except ValueError as error:
            raise ConfigError(f"{source}: {error}", "Change one of the two.") from error

    def with_options(self, **overrides: Value | None) -> Settings:
        """These settings with those that are not None: `with_options(clock_bpm=120, midi_in="virtual")`."""
        table: dict[str, dict[str, object]] = {}
        for name, value in overrides.items():
            if value is not None:
                section, _, key = name.partition("_")
                table.setdefault(section, {})[key] = value
        return self.with_table(table, "command line")

    def table(self, sections: Iterable[str]) -> dict[str, dict[str, Any]]:
        """These sections as `with_table` reads them, every key of them."""
        return {name: _table(getattr(self, name)) for name in sections}


def _table(section: Any) -> dict[str, Any]:
    return {f.name.rstrip("_"): getattr(section, f.name) for f in fields(section)}


def load(path: Path | None = None) -> Settings:
    """The settings of `path`, else of ./jamd.toml, else of the user's own jamd.toml, else the defaults.

    ConfigError says what is wrong with the file.
    """
    found = path or find()
    return Settings() if found is None else Settings().with_table(_read(found), str(found))


def find() -> Path | None:
    """The settings file that stands where nobody names one."""
    return next(filter(Path.is_file, (Path(FILE_NAME), user_file())), None)


def user_file() -> Path:
    """Where a user's own jamd.toml stands."""
    return platformdirs.user_config_path("jamd", appauthor=False) / FILE_NAME


def rules(section: str) -> dict[str, Rule]:
    """The rules of a section by key as jamd.toml spells it (`in`, where Python must say `in_`)."""
    return {f.name.rstrip("_"): f.metadata["rule"] for f in fields(_SECTIONS[section]) if f.metadata}


def rule(option: str) -> Rule:
    """The rule of an option as `with_options` spells it: `rule("midi_in")`."""
    section, _, key = option.partition("_")
    return rules(section)[key]


_SECTIONS: dict[str, Any] = {f.name: type(f.default) for f in fields(Settings)}


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Notepad begins with a BOM
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", "--config FILE names the settings file.") from error
    except ValueError as error:  # not UTF-8, or not TOML
        raise ConfigError(f"{path} is not TOML: {error}", 'Text stands in quotes: in = "Keyboard".') from error


def _section(old: Any, name: str, entries: Mapping[str, object], source: str) -> Any:
    known, values = rules(name), {}
    names = dict(zip(known, (f.name for f in fields(old)), strict=True))
    for key, value in entries.items():
        if key not in known:
            raise ConfigError(f"{source}: [{name}] has no key {key}", _suggest(key, known))
        try:
            values[names[key]] = known[key].check(value)
        except ValueError as error:
            raise ConfigError(f"{source}: [{name}] {key} {error}", known[key].help) from error
    try:
        return replace(old, **values)
    except ValueError as error:
        raise ConfigError(f"{source}: [{name}] {error}", "Change one of the two.") from error


def _scenes(old: Scenes, name: str, entries: Mapping[str, object], source: str) -> Scenes:
    scenes = dict(old.by_program)
    for program, wanted in entries.items():
        if not (program.isascii() and program.isdigit() and 1 <= int(program) <= 128):
            hint = "A scene has the number of its program, 1 to 128: [scenes.3]."
            raise ConfigError(f"{source}: [{name}.{program}] is no scene", hint)
        if not isinstance(wanted, Mapping):
            raise ConfigError(f"{source}: [{name}] {program} is no scene", f"Write [scenes.{program}] on its own line.")
        place = f"{source}: [{name}.{program}]"
        scenes[int(program)] = tuple(_wish(key, value, place) for key, value in wanted.items())
    return Scenes(tuple(sorted(scenes.items())))


def _wish(key: str, value: object, place: str) -> tuple[str, actions.Value]:
    known = {name: spec for name, spec in actions.TABLE.items() if spec.settable}
    if key not in known:
        raise ConfigError(f"{place} cannot set {key}", _suggest(key, known))
    try:
        return key, known[key].check(value)
    except ValueError as error:
        raise ConfigError(f"{place} {key} {error}", known[key].help) from error


def _suggest(word: str, known: Mapping[str, Any]) -> str:
    return did_you_mean(word, known) or f"Known are: {', '.join(known)}."
