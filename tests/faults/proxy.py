"""A TCP proxy that can be told to treat its connections badly, after toxiproxy."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

Upstream = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]

CHUNK = 1 << 16


class Proxy:
    """Listens on a free port of this machine and forwards to an upstream, from a thread."""

    def __init__(self, upstream: Upstream) -> None:
        self.port = 0
        self._upstream = upstream
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._refusing = False
        self._needle = b""
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._soon(self._loop.stop)
        self._thread.join()

    def cut(self) -> None:
        """Reset every connection."""
        self._soon(self._cut_all)

    def refuse(self, *, refusing: bool = True) -> None:
        """Reset every connection, and every new one until told otherwise."""
        self._refusing = refusing
        if refusing:
            self.cut()

    def stall(self, *, stalling: bool = True) -> None:
        """Forward nothing, and close nothing: the other end cannot tell."""
        self._soon(self._flowing.clear if stalling else self._flowing.set)

    def cut_after(self, needle: bytes) -> None:
        """Pass the next data with these bytes on, and reset its sender before the answer."""
        self._needle = needle

    def heal(self) -> None:
        """Treat everything well from now on."""
        self._needle = b""
        self.refuse(refusing=False)
        self.stall(stalling=False)

    def _soon(self, action: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(action)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()
        self._cut_all()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _cut_all(self) -> None:
        for pair in self._pairs:
            for writer in pair:
                reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            if not self._refusing:
                up_reader, up_writer = await self._upstream()
                pair = (writer, up_writer)
                self._pairs.add(pair)
                try:
                    await self._both(reader, writer, up_reader, up_writer)
                finally:
                    self._pairs.discard(pair)
                    up_writer.transport.abort()
        writer.transport.abort()

    async def _both(self, reader: Any, writer: Any, up_reader: Any, up_writer: Any) -> None:
        """Forward both ways until both have ended."""
        back = asyncio.ensure_future(self._pump(up_reader, writer))
        try:
            while data := await reader.read(CHUNK):
                await self._flowing.wait()
                up_writer.write(data)
                await up_writer.drain()
                if self._needle and self._needle in data:
                    self._needle = b""
                    reset(writer)
                    await asyncio.sleep(0.05)  # the other side does what it was told
                    return
            up_writer.write_eof()
            await back
        finally:
            back.cancel()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
            writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset, not with an orderly end."""
    held = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def to_port(port: Callable[[], int]) -> Upstream:
    """Connect to a port of this machine that may change."""

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", port())

    return connect


def to_socket(path: str) -> Upstream:
    """Connect to a socket in the file system."""

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(path)

    return connect
