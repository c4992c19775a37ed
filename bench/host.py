"""Measure events taken over HTTP: our host, bare Starlette and functions-framework, by turns.

Every server has one process and takes the same event; ours checks it against its schema and hands
it to a thread, as handlers are synchronous. The load comes from here, over a few connections.
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
from importlib.metadata import version
from pathlib import Path

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
        ports = {name: stack.enter_context(_server(command)) for name, command in SERVERS.items()}
        rates: dict[str, list[float]] = {name: [] for name in SERVERS}
        for _ in range(asked.rounds):
            for name, port in ports.items():
                rates[name].append(_load(port, asked.connections, asked.seconds))
    _report({name: statistics.median(found) for name, found in rates.items()})


def _report(rates: dict[str, float]) -> None:
    for name, rate in rates.items():
        print(f"{name:20} {rate:8.0f} events/s")
    ours = rates["dataflux"]
    print(f"ours / starlette            {ours / rates['starlette']:.2f}  (wanted: 0.8)")
    print(f"ours / functions-framework  {ours / rates['functions-framework']:.1f}  (wanted: 5)")


@contextlib.contextmanager
def _server(command: tuple[str, ...]) -> Iterator[int]:
    """Run a server; yield its port once it answers an event with success."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    arguments = [part.format(port=port) for part in command]
    process = subprocess.Popen([sys.executable, "-m", *arguments], cwd=ROOT)
    try:
        _await(process, port)
        yield port
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
