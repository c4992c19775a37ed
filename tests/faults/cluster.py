"""Real processes under one roof: a server of records, an emulator, a proxy before each of them."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from stores.records.embedded import EmbeddedPostgres
from tests.faults.proxy import Proxy, to_port, to_socket
from tests.fixtures.postgres import QUICK

SETTINGS = {
    "DATAFLUX_LEASE_S": "2",
    "DATAFLUX_RENEW_S": "0.5",
    "DATAFLUX_MAX_ATTEMPTS": "50",
    "DATAFLUX_GRACE_S": "30",
    "DATAFLUX_LOG_LEVEL": "WARNING",
    "DATAFLUX_LOG_FORMAT": "json",
}
"""So many attempts, because a kill is not the fault of the piece that was in work."""
START_S = 60.0
CRASHED = {**QUICK, "full_page_writes": "on", "synchronous_commit": "on"}
"""Processes are killed here, not the machine: what was given to the system is not lost.
But it has to be given: a server that acknowledges before it writes loses what it acknowledged."""


class Cluster:
    """A context manager over a folder: starts the records; the node is started by hand."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.log = folder / "node.log"
        self._postgres = EmbeddedPostgres(folder / "postgres", CRASHED)
        socket = self._postgres.socket_folder / ".s.PGSQL.5432"
        self.records = Proxy(to_socket(str(socket)))
        self.api = Proxy(to_port(lambda: self._port))
        self._port = 0
        self._node: subprocess.Popen[str] | None = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._postgres.start()
        self._stack.callback(self._postgres.stop)
        for proxy in (self.records, self.api):
            self._stack.enter_context(proxy)
        self._stack.callback(self.kill)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def dsn(self) -> str:
        """The records themselves, not by way of the proxy."""
        return self._postgres.dsn

    @property
    def token(self) -> str:
        return (self.home / "token").read_text().strip()

    @property
    def alive(self) -> bool:
        return self._node is not None and self._node.poll() is None

    def start(self, failpoints: str = "") -> bool:
        """Start the node; return False if it has died before it was ready."""
        self.kill()
        records = f"postgresql://postgres@127.0.0.1:{self.records.port}/postgres"
        mine = {"DATAFLUX_RECORDS": records, "DATAFLUX_FAILPOINTS": failpoints}
        with self.log.open("a") as log:
            self._node = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.node", "up", "--json", "--home", self.home],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
                env={**os.environ, **SETTINGS, **mine},
            )
        return self._await_ready()

    def _await_ready(self) -> bool:
        assert self._node is not None
        assert self._node.stdout is not None
        if not select.select([self._node.stdout], [], [], START_S)[0]:
            raise AssertionError(f"the node was not ready after {START_S} s")
        line = self._node.stdout.readline()
        if not line:
            self._node.wait()
            return False
        self._port = int(json.loads(line)["url"].rpartition(":")[2])
        return True

    def signal(self, number: signal.Signals) -> None:
        if self._node is not None and self._node.poll() is None:
            self._node.send_signal(number)

    def wait_for_death(self, patience_s: float) -> bool:
        """Return whether the node has died within so long."""
        assert self._node is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._node.wait(patience_s)
        return not self.alive

    def kill(self) -> None:
        """End the node with all its children, at once."""
        if self._node is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._node.pid, signal.SIGKILL)
        self._node.wait()
        assert self._node.stdout is not None
        self._node.stdout.close()
        self._node = None

    def stop(self) -> int:
        """End the node as Ctrl-C does; return its exit code."""
        assert self._node is not None
        self._node.send_signal(signal.SIGINT)
        code = self._node.wait(START_S)
        self.kill()
        return code

    def crash_records(self) -> None:
        """Kill the server of records, with all its sessions, and start it again."""
        pid = int((self._postgres.data / "postmaster.pid").read_text().split("\n")[0])
        os.kill(pid, signal.SIGKILL)
        self._postgres.stop()
        self._postgres.start()

    def last_words(self, lines: int = 15) -> str:
        """Return the end of what the node has logged."""
        if not self.log.exists():
            return ""
        return "\n".join(line[:300] for line in self.log.read_text().splitlines()[-lines:])


def make_room(folder: Path) -> Path:
    """Return an empty folder that the server's own user can reach."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o755, parents=True)
    return folder


def wait(seconds: float) -> None:
    """Let things happen for a while: the moment of the next fault."""
    time.sleep(seconds)
