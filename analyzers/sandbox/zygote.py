"""The zygote: a fresh interpreter with the decoders loaded; it forks one sealed child per job.

It is started by exec with an empty environment, so no secret of the parent is in its memory. It has
one thread, and it alone forks, kills and reaps its children: no pid can be taken for another's.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from typing import Any

MESSAGE = 1 << 16
LAZY = (
    "encodings.idna",
    "encodings.latin_1",
    "encodings.cp1252",
    "encodings.utf_16",
    "encodings.utf_16_be",
    "encodings.utf_16_le",
    "encodings.utf_32",
    "numpy.fft",
    "numpy.linalg",
    "numpy.ma",
    "numpy.random",
    "numpy.lib.format",
)
"""What libraries import when they first need it: a sealed child can import nothing."""


def main(control_fd: int, options: dict[str, Any]) -> None:
    """Load what the pool needs, then serve jobs until the parent closes its end."""
    from analyzers.sandbox import seal

    try:
        namespaces = seal.namespaces()  # first: a second thread would make this fail
    except OSError as error:
        namespaces = f"refused: {error}"
    with contextlib.suppress(OSError):
        seal.no_new_privileges()
    registry = _load(options["entries"], options["pool"])
    gc.collect()
    gc.freeze()  # keeps the pages of the loaded libraries shared
    control = socket.socket(fileno=control_fd)
    control.send(json.dumps({"ready": True, "namespaces": namespaces}).encode())
    _Server(control, registry, options).serve()


def _load(entries: list[str], pool: str) -> Any:
    from analyzers.registry import Registry
    from analyzers.sandbox import child  # noqa: F401 - loaded before the seal

    for name in LAZY:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    registry = Registry(tuple(entries))
    for analyzer in registry.of_pool(pool):
        analyzer.load()
    return registry


class _Server:
    def __init__(self, control: socket.socket, registry: Any, options: dict[str, Any]) -> None:
        self._control, self._registry, self._options = control, registry, options
        self._running: dict[int, int] = {}
        self._woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business

    def serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._control.fileno(), self._woken], [], [])
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._reap()
            if self._control.fileno() in ready:
                message, fds, _, _ = socket.recv_fds(self._control, MESSAGE, 2)
                if not message:
                    os._exit(0)  # the children die with this process
                self._do(json.loads(message), fds)

    def _reap(self) -> None:
        while self._running:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            job = self._running.pop(pid)
            self._tell({"exited": job, "status": status, "peak": usage.ru_maxrss << 10})

    def _do(self, message: dict[str, Any], fds: list[int]) -> None:
        if "kill" in message:
            for pid, job in self._running.items():
                if job == message["kill"]:
                    os.kill(pid, signal.SIGKILL)
            return
        pid = os.fork()
        if pid == 0:
            self._become_child(message, fds)
        self._running[pid] = message["id"]
        for fd in fds:
            os.close(fd)
        self._tell({"started": message["id"], "pid": pid})

    def _tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):  # the parent has gone; the next read says so
            self._control.send(json.dumps(message).encode())

    def _become_child(self, job: dict[str, Any], fds: list[int]) -> None:
        from analyzers.sandbox import child, frames, seal
        from analyzers.sandbox.files import write_all

        source, out = fds
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            seal.die_with_parent(signal.SIGKILL)
            got = seal.seal(keep=(source, out), memory=job["memory"], cpu_s=job["cpu_s"])
            if self._options["require_seal"] and "refused" in got["seccomp"]:
                refused = {"reason": "sandbox_unavailable", "detail": got["seccomp"], "limit": None}
                write_all(out, frames.pack({"failed": refused}))
            else:
                job["arguments"]["sealed"] = got
                child.run(self._registry, job, source, out)
            os._exit(0)
        finally:
            os._exit(2)


if __name__ == "__main__":
    _options = json.loads(sys.argv[2])
    sys.path[:] = _options["path"]
    main(int(sys.argv[1]), _options)
