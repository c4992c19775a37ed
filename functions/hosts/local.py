"""Host functions in this process, fed from the bus: all of them, or those of a pool."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dataflux import telemetry
from dataflux.errors import Unavailable
from dataflux.failpoints import failpoint
from dataflux.policy import WORKERS
from events.bus import Consumer, Delivery, Subscribable
from events.event import Event
from functions.disposition import Disposition
from functions.hosts.given_up import GivenUp
from functions.hosts.queue import LaneQueue
from functions.hosts.retries import Backoff, Retries, backoff
from schemas.names import Lane

log = logging.getLogger(__name__)

HOLD_S = 0.15
"""As long as it takes from one heavy piece of an asset to the next, what is light in between."""
LIGHT_THREADS = 4
"""For what only talks to the database: it must not wait behind decoding."""
AHEAD = 4000
"""How many messages of one function and lane are taken from the bus before they are run.

So far reaches fairness: a tenant is not held up by what another has put before it. Each takes less
than 3 KB.
"""
AT_ONCE = 50
"""How many batches are read at a time: a flood must be read through before who is behind it."""
MOST_RETRYING = 1000
"""With more than this waiting to be tried again, nothing new is taken."""
POLL_S = 0.5

Run = Callable[[Sequence[Event]], Disposition]
Bury = Callable[[GivenUp], None]


@dataclass(frozen=True)
class Hosted:
    """A function as this host sees it; `alone`: it has one worker, which does nothing else."""

    name: str
    topics: tuple[str, ...]
    run: Run
    batch: int = 1
    heavy: bool = False
    alone: bool = False


@dataclass
class Batch:
    """Deliveries that are handled together, and how often that has been tried."""

    hosted: Hosted
    consumer: Consumer
    deliveries: list[Delivery]
    room: threading.Semaphore | None = None
    tries: int = 0
    failed_at: datetime | None = None
    """When it failed first."""

    @property
    def events(self) -> list[Event]:
        return [d.event for d in self.deliveries if d.event is not None]

    @property
    def lane(self) -> Lane:
        """The lane of its topic: what an event says of itself may be anything."""
        return lane_of(self.deliveries[0].topic) or Lane.HIGH

    @property
    def tenant(self) -> str:
        """Whose it says it is; who says anything else shares with all who do."""
        event = self.deliveries[0].event
        return event.extensions.get("tenantid", "") if event is not None else ""

    def leave(self) -> None:
        """Make room for the next batch of this function and lane."""
        room, self.room = self.room, None
        if room is not None:
            room.release()


class LocalHost:
    """Polls, admits, runs, retries and gives up, as the real dispatcher does.

    Heavy functions share `slots` threads, admitted by lane and tenant; light ones have their own.
    `hold_s`: see Lanes; 0 where the functions of an asset do not share the slots.
    """

    def __init__(
        self,
        bus: Subscribable,
        hosted: Sequence[Hosted],
        bury: Bury,
        *,
        slots: int,
        retry: Backoff | None = None,
        hold_s: float = HOLD_S,
    ) -> None:
        self._bus, self._hosted, self._bury = bus, hosted, bury
        self._retry = retry or Backoff()
        self._heavy: LaneQueue[Batch] = LaneQueue(WORKERS, slots, hold_s=hold_s)
        self._light: LaneQueue[Batch] = LaneQueue(dict.fromkeys(Lane, LIGHT_THREADS), LIGHT_THREADS)
        self._alone: LaneQueue[Batch] = LaneQueue(dict.fromkeys(Lane, 1), 1)
        self._retries: Retries[Batch] = Retries(self._admit)
        self._consumers: list[Consumer] = []
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = [
            self._retries,
            *(self._thread(f"slot-{n}", self._work, self._heavy) for n in range(slots)),
            *(self._thread(f"light-{n}", self._work, self._light) for n in range(LIGHT_THREADS)),
            self._thread("alone", self._work, self._alone),
        ]

    @staticmethod
    def _thread(name: str, target: Callable[..., None], *args: object) -> threading.Thread:
        return threading.Thread(target=target, args=args, name=name)

    def start(self) -> None:
        for hosted in self._hosted:
            for topics in by_lane(hosted.topics):
                feeder = self._thread(f"feed-{hosted.name}", self._serve, hosted, topics)
                self._threads.append(feeder)
        for thread in self._threads:
            thread.start()

    def stop(self, grace_s: float = 10.0, abort: Callable[[], None] = lambda: None) -> None:
        """Take nothing new; give what is in work `grace_s`, then `abort` it; end every thread.

        What has not been acknowledged is delivered again when a host starts.
        """
        self._stopping.set()
        self._retries.close()
        for queue in (self._heavy, self._light, self._alone):
            queue.close()
        deadline = time.monotonic() + grace_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            log.info("work is not done after %.0f s: given back, to be done again", grace_s)
            abort()
        for thread in self._threads:
            thread.join()
        for consumer in self._consumers:  # only now: what was just finished is acknowledged
            consumer.close()

    def _serve(self, hosted: Hosted, topics: Sequence[str]) -> None:
        """Join the function's group, as soon as that can be done, and feed its workers."""
        while not self._stopping.is_set():
            try:
                consumer = self._bus.subscribe(hosted.name, topics)
            except Unavailable as error:
                log.warning("%s: not yet in its group: %s", hosted.name, error)
                self._stopping.wait(POLL_S)
            else:
                self._consumers.append(consumer)
                self._feed(hosted, consumer)

    def _feed(self, hosted: Hosted, consumer: Consumer) -> None:
        """Keep a few batches of one function and lane waiting; the rest stays on the bus."""
        room = threading.Semaphore(max(2, AHEAD // hosted.batch))
        while not self._stopping.is_set():
            full = len(self._retries) >= MOST_RETRYING
            if full or not room.acquire(timeout=POLL_S):
                self._poll(hosted, consumer, 0)  # nothing more, but this member still lives
                self._stopping.wait(POLL_S if full else 0)
            else:
                rooms = 1 + sum(room.acquire(blocking=False) for _ in range(AT_ONCE - 1))
                found = self._poll(hosted, consumer, rooms * hosted.batch)
                batches = list(batched(found, hosted.batch))
                for deliveries in batches:
                    self._admit(Batch(hosted, consumer, deliveries, room))
                if left := rooms - len(batches):
                    room.release(left)

    def _poll(self, hosted: Hosted, consumer: Consumer, limit: int) -> list[Delivery]:
        try:
            return consumer.poll(limit, POLL_S if limit else 0.0)
        except Exception:  # a feeder must outlive a bus that fails for a while
            log.exception("%s: nothing could be read from the bus", hosted.name)
            self._stopping.wait(POLL_S)
            return []

    def _admit(self, batch: Batch) -> None:
        shared = self._heavy if batch.hosted.heavy else self._light
        (self._alone if batch.hosted.alone else shared).put(batch.lane, batch.tenant, batch)

    def _work(self, queue: LaneQueue[Batch]) -> None:
        while (admitted := queue.take()) is not None:
            batch = admitted.item
            try:
                self._handle(batch)
            except Exception:  # a worker must outlive whatever it runs
                log.exception("%s: the host failed", batch.hosted.name)
                self._later(batch, Disposition("failed", "the host failed"))
            finally:
                queue.done(admitted)

    def _handle(self, batch: Batch) -> None:
        self._drop_unreadable(batch)
        if not batch.deliveries:
            batch.leave()
            return
        disposition = self._run(batch)
        match disposition:
            case Disposition.DONE:
                self._finish(batch)
            case Disposition.RETRY:
                self._later(batch, disposition)
            case _ if len(batch.deliveries) > 1:
                self._split(batch)  # one bad event must not take the others along
            case Disposition.INVALID:
                self._give_up(batch, batch.deliveries, disposition)
                batch.leave()
            case _:
                self._later(batch, disposition)

    def _run(self, batch: Batch) -> Disposition:
        name, lane, began = batch.hosted.name, batch.lane, time.perf_counter()
        if batch.tries == 0:
            for event in batch.events:
                waited = time.time() - event.time.timestamp()
                telemetry.WAIT.labels(name, lane).observe(max(0.0, waited))
        disposition = batch.hosted.run(batch.events)
        took = time.perf_counter() - began
        telemetry.WORK.labels(name, lane, disposition).observe(took)
        return disposition

    def _drop_unreadable(self, batch: Batch) -> None:
        """Give up what is no event of ours, once; what is left is run."""
        for delivery in [d for d in batch.deliveries if d.event is None]:
            self._give_up(batch, [delivery], Disposition("unreadable", delivery.problem))
            batch.deliveries.remove(delivery)

    def _finish(self, batch: Batch) -> None:
        failpoint("host.ran")
        for delivery in batch.deliveries:
            batch.consumer.ack(delivery)
        failpoint("host.acknowledged")
        batch.leave()

    def _split(self, batch: Batch) -> None:
        for delivery in batch.deliveries:
            self._admit(replace(batch, deliveries=[delivery], room=None))
        batch.leave()

    def _later(self, batch: Batch, why: Disposition) -> None:
        batch.tries += 1
        batch.failed_at = batch.failed_at or datetime.now(UTC)
        if batch.tries >= self._retry.tries and self._gave_up(batch, why):
            return
        batch.leave()
        self._retries.add(batch, backoff(self._retry, batch.tries))

    def _gave_up(self, batch: Batch, why: Disposition) -> bool:
        try:
            self._give_up(batch, batch.deliveries, why)
        except Exception:  # nothing is dropped that could not be kept
            log.exception("%s: no dead letter could be written", batch.hosted.name)
            return False
        batch.leave()
        return True

    def _give_up(self, batch: Batch, deliveries: Sequence[Delivery], why: Disposition) -> None:
        """Keep what cannot be handled as dead letters: nothing is lost, nothing is held up."""
        now = datetime.now(UTC)
        for delivery in deliveries:
            first_at = batch.failed_at or now
            self._bury(
                GivenUp(batch.hosted.name, delivery, why, max(1, batch.tries), first_at, now)
            )
            batch.consumer.ack(delivery)
            telemetry.DEAD.labels(batch.hosted.name).inc()


def batched(deliveries: Sequence[Delivery], size: int) -> Iterator[list[Delivery]]:
    """Cut deliveries into batches of at most `size`."""
    for start in range(0, len(deliveries), size):
        yield list(deliveries[start : start + size])


def lane_of(topic: str) -> Lane | None:
    """Return the lane of a work topic; None for a fact's."""
    last = topic.rpartition(".")[2]
    return Lane(last) if last in set(Lane) else None


def by_lane(topics: Sequence[str]) -> list[list[str]]:
    """Group topics by lane, so that a full lane does not keep another one from being read."""
    groups: dict[Lane | None, list[str]] = {}
    for topic in topics:
        groups.setdefault(lane_of(topic), []).append(topic)
    return list(groups.values())
