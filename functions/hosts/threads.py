"""Synchronous calls for an event loop: a few threads, and few wake-ups, which are what costs."""

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
    """Runs calls on `count` threads.

    The loop is woken once for all that has ended meanwhile. One thread is woken at a time, and
    wakes the next one if there is more: calls that end at once are done by few threads, those that
    wait for something by all. The loop wakes it in its next turn, as the last thing before it
    waits itself: a thread that comes sooner has to wait for the interpreter's lock.
    """

    def __init__(self, count: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: deque[Job[T]] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._rung = self._ending = False
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
        return len(self._jobs)

    def run(self, call: Callable[[], T]) -> "asyncio.Future[T]":
        """Return what `call` will return; to be called on the loop."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.append((call, future))
        if not self._rung:  # else whoever comes will see this one too
            self._rung = True
            self._loop.call_soon(self._bell.put, None)
        return future

    def close(self) -> None:
        """End the threads when they have done what was given to them."""
        self._ending = True
        for _ in self._threads:
            self._bell.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        ending = False
        while not ending:
            self._bell.get()
            self._rung, ending = False, self._ending  # before the look: what comes later rings
            while job := self._next():
                self._do(*job)

    def _next(self) -> Job[T] | None:
        """Take a job, and have another thread woken if there are more."""
        try:
            job = self._jobs.popleft()
        except IndexError:
            return None
        if self._jobs and not self._rung:
            self._rung = True
            self._bell.put(None)
        return job

    def _do(self, call: Callable[[], T], future: "asyncio.Future[T]") -> None:
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
