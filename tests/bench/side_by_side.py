"""jamd's step beside others of its size: the literal Transformer-XL, GPT-2 with a KV cache in PyTorch and ONNX Runtime.

    python tests/bench/side_by_side.py                        sizes S and M, contexts 512, 1024 and 2048
    python tests/bench/side_by_side.py --sizes M --contexts 512
    python tests/bench/side_by_side.py --quick                S at 512, a few rounds

Random weights, batch 1, one thread, one process. Rows of the table:

    jamd              a model that export/ has made, memory as long as the context, played by jamd's own session
    literal           the same weights in training/model.py, hidden states for a memory
    GPT-2, torch      training/gpt2.py, its d_inner such that it is as large, at the end of a full window
    GPT-2, ORT        the same weights

All in float32; jamd and GPT-2 in ONNX Runtime also in eight bits, by the same operator (torch has none that is quicker
than float32 for one row). First each is compared with its torch model, whose weights are rounded as its own, over a
stream that fills the context (a Transformer-XL over a segment's end besides); one that is further off than its
precision accounts for ends the bench. Then all take turns, a few steps each, for many rounds. The first step of a turn
finds a cold cache and is not counted, a round's figure is the median of the others. In brackets the quartiles of the
rounds; ratios are taken within a round.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import nn

from export import int8
from export.reference import as_stored, reference, stream
from export.to_onnx import export_model
from jamd.bench.figures import percentile
from jamd.engine.info import FP32, INT8
from jamd.engine.session import Session
from jamd.remi import vocabulary
from tests.bench.gpt2_onnx import OrtGPT2, gpt2_graph
from tests.bench.rivals import LiteralXL, TorchGPT2
from training import settings
from training.architecture import build, config_of
from training.gpt2 import GPT2
from training.model import TransformerXL, parameters_of
from training.settings import GPT2_NAME

JAMD, LITERAL, TORCH, ORT = "jamd", "literal", "GPT-2, torch", "GPT-2, ORT"
CONTEXTS = (512, 1024, 2048)
TOLERANCE = {FP32: 1e-4, INT8: 0.05}
"""Greatest difference of logits from those of the torch model, which does not round activations, by precision."""
BOUNDARY = 8
"""Single steps before a segment's end and behind it, over which a Transformer-XL is checked."""
ROUNDS, STEPS = 20, 4
LONG_TURN_MS = 50.0
"""After so long a turn ends with the step that is running: one counted step is enough where steps are slow."""
ASKED = {
    ("M", 512, LITERAL, FP32): {FP32: 20.0, INT8: 40.0},
    ("M", 512, TORCH, FP32): {FP32: 2.0, INT8: 3.5},
    ("M", 2048, ORT, FP32): {FP32: 1.0},
    ("M", 2048, ORT, INT8): {INT8: 1.0},
}
"""How many times jamd's step, in each precision, the other's should take."""
ASKED_MEMORY = 2.2
"""How many times a step with the shortest memory one with the longest may take."""
Step = Callable[[int], NDArray[np.float32]]
Rounds = list[float]
"""Milliseconds of a step, a median a round."""


@dataclass(frozen=True, slots=True)
class System:
    """What takes part: who, at which context, and how it is asked for a step."""

    size: str
    context: int
    name: str
    precision: str
    parameters: int
    error: float
    """Greatest difference of logits from the torch model's."""
    step: Step


# ---- who takes part ------------------------------------------------------------------------------------------


def taking_part(size: str, contexts: Sequence[int], folder: Path) -> Iterator[System]:
    """All systems of a size, checked."""
    sizes = dataclasses.replace(settings.load(size).model, long_mem_len=0, long_layers=())  # all look equally far back
    for context in contexts:
        xl = build(config_of(dataclasses.replace(sizes, mem_len=context), vocabulary.SIZE))
        yield from _transformers_xl(size, xl, folder)
        gpt2 = config_of(dataclasses.replace(sizes, architecture=GPT2_NAME, context=context), vocabulary.SIZE)
        yield from _gpt2s(size, build(gpt2).eval())


