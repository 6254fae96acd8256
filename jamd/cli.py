"""The command line: parses, calls, prints; knows nothing else.

What a command calls is imported inside it: `jamd ports` need not wait for NumPy and ONNX Runtime.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from jamd import __version__, config
from jamd.errors import ConfigError, JamdError

Command = TypeVar("Command", bound=Callable[..., Any])
_FILE = click.Path(path_type=Path)


class Jamd(click.Group):
    """The group of commands; says a JamdError in words and leaves with its exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command."""
        try:
            return super().invoke(ctx)
        except JamdError as error:
            click.echo(f"jamd: {error}", err=True)
            ctx.exit(error.exit_code)


class Setting(click.ParamType):  # type: ignore[type-arg]  # click learnt its type argument late
    """An option's value, held to the rule of the setting it replaces."""

    def __init__(self, rule: config.Rule) -> None:
        self.rule, self.name = rule, type(rule.default).__name__

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """`[auto|cpu|cuda]` where there is a choice."""
        return f"[{'|'.join(map(str, self.rule.choices))}]" if self.rule.choices else None

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> config.Value:
        """The text after the option, as the setting holds it."""
        try:
            return self.rule.check(type(self.rule.default)(value))
        except ValueError as error:
            self.fail(str(error) if self.rule.reads else f"must be {self.rule.allowed}, not {value}", param, ctx)


def setting(flag: str, option: str, metavar: str | None = None) -> Callable[[Command], Command]:
    """The option `flag` for the setting `option` (spelled as for `with_options`), with its rule's help."""
    rule = config.rule(option)
    return click.option(flag, option, type=Setting(rule), metavar=metavar, help=rule.help)


def settings(*rows: tuple[str, ...]) -> Callable[[Command], Command]:
    """Several of them; each row is the arguments of `setting`."""

    def decorate(command: Command) -> Command:
        for row in reversed(rows):
            command = setting(*row)(command)
        return command

    return decorate


PLAYING = (
    ("--bars", "turn_bars", "N"),
    ("--seed", "sampling_seed", "N"),
    ("--chart", "harmony_chart", "CHORDS"),
    ("--key", "fences_key", "KEY"),
    ("--low", "fences_low", "NOTE"),
    ("--high", "fences_high", "NOTE"),
    ("--density", "fences_density", "N"),
    ("--voices", "fences_voices", "N"),
    ("--softest", "fences_softest", "V"),
    ("--loudest", "fences_loudest", "V"),
    ("--temperature", "sampling_temperature", "T"),
    ("--top-p", "sampling_top_p", "P"),
    ("--device", "engine_device"),
    ("--model", "engine_model", "FILE.onnx"),
)
WHEN_ANY = {"drums_left_out", "notes_without_end", "signs_ignored", "metres_moved"}
"""What a person need not read when it is zero."""
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program to read.")


