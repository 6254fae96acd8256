"""`jamd learn`: waits for a control to be moved, and writes what it shall do into jamd.toml, all else untouched."""

from __future__ import annotations

import os
import shutil
import time
import tomllib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import Table, Whitespace

from jamd.config import Settings
from jamd.errors import ConfigError, did_you_mean
from jamd.midi.learner import Learner
from jamd.midi.port_types import InputPort
from jamd.midi.ports import open_input, parse_spec
from jamd.music.actions import TABLE, Spec
from jamd.music.bindings import Binding, parse

POLL_S = 0.005
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a control shall do: an action, and what a button asks it for."""

    spec: Spec
    value: str = ""

    @property
    def for_buttons(self) -> bool:
        """True if a note or a program will do."""
        return bool(self.value) or not self.spec.settable

    def bound_to(self, control: Binding) -> Binding:
        """The binding; ConfigError where the control cannot do that."""
        text = f"{control} value {self.value}" if self.value else str(control)
        try:
            return parse(text, self.spec)[0]
        except ValueError as error:
            raise ConfigError(f"{self.spec.name}: {error}", f"jamd learn {self.spec.name} VALUE says it.") from None


def wish(name: str, value: str = "") -> Wish:
    """ConfigError where there is no such action, or it does not take that value."""
    if name not in TABLE:
        raise ConfigError(f"there is no action {name}", did_you_mean(name, TABLE) or f"Known are: {', '.join(TABLE)}.")
    wanted = Wish(TABLE[name], value)
    if value:
        wanted.bound_to(Binding("note", 0))
    return wanted


def wait_for_control(name: str, api: str, buttons: bool) -> Binding:
    """The control on an input port that a person moves; waits for ever. PortError where there is no such port."""
    with closing(open_input(parse_spec(name), api)) as port:
        return heard_control(port, Learner(buttons), time.monotonic_ns, time.sleep)


def heard_control(
    port: InputPort, learner: Learner, clock: Callable[[], int], sleep: Callable[[float], None]
) -> Binding:
    """The same, on an open port."""
    while (found := learner.learnt(now := clock())) is None:
        for stamp, data in port.poll(now):
            learner.hear(data, stamp)
        sleep(POLL_S)
    return found


def rewritten(text: str, name: str, binding: Binding) -> tuple[str, list[str]]:
    """A jamd.toml with a binding in it, and in sentences what else had to change.

    It takes the place of what asked the same action for the same; what it was bound to before, it is not any more.
    """
    document = tomlkit.parse(text)
    table = document.setdefault("bindings", tomlkit.table())
    changes = []
    for other, spec in TABLE.items():
        before = parse(str(table.get(other, "")), spec)
        after = [old for old in before if not old.meets(binding)]
        if other != name and len(after) < len(before):
            changes.append(f"{binding.message} was bound to {other}, and is not any more")
        if other == name:
            after = [old for old in after if binding.value is not None and old.value != binding.value] + [binding]
        if after != list(before):
            _put(table, other, ", ".join(map(str, after)))
    new = tomlkit.dumps(document)
    return (new.replace("\r\n", "\n").replace("\n", "\r\n") if "\r\n" in text else new), changes


def save(path: Path, wanted: Wish, binding: Binding, *, dry_run: bool = False) -> list[str]:
    """Writes a binding into a settings file, all or nothing, and keeps a copy of what it was; says what it did."""
    path = path.resolve()
    old = _read(path)
    text, changes = rewritten(old.decode("utf-8-sig"), wanted.spec.name, binding)
    Settings().with_table(tomllib.loads(text), str(path))  # with it, the file says nothing that cannot be
    said = [f'{wanted.spec.name} = "{binding}"', *changes]
    if dry_run:
        return [*said, f"{path} was left as it is"]
    backup = path.with_name(f"{path.name}.bak")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            shutil.copy2(path, backup)
            said.append(f"{backup} holds the file as it was")
        _write(path, BOM * old.startswith(BOM) + text.encode())
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}", "Name another file: jamd --config FILE.") from None
    return [*said, f"wrote {path}"]


def _put(table: Any, name: str, value: str) -> None:
    """A new line goes below the table's own: a comment behind a blank line is the heading of what follows."""
    body = table.value.body if isinstance(table, Table) and name not in table else []
    last = max((n for n, (key, _) in enumerate(body) if key is not None), default=-1)
    tail = next((n for n in range(last + 1, len(body)) if isinstance(body[n][1], Whitespace)), last + 1)
    heading = body[tail:]
    del body[tail:]
    table[name] = value
    body.extend(heading)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", "--config FILE names the settings file.") from None


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(data)
    if path.exists():
        shutil.copymode(path, part)
    os.replace(part, path)
