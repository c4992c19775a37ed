"""Measure a cold start: from the spawn of a function's process to its first answer with success.

Run: python -m bench.spawn [ROUNDS]

Beside it, by turns, the least that such a process can do: import the modules of others, Python's
own among them, that it has loaded when it answers. The records are a PostgreSQL that runs already,
as in a cluster. CPU seconds are told too: they do not grow when others use the machine.
"""

import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO

from dataflux.settings import Settings
from events.codec import dumps
from events.samples import sample
from stores.records.database import Database
from stores.records.embedded import EmbeddedPostgres

ROOT = Path(__file__).parents[1]
UVICORN = ("uvicorn", "--log-level", "error", "--no-access-log", "--port")
OURS = {"analyzers", "dataflux", "events", "functions", "schemas", "stores"}
PACKAGES = ("uvicorn", "pydantic", "psycopg", "orjson", "prometheus-client")
BARE = """
import importlib
for name in {!r}:
    try:
        importlib.import_module(name)
    except ImportError:
        pass  # tried, and done without, by the function too
"""
EVENTS = {
    "relay": "timer.tick",
    "project": "segment.embedded",
    "stitch": "work.stitch",
    "segment": "work.segment",
}
PATIENCE_S = 60.0


@dataclass
class Took:
    wall_s: float
    cpu_s: float


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(f"python {platform.python_version()}", *(f"{p} {version(p)}" for p in PACKAGES))
    home = Path(tempfile.mkdtemp(prefix="dataflux-spawn-"))
    try:
        with EmbeddedPostgres(home / "postgres") as server:
            given = Settings(
                home=home, records=Database(server.dsn).url, log_level="ERROR"
            ).to_env()
            environment = {**_inherited(), **given}
            _served("relay", environment)  # it migrates the database, once for all
            bare = {name: BARE.format(_loaded(name, environment)) for name in EVENTS}
            found: dict[str, list[tuple[Took, Took]]] = {name: [] for name in EVENTS}
            for _ in range(rounds):
                for name in EVENTS:
                    took = _imported(bare[name], environment), _served(name, environment)
                    found[name].append(took)
        _report(found)
    finally:
        shutil.rmtree(home)


def _inherited() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}


def _report(found: dict[str, list[tuple[Took, Took]]]) -> None:
    for name, rounds in found.items():
        wall, cpu = (
            [
                statistics.median(getattr(side, what) for side in sides)
                for sides in zip(*rounds, strict=True)
            ]
            for what in ("wall_s", "cpu_s")
        )
        print(
            f"{name:8} {wall[1]:.2f} s, {cpu[1]:.2f} CPU s; bare imports {wall[0]:.2f} s,"
            f" {cpu[0]:.2f} CPU s   ({wall[1] / wall[0]:.2f} of wall, {cpu[1] / cpu[0]:.2f} of CPU)"
        )
    print("wanted: a first answer within 0.5 s and 1.5 times the bare imports")


def _loaded(name: str, environment: dict[str, str]) -> list[str]:
    """Return the modules of others that a function has loaded when it answers, in their order."""
    with tempfile.TemporaryFile("w+") as told:
        _served(name, environment, "-X", "importtime", errors=told)
        told.seek(0)
        lines = [line for line in told if line.startswith("import time:")]
    names = dict.fromkeys(line.rpartition("|")[2].strip() for line in lines[1:])
    return [each for each in names if each.partition(".")[0] not in OURS]


def _imported(program: str, environment: dict[str, str]) -> Took:
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", program], env=environment)
    return _ended(process, began)


def _served(
    name: str, environment: dict[str, str], *options: str, errors: IO[str] | None = None
) -> Took:
    """Spawn a function, post its sample until that succeeds, and end it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    event = dumps(sample(EVENTS[name]))
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/cloudevents+json\r\n"
    request = head + b"content-length: %d\r\n\r\n%s" % (len(event), event)
    command = [sys.executable, *options, "-m", *UVICORN, str(port), f"functions.{name}.main:app"]
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=errors)
    while not _answers(port, request):
        if process.poll() is not None or time.perf_counter() - began > PATIENCE_S:
            raise RuntimeError(f"{name} does not answer with success")
        time.sleep(0.002)
    wall = time.perf_counter() - began
    process.terminate()
    return Took(wall, _ended(process, began).cpu_s)


def _answers(port: int, request: bytes) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(request)
        return connection.recv(65536).startswith(b"HTTP/1.1 2")
    return False


def _ended(process: "subprocess.Popen[bytes]", began: float) -> Took:
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    return Took(time.perf_counter() - began, used.ru_utime + used.ru_stime)


if __name__ == "__main__":
    main()
