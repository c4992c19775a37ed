"""A bus as unkind as the real dispatchers: what it delivers comes late, in disorder, repeatedly.

What Knative's Kafka dispatcher does is in its `RecordDispatcherImpl` and `OffsetManager`: records
come again after a rebalance, and an event whose dead letter cannot be sent is committed and gone.
"""

import heapq
import itertools
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from events.bus import Consumer, Delivery, Subscribable
from functions.hosts.given_up import GivenUp
from local.chaos import Chaos

log = logging.getLogger(__name__)

WINDOW = 50
"""Deliveries of a consumer that may overtake each other."""


@dataclass(frozen=True)
class UnkindBus:
    """Hands out consumers that deliver as `chaos` says; each draws from a seed of its own."""

    bus: Subscribable
    chaos: Chaos

    def subscribe(self, group: str, topics: Sequence[str]) -> Consumer:
        chance = random.Random(f"{self.chaos.seed} {group} {' '.join(topics)}")
        return _UnkindConsumer(self.bus.subscribe(group, topics), self.chaos, chance)

    def bury(self, bury: Callable[[GivenUp], None]) -> Callable[[GivenUp], None]:
        """Return what is done with dead letters: with `drop-dlq` they are lost, as events are."""
        return _lose if self.chaos.drop_dlq else bury


def _lose(given_up: GivenUp) -> None:
    log.warning("chaos: no dead letter could be sent; the event is gone: %s", given_up)


@dataclass
class _UnkindConsumer:
    inner: Consumer
    chaos: Chaos
    chance: random.Random
    _held: list[tuple[float, int, Delivery]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def poll(self, limit: int, timeout_s: float) -> list[Delivery]:
        deadline = time.monotonic() + timeout_s
        while True:
            self._take(deadline)
            due = self._due(limit)
            if due or time.monotonic() >= deadline:
                return due

    def ack(self, delivery: Delivery) -> None:
        self.inner.ack(delivery)

    def close(self) -> None:
        self.inner.close()

    def _take(self, deadline: float) -> None:
        """Take what there is; wait for it no longer than until something held is due."""
        until = min(deadline, self._held[0][0]) if self._held else deadline
        wait_s, room = max(0.0, until - time.monotonic()), WINDOW - len(self._held)
        if room <= 0:
            time.sleep(wait_s)
            return
        for delivery in self.inner.poll(room, wait_s):
            for _ in range(self.chaos.copies(self.chance)):
                due = time.monotonic() + self.chaos.wait_s(self.chance)
                heapq.heappush(self._held, (due, next(self._numbers), delivery))

    def _due(self, limit: int) -> list[Delivery]:
        found: list[Delivery] = []
        while self._held and len(found) < limit and self._held[0][0] <= time.monotonic():
            found.append(heapq.heappop(self._held)[2])
        return found
