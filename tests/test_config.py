"""Settings: spelled once, frozen, and every mistake is named with its place and its remedy."""

from __future__ import annotations

import pickle
import re
import tomllib
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamd import config
from jamd.config import Rule, Settings, spell
from jamd.errors import ConfigError, ModelError
from jamd.music.actions import TABLE
from jamd.music.bindings import Binding

ROOT = Path(__file__).parent.parent
SECTIONS = [f.name for f in fields(Settings)]
EVERY = [(section, key, rule) for section in SECTIONS for key, rule in config.rules(section).items()]
NAMES = [f"{section}.{key}" for section, key, _ in EVERY]


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder and a configuration folder with nothing in them; where the user's file would be."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    own = tmp_path / "home" / "jamd.toml"
    monkeypatch.setattr(config, "user_file", lambda: own)
    return own


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def accepted(rule: Rule) -> st.SearchStrategy[Any]:
    """Values that the rule takes."""
    if rule.choices:
        return st.sampled_from(rule.choices)
    if rule.reads is not None:
        return st.sampled_from([text for text in READABLE if reads(rule, text)])
    kind = type(rule.default)
    if kind is bool:
        return st.booleans()
    if kind is str:
        return st.text(
            st.characters(min_codepoint=32, exclude_characters='"\\\x7f', exclude_categories=["Cs"])
        )
    numbers = st.integers if kind is int else st.floats
    return numbers(min_value=rule.low, max_value=rule.high) | st.sampled_from(
        [rule.default, *map(kind, rule.also)]
    )


READABLE = ["", "cc 20", "cc 119 channel 16", "note 3, note 4 channel 2 through", "note 1 value duet", "127.0.0.1:9001"]
READABLE += ["C3", "48", "D dorian", "C D E G A"]
"""Texts that one or another setting with a language of its own takes."""


def reads(rule: Rule, text: str) -> bool:
    assert rule.reads is not None
    try:
        rule.reads(text)
    except ValueError:
        return False
    return True


def refused(rule: Rule) -> st.SearchStrategy[Any]:
    """Values that it does not take: of another type, or out of range."""
    strangers: list[Any] = [[1], {"a": 1}, None]
    if rule.choices or isinstance(rule.default, str):
        strangers += [12, 0.5] + (["nonsense"] if rule.choices else [])
    else:
        strangers += ["1", float("nan"), float("inf")]
        strangers += [0, 1] if isinstance(rule.default, bool) else [True, False]
    if rule.low is not None and rule.high is not None:
        strangers += [rule.high + 1, rule.low - 1 if rule.low - 1 not in rule.also else rule.low - 2]
    return st.sampled_from(strangers)


# ---- the shipped file --------------------------------------------------------------------------------------


def test_the_shipped_file_says_exactly_the_defaults() -> None:
    assert config.load(ROOT / "jamd.toml") == Settings()


def test_the_shipped_file_holds_every_key_in_order_each_under_its_help() -> None:
    body = (ROOT / "jamd.toml").read_text(encoding="utf-8").split("\n\n", 1)[1]
    plain = {"text in quotes", "true or false"}
    expected = []
    for section in SECTIONS:
        intro = getattr(type(getattr(Settings(), section)), "INTRO", ())
        lines = [f"[{section}]", *(f"# {line}" for line in intro)]
        for key, rule in config.rules(section).items():
            lines.append(f"# {rule.help}" + (f" ({rule.allowed})" if rule.allowed not in plain else ""))
            lines.append(f"{key} = {spell(rule.default)}")
        expected.append("\n".join(lines))
    assert body.rstrip("\n") == "\n\n".join(expected)


@pytest.mark.parametrize(("section", "key", "rule"), EVERY, ids=NAMES)
def test_every_default_keeps_its_own_rule_and_has_a_sentence_of_help(
    section: str, key: str, rule: Rule
) -> None:
    assert rule.check(rule.default) == rule.default
    assert re.fullmatch(r"[A-Z].*\.", rule.help), key


# ---- values ------------------------------------------------------------------------------------------------


@given(data=st.data())
@pytest.mark.parametrize(("section", "key", "rule"), EVERY, ids=NAMES)
def test_what_a_rule_takes_comes_back_from_a_file_unchanged(
    section: str, key: str, rule: Rule, data: st.DataObject
) -> None:
    value = data.draw(accepted(rule))
    lines = [f"{key} = {spell(value)}"]
    if key == "min_silence_s":  # these two pairs may not cross
        lines.append("max_silence_s = 30.0")
    if key == "max_silence_s":
        lines.append("min_silence_s = 0.05")
    if (section, key) == ("turn", "bars"):
        lines.append("max_bars = 64")
    table = tomllib.loads(f"[{section}]\n" + "\n".join(lines))
    got = getattr(Settings().with_table(table, "here"), section)
    assert getattr(got, "in_" if key == "in" else key) == value


