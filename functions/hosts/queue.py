"""Where threads wait for work: the lanes, behind a lock."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from functions.hosts.lanes import Admitted, Lanes
from schemas.names import Lane

T = TypeVar("T")


class LaneQueue(Generic[T]):
    """Lanes that `slots` threads share."""

    def __init__(
        self,
        caps: Mapping[Lane, int],
        slots: int,
        *,
        hold_s: float = 0.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lanes: Lanes[T] = Lanes(caps, slots, hold_s=hold_s)
        self._now = now
        self._changed = threading.Condition()
        self._closed = False

    def put(self, lane: Lane, tenant: str, item: T) -> None:
        with self._changed:
            self._lanes.put(lane, tenant, item, self._now())
            self._changed.notify()

    def take(self) -> Admitted[T] | None:
        """Wait for the next item that may be worked on; None once closed."""
        with self._changed:
            while not self._closed:
                admitted = self._lanes.take(self._now())
                if admitted is not None:
                    return admitted
                self._changed.wait(self._patience())
        return None

    def _patience(self) -> float | None:
        """Return how long nothing can be taken, unless something comes or is done."""
        now = self._now()
        changes_at = self._lanes.changes_at(now)
        return None if changes_at is None else changes_at - now

    def done(self, admitted: Admitted[T]) -> None:
        """Say that an item is no longer in work."""
        with self._changed:
            self._lanes.done(admitted, self._now())
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
