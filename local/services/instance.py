"""One server with its own data: started, stopped or killed, and started again where it was."""

import contextlib
import fcntl
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from dataflux.errors import Unavailable
from local.services.server import Place, Server, free_ports

START_S = 90.0
STOP_S = 30.0
POLL_S = 0.05


def install(server: Server, folder: Path) -> None:
    """Install a server into a folder, once for this machine."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.with_name(f"{folder.name}.lock")):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            server.install(folder)
            (folder / "complete").touch()


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


class Instance:
    """A server whose data is in one folder; the folder knows its ports and its process."""

    def __init__(self, server: Server, cache: Path, data: Path) -> None:
        self.server = server
        built = cache / "services" / f"{server.name}-{server.version}"
        data.mkdir(parents=True, exist_ok=True)
        self.place = Place(built, data.absolute(), self._ports(data / "ports.json"))

    def _ports(self, kept: Path) -> dict[str, int]:
        """The ports it had before, or free ones."""
        if not kept.exists():
            kept.write_text(json.dumps(free_ports(self.server.ports)))
        return dict(json.loads(kept.read_text()))

    @property
    def settings(self) -> dict[str, str]:
        return self.server.settings(self.place.ports)

    @property
    def process(self) -> psutil.Process | None:
        """The running server; a later process of the same number is not taken for it."""
        try:
            pid, born = json.loads(self._process_file.read_text())
            process = psutil.Process(pid)
            gone = process.create_time() != born or process.status() == psutil.STATUS_ZOMBIE
        except (FileNotFoundError, psutil.NoSuchProcess):
            return None
        return None if gone else process

    @property
    def _process_file(self) -> Path:
        return self.place.data / "process.json"

    def start(self) -> None:
        """Start it if it does not run, installed if it is not, and wait until it can be used."""
        if self.process is None:
            install(self.server, self.place.built)
            self.server.prepare(self.place)
            self._launch()
        self._await_answer()

    def _launch(self) -> None:
        user = self.server.user or None
        with self.place.log.open("wb") as written:  # who waits must not read of an earlier run
            process = subprocess.Popen(
                self.server.command(self.place),
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                cwd=self.place.data,
                start_new_session=True,  # Ctrl-C reaches who started it, not the server
                user=user,
                group=user,
                extra_groups=[] if user else None,
            )
        born = psutil.Process(process.pid).create_time()
        self._process_file.write_text(json.dumps([process.pid, born]))
        process.returncode = 0  # it may outlive this process, and is waited for by its number

    def _await_answer(self) -> None:
        deadline = time.monotonic() + START_S
        while not self.server.answers(self.place):
            if self.process is None or time.monotonic() > deadline:
                said = self.place.log.read_text(errors="replace").strip()[-800:]
                raise Unavailable(
                    f"{self.server.name} did not start; its log {self.place.log} ends: {said}"
                )
            time.sleep(POLL_S)

    def stop(self) -> None:
        """Let it finish in its own way; kill it when that takes too long."""
        self._end(self.server.stops_on)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        process = self.process
        if process is not None:
            process.send_signal(how)
            try:
                process.wait(STOP_S)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(STOP_S)
        self._process_file.unlink(missing_ok=True)
