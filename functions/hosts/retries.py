"""When what failed is tried again: with backoff, and without holding up anything else."""

import heapq
import itertools
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Backoff:
    """Twice as long each time, up to a longest; `tries` is how often in all before giving up."""

    first_s: float = 0.25
    longest_s: float = 30.0
    tries: int = 9
    spread: float = 0.2
    """What failed together must not return together."""

    def delay_s(self, tries: int, chance: float) -> float:
        """Return the wait after this many tries; `chance` of 0-1 places it within the spread."""
        doublings = min(tries - 1, 30)
        delay = min(self.longest_s, self.first_s * 2.0**doublings)
        return delay * (1 + self.spread * (2 * chance - 1))


@dataclass(order=True)
class _Due(Generic[T]):
    at: float
    number: int
    item: T = field(compare=False)


class Retries(threading.Thread, Generic[T]):
    """Gives items back when their time has come."""

    def __init__(self, again: Callable[[T], None]) -> None:
        super().__init__(name="retries")
        self._again = again
        self._due: list[_Due[T]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._due)

    def add(self, item: T, delay_s: float) -> None:
        with self._changed:
            heapq.heappush(self._due, _Due(time.monotonic() + delay_s, next(self._numbers), item))
            self._changed.notify()

    def run(self) -> None:
        while (due := self._next()) is not None:
            self._again(due.item)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _next(self) -> _Due[T] | None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                if self._due and self._due[0].at <= now:
                    return heapq.heappop(self._due)
                self._changed.wait(self._due[0].at - now if self._due else None)
        return None


def backoff(policy: Backoff, tries: int) -> float:
    """Return how long to wait after this many tries."""
    return policy.delay_s(tries, random.random())
