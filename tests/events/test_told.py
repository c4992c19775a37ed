"""Queues of SQS and topics of Kafka, by servers: what is not done comes again."""

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dataflux.errors import Invalid, Unavailable
from dataflux.settings import Settings
from events import told
from events.told import Told, opened
from local.services.instance import Instance
from tests.fixtures.s3 import REGION


@pytest.mark.parametrize("url", ["", "amqp://x/y", "http://127.0.0.1/queue"])
def test_a_place_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Invalid, match="use kafka://host:port/topic or sqs:URL"):
        opened(url, Settings())


def _heard(listening: Told) -> list[bytes]:
    for _ in range(20):
        if found := list(listening.poll(1)):
            return found
    raise AssertionError("nothing was heard")


@pytest.fixture
def queue(moto: str) -> Iterator[tuple[Any, str]]:
    import boto3

    client = boto3.client("sqs", endpoint_url=moto, region_name=REGION)
    yield client, client.create_queue(QueueName=uuid.uuid4().hex)["QueueUrl"]
    client.close()


def test_a_message_of_a_queue_stays_until_it_is_done(
    queue: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setattr(told, "VISIBLE_S", 1)
    client, url = queue
    client.send_message(QueueUrl=url, MessageBody=json.dumps({"a": "ü"}))
    listening = opened(f"sqs:{url}", Settings())
    body = _heard(listening)
    assert json.loads(body[0]) == {"a": "ü"}
    assert _heard(listening) == body
    listening.done()
    assert not listening.poll(1)
    assert not listening.poll(1)
    listening.close()


def test_a_queue_that_is_not_there_is_unavailable(
    queue: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    listening = opened(f"sqs:{queue[1]}x", Settings())
    with pytest.raises(Unavailable, match="check the queue"):
        listening.poll(0)


@pytest.fixture
def topic(kafka: Instance) -> tuple[str, Callable[..., None]]:
    from aiokafka import AIOKafkaProducer
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic

    server, name = kafka.settings["DATAFLUX_BUS"].removeprefix("kafka://"), uuid.uuid4().hex

    async def create() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=server)
        await admin.start()
        await admin.create_topics([NewTopic(name, 2, 1)])
        await admin.close()

    async def send(*messages: bytes) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=server)
        await producer.start()
        for message in messages:
            await producer.send_and_wait(name, message, key=b"bucket/key")
        await producer.stop()

    asyncio.run(create())
    return f"kafka://{server}/{name}", lambda *messages: asyncio.run(send(*messages))


@pytest.mark.services
def test_what_a_topic_says_stays_until_it_is_done(topic: tuple[str, Callable[..., None]]) -> None:
    url, send = topic
    send(b"one", b"two")
    first = opened(url, Settings())
    assert _heard(first) == [b"one", b"two"]
    first.close()  # as if it had died: nothing is done
    second = opened(url, Settings())
    assert _heard(second) == [b"one", b"two"]
    second.done()
    second.close()
    send(b"three")
    third = opened(url, Settings())
    assert _heard(third) == [b"three"]
    third.close()


@pytest.mark.services
def test_a_kafka_that_is_down_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="kafka"):
        opened("kafka://127.0.0.1:9/topic", Settings())