@given(data=st.data())
@pytest.mark.parametrize(("section", "key", "rule"), EVERY, ids=NAMES)
def test_what_a_rule_does_not_take_is_refused_with_place_key_and_range(
    section: str, key: str, rule: Rule, data: st.DataObject
) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings().with_table({section: {key: data.draw(refused(rule))}}, "mine.toml")
    assert all(word in caught.value.message for word in ("mine.toml", f"[{section}]", key, rule.allowed))
    assert caught.value.hint == rule.help
    assert caught.value.exit_code == 2


@given(data=st.data())
@pytest.mark.parametrize(("section", "key", "rule"), EVERY, ids=NAMES)
def test_options_and_files_are_held_to_the_same_rule(
    section: str, key: str, rule: Rule, data: st.DataObject
) -> None:
    bad = data.draw(refused(rule).filter(lambda value: value is not None))
    with pytest.raises(
        ConfigError, match=re.escape(f"command line: [{section}] {key} must be {rule.allowed}")
    ):
        Settings().with_options(**{f"{section}_{key}": bad})


def test_options_replace_what_they_name_and_none_replaces_nothing() -> None:
    mine = Settings().with_options(clock_bpm=120, midi_in="Keyboard", midi_thru=False, turn_bars=None)
    assert (mine.clock.bpm, mine.midi.in_, mine.midi.thru) == (120.0, "Keyboard", False)
    assert isinstance(mine.clock.bpm, float)
    assert mine.with_options(clock_bpm=0, midi_in="virtual", midi_thru="auto") == Settings()


def test_limits_that_cross_are_refused_together() -> None:
    with pytest.raises(ConfigError, match=r"here: \[turn\] min_silence_s 2.0 is more than max_silence_s 1.2"):
        Settings().with_table({"turn": {"min_silence_s": 2.0}}, "here")
    with pytest.raises(ConfigError, match=r"\[turn\] bars 17 is more than max_bars 16"):
        Settings().with_options(turn_bars=17)


def test_settings_are_frozen_and_cross_process_borders() -> None:
    mine = Settings().with_options(clock_bpm=96.5)
    with pytest.raises(FrozenInstanceError):
        mine.clock.bpm = 3.0  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(mine)) == mine


# ---- names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[clock]\nbmp = 90", "[clock] has no key bmp", 'Did you mean "bpm"?'),
        ("[clock]\nqqq = 90", "[clock] has no key qqq", "Known are: bpm, metre,"),
        ("[clok]\nbpm = 90", "there is no section [clok]", 'Did you mean "clock"?'),
        ("bpm = 90", "there is no section [bpm]", "Known are: midi, clock,"),
        ("clock = 90", "clock is a section", "Write [clock] on a line of its own."),
        ("[clock]\nbpm = 500", "[clock] bpm must be a number, 0 or 30 to 209, not 500.0", "Quarter notes"),
        ("[clock]\nbpm = 29", "[clock] bpm must be a number, 0 or 30 to 209, not 29.0", "Quarter notes"),
        (
            '[clock]\nbpm = "fast"',
            '[clock] bpm must be a number, 0 or 30 to 209, not "fast"',
            "Quarter notes",
        ),
        (
            "[midi]\nchannel = 17",
            "[midi] channel must be a whole number, 0 to 16, not 17",
            "0 for all of them",
        ),
        ("[midi]\nchannel = true", "[midi] channel must be a whole number, 0 to 16, not true", "Channel"),
        ('[engine]\ndevice = "tpu"', '[engine] device must be "auto", "cpu" or "cuda", not "tpu"', "Device"),
        (
            '[midi]\nthru = "yes"',
            '[midi] thru must be "auto", true or false, not "yes"',
            "Pass the playing on",
        ),
        ("[clock\nbpm = 1", "is not TOML", "quotes"),
        ('[bindings]\nundo = "nite 3"', '[bindings] undo must read like "cc 20"', "Forget the last exchange."),
        ('[bindings]\nundo = ["cc 3"]', "[bindings] undo must be text in quotes", "Forget the last exchange."),
        ('[bindings]\nundu = "note 3"', "[bindings] has no key undu", 'Did you mean "undo"?'),
        ('[bindings]\nundo = "cc 3"\nkeep = "cc 3 channel 2"', 'undo = "cc 3" and keep = "cc 3 channel 2"', "one of"),
        ('[bindings]\nundo = "program 3"\n[scenes.3]\nbars = 1', '[scenes.3] = "program 3" are one', "Change one"),
        ("[scenes.0]\nbars = 1", "[scenes.0] is no scene", "1 to 128"),
        ("[scenes]\nbars = 1", "[scenes.bars] is no scene", "1 to 128"),
        ("[scenes]\n1 = 1", "[scenes] 1 is no scene", "Write [scenes.1] on its own line."),
        ("[scenes.1]\nbar = 1", "[scenes.1] cannot set bar", 'Did you mean "bars"?'),
        ("[scenes.1]\nundo = 1", "[scenes.1] cannot set undo", "Known are: mode,"),
        ('[scenes.1]\nmode = "duett"', "[scenes.1] mode must be call-response, trade, duet", "How jamd plays"),
        ('[osc]\nto = "9001"', '[osc] to must read like "127.0.0.1:9001", not "9001"', "Where the state goes"),
        ("[midi]\nin = Keyboard", "is not TOML", "quotes"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_remedy(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert str(path) in caught.value.message
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ConfigError, match=re.escape(str(path))):
            config.load(path)


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "noise.toml"
    path.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ConfigError, match=r"noise\.toml is not TOML"):
        config.load(path)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "notepad.toml"
    path.write_bytes(b"\xef\xbb\xbf[clock]\r\nbpm = 90\r\n")
    assert config.load(path).clock.bpm == 90


