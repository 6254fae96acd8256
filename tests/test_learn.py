"""jamd learn: one control, one line in the person's file, and everything else in it as it was."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from jamd import config, learn
from jamd.cli import main
from jamd.config import Settings
from jamd.errors import ConfigError
from jamd.midi.learner import SETTLE_NS, Learner
from jamd.midi.messages import control
from jamd.music.actions import TABLE
from jamd.music.bindings import Binding, parse
from tests.midi.doubles import MS, ScriptedInput
from tests.music.bindings import bindings

MINE = """# mine
[clock]   # the pulse
bpm = 90

[bindings]
# the left knob
top_p = "cc 20"   # left
mode = "note 1 value duet"

[scenes.3]
bars = 4
"""
ROOT = Path(__file__).parent.parent


def bound(text: str) -> dict[str, tuple[Binding, ...]]:
    """What is bound in a jamd.toml."""
    table = tomllib.loads(text).get("bindings", {})
    return {name: parse(table[name], TABLE[name]) for name in TABLE if table.get(name)}


@pytest.mark.parametrize("text", [MINE, "", "# nothing\r\n", (ROOT / "jamd.toml").read_text(encoding="utf-8")])
@given(name=st.sampled_from(list(TABLE)), data=st.data())
def test_what_is_learnt_stands_in_the_file_and_all_else_as_it_was(text: str, name: str, data: st.DataObject) -> None:
    learnt = data.draw(bindings(TABLE[name]))
    new, changes = learn.rewritten(text, name, learnt)
    rows = [(n, b) for n, all_of_it in bound(new).items() for b in all_of_it]
    assert (name, learnt) in rows
    others = [(n, b) for n, all_of_it in bound(text).items() for b in all_of_it if n != name and not b.meets(learnt)]
    assert [row for row in rows if row[0] != name] == others
    assert bool(changes) is any(b.meets(learnt) for n, all_of_it in bound(text).items() for b in all_of_it if n != name)
    kept = [line for line in text.splitlines() if not line.startswith((name, *bound(text)))]
    lines = iter(new.splitlines())
    assert all(line in lines for line in kept)  # all there, and in their order


def test_another_value_stands_beside_the_first_and_a_second_control_takes_the_place_of_the_first() -> None:
    trade, duet = Binding("note", 2, 1, "trade"), Binding("note", 3, 1, "duet")
    text, _ = learn.rewritten(MINE, "mode", trade)
    assert bound(text)["mode"] == (Binding("note", 1, 0, "duet"), trade)
    text, _ = learn.rewritten(text, "mode", duet)
    assert bound(text)["mode"] == (trade, duet)
    text, _ = learn.rewritten(MINE, "top_p", Binding("cc", 7, 1))
    assert bound(text)["top_p"] == (Binding("cc", 7, 1),) and '"cc 7 channel 1"   # left' in text


@pytest.mark.parametrize("own", ["", "# mine\n", 'top_p = "cc 20"   # left\n', 'top_p = "cc 20"\n# keep = "cc 3"\n'])
@pytest.mark.parametrize("blank", ["", "\n", "\n\n"])
def test_a_new_line_stands_below_the_tables_own_and_never_between_a_heading_and_its_table(own: str, blank: str) -> None:
    if not blank and own.endswith('3"\n'):
        return  # two comments touch: nobody can say whose they are
    heading = "# the organ\n[scenes.3]   # red\nbars = 4"
    text, _ = learn.rewritten(f"[bindings]\n{own}{blank}{heading}", "undo", Binding("note", 36, 10))
    assert bound(text)["undo"] == (Binding("note", 36, 10),)
    assert text.endswith(f"{blank}{heading}") and all(line in text for line in own.splitlines())
    text, _ = learn.rewritten(f"[bindings]\n{own}{blank}# the end", "undo", Binding("note", 36, 10))
    assert bound(text)["undo"] and [line for line in text.splitlines() if line == "# the end"]


def test_a_file_is_replaced_whole_a_copy_is_kept_and_a_dry_run_touches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "jamd.toml"
    path.write_bytes(b"\xef\xbb\xbf" + MINE.replace("\n", "\r\n").encode())
    path.chmod(0o600)
    before = path.read_bytes()
    said = learn.save(path, learn.wish("undo"), Binding("note", 36, 10), dry_run=True)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    assert said[0] == 'undo = "note 36 channel 10"' and "left as it is" in said[-1]
    said = learn.save(path, learn.wish("undo"), Binding("note", 36, 10))
    after = path.read_bytes()
    assert after.startswith(b"\xef\xbb\xbf") and after.count(b"\r\n") == after.count(b"\n")
    assert config.load(path).bindings.undo == "note 36 channel 10" and path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "jamd.toml.bak").read_bytes() == before and sorted(p.name for p in tmp_path.iterdir()) == [
        "jamd.toml",
        "jamd.toml.bak",
    ]
    assert said[-1] == f"wrote {path}"


def test_a_file_that_is_not_there_is_made_with_its_folder_and_a_link_stays_one(tmp_path: Path) -> None:
    path = tmp_path / "home" / "jamd.toml"
    learn.save(path, learn.wish("undo"), Binding("note", 36, 10))
    assert config.load(path) == Settings().with_options(bindings_undo="note 36 channel 10")
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    learn.save(link, learn.wish("keep"), Binding("note", 37, 10))
    assert link.is_symlink() and config.load(path).bindings.keep == "note 37 channel 10"


def test_what_cannot_be_is_refused_and_nothing_written(tmp_path: Path) -> None:
    path = tmp_path / "jamd.toml"
    path.write_text(MINE)
    with pytest.raises(ConfigError, match=r"\[scenes\.3\]"):
        learn.save(path, learn.wish("undo"), Binding("program", 3))
    assert path.read_text() == MINE and list(tmp_path.iterdir()) == [path]
    with pytest.raises(ConfigError, match="cannot read"):
        learn.save(path / "below.toml", learn.wish("undo"), Binding("note", 3))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("temprature",), 'Did you mean "temperature"?'),
        (("mode", "waltz"), "must be call-response, trade, duet or continue, not waltz"),
        (("undo", "3"), "undo takes none"),
    ],
)
def test_an_action_that_is_none_is_named_before_any_port_is_opened(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        learn.wish(*words)
    assert says in str(caught.value)


def test_it_waits_until_a_control_is_known() -> None:
    now = 0

    def clock() -> int:
        nonlocal now
        now += MS
        return now

    port = ScriptedInput([(5 * MS + n * MS, control(0, 21, n)) for n in range(100)])
    assert learn.heard_control(port, Learner(False), clock, lambda seconds: None) == Binding("cc", 21, 1)
    assert now >= SETTLE_NS


# ---- the command -----------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file; the control that is moved is a pad."""
    monkeypatch.setattr(learn, "wait_for_control", lambda name, api, buttons: Binding("note", 36, 10))
    path = tmp_path / "jamd.toml"
    path.write_text(MINE)
    return path


def run(path: Path, *words: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, ["--config", str(path), "learn", *words], input=typed)


def test_the_command_binds_what_is_moved(path: Path) -> None:
    result = run(path, "mode", "trade")
    assert result.exit_code == 0 and 'mode = "note 36 channel 10 value trade"' in result.stdout
    assert config.load(path).bindings.mode == "note 1 value duet, note 36 channel 10 value trade"


def test_without_an_action_the_control_comes_first_and_what_it_shall_do_is_asked(path: Path) -> None:
    result = run(path, typed="mode\ncontinue\n")
    assert result.exit_code == 0 and "note 36 channel 10 moved" in result.stdout
    assert "continue" in config.load(path).bindings.mode


def test_ctrl_c_leaves_the_file_untouched(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str, api: str, buttons: bool) -> Binding:
        raise KeyboardInterrupt

    monkeypatch.setattr(learn, "wait_for_control", interrupted)
    assert run(path, "undo").exit_code == 1
    assert path.read_text() == MINE and list(path.parent.iterdir()) == [path]
