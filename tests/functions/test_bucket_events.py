"""Real stores tell of what comes in: by a webhook, and through a real Kafka."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from dataflux.settings import Settings
from events.told import opened
from functions.api.app import create_app
from functions.hosts.listening import Listener
from functions.targets import BY_NAME
from local.server import Server
from local.services import s3
from local.services.instance import Instance
from local.services.versitygw import Versitygw
from stores.objects.s3_client import client_of
from stores.objects.s3_place import Place
from stores.records import assets
from stores.records.assets import Asset, Listed
from tests.fixtures.bucketed import Bucketed
from tests.fixtures.minio import Minio
from tests.fixtures.platform import Platform, admin_of
from tests.fixtures.services import running

pytestmark = pytest.mark.services

KEYS = ("in/plain.md", "in/a b+c%41 100%.md", "in/ünïcödé 日本🎬.md")
NOTES = b"# Notes\n\nOtters sleep in kelp.\n"
WAIT_S = 120


def _bucketed(platform: Platform, server: Instance) -> Bucketed:
    """Return the platform with a versioned bucket of a server."""
    place = Place(endpoint=s3.endpoint(server.place.ports), region=s3.REGION)
    url = f"s3:?endpoint={place.endpoint}&region={place.region}"
    settings = Settings(home=platform.deps.settings.home, buckets=url)
    platform.deps = replace(platform.deps, settings=settings)
    client, bucket = client_of(place), f"b-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=bucket)
    enabled = {"Status": "Enabled"}
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=enabled)
    return Bucketed(platform, client, bucket)


def _tell_of(bucketed: Bucketed, arn: str) -> None:
    events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    queues = {"QueueConfigurations": [{"QueueArn": arn, "Events": events}]}
    bucketed.s3.put_bucket_notification_configuration(
        Bucket=bucketed.bucket, NotificationConfiguration=queues
    )


def _use(bucketed: Bucketed) -> None:
    """Do what people do: put, put again, delete, tag."""
    for key in KEYS:
        bucketed.put(key, NOTES + key.encode())
    bucketed.put(KEYS[0], NOTES + b"the second version")
    bucketed.put("in/gone.md", NOTES + b"gone")
    bucketed.s3.delete_object(Bucket=bucketed.bucket, Key="in/gone.md")
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
    bucketed.s3.put_object_tagging(Bucket=bucketed.bucket, Key=KEYS[1], Tagging=tags)


def _assets(platform: Platform) -> list[Asset]:
    platform.pump()
    read, caller = platform.deps.engine.read, admin_of(platform)
    return list(read(caller.tenant, assets.page, caller, Listed()))


def _all_come_in(platform: Platform) -> None:
    deadline = time.monotonic() + WAIT_S
    expected = {key.rpartition("/")[2] for key in KEYS}
    while time.monotonic() < deadline:
        found = {a.filename: a.version for a in _assets(platform) if a.filename != "gone.md"}
        if set(found) == expected and found["plain.md"] == 2:
            return
        time.sleep(0.1)
    raise AssertionError(f"only {found} came in")


@contextlib.contextmanager
def _listening(platform: Platform, url: str) -> Iterator[None]:
    take: Callable[[bytes], Any] = partial(_take, platform, url)
    listener = Listener(url, partial(opened, url, Settings()), take, lambda *_: None)
    listener.start()
    yield
    listener.close()


def _take(platform: Platform, url: str, message: bytes) -> Any:
    return BY_NAME["notify"].take(platform.deps, message, url)


def test_versitygw_tells_a_webhook(platform: Platform, s3_keys: None) -> None:
    with running("versitygw") as server:
        bucketed = _bucketed(platform, server)
        source = bucketed.add_source("media", "in/")
        with Server(create_app(platform.deps), "127.0.0.1", 0) as api:
            hook = f"{api.url}/api/v1/sources/{source.id}/notifications?token=secret-of-media"
            server.stop()
            telling = Versitygw("--event-webhook-url", hook)
            again = Instance(telling, server.place.built.parents[1], server.place.data)
            again.start()
            _use(bucketed)
            _all_come_in(platform)
            again.kill()


def test_minio_tells_a_webhook(platform: Platform, s3_keys: None) -> None:
    with running(Minio()) as server:
        bucketed = _bucketed(platform, server)
        source = bucketed.add_source("media", "in/")
        with Server(create_app(platform.deps), "127.0.0.1", 0) as api:
            hook = f"{api.url}/api/v1/sources/{source.id}/notifications"
            server.stop()
            telling = Minio(
                MINIO_NOTIFY_WEBHOOK_ENABLE_T="on",
                MINIO_NOTIFY_WEBHOOK_ENDPOINT_T=hook,
                MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_T="secret-of-media",
            )
            again = Instance(telling, server.place.built.parents[1], server.place.data)
            again.start()
            _ready(bucketed)
            _tell_of(bucketed, "arn:minio:sqs::T:webhook")
            _use(bucketed)
            _all_come_in(platform)
            again.kill()


def _ready(bucketed: Bucketed) -> None:
    """Wait until a server that has started again serves its buckets."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(Exception):
            bucketed.s3.head_bucket(Bucket=bucketed.bucket)
            return
        time.sleep(0.1)
    raise AssertionError("the bucket is not served again")


@pytest.fixture
def topic(kafka: Instance) -> tuple[str, str]:
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic

    server, name = kafka.settings["DATAFLUX_BUS"].removeprefix("kafka://"), uuid.uuid4().hex

    async def create() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=server)
        await admin.start()
        await admin.create_topics([NewTopic(name, 3, 1)])
        await admin.close()

    asyncio.run(create())
    return server, name


def test_versitygw_tells_through_kafka(
    platform: Platform, s3_keys: None, topic: tuple[str, str]
) -> None:
    broker, name = topic
    telling = Versitygw("--event-kafka-url", broker, "--event-kafka-topic", name)
    with running(telling) as server:
        bucketed = _bucketed(platform, server)
        bucketed.add_source("media", "in/")
        with _listening(platform, f"kafka://{broker}/{name}"):
            _use(bucketed)
            _all_come_in(platform)


def test_minio_tells_through_kafka(
    platform: Platform, s3_keys: None, topic: tuple[str, str]
) -> None:
    broker, name = topic
    telling = Minio(
        MINIO_NOTIFY_KAFKA_ENABLE_T="on",
        MINIO_NOTIFY_KAFKA_BROKERS_T=broker,
        MINIO_NOTIFY_KAFKA_TOPIC_T=name,
    )
    with running(telling) as server:
        bucketed = _bucketed(platform, server)
        bucketed.add_source("media", "in/")
        _tell_of(bucketed, "arn:minio:sqs::T:kafka")
        with _listening(platform, f"kafka://{broker}/{name}"):
            _use(bucketed)
            _all_come_in(platform)
