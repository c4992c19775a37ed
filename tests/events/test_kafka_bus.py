"""A real Kafka does what every bus does; members come, go and stay long at work."""

import asyncio
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from subprocess import PIPE

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from dataflux.errors import TooLarge, Unavailable
from events import codec, kafka_consumer, kafka_topics
from events.bus import Bus, Consumer, Delivery
from events.kafka_bus import KafkaBus
from events.kafka_codec import to_binary, to_structured
from events.kafka_topics import SET_ON_TOPIC
from events.samples import sample
from events.topics import TOPICS
from local.services.instance import Instance
from tests.contracts.bus import FACT, LONG_S, OTHER, KeptBusContract, drain, event, names
from tests.fixtures.services import running

pytestmark = pytest.mark.services

Buses = Callable[[], KafkaBus]


@pytest.fixture
def buses(kafka: Instance) -> Iterator[Buses]:
    """Open members of one installation, which nobody else has."""
    prefix = f"t{uuid.uuid4().hex[:8]}."
    opened: list[KafkaBus] = []

    def open_() -> KafkaBus:
        opened.append(KafkaBus(_servers(kafka), prefix=prefix))
        opened[-1].declare([TOPICS[FACT], TOPICS[OTHER]])
        return opened[-1]

    yield open_
    for bus in opened:
        bus.close()


@pytest.fixture
def bus(buses: Buses) -> KafkaBus:
    return buses()


class TestKafkaBus(KeptBusContract):
    @pytest.fixture
    def bus(self, buses: Buses) -> Bus:
        return buses()

    @pytest.fixture
    def reopen(self, bus: Bus, buses: Buses) -> Callable[[], Bus]:
        def again() -> Bus:
            bus.close()
            return buses()

        return again


def _servers(kafka: Instance) -> str:
    return kafka.settings["DATAFLUX_BUS"].removeprefix("kafka://")


def _send(
    bus: KafkaBus, records: Sequence[tuple[bytes, list[tuple[str, bytes]]]], **how: str
) -> None:
    """Send records to the topic of facts as somebody else's producer."""

    async def send() -> None:
        async with AIOKafkaProducer(bootstrap_servers=bus._servers, **how) as producer:
            for value, headers in records:
                await producer.send_and_wait(bus._prefix + FACT, value, headers=headers)

    asyncio.run(send())


def _poll_until(consumer: Consumer, done: Callable[[], bool], found: list[Delivery]) -> None:
    deadline = time.monotonic() + LONG_S
    while not done():
        assert time.monotonic() < deadline
        found += consumer.poll(100, 0.2)


MALFORMED: list[tuple[bytes, list[tuple[str, bytes]]]] = [
    (b"", []),
    (b"\xff\x00\xfe", []),
    (b"{", [("content-type", b"application/cloudevents+json")]),
    (b"[]", [("content-type", b"application/cloudevents+json")]),
    (b"{}", [("content-type", b"application/cloudevents+avro")]),
    (b"{}", [("ce_id", b"1"), ("ce_specversion", b"0.3")]),
    (b"{}", [("ce_id", b"\xff"), ("ce_specversion", b"1.0")]),
    (b'{"EventName":"s3:ObjectCreated:Put","Key":"b/k"}', []),
]


def test_what_is_no_event_is_delivered_as_such_and_stalls_nothing(bus: KafkaBus) -> None:
    consumer = bus.subscribe("g", [FACT])
    _send(bus, MALFORMED * 3)
    bus.publish([event("good", str(n)) for n in range(12)])
    found = drain(consumer, 3 * len(MALFORMED) + 12)
    bad = [d for d in found if d.event is None]
    assert sorted(d.value for d in bad) == sorted(value for value, _ in MALFORMED * 3)
    assert all(d.problem for d in bad)
    for each in found:
        consumer.ack(each)
    assert bus.lag("g") == {FACT: 0}


@pytest.mark.parametrize("how", ["gzip", "lz4", "snappy", "zstd"])
def test_records_of_others_are_read_however_compressed(bus: KafkaBus, how: str) -> None:
    sent = event("1")
    records = [to_binary(sent), to_structured(sent)]
    _send(
        bus,
        [(r.value, [(n, v or b"") for n, v in r.headers]) for r in records],
        compression_type=how,
    )
    found = drain(bus.subscribe("g", [FACT]), 2)
    assert [d.event for d in found] == [sent, sent]
    assert {d.value for d in found} == {codec.dumps(sent)}, "both can be delivered again"


def test_what_is_in_work_stays_in_work_when_members_come_and_go(buses: Buses) -> None:
    first, second = buses(), buses()
    mine = first.subscribe("g", [FACT])
    first.publish([event(n, str(n)) for n in range(40)])
    in_work = drain(mine, 40)
    theirs = second.subscribe("g", [FACT])  # takes half of the partitions
    again: list[Delivery] = []
    _poll_until(theirs, lambda: bool(again), again)
    moved = {d.partition for d in again}
    assert mine.poll(100, 1.0) == [], "what stays here is not delivered twice"
    for each in in_work:
        mine.ack(each)
    theirs.close()  # nothing of it acknowledged: all of it is mine again, and done
    first.publish([event(f"late {n}", str(n)) for n in range(40)])
    late = drain(mine, 40)
    assert {n[:4] for n in names(late)} == {"late"}
    assert moved
    for each in late:
        mine.ack(each)
    assert first.lag("g") == {FACT: 0}


MEMBER = """
import sys
from events.kafka_bus import KafkaBus

servers, prefix, topic = sys.argv[1:]
consumer = KafkaBus(servers, prefix=prefix).subscribe("g", [topic])
taken = consumer.poll(100, 30)
for delivery in taken[: len(taken) // 2]:
    consumer.ack(delivery)
print(*(delivery.event.id for delivery in taken[len(taken) // 2 :]), flush=True)
sys.stdin.read()
"""


