"""Host all functions in one process, fed from the embedded bus."""

import heapq
import itertools
import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dataflux import telemetry
from dataflux.policy import WORKERS
from events.bus import Bus, Consumer, Delivery
from events.event import Event
from functions.engine import Disposition
from functions.hosts.queue import LaneQueue
from schemas.names import Lane

log = logging.getLogger(__name__)

LIGHT_THREADS = 4
"""For what only talks to the database: it must not wait behind decoding."""
POLL_S = 0.5
FIRST_RETRY_S = 0.25
LONGEST_RETRY_S = 30.0
RETRIES = 8

Run = Callable[[Sequence[Event]], Disposition]


@dataclass(frozen=True)
class Hosted:
    """A function as this host sees it."""

    name: str
    topics: tuple[str, ...]
    run: Run
    batch: int = 1
    heavy: bool = False


@dataclass
class Batch:
    """Deliveries that are handled together, and how often that has been tried."""

    hosted: Hosted
    consumer: Consumer
    deliveries: list[Delivery]
    room: threading.Semaphore
    tries: int = 0

    @property
    def events(self) -> list[Event]:
        return [d.event for d in self.deliveries if d.event is not None]

    @property
    def lane(self) -> Lane:
        events = self.events
        return Lane(events[0].extensions.get("lane", Lane.HIGH)) if events else Lane.HIGH


DeadLetter = Callable[[str, Delivery, str, int], None]


class LocalHost:
    """Polls, admits, runs, retries and gives up, as the real dispatcher does.

    Heavy functions share `slots` threads, admitted by lane with aging; light ones have their own.
    """

    def __init__(
        self, bus: Bus, hosted: Sequence[Hosted], dead_letter: DeadLetter, *, slots: int
    ) -> None:
        self._bus, self._hosted, self._dead_letter = bus, hosted, dead_letter
        self._heavy: LaneQueue[Batch] = LaneQueue(WORKERS)
        self._light: LaneQueue[Batch] = LaneQueue(dict.fromkeys(Lane, 1000))
        self._retries = _Retries(self._admit)
        self._stopping = threading.Event()
        self._feeders: list[threading.Thread] = []
        self._workers = [
            threading.Thread(target=self._work, args=(self._heavy,), name=f"slot-{n}")
            for n in range(slots)
        ] + [
            threading.Thread(target=self._work, args=(self._light,), name=f"light-{n}")
            for n in range(LIGHT_THREADS)
        ]

    def start(self) -> None:
        for hosted in self._hosted:
            for lane_topics in _by_lane(hosted.topics):
                feeder = threading.Thread(
                    target=self._feed, args=(hosted, lane_topics), name=f"feed-{hosted.name}"
                )
                self._feeders.append(feeder)
        for thread in (*self._feeders, *self._workers, self._retries):
            thread.start()

    def stop(self) -> None:
        """Take nothing new, finish what is in work, and end every thread."""
        self._stopping.set()
        self._retries.close()
        for queue in (self._heavy, self._light):
            queue.close()
        for thread in (*self._feeders, *self._workers, self._retries):
            thread.join()

    def _feed(self, hosted: Hosted, topics: Sequence[str]) -> None:
        """Keep a few batches of one function and lane waiting; the rest stays on the bus."""
        consumer = self._bus.subscribe(hosted.name, topics)
        ahead = 2 * max(WORKERS.values())
        room = threading.Semaphore(ahead)
        while not self._stopping.is_set():
            if not room.acquire(timeout=POLL_S):
                continue
            deliveries = consumer.poll(hosted.batch, POLL_S)
            if deliveries:
                self._admit(Batch(hosted, consumer, deliveries, room))
            else:
                room.release()
        consumer.close()

    def _admit(self, batch: Batch) -> None:
        (self._heavy if batch.hosted.heavy else self._light).put(batch.lane, batch)

    def _work(self, queue: LaneQueue[Batch]) -> None:
        while (taken := queue.take()) is not None:
            lane, batch, waited = taken
            try:
                self._handle(batch, waited)
            except Exception:  # a worker must outlive whatever it runs
                log.exception("%s: host failed", batch.hosted.name)
                self._later(batch, "host failed")
            finally:
                queue.done(lane)

    def _handle(self, batch: Batch, waited: float) -> None:
        name = batch.hosted.name
        telemetry.WAIT.labels(name).observe(waited)
        for delivery in batch.deliveries:
            if delivery.event is None:
                self._give_up(batch, [delivery], delivery.problem)
        events, began = batch.events, time.perf_counter()
        if not events:
            batch.room.release()
            return
        disposition = batch.hosted.run(events)
        telemetry.WORK.labels(name, disposition).observe(time.perf_counter() - began)
        if disposition is Disposition.DONE:
            self._finish(batch)
        elif disposition is Disposition.INVALID:
            self._give_up(batch, batch.deliveries, "invalid")
            batch.room.release()
        else:
            self._later(batch, str(disposition))

    def _finish(self, batch: Batch) -> None:
        for delivery in batch.deliveries:
            batch.consumer.ack(delivery)
        batch.room.release()

    def _later(self, batch: Batch, why: str) -> None:
        batch.tries += 1
        if batch.tries > RETRIES:
            self._give_up(batch, batch.deliveries, why)
            batch.room.release()
            return
        self._retries.add(batch)

    def _give_up(self, batch: Batch, deliveries: Sequence[Delivery], why: str) -> None:
        """Keep what cannot be handled as dead letters: nothing is lost, nothing is held up."""
        for delivery in deliveries:
            telemetry.DEAD.labels(batch.hosted.name).inc()
            self._dead_letter(batch.hosted.name, delivery, why, batch.tries + 1)
            batch.consumer.ack(delivery)


def _by_lane(topics: Sequence[str]) -> list[list[str]]:
    """Group topics by lane, so that a full lane does not keep another one from being read."""
    groups = [[t for t in topics if t.endswith(f".{lane}")] for lane in Lane]
    rest = [t for t in topics if not t.endswith(tuple(f".{lane}" for lane in Lane))]
    return [group for group in (*groups, rest) if group]


@dataclass(order=True)
class _Due:
    at: float
    number: int
    batch: Batch = field(compare=False)


class _Retries(threading.Thread):
    """Gives batches back when their backoff is over."""

    def __init__(self, again: Callable[[Batch], None]) -> None:
        super().__init__(name="retries")
        self._again = again
        self._due: list[_Due] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._closed = False

    def add(self, batch: Batch) -> None:
        delay = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** (batch.tries - 1))
        delay *= random.uniform(0.8, 1.2)  # so that what failed together does not return together
        with self._changed:
            heapq.heappush(self._due, _Due(time.monotonic() + delay, next(self._numbers), batch))
            self._changed.notify()

    def run(self) -> None:
        while (batch := self._next()) is not None:
            self._again(batch)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _next(self) -> Batch | None:
        with self._changed:
            while not self._closed:
                if self._due and self._due[0].at <= time.monotonic():
                    return heapq.heappop(self._due).batch
                wait = self._due[0].at - time.monotonic() if self._due else None
                self._changed.wait(wait)
        return None
