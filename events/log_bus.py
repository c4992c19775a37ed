"""The embedded bus: Kafka's semantics where they matter, in a folder of this machine."""

import json
import logging
import os
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime
from functools import partial
from pathlib import Path

from dataflux.errors import Invalid, Unavailable
from events import codec
from events.bus import Delivery
from events.event import Event
from events.memory_log import MemoryLog
from events.offsets import Offsets
from events.partition_log import PartitionLog
from events.topics import TOPICS, topic_of

log = logging.getLogger(__name__)

COMMIT_EVERY_S = 0.2
SYNCS = 16
"""Partitions that are put on the disk side by side: a file system commits them together."""
READ = 100
"""Records a read, where nobody says how many."""

_Log = PartitionLog | MemoryLog


class LogBus:
    """One append-only log per topic partition, one file of committed offsets per group.

    Consumers of one group in this process share its partitions. What was delivered but not
    acknowledged when the process ended is delivered again.
    """

    def __init__(self, folder: Path, *, durable: bool = True, in_memory: bool = False) -> None:
        """`durable`: publish returns after the records are on the disk; one sync serves all who
        publish at once. `in_memory`: nothing is written, for tests."""
        self._folder, self._durable, self._in_memory = folder, durable, in_memory
        self._logs: dict[tuple[str, int], _Log] = {}
        self._groups: dict[str, _Group] = {}
        self._appending = ThreadPoolExecutor(SYNCS, "bus-append")
        self._changed = threading.Condition()
        self._published = 0
        self._closed = False

    def publish(self, events: Sequence[Event]) -> None:
        by_partition: dict[tuple[str, int], list[bytes]] = defaultdict(list)
        for event in events:
            topic = topic_of(event)
            by_partition[topic, self._partition(topic, event.key)].append(codec.dumps(event))
        appends = [partial(self._log(*place).append, r) for place, r in by_partition.items()]
        try:
            self._all(appends)
        finally:  # where one has failed, the others are there to be read
            self._wake()

    def _all(self, appends: Sequence[Callable[[], int]]) -> None:
        """Append to each partition: durably side by side, as each waits for the disk."""
        if not self._durable or len(appends) == 1:
            for append in appends:
                append()
            return
        begun = [self._begun(append) for append in appends]
        wait(begun)
        for future in begun:
            future.result()

    def _begun(self, append: Callable[[], int]) -> Future[int]:
        try:
            return self._appending.submit(append)
        except RuntimeError as error:  # what a pool says that has been shut down
            raise Unavailable("bus: closed") from error

    def subscribe(self, group: str, topics: Sequence[str]) -> "_Consumer":
        places = [(topic, p) for topic in topics for p in range(_declared(topic))]
        joined = self._group(group)
        joined.follow(places, self._log)
        return _Consumer(self, joined, places)

    def bounds(self, topic: str) -> list[tuple[int, int]]:
        """Return for each partition its oldest offset that is kept, and where it ends."""
        logs = (self._log(topic, partition) for partition in range(_declared(topic)))
        return [(log.start, log.end) for log in logs]

    def since(self, topic: str, at: datetime) -> list[int]:
        """Return for each partition an offset before which nothing was published since then."""
        logs = (self._log(topic, partition) for partition in range(_declared(topic)))
        return [log.since(at.timestamp()) for log in logs]

    def read(self, topic: str, partition: int, offset: int, limit: int) -> list[Delivery]:
        """Return kept records from an offset on, without being a consumer."""
        if not 0 <= partition < _declared(topic):
            raise Invalid(f"topic {topic} has no partition {partition}")
        records = self._log(topic, partition).read(offset, limit)
        return [_delivery(topic, partition, o, value) for o, value in records]

    def tail(self, topic: str, since: int = 0) -> Iterator[Delivery]:
        """Yield what a topic holds, partition by partition, without being a consumer."""
        for partition in range(_declared(topic)):
            yield from self._records(topic, partition, since)

    def _records(self, topic: str, partition: int, offset: int) -> Iterator[Delivery]:
        while deliveries := self.read(topic, partition, offset, READ):
            yield from deliveries
            offset = deliveries[-1].offset + 1

    def lag(self, group: str) -> dict[str, int]:
        """Return how many records the group has not acknowledged, of each topic it follows."""
        return self._group(group).lag(self._log)

    def oldest(self, group: str) -> dict[str, datetime]:
        oldest: dict[str, datetime] = {}
        for (topic, partition), offset in self._group(group).committed().items():
            waiting = self._records(topic, partition, offset)
            sent = next((d.event.time for d in waiting if d.event is not None), None)
            if sent is not None:
                oldest[topic] = min(sent, oldest.get(topic, sent))
        return oldest

    def rewind(self, group: str, topic: str, offset: int = 0) -> None:
        """Deliver a topic to a group again, from `offset` of each partition."""
        self._group(group).rewind(topic, range(_declared(topic)), offset)
        self._wake()

    def expire(self) -> None:
        """Delete what is older than its topic's retention."""
        for topic in TOPICS.values():
            for partition in range(topic.partitions):
                self._log(topic.name, partition).expire(topic.retention_s)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._appending.shutdown()
        for group in self._groups.values():
            group.commit()
        for log in self._logs.values():
            log.close()

    def _partition(self, topic: str, key: str) -> int:
        return zlib.crc32(key.encode()) % _declared(topic)

    def _log(self, topic: str, partition: int) -> _Log:
        with self._changed:
            if self._closed:
                raise Unavailable("bus: closed")
            log = self._logs.get((topic, partition))
            if log is None:
                log = self._logs[topic, partition] = self._opened(topic, partition)
            return log

    def _opened(self, topic: str, partition: int) -> _Log:
        if self._in_memory:
            return MemoryLog()
        return PartitionLog(self._folder / topic / str(partition), durable=self._durable)

    def _group(self, name: str) -> "_Group":
        with self._changed:
            group = self._groups.get(name)
            if group is None:
                path = None if self._in_memory else self._folder / "groups" / f"{name}.json"
                group = self._groups[name] = _Group(path, durable=self._durable)
            return group

    def _wake(self) -> None:
        with self._changed:
            self._published += 1
            self._changed.notify_all()

    def _wait(self, seen: int, timeout_s: float) -> bool:
        """Wait until more than `seen` was published; return False when the bus has closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._published != seen, timeout_s)
            return not self._closed


def _declared(topic: str) -> int:
    if topic not in TOPICS:
        raise Invalid(f"no topic {topic!r}; topics are declared in events/topics.py")
    return TOPICS[topic].partitions


def _delivery(topic: str, partition: int, offset: int, value: bytes) -> Delivery:
    try:
        return Delivery(topic, partition, offset, value, codec.loads(value))
    except Invalid as error:
        return Delivery(topic, partition, offset, value, None, str(error))


class _Consumer:
    """Takes records from all partitions of its topics in turn."""

    def __init__(self, bus: LogBus, group: "_Group", places: Sequence[tuple[str, int]]) -> None:
        self._bus, self._group = bus, group
        self._partitions = list(places)
        self._closed = False

    def poll(self, limit: int, timeout_s: float) -> list[Delivery]:
        deadline = time.monotonic() + timeout_s
        while not (self._closed or self._bus._closed):
            seen = self._bus._published  # before looking: what comes meanwhile must wake us
            if found := self._look(limit):
                return found
            left = deadline - time.monotonic()
            if left <= 0 or not self._bus._wait(seen, left):
                return []
        return []

    def _look(self, limit: int) -> list[Delivery]:
        try:
            return self._take(limit)
        except Unavailable:
            if self._bus._closed:  # meanwhile: the poll ends, it does not fail
                return []
            raise

    def _take(self, limit: int) -> list[Delivery]:
        found: list[Delivery] = []
        self._partitions.append(self._partitions.pop(0))  # no partition starves the others
        for topic, partition in self._partitions:
            log = self._bus._log(topic, partition)
            for offset, value in self._group.take(topic, partition, log, limit - len(found)):
                found.append(_delivery(topic, partition, offset, value))
            if len(found) == limit:
                break
        return found

    def ack(self, delivery: Delivery) -> None:
        self._group.ack(delivery.topic, delivery.partition, delivery.offset)

    def close(self) -> None:
        self._closed = True
        self._group.commit()


class _Group:
    """The offsets of one group, kept in a small file that is replaced as a whole."""

    def __init__(self, path: Path | None, *, durable: bool) -> None:
        self._path, self._durable = path, durable
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._offsets = {place: Offsets(offset, offset) for place, offset in _kept(path).items()}
        self._written = 0.0

    def follow(self, places: Sequence[tuple[str, int]], log_of: Callable[[str, int], _Log]) -> None:
        """Lag behind these partitions from now on, read or not.

        An offset that a crash has taken from a log is given to the next record: it is not ours.
        """
        with self._lock:
            for place in places:
                log = log_of(*place)
                self._offsets.setdefault(place, Offsets()).fit(log.start, log.end)

    def take(self, topic: str, partition: int, log: _Log, limit: int) -> list[tuple[int, bytes]]:
        with self._lock:
            offsets = self._offsets[topic, partition]
            offsets.fit(log.start, log.end)
            if offsets.taken >= log.end:
                return []
            records = log.read(offsets.taken, limit)
            if records:
                offsets.take(records[0][0], records[-1][0])
            return records

    def ack(self, topic: str, partition: int, offset: int) -> None:
        with self._lock:
            moved = self._offsets[topic, partition].ack(offset)
            due = moved and time.monotonic() - self._written > COMMIT_EVERY_S
        if due:
            self.commit()

    def rewind(self, topic: str, partitions: Sequence[int], offset: int) -> None:
        with self._lock:
            for partition in partitions:
                self._offsets.setdefault((topic, partition), Offsets()).rewind(offset)
        self.commit()

    def committed(self) -> dict[tuple[str, int], int]:
        """Return the first offset of each partition that is not acknowledged."""
        with self._lock:
            return {place: o.committed for place, o in self._offsets.items()}

    def lag(self, log_of: Callable[[str, int], _Log]) -> dict[str, int]:
        lag: dict[str, int] = defaultdict(int)
        for (topic, partition), offset in self.committed().items():
            kept = log_of(topic, partition)
            lag[topic] += max(0, kept.end - max(offset, kept.start))
        return dict(lag)

    def commit(self) -> None:
        """Write the committed offsets. Losing the latest only means deliveries once more."""
        with self._writing:  # not in the way of those who acknowledge
            kept = {f"{t}:{p}": offset for (t, p), offset in self.committed().items()}
            self._written = time.monotonic()
            if self._path is not None:
                self._replace(self._path, json.dumps(kept))

    def _replace(self, path: Path, text: str) -> None:
        temporary = path.with_suffix(".tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("w") as out:
                out.write(text)
                out.flush()
                if self._durable:  # or a loss of power may leave an empty file under its name
                    os.fsync(out.fileno())
            temporary.replace(path)
        except OSError as error:
            log.warning("bus: offsets of %s not written: %s", path.stem, error.strerror)


def _kept(path: Path | None) -> dict[tuple[str, int], int]:
    """Read the offsets of a group; without a readable file everything is delivered again."""
    if path is None or not path.exists():
        return {}
    try:
        kept = json.loads(path.read_bytes())
        return {_place(name): int(offset) for name, offset in kept.items()}
    except (AttributeError, TypeError, ValueError):
        log.warning("bus: the offsets in %s are damaged; all is delivered again", path.name)
        return {}


def _place(name: str) -> tuple[str, int]:
    topic, _, partition = name.rpartition(":")
    return topic, int(partition)