def _transformers_xl(size: str, model: TransformerXL, folder: Path) -> Iterator[System]:
    config = model.config
    ids = stream(model)
    end = len(ids) // config.tgt_len * config.tgt_len
    near = slice(end - BOUNDARY, end + BOUNDARY)
    for precision in (FP32, INT8):
        stored = as_stored(model, precision)
        logits = reference(stored, ids).logits
        file = folder / f"{config.mem_len}-{precision}.onnx"
        export_model(model, file, {}, versions=("",), precision=precision)
        players: dict[str, Session | LiteralXL] = {JAMD: Session.load(file, "cpu")}
        if precision == FP32:
            players[LITERAL] = LiteralXL(stored)
        for name, player in players.items():
            player.feed(ids[: near.start].tolist())
            error = checked(name, player.step, ids[near], logits[near], precision)
            player.feed(ids[near.stop :].tolist())  # to the middle of a segment: literal's memory grows within it
            yield System(size, config.mem_len, name, precision, parameters_of(model), error, player.step)


def _gpt2s(size: str, model: GPT2) -> Iterator[System]:
    config = model.config
    ids = np.random.default_rng(0).integers(0, config.vocab_size, config.context)
    for precision in (FP32, INT8):
        with torch.inference_mode():
            logits = rounded(model, precision)(torch.from_numpy(ids[None]))[0][0].numpy()
        players: dict[str, TorchGPT2 | OrtGPT2] = {TORCH: TorchGPT2(model)} if precision == FP32 else {}
        players[ORT] = OrtGPT2(gpt2_graph(model, precision), config)
        for name, player in players.items():
            error = checked(name, player.step, ids, logits, precision)
            yield System(size, config.context, name, precision, parameters_of(model), error, player.step)


def rounded(model: GPT2, precision: str) -> GPT2:
    """The model with the weights that its layers' matrices have in `precision`."""
    if precision == FP32:
        return model
    other = copy.deepcopy(model)
    for module in other.layers.modules():
        if isinstance(module, nn.Linear):
            module.weight.data = torch.from_numpy(int8.rounded(module.weight.detach().numpy()))
    return other


def checked(name: str, step: Step, ids: NDArray[np.int64], logits: NDArray[np.float32], precision: str = FP32) -> float:
    """Feeds `ids` one by one; how far its logits are from `logits` [n, V]. SystemExit where that is too far."""
    error = max(float(np.abs(step(int(token)) - row).max()) for token, row in zip(ids, logits, strict=True))
    if not error <= TOLERANCE[precision]:
        sys.exit(f"{name}, {precision}, is not the model it should be: its logits differ by {error:.1e}.")
    return error


# ---- the race ------------------------------------------------------------------------------------------------


def in_turns(
    steps: Sequence[Step], rounds: int, count: int, clock: Callable[[], float] = time.perf_counter
) -> list[Rounds]:
    """What a step of each takes. In every round another one is the first."""
    times: list[Rounds] = [[] for _ in steps]
    for first in range(rounds):
        for turn in range(len(steps)):
            at = (first + turn) % len(steps)
            times[at].append(_turn(steps[at], count, clock))
    return times


def _turn(step: Step, count: int, clock: Callable[[], float]) -> float:
    taken: list[float] = []
    while len(taken) < 2 or (len(taken) <= count and sum(taken) < LONG_TURN_MS):
        start = clock()
        step(0)
        taken.append((clock() - start) * 1e3)
    return median(taken[1:])


def ratios(others: Rounds, own: Rounds) -> Rounds:
    """Round by round."""
    return [other / mine for other, mine in zip(others, own, strict=True)]


def quartiles(values: Sequence[float]) -> dict[str, float]:
    """The middle and where the middle half lies."""
    return {f"p{q}": round(percentile(values, q), 3) for q in (25, 50, 75)}


# ---- what is told --------------------------------------------------------------------------------------------


