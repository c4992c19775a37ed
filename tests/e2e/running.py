"""An emulator in a process of its own, as a user starts it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from local.client import Client

ENVIRONMENT = {"DATAFLUX_LEASE_S": "2", "DATAFLUX_RENEW_S": "0.5", "DATAFLUX_LOG_LEVEL": "WARNING"}


@dataclass
class Emulator:
    """A running emulator: its process leads a group of its own."""

    process: subprocess.Popen[str]
    client: Client
    inbox: Path
    url: str
    functions: dict[str, str]

    def kill(self) -> None:
        """End the process and its children at once, as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """End it as Ctrl-C does; return its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def wait_until_done(self, names: set[str], timeout_s: float = 90.0) -> list[dict[str, Any]]:
        """Return the assets of these names once they are searchable or have failed."""
        deadline = time.monotonic() + timeout_s
        found: list[dict[str, Any]] = []
        while time.monotonic() < deadline:
            found = list(self.client.get("/assets", limit=500)["items"])
            if {a["filename"] for a in found} >= names and all(a["done"] for a in found):
                return found
            time.sleep(0.1)
        raise AssertionError(f"not done after {timeout_s} s: {found}")


@contextmanager
def emulator(home: Path, *options: str, **environment: str) -> Iterator[Emulator]:
    """Start `dataflux up`; at the end whatever of it is left is killed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "up", "--json", "--home", str(home), *options],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, **ENVIRONMENT, **environment},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"the emulator did not start: exit {process.wait()}"
        ready = json.loads(line)
        headers = {"authorization": f"Bearer {ready['token']}"}
        with httpx.Client(base_url=ready["url"], headers=headers, timeout=60) as http:
            inbox = Path(ready["inbox"])
            yield Emulator(process, Client(http), inbox, ready["url"], _functions(home))
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def processes_of(home: Path) -> list[str]:
    """Return the command lines that name a home."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        if str(home) in line:
            found.append(line)
    return found


def _functions(home: Path) -> dict[str, str]:
    """Return where functions answer that have processes of their own."""
    found: dict[str, str] = json.loads((home / "run.json").read_text()).get("functions", {})
    return found