# ---- where settings come from ------------------------------------------------------------------------------


def test_the_named_file_then_the_working_folder_then_the_users_own_then_the_defaults(
    empty_home: Path, tmp_path: Path
) -> None:
    assert config.load() == Settings()
    empty_home.parent.mkdir()
    empty_home.write_text("[clock]\nbpm = 60\n")
    assert config.load().clock.bpm == 60
    Path("jamd.toml").write_text("[clock]\nbpm = 70\n")
    assert config.load().clock.bpm == 70
    assert config.load(written(tmp_path, "[clock]\nbpm = 80\n")).clock.bpm == 80


def test_what_a_file_leaves_out_is_as_by_default(tmp_path: Path) -> None:
    mine = config.load(written(tmp_path, "[sampling]\ntemperature = 1\n"))
    assert mine == Settings().with_options(sampling_temperature=1.0)
    assert config.load(written(tmp_path, "")) == Settings()


def test_a_model_that_is_not_there_is_an_error_that_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "SHIPPED_MODEL", tmp_path / "shipped.onnx")
    missing = Settings().with_options(engine_model=str(tmp_path / "mine.onnx"))
    for settings, name in ((missing, "mine.onnx"), (Settings(), "shipped.onnx")):
        with pytest.raises(ModelError, match=name) as caught:
            _ = settings.engine.path
        assert "python -m training train" in caught.value.hint
        assert caught.value.exit_code == 5


def test_a_model_that_is_there_is_found_in_the_users_home_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "mine.onnx").touch()
    assert Settings().with_options(engine_model="~/mine.onnx").engine.path == tmp_path / "mine.onnx"


def test_recordings_go_to_the_named_folder_or_to_the_users_data(tmp_path: Path) -> None:
    assert Settings().with_options(record_dir=str(tmp_path)).record.folder == tmp_path
    assert Settings().record.folder.is_absolute()
    assert "jamd" in Settings().record.folder.parts


HANDOVER = '[turn] handover_cc = "cc {}" and undo = "{}" are one message'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[turn]\nmode = "continue"\n[bindings]\nundo = "cc 66"', HANDOVER.format(66, "cc 66")),
        ('[turn]\nhandover_cc = 67\n[bindings]\nundo = "cc 67 channel 3"', HANDOVER.format(67, "cc 67 channel 3")),
        ('[bindings]\nundo = "cc 20"\nstate_out = "cc 20"', 'undo = "cc 20" and state_out = "cc 20 channel 1"'),
        ('[midi]\nchannel = 5\n[bindings]\nundo = "cc 20"\nlate_out = "cc 20"', 'late_out = "cc 20 channel 5"'),
        ('[bindings]\nstate_out = "cc 9"\nlate_out = "cc 9 channel 1"', 'state_out = "cc 9 channel 1" and late_out'),
    ],
)
def test_a_controller_that_would_mean_two_things_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(written(tmp_path, text))
    assert message in caught.value.message and caught.value.hint == "Change one of the two."


@pytest.mark.parametrize(
    "text",
    [
        '[bindings]\nundo = "cc 66"',  # nobody has asked for the pedal
        '[turn]\nmode = "continue"\n[bindings]\nhand_over = "cc 66"',
        '[turn]\nmode = "continue"\n[bindings]\nkeep = "cc 66 through"',
        '[turn]\nmode = "continue"\n[midi]\nchannel = 2\n[bindings]\nundo = "cc 66 channel 3"',
        '[midi]\nchannel = 5\n[bindings]\nundo = "cc 20"\nstate_out = "cc 20 channel 16"',
        '[bindings]\nundo = "note 20"\nstate_out = "cc 20"\nlate_out = "cc 20 channel 2"',
    ],
)
def test_controllers_that_do_not_get_in_each_others_way_are_taken(tmp_path: Path, text: str) -> None:
    assert config.load(written(tmp_path, text)) != Settings()


def test_every_action_can_be_bound_and_scenes_are_read(tmp_path: Path) -> None:
    assert [key for key in config.rules("bindings") if not key.endswith("_out")] == list(TABLE)
    text = '[bindings]\nundo = "cc 3, note 4 channel 2"\n'
    text += '[scenes.3]\nmode = "duet"\nbars = 4\n[scenes.1]\ntemperature = 1'
    mine = config.load(written(tmp_path, text))
    assert mine.bindings.rows == (("undo", Binding("cc", 3)), ("undo", Binding("note", 4, 2)))
    assert mine.scenes.by_program == ((1, (("temperature", 1.0),)), (3, (("mode", "duet"), ("bars", 4.0))))
    assert pickle.loads(pickle.dumps(mine)) == mine