def rows(systems: Sequence[System], times: Sequence[Rounds]) -> list[dict[str, Any]]:
    """Each system's figures, beside jamd's at the same context in each precision."""
    own = {(s.context, s.precision): taken for s, taken in zip(systems, times, strict=True) if s.name == JAMD}
    return [
        {
            "size": s.size,
            "context": s.context,
            "system": s.name,
            "precision": s.precision,
            "parameters": s.parameters,
            "logits_error": s.error,
            "step_ms": quartiles(taken),
            "times_jamd": {
                precision: quartiles(ratios(taken, jamd))
                for (context, precision), jamd in own.items()
                if context == s.context
            },
        }
        for s, taken in zip(systems, times, strict=True)
    ]


def memory(systems: Sequence[System], times: Sequence[Rounds], precision: str) -> dict[str, Any]:
    """What a step of jamd with its longest memory takes beside one with its shortest."""
    own = {
        s.context: taken
        for s, taken in zip(systems, times, strict=True)
        if (s.name, s.precision) == (JAMD, precision)
    }
    short, long = min(own), max(own)
    step = quartiles(ratios(own[long], own[short]))
    return {"size": systems[0].size, "precision": precision, "long": long, "short": short, "step": step}


def table(found: Mapping[str, Any]) -> str:
    """The figures for a person."""
    lines = [f"{'':32} {'step, ms':>22}  {'times jamd, fp32':>25}  {'times jamd, int8':>25}"]
    for row in found["systems"]:
        who = row["size"], row["context"], row["system"], row["precision"]
        line = f"{who[0]:4} {who[1]:7}  {who[2]:13} {who[3]} {_spread(row['step_ms'], 3):>22}"
        asked = ASKED.get(who, {})
        for precision, times in row["times_jamd"].items():
            line += f"  {_spread(times, 2):>25}" if row["system"] != JAMD or precision != row["precision"] else " " * 27
            line += f" asked: {asked[precision]:g}" if precision in asked else ""
        lines.append(line)
    for row in found["memory"]:
        if row["long"] == row["short"]:
            continue
        asked_memory = f"  asked: {ASKED_MEMORY} or less" if (row["long"], row["short"]) == (2048, 512) else ""
        lines.append(
            f"{row['size']}, {row['precision']}: memory {row['long']} against {row['short']}: "
            f"{_spread(row['step'], 2)}{asked_memory}"
        )
    return "\n".join(line.rstrip() for line in lines)


def _spread(q: Mapping[str, float], digits: int) -> str:
    return f"{q['p50']:.{digits}f} ({q['p25']:.{digits}f} to {q['p75']:.{digits}f})"


def compared(size: str, contexts: Sequence[int], rounds: int) -> dict[str, Any]:
    """Builds, checks and times all systems of a size."""
    systems = []
    with tempfile.TemporaryDirectory() as folder:
        for s in taking_part(size, contexts, Path(folder)):
            who = f"{s.size} {s.context} {s.name}, {s.precision}"
            print(f"{who}: within {s.error:.1e} of its torch model", file=sys.stderr)
            systems.append(s)
    times = in_turns([s.step for s in systems], rounds, STEPS)
    return {"systems": rows(systems, times), "memory": [memory(systems, times, p) for p in (FP32, INT8)]}


def main() -> None:
    """Prints a table, and everything as JSON at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="S,M", help="configs of training (default: %(default)s)")
    parser.add_argument("--contexts", default=",".join(map(str, CONTEXTS)), help="in tokens (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help="S at 512, eight rounds")
    options = parser.parse_args()
    if options.quick:
        options.sizes, options.contexts, options.rounds = "S", "512", 8
    torch.set_num_threads(1)
    torch.manual_seed(0)
    contexts = [int(n) for n in options.contexts.split(",")]
    sizes = [compared(size, contexts, options.rounds) for size in options.sizes.split(",")]
    found = {
        "torch": torch.__version__,
        "onnxruntime": ort.__version__,
        "rounds": options.rounds,
        "systems": [row for size in sizes for row in size["systems"]],
        "memory": [row for size in sizes for row in size["memory"]],
    }
    print(table(found))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
