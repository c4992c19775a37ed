"""Bytes that a thread reads as a file while they are still coming in."""

import io
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import anyio
from anyio.from_thread import run as run_in_loop
from anyio.lowlevel import RunVar
from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException

from dataflux.errors import TooLarge

CHUNK = 1 << 20
AT_A_TIME = 32
"""Slow senders hold these threads, not those that answer everybody."""
SILENCE_S = 60.0
"""A sender may be silent this long."""

T = TypeVar("T")
_THREADS: RunVar[anyio.CapacityLimiter] = RunVar("threads of uploads")


async def in_thread(act: Callable[..., T], *args: Any) -> T:
    """Run what reads an inflow."""
    try:
        limiter = _THREADS.get()
    except LookupError:
        _THREADS.set(limiter := anyio.CapacityLimiter(AT_A_TIME))
    return await run_sync(act, *args, limiter=limiter)


class Inflow(io.RawIOBase):
    """A file over an asynchronous reader that returns nothing at its end; bounded."""

    def __init__(self, read: Callable[[], Awaitable[bytes]], limit: int) -> None:
        self._read, self._limit = read, limit
        self._size, self._rest = 0, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; the loop is asked once for many chunks."""
        if not self._rest:
            self._rest = memoryview(run_in_loop(self._gather))
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    async def _gather(self) -> bytes:
        parts, size = list[bytes](), 0
        while size < CHUNK and (chunk := await self._next()):
            parts.append(chunk)
            size += len(chunk)
        return b"".join(parts)

    async def _next(self) -> bytes:
        try:
            with anyio.fail_after(SILENCE_S):
                chunk = await self._read()
        except TimeoutError:
            silent = f"nothing has come for {SILENCE_S:.0f} s; send it again"
            raise HTTPException(408, silent) from None
        self._size += len(chunk)
        if self._size > self._limit:
            raise too_large(self._limit)
        return chunk


def buffered(inflow: Inflow) -> io.BufferedReader:
    """Return an inflow as stores read it."""
    return io.BufferedReader(cast(io.RawIOBase, inflow), CHUNK)


def too_large(limit: int) -> TooLarge:
    return TooLarge(f"the upload has more than {limit} bytes; raise DATAFLUX_UPLOAD_LIMIT")
