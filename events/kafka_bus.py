"""The bus on a real Kafka: one client for each purpose, on one event loop."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from dataflux import telemetry
from dataflux.errors import Invalid, Unavailable
from events import kafka_topics
from events.bus import Delivery
from events.event import Event
from events.kafka_codec import to_structured
from events.kafka_consumer import KafkaConsumer, delivery
from events.kafka_loop import KafkaLoop
from events.kafka_reader import KafkaReader
from events.kafka_refusal import refusal
from events.topics import TOPICS, Topic, topic_of
from events.types import is_optional

log = logging.getLogger(__name__)
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
"""It tells of every retry; what matters comes here as an exception."""

PLAINTEXT: Mapping[str, Any] = MappingProxyType({"security_protocol": "PLAINTEXT"})
START_S = 30.0
PUBLISH_S = 30.0
"""Longer than a broker takes to come back after a crash."""
PRESSURE_S = 0.1
"""Longer than this an optional event does not wait for room."""
FLUSH_S = 10.0
ANSWER_S = 15.0
PRODUCER = {"acks": "all", "enable_idempotence": True, "linger_ms": 2, "max_batch_size": 1 << 17}


class KafkaBus:
    """Topics and groups may have a prefix, so that several installations share a Kafka."""

    def __init__(
        self,
        servers: str,
        *,
        prefix: str = "",
        session_s: float = 10.0,
        security: Mapping[str, Any] = PLAINTEXT,
    ) -> None:
        """`session_s`: a member that is silent for so long is gone, and others take over.

        `security`: as events/kafka_security.py makes it.
        """
        self._servers, self._prefix, self._security = servers, prefix, security
        self._session_ms = round(session_s * 1000)
        self._consumers: dict[str, list[tuple[KafkaConsumer, Sequence[str]]]] = defaultdict(list)
        self._loop = KafkaLoop()
        try:
            self._begin()
        except BaseException:
            self._loop.close()
            raise

    def _begin(self) -> None:
        try:
            self._loop.run(self._start(), START_S)
        except Unavailable as error:
            why = self._loop.run(refusal(self._servers, self._security), START_S)
            raise (why or error) from error

    async def _start(self) -> None:
        self._admin = AIOKafkaAdminClient(bootstrap_servers=self._servers, **self._security)
        self._client = self._consumer(None)
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._servers, **PRODUCER, **self._security
        )
        started: list[Any] = [self._admin, self._client, self._producer]
        try:
            for each in started:
                await each.start()
        except BaseException:
            await self._stop()
            raise
        self._reader = KafkaReader(self._client, self._admin)

    async def _stop(self) -> None:
        try:
            await asyncio.wait_for(self._producer.stop(), FLUSH_S)
        except TimeoutError:  # whoever published that was told so long ago
            await self._producer.client.close()
        await self._client.stop()
        await self._admin.close()

    def _consumer(self, group: str | None, **options: Any) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self._servers,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=self._session_ms,
            heartbeat_interval_ms=self._session_ms
            // 10,  # who joins waits for the others to hear of it,
            **self._security,
            **options,
        )

    def declare(self, topics: Collection[Topic]) -> None:
        """Make the topics what they are declared to be; what fits is left alone."""
        self._loop.run(kafka_topics.ensure(self._admin, topics, self._prefix), START_S)

    # -- publishing ----------------------------------------------------------------------------

    def publish(self, events: Sequence[Event]) -> None:
        """Publish; optional events are sent too if there is room, and not waited for."""
        topics = [topic_of(event) for event in events]
        _check(topics)
        self._loop.run(self._publish(list(zip(topics, events, strict=True))), PUBLISH_S)

    async def _publish(self, events: Sequence[tuple[str, Event]]) -> None:
        kept = [await self._send(t, e) for t, e in events if not is_optional(e)]
        for topic, event in events:
            if is_optional(event):
                await self._try(topic, event)
        await asyncio.gather(*kept)

    async def _send(self, topic: str, event: Event) -> "asyncio.Future[Any]":
        headers, key, value = to_structured(event)
        sent: asyncio.Future[Any] = await self._producer.send(
            self._prefix + topic, value, key, headers=list(headers)
        )
        return sent

    async def _try(self, topic: str, event: Event) -> None:
        try:
            sent = await asyncio.wait_for(self._send(topic, event), PRESSURE_S)
        except (KafkaError, TimeoutError):
            telemetry.DROPPED.labels(event.name).inc()
        else:
            sent.add_done_callback(lambda done: _count(done, event.name))

    # -- consuming -----------------------------------------------------------------------------

    def subscribe(self, group: str, topics: Sequence[str]) -> KafkaConsumer:
        """Join a group; it is at rest, and has its partitions, when this returns."""
        _check(topics)

        def client(**options: Any) -> AIOKafkaConsumer:
            return self._consumer(self._prefix + group, **options)

        consumer = KafkaConsumer(self._loop, client, topics, self._prefix)
        self._consumers[group].append((consumer, topics))
        return consumer

    def lag(self, group: str) -> dict[str, int]:
        """Return how many records the group has not acknowledged, of each topic it follows."""
        lag: dict[str, int] = defaultdict(int)
        for place, (start, end) in self._waiting(group).items():
            lag[place.topic.removeprefix(self._prefix)] += max(0, end - start)
        return dict(lag)

    def oldest(self, group: str) -> dict[str, datetime]:
        waiting = {
            place: start for place, (start, end) in self._waiting(group).items() if start < end
        }
        oldest: dict[str, datetime] = {}
        for place, records in self._loop.run(self._reader.first(waiting), ANSWER_S).items():
            topic, sent = place.topic.removeprefix(self._prefix), self._sent(records[0])
            oldest[topic] = min(sent, oldest.get(topic, sent))
        return oldest

    def _sent(self, record: ConsumerRecord) -> datetime:
        event = delivery(self._prefix, record).event
        return event.time if event else datetime.fromtimestamp(record.timestamp / 1000, UTC)

    def _waiting(self, group: str) -> dict[TopicPartition, tuple[int, int]]:
        return self._loop.run(self._ask_waiting(group), ANSWER_S)

    async def _ask_waiting(self, group: str) -> dict[TopicPartition, tuple[int, int]]:
        mine = self._consumers.get(group, [])
        for consumer, _ in mine:
            await consumer.commit()
        topics = {self._prefix + topic for _, followed in mine for topic in followed}
        partitions = {self._prefix + topic.name: topic.partitions for topic in TOPICS.values()}
        return await self._reader.waiting(self._prefix + group, topics, partitions)

    # -- looking -------------------------------------------------------------------------------

    def bounds(self, topic: str) -> list[tuple[int, int]]:
        """Return for each partition its oldest offset that is kept, and where it ends."""
        _check([topic])
        places = [self._place(topic, n) for n in range(TOPICS[topic].partitions)]
        found = self._loop.run(self._reader.bounds(places), ANSWER_S)
        return [found[place] for place in places]

    def since(self, topic: str, at: datetime) -> list[int]:
        """Return for each partition an offset before which nothing was published since then."""
        _check([topic])
        places = [self._place(topic, n) for n in range(TOPICS[topic].partitions)]
        found = self._loop.run(self._reader.since(places, at), ANSWER_S)
        return [found[place] for place in places]

    def read(self, topic: str, partition: int, offset: int, limit: int) -> list[Delivery]:
        """Return kept records from an offset on, without being a consumer."""
        _check([topic])
        if not 0 <= partition < TOPICS[topic].partitions:
            raise Invalid(f"topic {topic} has no partition {partition}")
        place = self._place(topic, partition)
        records = self._loop.run(self._reader.read(place, offset, limit), ANSWER_S)
        return [delivery(self._prefix, record) for record in records]

    def _place(self, topic: str, partition: int) -> TopicPartition:
        return TopicPartition(self._prefix + topic, partition)

    def expire(self) -> None:
        """The brokers delete what is older than its topic's retention."""

    def close(self) -> None:
        """Leave the groups and send what is still to be sent; harmless if it is closed."""
        for members in self._consumers.values():
            for consumer, _ in members:
                consumer.close()
        try:
            self._loop.run(self._stop(), START_S)
        except Unavailable as error:
            log.info("kafka: not closed properly: %s", error)
        self._loop.close()


def _check(topics: Sequence[str]) -> None:
    for topic in topics:
        if topic not in TOPICS:
            raise Invalid(f"no topic {topic!r}; topics are declared in events/topics.py")


def _count(sent: "asyncio.Future[Any]", name: str) -> None:
    if sent.cancelled() or sent.exception() is not None:
        telemetry.DROPPED.labels(name).inc()
