"""The order in which waiting work is admitted: by lane, but nobody waits for ever."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from schemas.names import Lane

T = TypeVar("T")

AGING_S = 20.0
"""Waiting this long is worth one lane: low is equal to a fresh high after twice that."""
RANK = {Lane.HIGH: 0, Lane.NORMAL: 1, Lane.LOW: 2}


@dataclass(frozen=True, slots=True)
class Waiting(Generic[T]):
    since: float
    item: T


class LaneQueue(Generic[T]):
    """A queue of three lanes; each is first in, first out, and has a cap on what is in work."""

    def __init__(
        self, caps: Mapping[Lane, int], *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._caps, self._now = caps, now
        self._lanes: dict[Lane, deque[Waiting[T]]] = {lane: deque() for lane in Lane}
        self._working = dict.fromkeys(Lane, 0)
        self._changed = threading.Condition()
        self._closed = False

    def put(self, lane: Lane, item: T) -> None:
        with self._changed:
            self._lanes[lane].append(Waiting(self._now(), item))
            self._changed.notify()

    def take(self) -> tuple[Lane, T] | None:
        """Wait for the next item; return it with its lane, or None once closed."""
        with self._changed:
            while not self._closed:
                lane = self._next_lane()
                if lane is not None:
                    self._working[lane] += 1
                    return lane, self._lanes[lane].popleft().item
                self._changed.wait()
        return None

    def done(self, lane: Lane) -> None:
        """Say that an item of a lane is no longer in work."""
        with self._changed:
            self._working[lane] -= 1
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _next_lane(self) -> Lane | None:
        open_lanes = [
            lane
            for lane, waiting in self._lanes.items()
            if waiting and self._working[lane] < self._caps[lane]
        ]
        return min(open_lanes, key=self._urgency, default=None)

    def _urgency(self, lane: Lane) -> float:
        return RANK[lane] - (self._now() - self._lanes[lane][0].since) / AGING_S
