"""The embedded bus: Kafka's semantics where they matter, in a folder of this machine."""

import json
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from dataflux.errors import Invalid
from events import codec
from events.bus import Delivery
from events.event import Event
from events.offsets import Offsets
from events.partition_log import PartitionLog
from events.topics import RETENTION_S, TOPICS, topic_of

COMMIT_EVERY_S = 0.2


class LogBus:
    """One append-only log per topic partition, one file of committed offsets per group.

    Consumers of one group in this process share its partitions. What was delivered but not
    acknowledged when the process ended is delivered again.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        """`durable`: publish returns after the records are on the disk."""
        self._folder, self._durable = folder, durable
        self._logs: dict[tuple[str, int], PartitionLog] = {}
        self._groups: dict[str, _Group] = {}
        self._changed = threading.Condition()
        self._closed = False

    def publish(self, events: Sequence[Event]) -> None:
        by_partition: dict[tuple[str, int], list[bytes]] = defaultdict(list)
        for event in events:
            topic = topic_of(event)
            by_partition[topic, self._partition(topic, event.key)].append(codec.dumps(event))
        for (topic, partition), records in by_partition.items():
            self._log(topic, partition).append(records, sync=self._durable)
        with self._changed:
            self._changed.notify_all()

    def subscribe(self, group: str, topics: Sequence[str]) -> "_Consumer":
        for topic in topics:
            _declared(topic)
        return _Consumer(self, self._group(group), topics)

    def tail(self, topic: str, since: int = 0) -> Iterator[Delivery]:
        """Yield what a topic holds, partition by partition, without being a consumer."""
        for partition in range(_declared(topic)):
            log = self._log(topic, partition)
            offset = max(since, log.start)
            while records := log.read(offset, 1000):
                yield from (_delivery(topic, partition, o, value) for o, value in records)
                offset = records[-1][0] + 1

    def lag(self, group: str) -> dict[str, int]:
        """Return how many records of each topic the group has not acknowledged."""
        return self._group(group).lag(self._log)

    def rewind(self, group: str, topic: str, offset: int = 0) -> None:
        """Deliver a topic to a group again, from `offset` of each partition."""
        self._group(group).rewind(topic, range(_declared(topic)), offset)
        with self._changed:
            self._changed.notify_all()

    def expire(self, older_than_s: float = RETENTION_S) -> None:
        """Delete what is older than the retention."""
        for log in list(self._logs.values()):
            log.expire(older_than_s)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for group in self._groups.values():
            group.commit()
        for log in self._logs.values():
            log.close()

    def _partition(self, topic: str, key: str) -> int:
        return zlib.crc32(key.encode()) % _declared(topic)

    def _log(self, topic: str, partition: int) -> PartitionLog:
        with self._changed:
            log = self._logs.get((topic, partition))
            if log is None:
                log = PartitionLog(self._folder / topic / str(partition))
                self._logs[topic, partition] = log
            return log

    def _group(self, name: str) -> "_Group":
        with self._changed:
            group = self._groups.get(name)
            if group is None:
                group = self._groups[name] = _Group(self._folder / "groups" / f"{name}.json")
            return group

    def _wait(self, timeout_s: float) -> bool:
        """Wait for something to be published; return False when the bus has closed."""
        with self._changed:
            if not self._closed:
                self._changed.wait(timeout_s)
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

    def __init__(self, bus: LogBus, group: "_Group", topics: Sequence[str]) -> None:
        self._bus, self._group = bus, group
        self._partitions = [(t, p) for t in topics for p in range(TOPICS[t].partitions)]
        self._closed = False

    def poll(self, limit: int, timeout_s: float) -> list[Delivery]:
        deadline = time.monotonic() + timeout_s
        while not self._closed:
            if found := self._take(limit):
                return found
            left = deadline - time.monotonic()
            if left <= 0 or not self._bus._wait(left):
                return []
        return []

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

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._offsets: dict[tuple[str, int], Offsets] = {}
        self._written = 0.0
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            for name, offset in json.loads(path.read_bytes()).items():
                topic, _, partition = name.rpartition(":")
                self._offsets[topic, int(partition)] = Offsets(offset, offset)

    def take(
        self, topic: str, partition: int, log: PartitionLog, limit: int
    ) -> list[tuple[int, bytes]]:
        with self._lock:
            offsets = self._offsets.setdefault((topic, partition), Offsets())
            offsets.skip_to(log.start)
            if offsets.taken >= log.end:
                return []
            records = log.read(offsets.taken, limit)
            if records:
                offsets.take(records[-1][0])
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

    def lag(self, log_of: Callable[[str, int], PartitionLog]) -> dict[str, int]:
        with self._lock:
            committed = {place: o.committed for place, o in self._offsets.items()}
        lag: dict[str, int] = defaultdict(int)
        for (topic, partition), offset in committed.items():
            lag[topic] += max(0, log_of(topic, partition).end - offset)
        return dict(lag)

    def commit(self) -> None:
        """Write the committed offsets. Losing the latest only means deliveries once more."""
        with self._lock:
            kept = {f"{t}:{p}": o.committed for (t, p), o in self._offsets.items()}
            temporary = self._path.with_suffix(".tmp")
            temporary.write_text(json.dumps(kept))
            temporary.replace(self._path)
            self._written = time.monotonic()
