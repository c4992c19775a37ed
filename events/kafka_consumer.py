"""A member of a Kafka consumer group: it commits what is acknowledged, and nothing else."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaError
from aiokafka.structs import ConsumerRecord

from dataflux.errors import Invalid, Unavailable
from events import codec
from events.bus import Delivery
from events.kafka_codec import Record, from_kafka, is_structured
from events.kafka_loop import KafkaLoop
from events.offsets import Offsets

log = logging.getLogger(__name__)

COMMIT_EVERY_S = 0.2
AHEAD = 1000
"""With more than this delivered behind the first that is not acknowledged, a partition pauses."""
JOIN_S = 60.0
RETRY_S = 0.5
SLACK_S = 30.0
"""A poll may have to wait for the group to come to rest."""


class KafkaConsumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """Work may be acknowledged in any order, long after others have joined or left the group.

    What is in work when partitions move stays in work: if they come back, it is not delivered
    again, and if they do not, their new owner gets it too.
    """

    def __init__(
        self,
        loop: KafkaLoop,
        client: Callable[..., AIOKafkaConsumer],
        topics: Sequence[str],
        prefix: str,
    ) -> None:
        self._loop, self._prefix = loop, prefix
        self._offsets: dict[TopicPartition, Offsets] = {}
        self._lock = threading.Lock()
        self._dirty: set[TopicPartition] = set()
        self._placed: set[TopicPartition] = set()
        """Partitions of which is known where to go on; what comes of others is fetched again."""
        self._closed = False
        loop.run(self._join(client, topics), JOIN_S)

    async def _join(self, client: Callable[..., AIOKafkaConsumer], topics: Sequence[str]) -> None:
        self._at_rest = asyncio.Event()
        self._client = client(partition_assignment_strategy=(StickyPartitionAssignor,))
        self._client.subscribe([self._prefix + topic for topic in topics], listener=self)
        try:
            await self._client.start()
            await self._at_rest.wait()
        except BaseException:
            await self._client.stop()
            raise
        self._committing = asyncio.create_task(self._commit_again_and_again())

    # -- the port ------------------------------------------------------------------------------

    def poll(self, limit: int, timeout_s: float) -> list[Delivery]:
        """Return up to `limit` deliveries. With 0, only say that this member still lives."""
        if self._closed:
            return []
        try:
            return self._loop.run(self._poll(limit, timeout_s), timeout_s + SLACK_S)
        except Unavailable:
            if self._closed:  # meanwhile: the poll ends, it does not fail
                return []
            raise

    async def _poll(self, limit: int, timeout_s: float) -> list[Delivery]:
        self._throttle(everything=limit == 0)
        wait_ms = round(timeout_s * 1000) if limit else 0
        with contextlib.suppress(ConsumerStoppedError):
            await self._at_rest.wait()
            found = await self._client.getmany(timeout_ms=wait_ms, max_records=limit or 1)
            placed = [r for place, rs in found.items() if place in self._placed for r in rs]
            return [self._take(record) for record in placed]
        return []

    def _throttle(self, *, everything: bool) -> None:
        """Pause the partitions that are too far ahead; a paused one is not fetched either."""
        full = {
            place
            for place in self._client.assignment()
            if everything or self._ahead(place) >= AHEAD
        }
        paused = self._client.paused()
        self._client.pause(*(full - paused))
        self._client.resume(*(paused - full))

    def _ahead(self, place: TopicPartition) -> int:
        with self._lock:
            offsets = self._offsets.get(place)
            return offsets.taken - offsets.committed if offsets else 0

    def _take(self, record: ConsumerRecord) -> Delivery:
        place = TopicPartition(record.topic, record.partition)
        with self._lock:
            self._offsets[place].take(record.offset, record.offset)
        return delivery(self._prefix, record)

    def ack(self, delivery: Delivery) -> None:
        """Note that the effect of a delivery is kept; its offset is committed soon."""
        place = TopicPartition(self._prefix + delivery.topic, delivery.partition)
        with self._lock:
            if self._offsets[place].ack(delivery.offset):
                self._dirty.add(place)

    def close(self) -> None:
        """Commit and leave the group at once: others take over without waiting."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(Unavailable):
                self._loop.run(self._leave(), SLACK_S)

    async def _leave(self) -> None:
        self._committing.cancel()
        await self.commit()
        await self._client.stop()

    # -- offsets -------------------------------------------------------------------------------

    async def _commit_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_EVERY_S)
            await self.commit()

    async def commit(self) -> None:
        """Commit what has moved. What cannot be committed is delivered again: no harm."""
        with self._lock:
            mine = self._dirty & self._client.assignment()
            moved = {place: self._offsets[place].committed for place in mine}
            self._dirty -= mine
        if not moved:
            return
        try:
            await self._client.commit(moved)
        except IllegalStateError as error:
            log.info("kafka: partitions have moved before a commit: %s", error)
        except KafkaError as error:
            log.warning("kafka: not committed yet: %s: %s", type(error).__name__, error)
            with self._lock:
                self._dirty |= mine

    # -- when partitions move ------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self.commit()
        self._at_rest.clear()
        self._placed.clear()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Go on where the group is, or where this member is if it had them before."""
        places = list(assigned)
        while not await self._has_placed(places):
            await asyncio.sleep(RETRY_S)
        self._at_rest.set()

    async def _has_placed(self, places: list[TopicPartition]) -> bool:
        """Say whether all are placed; without an answer nothing could be delivered ever after."""
        try:
            first = await self._client.beginning_offsets(places) if places else {}
            for place in places:
                self._place(place, first[place], await self._client.committed(place))
        except IllegalStateError:  # they have moved again: who has them now is told next
            return True
        except KafkaError as error:
            log.warning("kafka: partitions not placed: %s: %s", type(error).__name__, error)
            return False
        return True

    def _place(self, place: TopicPartition, first: int, committed: int | None) -> None:
        with self._lock:
            offsets = self._offsets.setdefault(place, Offsets())
            offsets.skip(max(first, committed or 0))
            if committed is None:  # so that the group's lag can be seen from outside
                self._dirty.add(place)
            self._client.seek(place, offsets.taken)
        self._placed.add(place)


def delivery(prefix: str, record: ConsumerRecord) -> Delivery:
    """Return a record as the port has it; its value is the event in its structured form.

    What cannot be read keeps its value as it came.
    """
    value = record.value or b""
    place = (record.topic.removeprefix(prefix), record.partition, record.offset)
    found = Record(record.headers, record.key, value)
    try:
        event = from_kafka(found)
    except Invalid as error:
        return Delivery(*place, value, None, str(error))
    return Delivery(*place, value if is_structured(found) else codec.dumps(event), event)
