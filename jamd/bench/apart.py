"""Work in a process of its own, with the environment that the brain is given: neither heap nor cache is shared."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from typing import ParamSpec, TypeVar

from jamd.bench.figures import Unavailable
from jamd.engine import LARGE_PAGES

ENVIRONMENT = {**LARGE_PAGES, "OPENBLAS_NUM_THREADS": "1"}
"""Of the brain; and NumPy reads memory on one thread, as a step does."""
P = ParamSpec("P")
T = TypeVar("T")


def apart(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` returns, done by a process that ends with it; Unavailable if that dies."""
    with _brains_environment(), ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(work, *args, **kwargs).result()
        except BrokenProcessPool as error:
            raise Unavailable("the process that measured has died; there may be too little memory") from error


@contextlib.contextmanager
def beside(work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> Iterator[None]:
    """`work`, which has no end, goes on in another process as long as this."""
    context = multiprocessing.get_context("spawn")
    process: BaseProcess = context.Process(target=work, args=args, kwargs=kwargs, daemon=True)
    with _brains_environment():
        process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def endless(work: Callable[[], object]) -> None:
    """In a process of `beside`: does it again and again, until nobody is left who could end it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever began this ends it
    parent = multiprocessing.parent_process()
    while parent is not None and parent.is_alive():
        work()


@contextlib.contextmanager
def _brains_environment() -> Iterator[None]:
    """For processes that are started in here; what somebody has set himself stays."""
    missing = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(missing)
    try:
        yield
    finally:
        for name in missing:
            del os.environ[name]