def test_what_a_member_had_in_work_when_it_was_killed_comes_to_another(bus: KafkaBus) -> None:
    bus.publish([event(n, str(n)) for n in range(60)])
    command = [sys.executable, "-c", MEMBER, bus._servers, bus._prefix, FACT]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True) as member:
        assert member.stdout is not None
        in_work = set(member.stdout.readline().split())
        assert in_work
        member.kill()
    found: list[Delivery] = []
    consumer = bus.subscribe("g", [FACT])
    _poll_until(consumer, lambda: set(names(found)) >= in_work, found)


def test_a_partition_pauses_when_too_much_waits_behind_one(
    bus: KafkaBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_consumer, "AHEAD", 10)
    bus.publish([event(n) for n in range(50)])
    consumer = bus.subscribe("g", [FACT])
    found = [*consumer.poll(5, LONG_S), *consumer.poll(5, LONG_S)]
    assert consumer.poll(5, 0.5) == []
    for each in found[1:]:
        consumer.ack(each)
    assert consumer.poll(5, 0.5) == []
    consumer.ack(found[0])
    assert names(found + drain(consumer, 40)) == [str(n) for n in range(50)]


def test_partitions_that_others_have_added_are_read_and_counted(bus: KafkaBus) -> None:
    more = TOPICS[FACT].partitions + 2
    bus.declare([replace(TOPICS[FACT], partitions=more)])
    asyncio.run(_grown(bus._servers, bus._prefix + FACT, more))
    consumer = bus.subscribe("g", [FACT])
    bus.publish([event(n, str(n)) for n in range(60)])
    found = drain(consumer, 60)
    assert {d.partition for d in found} == set(range(more))
    assert bus.lag("g") == {FACT: 60}


def test_a_member_that_has_enough_keeps_its_place(bus: KafkaBus) -> None:
    bus.publish([event(n) for n in range(3)])
    consumer = bus.subscribe("g", [FACT])
    assert consumer.poll(0, 1.0) == []
    assert names(drain(consumer, 3)) == ["0", "1", "2"]


def test_an_event_larger_than_a_broker_takes_is_refused(bus: KafkaBus) -> None:
    with pytest.raises(TooLarge):
        bus.publish([replace(event(1), data={"x": "y" * (1 << 20)})])


def test_a_crash_of_the_broker_loses_nothing_that_was_published() -> None:
    with running("kafka") as broker:
        bus = KafkaBus(_servers(broker))
        bus.declare([TOPICS[FACT]])
        bus.publish([event(n, str(n)) for n in range(100)])
        broker.kill()
        broker.start()
        bus.publish([event(n, str(n)) for n in range(100, 200)])
        consumer = bus.subscribe("g", [FACT])
        assert sorted(map(int, names(drain(consumer, 200)))) == list(range(200))
        bus.close()


def test_without_a_broker_critical_events_are_refused_and_optional_ones_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("events.kafka_bus.PUBLISH_S", 2.0)
    optional = sample("similarity.match_found")
    with running("kafka") as broker:
        bus = KafkaBus(_servers(broker))
        bus.declare([TOPICS[FACT], TOPICS["dataflux.similarity.match_found"]])
        bus.publish([event(1), optional])
        broker.kill()
        began = time.monotonic()
        bus.publish([optional] * 3)
        assert time.monotonic() - began < 2.0
        with pytest.raises(Unavailable, match="kafka"):
            bus.publish([event(2)])
        broker.start()
        bus.close()


def test_without_a_broker_nothing_starts() -> None:
    with pytest.raises(Unavailable, match="kafka"):
        KafkaBus("127.0.0.1:1")


async def _told(admin: AIOKafkaAdminClient, name: str) -> tuple[int, dict[str, str]]:
    (topic,) = await admin.describe_topics([name])
    resource = ConfigResource(ConfigResourceType.TOPIC, name)
    ((answer,),) = [a.resources for a in await admin.describe_configs([resource])]
    return len(topic["partitions"]), {e[0]: e[1] for e in answer[-1] if e[3] == SET_ON_TOPIC}


async def _is_told(admin: AIOKafkaAdminClient, name: str, *expected: object) -> None:
    """A broker hears of a change a moment after the controller has made it."""
    deadline = time.monotonic() + LONG_S
    while await _told(admin, name) != expected:
        assert time.monotonic() < deadline, await _told(admin, name)
        await asyncio.sleep(0.05)


async def _grown(servers: str, name: str, partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await _is_told(admin, name, partitions, {"retention.ms": "604800000"})
    finally:
        await admin.close()


async def _set(admin: AIOKafkaAdminClient, name: str, values: dict[str, str]) -> None:
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, values)])


def test_topics_are_made_what_they_are_declared_to_be(bus: KafkaBus) -> None:
    """Twice changes nothing; what others have set or added stays."""
    declared = replace(TOPICS[FACT], name=f"extra.{uuid.uuid4().hex}", partitions=3)

    async def check() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bus._servers)
        await admin.start()
        try:
            await kafka_topics.ensure(admin, [declared])
            await _is_told(admin, declared.name, 3, {"retention.ms": "604800000"})
            compressed = {"retention.ms": "1000", "compression.type": "zstd"}
            await _set(admin, declared.name, compressed)
            told = {"retention.ms": "604800000", "compression.type": "zstd"}
            for partitions in (5, 5, 3):
                await kafka_topics.ensure(admin, [replace(declared, partitions=partitions)])
                await _is_told(admin, declared.name, 5, told)
        finally:
            await admin.close()

    asyncio.run(check())
