"""Where stores put what they tell of new objects: a topic of Kafka, or a queue of SQS."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from dataflux.errors import Invalid, Unavailable
from dataflux.settings import Settings
from events import kafka_security

GROUP = "dataflux-notify"
MOST = 100
VISIBLE_S = 120
"""So long a message of SQS is nobody else's."""


class Told(Protocol):
    """Messages in the order in which they came; what is not `done` comes again after a restart."""

    def poll(self, wait_s: float) -> Sequence[bytes]: ...
    def done(self) -> None: ...
    def close(self) -> None: ...


def opened(url: str, settings: Settings) -> Told:
    """Listen at an address; raise Invalid if it is none, Unavailable if nothing answers there."""
    scheme, _, rest = url.partition(":")
    try:
        match scheme:
            case "kafka":
                return Topic(url, kafka_security.options(settings))
            case "sqs":
                return Queue(rest)
    except ModuleNotFoundError as error:
        extra = "kafka" if scheme == "kafka" else "s3"
        raise Invalid(f"{url} needs {error.name}; install dataflux[{extra}]") from error
    raise Invalid(
        f"settings: DATAFLUX_NOTIFICATIONS has {url!r}; use kafka://host:port/topic or sqs:URL",
        {"notifications": "use kafka://host:port/topic or sqs:URL"},
    )


class Topic:
    """A topic whose records are the messages, whatever their keys and headers."""

    def __init__(self, url: str, security: Mapping[str, Any]) -> None:
        from aiokafka import AIOKafkaConsumer
        from aiokafka.errors import KafkaError

        from events.kafka_refusal import refusal

        parts = urlsplit(url)
        group = parse_qs(parts.query).get("group", [GROUP])[0]
        self._runner = asyncio.Runner()
        self._consumer: Any = None

        async def start() -> Any:
            consumer = AIOKafkaConsumer(
                parts.path.strip("/"),
                bootstrap_servers=parts.netloc,
                group_id=group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                **security,
            )
            try:
                await consumer.start()
            except BaseException as error:
                await consumer.stop()
                if isinstance(error, KafkaError) and (why := await refusal(parts.netloc, security)):
                    raise why from error
                raise
            return consumer

        try:
            self._consumer = self._run(start())
        except BaseException:
            self._runner.close()
            raise

    def poll(self, wait_s: float) -> Sequence[bytes]:
        found = self._run(self._consumer.getmany(timeout_ms=int(wait_s * 1000), max_records=MOST))
        return [record.value or b"" for records in found.values() for record in records]

    def done(self) -> None:
        self._run(self._consumer.commit())

    def close(self) -> None:
        try:
            self._run(self._consumer.stop())
        finally:
            self._runner.close()

    def _run(self, coroutine: Any) -> Any:
        from aiokafka.errors import KafkaError

        try:
            return self._runner.run(coroutine)
        except KafkaError as error:
            raise Unavailable(f"kafka: {type(error).__name__}: {error}; try again") from error


class Queue:
    """A queue of SQS; its messages are deleted when they are done."""

    def __init__(self, url: str) -> None:
        import boto3

        parts = urlsplit(url)
        named = parts.netloc.split(".")
        region = named[1] if named[0] == "sqs" else None
        self._url, self._held = url, list[dict[str, str]]()
        self._client = boto3.session.Session().client(
            "sqs", region_name=region, endpoint_url=f"{parts.scheme}://{parts.netloc}"
        )

    def poll(self, wait_s: float) -> Sequence[bytes]:
        answer = self._ask(
            self._client.receive_message,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=int(wait_s),
            VisibilityTimeout=VISIBLE_S,
        )
        found = answer.get("Messages", [])
        self._held = [
            {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
            for n, message in enumerate(found)
        ]
        return [message["Body"].encode() for message in found]

    def done(self) -> None:
        if self._held:
            self._ask(self._client.delete_message_batch, Entries=self._held)
            self._held = []

    def close(self) -> None:
        self._client.close()

    def _ask(self, call: Any, **asked: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return call(QueueUrl=self._url, **asked)
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"sqs: {str(error)[:200]}; check the queue") from error
