"""Synchronous calls for an event loop: a few threads, and one wake-up for what ends together."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")
Job = tuple[Callable[[], T], "asyncio.Future[T]"]
End = tuple["asyncio.Future[T]", T | None, Exception | None]


class Threads(Generic[T]):
    """Runs calls on `count` threads. Waking the loop is what costs: it is done once for many."""

    def __init__(self, count: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[Job[T] | None] = SimpleQueue()
        self._ended: deque[End[T]] = deque()
        self._waking = False
        self._threads = [
            threading.Thread(target=self._work, name=f"function-{n}") for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """How many calls no thread has taken yet."""
        return self._jobs.qsize()

    def run(self, call: Callable[[], T]) -> "asyncio.Future[T]":
        """Return what `call` will return."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((call, future))
        return future

    def close(self) -> None:
        """End the threads when they have done what was given to them."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            call, future = job
            try:
                self._ended.append((future, call(), None))
            except Exception as error:  # it belongs to whoever waits for the call
                self._ended.append((future, None, error))
            if not self._waking:
                self._waking = True
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._waking = False  # before the look: what ends after it wakes the loop again
        while self._ended:
            future, result, error = self._ended.popleft()
            if future.done():  # whoever waited has gone
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]
