"""The parent's side of a zygote: start it, hand it jobs, hear how they ended."""

import contextlib
import itertools
import json
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from analyzers.registry import Registry
from analyzers.sandbox import control
from analyzers.sandbox.control import Message
from dataflux import telemetry
from dataflux.errors import Unavailable

log = logging.getLogger(__name__)

START_S = 120.0
ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "MALLOC_ARENA_MAX": "2",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_OPENCL_RUNTIME": "disabled",
    "ORT_DISABLE_TELEMETRY": "1",  # from 1.29 on, onnxruntime tells Microsoft of every session
}
"""All that a zygote knows of where it runs."""


@dataclass
class Job:
    """One job in a child: `ended` is set when the child is gone; without a status if its zygote
    went first, or if it never began."""

    id: int
    pid: int | None = None
    status: int | None = None
    peak: int = 0
    refused: str | None = None
    ended: threading.Event = field(default_factory=threading.Event)


class Zygote:
    """One running zygote; `alive` turns false for good when it has gone."""

    def __init__(self, pool: str, registry: Registry, *, require_seal: bool) -> None:
        options = {
            "pool": pool,
            "entries": registry.entries,
            "origins": dict(registry.origins),
            "models": str(registry.store.folder),
            "require_seal": require_seal,
            "path": [str(Path(__file__).parents[2]), *filter(None, sys.path)],
        }
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = _execute(theirs.fileno(), options)
        self._lock = threading.Lock()
        self._jobs: dict[int, Job] = {}
        self._numbers = itertools.count(1)
        self.pool = pool
        self._users, self._left = 0, threading.Condition()
        self.level, self.missing = self._wait_until_ready()
        _tell(self.level, require_seal=require_seal)
        self.alive = True
        self._reader = threading.Thread(target=self._listen, name=f"zygote-{pool}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def enter(self) -> None:
        """Note that somebody is about to give it a job; with `leave` it has ended."""
        with self._left:
            self._users += 1

    def leave(self) -> None:
        with self._left:
            self._users -= 1
            self._left.notify_all()

    def retire(self) -> None:
        """End the zygote when nobody uses it any more, or when it is closed."""
        with self._left:
            self._left.wait_for(lambda: self._users == 0 or not self.alive)
        self.close()

    def start(self, message: Message, fds: list[int]) -> Job:
        """Hand over a job with its two descriptors; raise Unavailable if the zygote has gone."""
        with self._lock:
            job = Job(next(self._numbers))
            self._jobs[job.id] = job
            try:
                control.send(self._control, message | {"id": job.id}, fds)
            except OSError as error:
                del self._jobs[job.id]
                self.alive = False
                raise Unavailable(f"sandbox: the {self.pool} zygote has gone; try again") from error
        return job

    def kill(self, job: Job) -> None:
        with self._lock, contextlib.suppress(OSError):
            control.send(self._control, {"kill": job.id})

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

    def _wait_until_ready(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        self._control.settimeout(START_S)
        try:
            answer, _ = control.receive(self._control)
        except OSError:  # it took too long, or broke off
            answer = None
        self._control.settimeout(None)
        if answer is None:
            self._process.kill()
            code = self._process.wait()
            self._control.close()
            raise Unavailable(
                f"sandbox: the {self.pool} zygote did not start (exit {code}); see its error above"
            )
        for analyzer, why in answer["missing"].items():
            log.warning("sandbox: %s cannot run: %s", analyzer, why)
        return answer["level"], answer["missing"]

    def _listen(self) -> None:
        while (message := self._next()) is not None:
            with self._lock:
                self._hear(message)
        self.alive = False
        with self._lock:
            for job in self._jobs.values():
                job.ended.set()
            self._jobs.clear()
        with self._left:
            self._left.notify_all()

    def _next(self) -> Message | None:
        try:
            return control.receive(self._control)[0]
        except OSError:
            return None

    def _hear(self, message: Message) -> None:
        match message:
            case {"started": number, "pid": pid}:
                if job := self._jobs.get(number):
                    job.pid = pid
            case {"refused": number, "why": why}:
                if job := self._jobs.pop(number, None):
                    job.refused = why
                    job.ended.set()
            case {"exited": number, "status": status, "peak": peak}:
                if job := self._jobs.pop(number, None):
                    job.status, job.peak = status, peak
                    job.ended.set()


def _tell(level: Mapping[str, str], *, require_seal: bool) -> None:
    """Count which layers are in force, and say it if the one that matters is not."""
    for layer, got in level.items():
        telemetry.SEALED.labels(layer).set(not got.startswith("refused"))
    if (seccomp := level["seccomp"]).startswith("refused"):
        outcome = "nothing is decoded" if require_seal else "decoding is only bounded, not sealed"
        log.warning("sandbox: %s here: seccomp %s; see `dataflux doctor`", outcome, seccomp)


def _execute(control_fd: int, options: Message) -> "subprocess.Popen[bytes]":
    """Start a fresh interpreter: nothing of this process's memory or environment goes along."""
    script = str(Path(__file__).with_name("zygote.py"))
    return subprocess.Popen(
        [sys.executable, "-I", script, str(control_fd), json.dumps(options)],
        env=ENVIRONMENT,
        cwd="/",
        pass_fds=[control_fd],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
