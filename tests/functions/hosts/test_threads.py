"""Calls on threads: all that wait for something run at once, and none is forgotten."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import chain
from queue import SimpleQueue

import pytest

from functions.hosts.threads import Threads

COUNT = 4
PATIENCE_S = 20.0


@asynccontextmanager
async def _threads() -> AsyncIterator[Threads[int]]:
    threads: Threads[int] = Threads(COUNT)
    try:
        yield threads
    finally:
        threads.close()


def test_calls_that_wait_have_a_thread_each() -> None:
    meeting = threading.Barrier(COUNT)

    async def meet() -> list[int]:
        async with _threads() as threads:
            calls = [threads.run(lambda: meeting.wait(PATIENCE_S)) for _ in range(COUNT)]
            return await asyncio.gather(*calls)

    assert sorted(asyncio.run(meet())) == list(range(COUNT))


def test_what_comes_while_others_wait_finds_a_free_thread() -> None:
    async def overtake() -> int:
        async with _threads() as threads:
            let_go = threading.Event()
            slow = [threads.run(lambda: let_go.wait(PATIENCE_S)) for _ in range(COUNT - 1)]
            quick = await asyncio.wait_for(threads.run(lambda: 1), PATIENCE_S)
            let_go.set()
            return quick + sum(await asyncio.gather(*slow))

    assert asyncio.run(overtake()) == COUNT


def test_every_call_of_many_is_answered() -> None:
    async def post(threads: Threads[int], start: int) -> list[int]:
        return [await threads.run(partial(abs, n)) for n in range(start, start + 500)]

    async def flood() -> list[list[int]]:
        async with _threads() as threads:
            calls = (post(threads, 500 * n) for n in range(8))
            return await asyncio.wait_for(asyncio.gather(*calls), PATIENCE_S)

    assert [*chain(*asyncio.run(flood()))] == list(range(4000))


def test_an_error_belongs_to_whoever_waits_for_the_call() -> None:
    async def fail() -> int:
        async with _threads() as threads:
            with pytest.raises(ZeroDivisionError):
                await threads.run(lambda: 1 // 0)
            return await threads.run(lambda: 2)

    assert asyncio.run(fail()) == 2


def test_what_was_given_is_done_before_the_end() -> None:
    done: SimpleQueue[int] = SimpleQueue()

    def note(n: int) -> int:
        done.put(n)
        return n

    async def end() -> None:
        async with _threads() as threads:
            for n in range(200):
                threads.run(partial(note, n))

    asyncio.run(end())
    assert sorted(done.get() for _ in range(done.qsize())) == list(range(200))
