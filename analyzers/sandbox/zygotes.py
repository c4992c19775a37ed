"""The parent's side of a zygote: start it, hand it jobs, hear how they ended."""

import contextlib
import itertools
import json
import logging
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dataflux.errors import Unavailable

log = logging.getLogger(__name__)

START_S = 120.0
MESSAGE = 1 << 16
ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "MALLOC_ARENA_MAX": "2",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_OPENCL_RUNTIME": "disabled",
}
"""All that a zygote knows of where it runs."""


@dataclass
class Job:
    """One job in a child: `ended` is set when the child is gone."""

    id: int
    pid: int | None = None
    status: int | None = None
    peak: int = 0
    ended: threading.Event = field(default_factory=threading.Event)


class Zygote:
    """One running zygote; `alive` turns false for good when it has gone."""

    def __init__(self, pool: str, entries: tuple[str, ...], *, require_seal: bool) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        options = {
            "pool": pool,
            "entries": entries,
            "require_seal": require_seal,
            "path": [str(Path(__file__).parents[2]), *sys.path],
        }
        script = str(Path(__file__).with_name("zygote.py"))
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", script, str(theirs.fileno()), json.dumps(options)],
                env=ENVIRONMENT,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        self._control = ours
        self._lock = threading.Lock()
        self._jobs: dict[int, Job] = {}
        self._numbers = itertools.count(1)
        self.pool = pool
        self.namespaces = self._wait_until_ready()
        self.alive = True
        self._reader = threading.Thread(target=self._listen, name=f"zygote-{pool}", daemon=True)
        self._reader.start()

    def start(self, message: dict[str, Any], fds: list[int]) -> Job:
        """Hand over a job with its two descriptors; raise Unavailable if the zygote has gone."""
        with self._lock:
            job = Job(next(self._numbers))
            self._jobs[job.id] = job
            try:
                socket.send_fds(self._control, [json.dumps(message | {"id": job.id}).encode()], fds)
            except OSError as error:
                del self._jobs[job.id]
                self.alive = False
                raise Unavailable(f"sandbox: the {self.pool} zygote has gone; try again") from error
        return job

    def kill(self, job: Job) -> None:
        with self._lock, contextlib.suppress(OSError):
            self._control.send(json.dumps({"kill": job.id}).encode())

    def close(self) -> None:
        """End the zygote and, with it, its children."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._control.close()

    def _wait_until_ready(self) -> str:
        self._control.settimeout(START_S)
        try:
            answer = self._control.recv(MESSAGE)
        except TimeoutError:
            answer = b""
        self._control.settimeout(None)
        if not answer:
            self._process.kill()
            code = self._process.wait()
            self._control.close()
            raise Unavailable(
                f"sandbox: the {self.pool} zygote did not start (exit {code}); see its error above"
            )
        return str(json.loads(answer)["namespaces"])

    def _listen(self) -> None:
        while True:
            try:
                message = self._control.recv(MESSAGE)
            except OSError:
                message = b""
            if not message:
                break
            self._hear(json.loads(message))
        self.alive = False
        with self._lock:
            for job in self._jobs.values():
                job.ended.set()
            self._jobs.clear()

    def _hear(self, message: dict[str, Any]) -> None:
        with self._lock:
            if "started" in message:
                if job := self._jobs.get(message["started"]):
                    job.pid = message["pid"]
            elif job := self._jobs.pop(message["exited"], None):
                job.status, job.peak = message["status"], message["peak"]
                job.ended.set()
