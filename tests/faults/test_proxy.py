"""The proxy does to a connection what it is told: or nothing that we try would have happened."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.faults.proxy import Proxy, to_port

PATIENCE_S = 5.0


@pytest.fixture
def heard() -> list[bytes]:
    return []


@pytest.fixture
def echo(heard: list[bytes]) -> Iterator[int]:
    """A server that writes down and sends back what it hears; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                heard.append(data)
                writer.write(data)
                await writer.drain()
        except OSError:
            return
        finally:
            writer.close()

    loop, ports = asyncio.new_event_loop(), list[int]()
    listening = threading.Event()

    def run() -> None:
        server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
        ports.append(server.sockets[0].getsockname()[1])
        listening.set()
        loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    listening.wait()
    yield ports[0]
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    with Proxy(to_port(lambda: echo)) as made:
        yield made


@pytest.fixture
def connect(proxy: Proxy) -> Iterator[Callable[[], socket.socket]]:
    opened: list[socket.socket] = []

    def make() -> socket.socket:
        opened.append(socket.create_connection(("127.0.0.1", proxy.port), PATIENCE_S))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def say(client: socket.socket, what: bytes) -> bytes:
    """Return the answer; nothing if the connection ends before one."""
    try:
        client.sendall(what)
        return client.recv(1000)
    except ConnectionError:
        return b""


def test_it_forwards(connect: Callable[[], socket.socket]) -> None:
    assert say(connect(), b"hello") == b"hello"


def test_it_cuts_what_is_open_and_not_what_comes_after(
    proxy: Proxy, connect: Callable[[], socket.socket]
) -> None:
    client = connect()
    say(client, b"hello")
    proxy.cut()
    with pytest.raises(ConnectionError):  # a reset, not an end
        client.recv(1000)
    assert say(connect(), b"again") == b"again"


def test_it_refuses_until_it_is_healed(proxy: Proxy, connect: Callable[[], socket.socket]) -> None:
    proxy.refuse()
    assert say(connect(), b"hello") == b""
    proxy.heal()
    assert say(connect(), b"hello") == b"hello"


def test_it_stalls_without_an_end(proxy: Proxy, connect: Callable[[], socket.socket]) -> None:
    client = connect()
    say(client, b"hello")
    proxy.stall()
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        say(client, b"anybody?")
    proxy.heal()
    client.settimeout(PATIENCE_S)
    assert client.recv(1000) == b"anybody?"


def test_it_passes_a_word_on_and_cuts_before_the_answer(
    proxy: Proxy, connect: Callable[[], socket.socket], heard: list[bytes]
) -> None:
    client = connect()
    say(client, b"BEGIN")
    proxy.cut_after(b"COMMIT")
    assert say(client, b"COMMIT") == b""
    assert say(connect(), b"COMMIT") == b"COMMIT"  # once only
    assert heard == [b"BEGIN", b"COMMIT", b"COMMIT"]
