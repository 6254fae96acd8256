"""The walls of the house: who may import whom, read from the source; imports inside functions count."""

from __future__ import annotations

import ast
import runpy
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
HOUSES = ("jamd", "training", "export")
DYNAMIC = ("importlib.import_module", "import_module", "__import__")


@dataclass(frozen=True)
class Room:
    """What the modules of a room may import besides each other, the standard library and jamd's version."""

    rooms: str = ""
    packages: str = ""

    def admits(self, own: str, other: str) -> bool:
        """True when a module of the room `own` may import the room or package `other`."""
        return other in (own, "jamd") or other in self.rooms.split() or other in self.packages.split()


ROOMS = {
    "jamd": Room(),
    "jamd.errors": Room(),
    "jamd.music": Room("jamd.errors"),
    "jamd.remi": Room("jamd.errors jamd.music", "numpy"),
    "jamd.engine": Room("jamd.errors jamd.music jamd.remi", "numpy onnxruntime"),
    "jamd.midi": Room("jamd.errors jamd.music", "mido rtmidi"),
    "jamd.config": Room("jamd.errors jamd.music jamd.remi", "platformdirs"),
    "jamd.daemon": Room("jamd.config jamd.errors jamd.music jamd.remi jamd.engine jamd.midi jamd.daemon.osc"),
    "jamd.daemon.osc": Room("jamd.config jamd.errors jamd.music", "pythonosc"),
    "jamd.bench": Room("jamd.config jamd.errors jamd.music jamd.remi jamd.engine jamd.midi jamd.daemon"),
    "jamd.learn": Room("jamd.config jamd.errors jamd.music jamd.midi", "tomlkit"),
    "jamd.headless": Room("jamd.config jamd.errors jamd.music jamd.remi jamd.engine jamd.midi jamd.daemon"),
    "jamd.replay": Room("jamd.config jamd.errors jamd.music jamd.remi jamd.engine jamd.midi jamd.daemon"),
    "jamd.demo": Room("jamd.config jamd.errors jamd.music jamd.midi jamd.daemon"),
    "jamd.cli": Room(
        "jamd.config jamd.errors jamd.daemon jamd.headless jamd.replay jamd.demo jamd.learn jamd.bench jamd.midi "
        "jamd.music jamd.remi",
        "click",
    ),
    "jamd.__main__": Room("jamd.cli"),
    "training": Room("jamd.errors jamd.music jamd.remi", "numpy torch symusic click matplotlib"),
    "training.__main__": Room("training training.finetune training.evaluation training.listen", "click"),
    "training.finetune": Room("jamd.config jamd.errors jamd.remi jamd.engine training export", "numpy torch click"),
    "training.evaluation": Room(
        "jamd.config jamd.errors jamd.music jamd.remi jamd.engine training export",
        "numpy torch symusic sklearn matplotlib click",
    ),
    "training.listen": Room(
        "jamd.config jamd.errors jamd.music jamd.remi jamd.engine training training.evaluation export",
        "numpy torch symusic click",
    ),
    "export": Room("jamd.errors jamd.music jamd.remi jamd.engine training", "numpy torch onnx onnxruntime click"),
}


