"""A JACK server on the dummy driver for tests: real MIDI ports without a sound card."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest

PERIOD = 128
TIMEOUT_MS = 200
"""How long the server waits for a client, and ten times as long in the cycle in which one is killed."""
READY_S, STOP_S = 10.0, 3.0
_NUMBERS = count()


def jack_is_required() -> bool:
    """True where a missing JACK server is a failure, not a reason to skip."""
    return os.environ.get("JAMD_REQUIRE_JACK") == "1"


@contextmanager
def jack_up(period: int = PERIOD, timeout_ms: int = TIMEOUT_MS) -> Iterator[str]:
    """Runs a server of its own name and makes it the default one of this process and its children; yields the name."""
    name = f"jamdtest{os.getpid()}x{next(_NUMBERS)}"
    # -S: without it the server loses messages of late clients; -t: or one that is killed stalls it for 5 s
    command = ["jackd", "-r", "-S", "-t", str(timeout_ms), "-p", "128", "-n", name]
    command += ["-d", "dummy", "-r", "48000", "-p", str(period), "-C", "0", "-P", "2"]
    ours = {"JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1", "JACK_NO_AUDIO_RESERVATION": "1"}
    before = {key: os.environ.get(key) for key in ours}
    os.environ.update(ours)
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_it_answers(server)
        yield name
    finally:
        _stop(server)
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value


@pytest.fixture(scope="module")
def jack_server() -> Iterator[str]:
    """The name of a running JACK server, the same for a module's tests; skips where there is no jackd."""
    need_jackd()
    with jack_up() as name:
        yield name


def need_jackd() -> None:
    """Skips, or fails where JACK is required, if there is no jackd."""
    if shutil.which("jackd") is None:
        if jack_is_required():
            pytest.fail("JAMD_REQUIRE_JACK=1, but there is no jackd")
        pytest.skip("there is no jackd (Debian: apt install jackd2)")


def _wait_until_it_answers(server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            asked = subprocess.run(["jack_lsp"], capture_output=True, timeout=3.0, check=False)
        except subprocess.TimeoutExpired:
            continue  # it can hang while the server starts
        if asked.returncode == 0:
            return
        time.sleep(0.05)
    raise RuntimeError("the JACK server does not answer")


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(STOP_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