@click.group(cls=Jamd, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--config", "path", type=_FILE, metavar="FILE.toml", help="Settings to use.")
@click.version_option(__version__, prog_name="jamd", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context, path: Path | None) -> None:
    """A MIDI improvisation partner: you play a phrase, jamd answers.

    Settings come from --config, else ./jamd.toml, else jamd.toml in your configuration folder, else the
    defaults; the options of a command go before all of these.

    \b
    Example: jamd listen --in Keyboard --out Synth
    """
    ctx.obj = path


@main.command()
@settings(
    ("--in", "midi_in", "NAME"),
    ("--out", "midi_out", "NAME"),
    ("--channel", "midi_channel", "N"),
    ("--mode", "turn_mode"),
    ("--trade-bars", "turn_trade_bars", "N"),
    ("--bpm", "clock_bpm", "BPM"),
    ("--count-in", "clock_count_in", "N"),
    ("--clock", "clock_in", "NAME"),
    ("--entry", "turn_entry"),
    ("--osc", "osc_port", "PORT"),
    ("--budget-ms", "engine_budget_ms", "MS"),
    *PLAYING,
)
@click.option("--send-clock/--no-send-clock", "clock_send", default=None, help=config.rule("clock_send").help)
@click.option("--thru/--no-thru", "midi_thru", default=None, help=config.rule("midi_thru").help)
@click.option("--record", "record_dir", metavar="DIR", help="Folder for the recording of this jam.")
@click.option("--no-record", "record_on", flag_value=False, type=bool, default=None, help="Record nothing.")
@click.option(
    "--events", type=_FILE, metavar="FILE.jsonl", help="Write every stage, with monotonic nanoseconds."
)
@click.pass_context
def listen(ctx: click.Context, /, events: Path | None, **options: Any) -> None:
    """Listen to a performer and answer: the daemon. Ctrl-C ends it.

    NAME is a port (or a part of its name, any case), virtual or virtual:NAME, or file:PATH.mid. As --out also
    synth: which is fluidsynth, started by jamd.

    \b
    Examples: jamd listen --in Keyboard --out Synth
              jamd listen --in file:call.mid --out virtual:Partner --bars 4
    """
    from jamd.daemon import listen as run

    if options["record_dir"] is not None and options["record_on"] is None:
        options["record_on"] = True
    ctx.exit(run(config.load(ctx.obj).with_options(**options), events, click.echo))


@main.command()
@click.argument("call", metavar="CALL.mid", type=_FILE)
@click.argument("out", metavar="OUT.mid", type=_FILE)
@settings(*PLAYING)
@as_json
@click.pass_obj
def respond(path: Path | None, /, call: Path, out: Path, as_json: bool, **options: Any) -> None:
    """Answer the playing in a file, faster than real time. The same seed and file give the same bytes.

    \b
    Example: jamd respond call.mid jam.mid --bars 4 --seed 7
    """
    from jamd.headless import respond as run

    summary = asdict(run(call, out, config.load(path).with_options(**options)))
    if as_json:
        click.echo(json.dumps(summary, default=str))
    else:
        told = {key: value for key, value in summary.items() if value or key not in WHEN_ANY}
        click.echo("\n".join(f"{key.replace('_', ' ')}: {value}" for key, value in told.items()))


@main.command()
@click.argument("recording", metavar="RECORDING", type=_FILE)
@click.option(
    "--out", type=_FILE, default="again.mid", show_default=True, metavar="FILE.mid", help="File to write."
)
@click.option("--model", metavar="OTHER.onnx", help="Another model, to compare: the same gig, as it would play.")
@as_json
@click.pass_context
def replay(ctx: click.Context, /, recording: Path, out: Path, model: str | None, as_json: bool) -> None:
    """Play a jam again from its recording, and say whether every byte is the same.

    RECORDING is the log of a jam (.jsonl), or the .mid beside it; neither is changed. The settings are those of
    the jam. The exit code is 1 where the same model does not play the same again.

    \b
    Examples: jamd replay jams/jam-20250101-200000.jsonl
              jamd replay jams/jam-20250101-200000.mid --model mine.onnx --out mine.mid
    """
    from jamd.replay.again import replay as run

    outcome = run(recording, out, model)
    click.echo(json.dumps(asdict(outcome), default=str) if as_json else outcome.text)
    ctx.exit(1 if outcome.same is False else 0)


@main.command()
@click.option(
    "--out", type=_FILE, default="jam.mid", show_default=True, metavar="FILE.mid", help="File to write."
)
@settings(*PLAYING)
@click.pass_context
def demo(ctx: click.Context, /, out: Path, **options: Any) -> None:
    """Play a bundled call through the whole daemon.

    It needs no hardware and takes under half a minute. Where fluidsynth and a sound font are installed you
    hear it, elsewhere it says how to.

    \b
    Example: jamd demo --seed 7
    """
    from jamd.demo import run

    ctx.exit(run(config.load(ctx.obj).with_options(**options), out, click.echo))


@main.command()
@settings(
    ("--model", "engine_model", "FILE.onnx"), ("--device", "engine_device"), ("--budget-ms", "engine_budget_ms", "MS")
)
@click.option("--only", metavar="SECTIONS", help="Of start, engine, live, touch, lateness and hour, behind commas.")
@click.option("--keys", is_flag=True, help="Say what the keys of the JSON mean, and measure nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON as the last line, for a program to read.")
@click.pass_obj
def bench(path: Path | None, /, only: str | None, keys: bool, as_json: bool, **options: Any) -> None:
    """Measure how fast jamd is on this machine: start, model, first note, lateness, an hour of music.

    It needs no MIDI, no other program and about a minute, in which the machine should have nothing else to do.

    \b
    Example: jamd bench --budget-ms 30 --json
    """
    from jamd.bench.keys import meanings

    if keys:
        click.echo("\n".join(f"{key}: {meaning}" for key, meaning in meanings().items()))
        return
    from jamd.bench.report import table
    from jamd.bench.run import SECTIONS
    from jamd.bench.run import bench as run

    sections = only.replace(" ", "").split(",") if only else list(SECTIONS)
    if strange := [name for name in sections if name not in SECTIONS]:
        raise ConfigError(f"--only: there is no section {strange[0]}", f"There are {', '.join(SECTIONS)}.")
    found = run(config.load(path).with_options(**options), lambda line: click.echo(f"{line} ...", err=True), sections)
    click.echo(table(found))
    if as_json:
        click.echo(json.dumps(found))


@main.command()
@as_json
@click.pass_obj
def ports(path: Path | None, /, as_json: bool) -> None:
    """List the MIDI ports that --in and --out can name.

    \b
    Example: jamd ports --json
    """
    from jamd.midi.ports import list_ports

    found = list_ports(config.load(path).midi.api)
    if as_json:
        click.echo(json.dumps([asdict(port) for port in found]))
    else:
        lines = (f"--{port.direction:4}{port.name}  ({port.api})" for port in found)
        click.echo("\n".join(lines) or "there are no ports")


@main.command()
@click.argument("action", required=False)
@click.argument("value", default="")
@setting("--in", "midi_in", "NAME")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.pass_obj
def learn(path: Path | None, /, action: str | None, value: str, dry_run: bool, **options: Any) -> None:
    """Bind a knob, a pedal or a button to an ACTION: move it, and it stands in your jamd.toml.

    VALUE is what a button sets. Without an ACTION the control is asked for first.

    \b
    Examples: jamd learn temperature --in Keyboard
              jamd learn mode duet
    """
    from jamd import learn as teacher
    from jamd.music.actions import TABLE

    chosen = config.load(path).with_options(**options).midi
    wanted = teacher.wish(action, value) if action else None
    click.echo(f"{chosen.in_}: move the control for {action or 'an action'} (Ctrl-C leaves everything as it is)")
    control = teacher.wait_for_control(chosen.in_, chosen.api, wanted is None or wanted.for_buttons)
    if wanted is None:
        name = click.prompt(f"{control} moved. What shall it do?", type=click.Choice(list(TABLE)))
        asks = TABLE[name].settable and control.source != "cc"
        wanted = teacher.wish(name, click.prompt(f"Which value ({TABLE[name].allowed})?") if asks else "")
    file = path or config.find() or config.user_file()
    click.echo("\n".join(teacher.save(file, wanted, wanted.bound_to(control), dry_run=dry_run)))


@main.command()
@setting("--out", "midi_out", "NAME")
@click.pass_obj
def panic(path: Path | None, /, **options: Any) -> None:
    """Silence whatever sounds on an output port.

    \b
    Example: jamd panic --out Synth
    """
    from jamd.midi.port_types import Device
    from jamd.midi.ports import panic as silence
    from jamd.midi.ports import parse_spec

    chosen = config.load(path).with_options(**options).midi
    if not isinstance(parse_spec(chosen.out), Device):
        raise ConfigError(
            f"{chosen.out} is no synthesizer's port", "Name one with --out; jamd ports lists them."
        )
    silence(chosen.out, chosen.api)
    click.echo(f"silence sent to {chosen.out}")


@main.command()
@click.argument("file", metavar="FILE.mid", type=_FILE)
@as_json
def tokens(file: Path, as_json: bool) -> None:
    """Print a MIDI file as REMI tokens: a line a token, the word Event and its four fields.

    \b
    Examples: jamd tokens call.mid
              jamd tokens call.mid --json      (the ids)
    """
    from jamd.midi.smf import read_midi
    from jamd.remi.encoder import tokenize
    from jamd.remi.listing import listing

    ids = tokenize(read_midi(file).entries)
    click.echo(json.dumps(ids) if as_json else "\n".join(listing(ids)))