@cache
def modules() -> dict[str, Path]:
    """Every module of the three houses by its dotted name."""
    found = {}
    for house in HOUSES:
        for path in sorted((ROOT / house).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(code: ast.AST) -> Iterator[str]:
    """What is imported anywhere in `code`: known modules, else what a name is taken from."""
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide who knows whom"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in modules() else str(node.module)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in DYNAMIC:
            yield from named(node.args[0]) if isinstance(node.args[0], ast.Constant) else named(code)


def named(code: ast.AST) -> Iterator[str]:
    """Modules whose names stand in `code` as text: what an import by name may import."""
    for node in ast.walk(code):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value.partition(":")[0]
            if name in modules() or node is code:
                yield name


def room_of(module: str) -> str:
    """The room that a module stands in; for a module that is not ours its package."""
    parts = module.split(".")
    heads = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next((head for head in heads if head in ROOMS), parts[0])


def breaches(module: str, code: ast.AST) -> list[str]:
    """The rooms and packages that `module` imports although it may not."""
    own = room_of(module)
    others = {room_of(name) for name in imported(code)}
    foreign = {o for o in others if o not in sys.stdlib_module_names}
    return sorted(o for o in foreign if not ROOMS[own].admits(own, o))


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """Some modules that import each other in a ring, or nothing."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return way[way.index(name) :]
        if name in done:
            return []
        done.add(name)
        return next(filter(None, (walk(other, [*way, name]) for other in sorted(graph.get(name, ())))), [])

    return next(filter(None, (walk(name, []) for name in sorted(graph))), [])


# ---- the walls -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_module_imports_only_what_its_room_may_know(module: str) -> None:
    assert breaches(module, tree(modules()[module])) == []


@pytest.mark.parametrize("room", [room for room in ROOMS if room.startswith("jamd")])
def test_every_room_on_the_plan_stands(room: str) -> None:
    assert room in modules()


def test_every_folder_of_jamd_is_a_package_so_that_it_is_installed() -> None:
    folders = {path.parent for path in (ROOT / "jamd").rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize(
    ("module", "code", "found"),
    [
        ("jamd.engine.any", "import rtmidi", ["rtmidi"]),
        ("jamd.engine.any", "def f():\n    from jamd.midi.ports import list_ports", ["jamd.midi"]),
        ("jamd.midi.any", "if TYPE_CHECKING:\n    import jamd.engine.session", ["jamd.engine"]),
        ("jamd.midi.any", "import onnxruntime, numpy", ["numpy", "onnxruntime"]),
        ("jamd.music.any", "from jamd.remi import vocabulary", ["jamd.remi"]),
        ("jamd.music.any", "import numpy.typing", ["numpy"]),
        ("jamd.daemon.any", "import click", ["click"]),
        ("jamd.daemon.any", "from jamd import cli", ["jamd.cli"]),
        ("jamd.remi.any", "import importlib\nimportlib.import_module('torch.nn')", ["torch"]),
        (
            "jamd.remi.any",
            "names = {'a': 'jamd.midi.ports:list_ports'}\n__import__(names['a'])",
            ["jamd.midi"],
        ),
        ("jamd.cli", "try:\n    import mido\nexcept ImportError:\n    mido = None", ["mido"]),
        ("training.any", "from jamd.engine.session import Session", ["jamd.engine"]),
        ("training.any", "import export.graph", ["export"]),
        ("training.corpus.any", "import onnx, sklearn", ["onnx", "sklearn"]),
        ("training.train", "from training import finetune", ["training.finetune"]),
        ("training.checkpoint", "import training.evaluation", ["training.evaluation"]),
        ("training.finetune", "import export.weights\nfrom jamd.midi import smf", ["jamd.midi"]),
        ("training.evaluation.any", "import onnxruntime\nimport export.weights", ["onnxruntime"]),
        ("export.any", "from training import finetune", ["training.finetune"]),
        ("jamd.remi.any", "import json, numpy\nfrom jamd.music.note import Note", []),
    ],
)
def test_the_walls_would_be_seen_to_fall(module: str, code: str, found: list[str]) -> None:
    assert breaches(module, ast.parse(code)) == found


@pytest.mark.parametrize("module", sorted(m for m in modules() if "click" in imported(tree(modules()[m]))))
def test_click_stands_only_where_a_command_does(module: str) -> None:
    functions = [node for node in ast.walk(tree(modules()[module])) if isinstance(node, ast.FunctionDef)]
    marks = [ast.unparse(mark) for function in functions for mark in function.decorator_list]
    assert any(".command(" in mark or ".group(" in mark for mark in marks)


def test_no_modules_import_each_other_in_a_ring() -> None:
    graph = {name: {m for m in imported(tree(path)) if m != name} for name, path in modules().items()}
    assert cycle(graph) == []
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]


def test_importing_jamd_loads_nothing_but_itself() -> None:
    code = "import sys; old = set(sys.modules); import jamd; print(sorted(set(sys.modules) - old))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(ast.literal_eval(done.stdout)) <= {"jamd", "__future__"}


# ---- the rules of the house ------------------------------------------------------------------------------


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_module_says_what_it_is_for(module: str) -> None:
    assert ast.get_docstring(tree(modules()[module]))


@pytest.mark.parametrize("module", sorted(modules()))
def test_nothing_is_global_nothing_is_starred_and_no_error_is_swallowed_unnamed(module: str) -> None:
    for node in ast.walk(tree(modules()[module])):
        assert not isinstance(node, ast.Global), f"global in line {node.lineno}"
        if isinstance(node, ast.ImportFrom):
            assert all(alias.name != "*" for alias in node.names), f"import * in line {node.lineno}"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"bare except in line {node.lineno}"


# ---- what is installed -----------------------------------------------------------------------------------


def setup_lists() -> tuple[list[Requirement], dict[str, list[Requirement]]]:
    """The requirements of jamd and of its extras, from setup.py."""
    names = runpy.run_path(str(ROOT / "setup.py"), run_name="read")
    extras = {name: [Requirement(line) for line in lines] for name, lines in names["EXTRAS"].items()}
    return [Requirement(line) for line in names["REQUIRES"]], extras


def provided(requirements: list[Requirement]) -> set[str]:
    """The packages that can be imported when these are installed."""
    spelled = {"python-rtmidi": "rtmidi", "python-osc": "pythonosc", "scikit-learn": "sklearn"}
    spelled |= {"onnxruntime-gpu": "onnxruntime"}
    return {spelled.get(r.name, r.name) for r in requirements}


def packages_of(house: str) -> set[str]:
    """The packages from elsewhere that a house imports."""
    trees = (tree(path) for name, path in modules().items() if name.split(".")[0] == house)
    names = {name.split(".")[0] for code in trees for name in imported(code)}
    return names - sys.stdlib_module_names - set(HOUSES)


def test_jamd_runs_on_what_it_installs_and_torch_is_not_among_it() -> None:
    requires, _ = setup_lists()
    assert packages_of("jamd") <= provided(requires)
    assert "torch" not in provided(requires)


def test_training_and_export_run_on_the_train_extra() -> None:
    requires, extras = setup_lists()
    assert packages_of("training") | packages_of("export") <= provided(requires + extras["train"])


@pytest.mark.parametrize("machine", ["x86_64", "aarch64", "arm64", "AMD64"])
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_each_platform_gets_exactly_one_onnxruntime(system: str, machine: str) -> None:
    place = {"sys_platform": system, "platform_machine": machine}
    runtimes = [r for r in setup_lists()[0] if r.name.startswith("onnxruntime")]
    chosen = [r.name for r in runtimes if r.marker is None or r.marker.evaluate(place)]
    gpu = system == "win32" or (system, machine) == ("linux", "x86_64")
    assert chosen == ["onnxruntime-gpu" if gpu else "onnxruntime"]


def test_what_is_tested_is_what_setup_allows() -> None:
    requires, extras = setup_lists()
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {r.name.lower(): r for r in map(Requirement, (line for line in lines if not line.startswith("#")))}
    for need in [*requires, *extras["train"], *extras["test"]]:
        version = str(pinned[need.name.lower()].specifier).removeprefix("==")
        assert need.specifier.contains(version), need
