"""Every event function in a process of its own, as functions-framework serves it; supervised."""

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import functions
from dataflux.errors import Unavailable
from stores.records import supervise

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
START_S = 60.0
PATIENCE_S, STOP_S = "2", 20.0
"""A function that does not end when it is told to is killed after twice that."""
POLL_S = 0.05
AGAIN_S, LONGEST_AGAIN_S = 0.5, 30.0
"""How long a function stays down that ended by itself: twice as long each time."""
SOURCES = Path(functions.__file__).parent


class FunctionProcess:
    """One function under functions-framework; it ends with this process, however that ends."""

    def __init__(
        self, name: str, environment: Mapping[str, str], folder: Path, *, threads: int
    ) -> None:
        """`folder`: where its server keeps what lives as long as it does."""
        self.name, self._folder = name, folder / name
        own = {"THREADS": str(threads), "WORKERS": "1", "XDG_RUNTIME_DIR": str(self._folder)}
        self._environment = {**environment, **own, "PYTHONPATH": os.pathsep.join(_paths())}
        self._port = _free_port()
        self._supervisor: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    @property
    def pid(self) -> int:
        """The process that keeps it; its child is the function."""
        return self._supervisor.pid if self._supervisor else 0

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        framework = [sys.executable, "-m", "functions_framework", "--target", self.name]
        source = ["--source", str(SOURCES / self.name / "main.py")]
        place = ["--host", HOST, "--port", str(self._port)]
        keeper = [sys.executable, "-I", "-S", supervise.__file__, str(os.getpid()), "", PATIENCE_S]
        self._supervisor = subprocess.Popen(
            [*keeper, *framework, *source, *place],
            stdin=subprocess.PIPE,
            stdout=sys.stderr.fileno(),  # what `up` prints is for its user
            env=self._environment,
            start_new_session=True,  # Ctrl-C reaches us, not the function under open work
        )

    def tell_to_stop(self) -> None:
        if self._supervisor is not None and self._supervisor.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._supervisor.stdin.close()

    def wait(self) -> None:
        if self._supervisor is not None:
            self._supervisor.wait(STOP_S)
            self._supervisor = None

    def has_ended(self) -> bool:
        return self._supervisor is None or self._supervisor.poll() is not None

    def answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((HOST, self._port), POLL_S):
            return True
        return False


class Processes:
    """A context manager: starts all functions at once, and any again that ends by itself.

    Those that rest are not started before they are woken.
    """

    def __init__(self, processes: Sequence[FunctionProcess], *, at_rest: bool = False) -> None:
        self._processes = processes
        self._resting = {process.name for process in processes} if at_rest else set[str]()
        self._ended, self._lock = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._watch, name="processes")

    def __enter__(self) -> Self:
        try:
            awake = [each for each in self._processes if each.name not in self._resting]
            for process in awake:
                process.start()
            _await_ready(awake)
        except BaseException:
            self.stop()
            raise
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self.stop()

    def stop(self) -> None:
        """End every function at once; what it was doing is delivered again when it starts."""
        self._ended.set()
        with self._lock:
            for process in self._processes:
                process.tell_to_stop()
            for process in self._processes:
                process.wait()

    def rest(self, process: FunctionProcess) -> bool:
        """Stop a function until it is woken; say whether it ran."""
        with self._lock:
            if process.name in self._resting:
                return False
            self._resting.add(process.name)
            process.tell_to_stop()
            process.wait()
            return True

    def wake(self, process: FunctionProcess) -> bool:
        """Start a function that rests, and wait until it answers; say whether that was needed."""
        with self._lock:
            if self._ended.is_set():
                raise Unavailable(f"function {process.name} is being stopped; try again later")
            if process.name not in self._resting:
                return False
            process.start()
            self._resting.remove(process.name)
        _await_ready([process])
        return True

    def _watch(self) -> None:
        """Start again what has ended, after a wait that grows with how often it has."""
        due: dict[str, float] = {}
        ends: Counter[str] = Counter()
        while not self._ended.wait(POLL_S):
            for process in self._processes:
                if process.name in self._resting or not process.has_ended():
                    continue
                if process.name not in due:
                    wait_s = min(LONGEST_AGAIN_S, AGAIN_S * 2.0 ** min(ends[process.name], 10))
                    log.error("function %s ended; it starts again in %.1f s", process.name, wait_s)
                    due[process.name] = time.monotonic() + wait_s
                    ends[process.name] += 1
                elif time.monotonic() >= due[process.name]:
                    del due[process.name]
                    self._restart(process)

    def _restart(self, process: FunctionProcess) -> None:
        with self._lock:
            if not self._ended.is_set() and process.name not in self._resting:
                process.wait()
                process.start()


def _await_ready(processes: Sequence[FunctionProcess]) -> None:
    deadline = time.monotonic() + START_S
    for process in processes:
        while not process.answers():
            if process.has_ended() or time.monotonic() > deadline:
                raise Unavailable(f"function {process.name} did not start; its log says why")
            time.sleep(POLL_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _paths() -> Iterator[str]:
    """Yield where a function finds what we find: a checkout is on no path by itself."""
    yield str(SOURCES.parent)
    if given := os.environ.get("PYTHONPATH"):
        yield given
