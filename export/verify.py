"""Parity: the .onnx file against logits and memory that torch computed, then its speed. Runs without torch.

    python -m export.verify MODEL.onnx REFERENCE.npz

prints a JSON line, and fails if the file is another model. Its own process, so any onnxruntime can be tried.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from jamd.engine.info import FP32, INT8
from jamd.engine.ring import MAX_PIECE
from jamd.engine.session import Session

TOLERANCE = {FP32: 2e-5, INT8: 0.05}
"""Greatest difference, relative to the largest number (at least 1). Float32 rounding is a tenth of it; the rounding of
activations to eight bits, which a torch model does not know, a third."""
CUTS = (1, 1, 1, 2, 5, 8, 17, MAX_PIECE, 3 * MAX_PIECE)
"""Tokens fed at once: single steps, drafts, prefills within and across segments."""


@dataclass(frozen=True)
class Reference:
    """What the model of training says on a stream longer than its memory."""

    ids: NDArray[np.int64]
    """[n]."""
    logits: NDArray[np.float32]
    """[n, V], after each token."""
    keys: NDArray[np.float32]
    """[n_layer, n_head, m, d_head] of the last m positions: the final memory, as far as all layers have it."""
    values: NDArray[np.float32]

    def save(self, path: Path) -> None:
        """Writes an .npz."""
        np.savez(path, **vars(self))

    @classmethod
    def load(cls, path: Path) -> Reference:
        """Reads what `save` wrote."""
        with np.load(path) as held:
            return cls(**{f.name: held[f.name] for f in dataclasses.fields(cls)})


@dataclass(frozen=True)
class Report:
    """What a file did on one onnxruntime. Errors are the greatest differences, relative as TOLERANCE says."""

    onnxruntime: str
    device: str
    precision: str
    tokens: int
    logits_error: float
    """Over all tokens, fed in pieces of many lengths, with rewinds between them."""
    last_error: float
    """Of the logits after the last token of each `feed`, which takes a shorter way through the graph."""
    memory_error: float
    """K and V of the final memory."""
    repeat_error: float
    """Of all that, against a fork that was fed the same pieces with nothing to rewind: the same bits, on a CPU."""
    rewinds: int
    step_ms: float
    prefill_ms: float
    """Of 64 tokens."""

    @property
    def passed(self) -> bool:
        """True when the file is the model it was made from."""
        errors = max(self.logits_error, self.last_error, self.memory_error)
        return errors <= TOLERANCE[self.precision] and self.repeat_error <= TOLERANCE[FP32]


def check(path: Path, reference: Reference, device: str = "cpu") -> Report:
    """Feeds the reference's stream to the file, and compares. ModelError if it cannot be loaded."""
    session = Session.load(path, device)
    logits, rewinds = _all_logits(session, reference)
    memory = _memory(session, reference)
    fork = session.fork()
    again, _ = _all_logits(fork, reference, drafts=False)
    repeated = zip((logits, *memory), (again, *_memory(fork, reference)), strict=True)
    return Report(
        onnxruntime=onnxruntime.__version__,
        device=session.device,
        precision=session.info.precision,
        tokens=len(reference.ids),
        logits_error=_error(logits, reference.logits),
        last_error=_last_error(session, reference),
        memory_error=max(map(_error, memory, (reference.keys, reference.values))),
        repeat_error=max(_error(once, more) for once, more in repeated),
        rewinds=rewinds,
        step_ms=_median_ms(session, 1, 100),
        prefill_ms=_median_ms(session, MAX_PIECE, 5),
    )


def _all_logits(session: Session, reference: Reference, *, drafts: bool = True) -> tuple[NDArray[np.float32], int]:
    rng, other = np.random.default_rng(0), np.random.default_rng(2)
    headroom = session.info.headroom
    session.reset()
    logits, rewinds = [], 0
    for piece in _cut(reference.ids, rng):
        if drafts:
            mark = session.mark()
            session.feed_each(other.permutation(reference.ids)[:headroom].tolist())  # comes to nothing
            session.rewind(mark)
            rewinds += 1
        logits.append(session.feed_each(piece))
    return np.concatenate(logits), rewinds


def _memory(session: Session, reference: Reference) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return session.kv(len(reference.ids) - reference.keys.shape[2], len(reference.ids))


def _last_error(session: Session, reference: Reference) -> float:
    session.reset()
    errors = []
    for piece in _cut(reference.ids, np.random.default_rng(1)):
        logits = session.feed(piece)
        errors.append(_error(logits, reference.logits[session.position - 1]))
    return max(errors)


def _cut(ids: NDArray[np.int64], rng: np.random.Generator) -> Iterator[list[int]]:
    while len(ids):
        count = int(rng.choice(CUTS))
        yield ids[:count].tolist()
        ids = ids[count:]


def _error(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    if found.shape != expected.shape:
        raise ValueError(f"{found.shape} cannot be compared with {expected.shape}")
    difference = np.abs(found - expected).max() / max(1, np.abs(expected).max())
    return float(difference) if np.isfinite(difference) else float("inf")


def _median_ms(session: Session, length: int, times: int) -> float:
    """The median time of feeding `length` tokens behind a full memory, in milliseconds."""
    session.reset()
    session.feed([0] * (session.info.tgt_len * (2 + session.info.longest_memory // session.info.tgt_len)))
    full, taken = session.snapshot(), []
    for _ in range(times):
        session.restore(full)  # at the start of a segment: the feed is one piece
        start = time.perf_counter()
        session.feed([0] * length)
        taken.append(time.perf_counter() - start)
    return round(float(np.median(taken)) * 1e3, 3)


def main(model: str, reference: str) -> int:
    """Checks, prints the report as a line of JSON; 0 when it passed."""
    report = check(Path(model), Reference.load(Path(reference)))
    print(json.dumps(dataclasses.asdict(report)))
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
