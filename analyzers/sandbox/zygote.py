"""The zygote: a fresh interpreter with the decoders loaded; it forks one sealed child per job.

It is started by exec with an empty environment, so no secret of the parent is in its memory. It has
one thread, and it alone forks, kills and reaps its children: no pid can be taken for another's.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analyzers.sandbox.loaded import Loaded

LAZY = (
    "encodings.idna",
    "encodings.latin_1",
    "encodings.cp1252",
    "encodings.utf_16",
    "encodings.utf_16_be",
    "encodings.utf_16_le",
    "encodings.utf_32",
    "heapq",
    "numpy.fft",
    "numpy.linalg",
    "numpy.ma",
    "numpy.random",
    "numpy.lib.format",
)
"""What libraries import when they first need it: a sealed child can import nothing."""


def main(control_fd: int, options: dict[str, Any]) -> None:
    """Load what the pool needs, then serve jobs until the parent closes its end."""
    from analyzers.sandbox import control, seal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    try:
        namespaces = seal.namespaces()  # first: a second thread would make this fail
    except (OSError, AttributeError) as error:
        namespaces = f"refused: {error}"
    with contextlib.suppress(OSError, AttributeError):
        seal.no_new_privileges()
    loaded = _load(options)
    gc.collect()
    _give_back()
    gc.freeze()  # keeps the pages of the loaded libraries shared
    parent = socket.socket(fileno=control_fd)
    level = {"namespaces": namespaces, **_level()}
    control.send(parent, {"level": level, "missing": dict(loaded.missing)})
    _Server(parent, loaded, options["require_seal"]).serve()


def _give_back() -> None:
    """Return what loading has used up to the system; only glibc has to be asked."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _level() -> dict[str, str]:
    """Seal one child that does nothing else, and return what each layer achieved."""
    from analyzers.sandbox import seal

    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            got = seal.seal(keep=(writing,), memory=2 << 30, cpu_s=1)
            os.write(writing, json.dumps(got).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as said:
        found = said.read()
    os.waitpid(pid, 0)
    level: dict[str, str] = json.loads(found or b'{"seccomp": "refused: sealing killed the child"}')
    return level


def _load(options: dict[str, Any]) -> "Loaded":
    from pathlib import Path

    from analyzers.models.store import ModelStore
    from analyzers.registry import Registry
    from analyzers.sandbox import child  # noqa: F401 - loaded before the seal
    from analyzers.sandbox.loaded import Loaded

    for name in LAZY:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    store = ModelStore(Path(options["models"]))
    registry = Registry(tuple(options["entries"]), options["origins"], store)
    return Loaded.load(registry, options["pool"])


class _Server:
    def __init__(self, parent: socket.socket, loaded: "Loaded", require_seal: bool) -> None:
        self._parent, self._loaded, self._require_seal = parent, loaded, require_seal
        self._running: dict[int, int] = {}
        self._woken, wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        from analyzers.sandbox import control

        while True:
            ready, _, _ = select.select([self._parent.fileno(), self._woken], [], [])
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._reap()
            if self._parent.fileno() in ready:
                message, fds = control.receive(self._parent, most_fds=2)
                if message is None:
                    os._exit(0)  # the children die with this process
                self._do(message, fds)

    def _reap(self) -> None:
        while self._running:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            job = self._running.pop(pid)
            self._tell({"exited": job, "status": status, "peak": usage.ru_maxrss << 10})

    def _do(self, message: dict[str, Any], fds: list[int]) -> None:
        if "kill" in message:
            self._kill(message["kill"])
            return
        try:
            self._start(message, fds)
        except OSError as error:  # too many processes, or no memory for one more
            self._tell({"refused": message["id"], "why": str(error)})
        finally:
            for fd in fds:
                os.close(fd)

    def _start(self, job: dict[str, Any], fds: list[int]) -> None:
        zygote = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_child(zygote, job, fds)
        self._running[pid] = job["id"]
        self._tell({"started": job["id"], "pid": pid})

    def _kill(self, job: int) -> None:
        for pid, running in self._running.items():
            if running == job:
                os.kill(pid, signal.SIGKILL)

    def _tell(self, message: dict[str, Any]) -> None:
        from analyzers.sandbox import control

        with contextlib.suppress(BrokenPipeError):  # the parent has gone; the next read says so
            control.send(self._parent, message)

    def _become_child(self, zygote: int, job: dict[str, Any], fds: list[int]) -> None:
        from analyzers.sandbox import child, seal

        source, out = fds
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            with contextlib.suppress(AttributeError):  # not Linux
                seal.die_with_parent(signal.SIGKILL)
            if os.getppid() != zygote:  # it went before it could take this child along
                os._exit(2)
            os.dup2(1, 2)  # the parent's terminal and log are not for hostile code
            got = seal.seal(keep=(source, out), memory=job["memory"], cpu_s=job["cpu_s"])
            if self._require_seal and "refused" in got["seccomp"]:
                child.refuse(out, got["seccomp"])
            else:
                child.run(self._loaded, job, source, out)
            os._exit(0)
        finally:
            os._exit(2)


if __name__ == "__main__":
    _options = json.loads(sys.argv[2])
    sys.path[:] = _options["path"]
    main(int(sys.argv[1]), _options)
