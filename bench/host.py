"""Measure events taken over HTTP: our host, bare Starlette and functions-framework, by turns.

Every server has one process and takes the same event; ours checks it against its schema and hands
it to a thread, as handlers are synchronous. The load comes from here, over a few connections. CPU
time is told too: it does not grow when others use the machine.
"""

import argparse
import contextlib
import platform
import selectors
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
UVICORN = ("uvicorn", "--log-level", "error", "--no-access-log", "--port")
FRAMEWORK = ("functions_framework", "--source", "bench/served/framework.py", "--target")
SERVERS = {
    "starlette": (*UVICORN, "{port}", "bench.served.bare:app"),
    "dataflux": (*UVICORN, "{port}", "bench.served.ours:app"),
    "functions-framework": (*FRAMEWORK, "nothing", "--host", "127.0.0.1", "--port", "{port}"),
}
PACKAGES = ("functions-framework", "starlette", "uvicorn", "uvloop", "httptools")
BODY = b'{"timer":"nothing"}'
REQUEST = (
    b"POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    b"ce-specversion: 1.0\r\nce-id: 0b7c6f2e-6c8f-4b60-9d0e-2d6f5f7a1c11\r\n"
    b"ce-source: /dataflux/timer\r\nce-type: io.dataflux.timer.tick\r\n"
    b"ce-time: 2026-03-04T05:06:07.890000Z\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)
)
PATIENCE_S = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16)
    asked = parser.parse_args()
    print(f"python {platform.python_version()}", *(f"{p} {version(p)}" for p in PACKAGES))
    with contextlib.ExitStack() as stack:
        servers = {n: stack.enter_context(_server(command)) for n, command in SERVERS.items()}
        found: dict[str, list[Took]] = {name: [] for name in SERVERS}
        for _ in range(asked.rounds):
            for name, server in servers.items():
                found[name].append(_measured(server, asked.connections, asked.seconds))
    _report(found)


@dataclass(frozen=True)
class Server:
    port: int
    process: psutil.Process


@dataclass(frozen=True)
class Took:
    """Events answered in a second, and in a second of the server's CPU time."""

    a_second: float
    a_cpu_second: float


def _report(found: dict[str, list[Took]]) -> None:
    for name, took in found.items():
        rate = statistics.median(t.a_second for t in took)
        cpu_us = statistics.median(1e6 / t.a_cpu_second for t in took)
        print(f"{name:20} {rate:8.0f} events/s  {cpu_us:5.0f} us of CPU an event")
    for peer, wanted in (("starlette", 0.8), ("functions-framework", 5.0)):
        pairs = list(zip(found["dataflux"], found[peer], strict=True))
        rate = statistics.median(our.a_second / their.a_second for our, their in pairs)
        cpu = statistics.median(our.a_cpu_second / their.a_cpu_second for our, their in pairs)
        print(f"ours / {peer:20} {rate:5.2f}, by CPU time {cpu:5.2f}  (wanted: {wanted:g})")


def _measured(server: Server, connections: int, seconds: float) -> Took:
    before = _cpu_s(server.process)
    rate = _load(server.port, connections, seconds)
    return Took(rate, rate * seconds / (_cpu_s(server.process) - before))


def _cpu_s(process: psutil.Process) -> float:
    """Return the CPU seconds of a process and of its workers."""
    times = [p.cpu_times() for p in (process, *process.children(recursive=True))]
    return sum(t.user + t.system for t in times)


@contextlib.contextmanager
def _server(command: tuple[str, ...]) -> Iterator[Server]:
    """Run a server; yield it once it answers an event with success."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    arguments = [part.format(port=port) for part in command]
    process = subprocess.Popen([sys.executable, "-m", *arguments], cwd=ROOT)
    try:
        _await(process, port)
        yield Server(port, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait()


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"no server at port {port}: {process.args!r}")
        time.sleep(0.05)


def _answers(port: int) -> bool:
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), 5) as connection,
    ):
        connection.sendall(REQUEST)
        return connection.recv(65536).startswith(b"HTTP/1.1 2")
    return False


def _load(port: int, connections: int, seconds: float) -> float:
    """Return the events answered in a second, each connection having one under way."""
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for _ in range(connections):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(REQUEST)
            selector.register(connection, selectors.EVENT_READ, connection)
        began, answered = time.perf_counter(), 0
        while (took := time.perf_counter() - began) < seconds:
            for key, _ in selector.select(1):
                received = key.data.recv(65536)
                if not received or received.count(b"HTTP/") != received.count(b"HTTP/1.1 2"):
                    raise RuntimeError(f"the server at port {port} failed: {received!r}")
                if b"HTTP/" in received:  # else it is the body of the answer before
                    key.data.sendall(REQUEST)
                    answered += 1
        return answered / took


if __name__ == "__main__":
    main()
