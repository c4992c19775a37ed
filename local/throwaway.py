"""An emulator that leaves nothing behind: for the demo, for one-shot commands, for recordings."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from dataflux.settings import PREFIX
from local.client import TIMEOUT_S, Client, NotRunning

STOP_S = 30.0


@contextmanager
def throwaway() -> Iterator[Client]:
    """Start an emulator in a folder of its own; in the end both are gone."""
    home = Path(tempfile.mkdtemp(prefix="dataflux-once-"))
    try:
        with started(home) as running, client_of(running) as client:
            yield client
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def started(home: Path) -> Iterator[dict[str, Any]]:
    """Run `dataflux up` as a user would, and stop it with Ctrl-C; yield what it has said.

    It leads a group of its own: our Ctrl-C reaches it once, from here.
    """
    command = [sys.executable, "-m", "local", "up", "--json", "--home", str(home)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment(), start_new_session=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise NotRunning(f"the emulator did not start (exit {process.wait()}); see above")
        yield json.loads(line)
    finally:
        _end(process)


@contextmanager
def client_of(running: dict[str, Any]) -> Iterator[Client]:
    headers = {"authorization": f"Bearer {running['token']}"}
    with httpx.Client(base_url=running["url"], headers=headers, timeout=TIMEOUT_S) as http:
        yield Client(http)


def environment() -> dict[str, str]:
    """Return ours without settings: a real installation and its inbox must not be touched."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**kept, "DATAFLUX_LOG_LEVEL": "WARNING"}


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
