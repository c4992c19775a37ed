"""Events a second through our codecs and through the CloudEvents SDK, on the same event.

We check what we read: every attribute, the names of extensions, the time, the chain of causes. Of
the SDK's plain event over Kafka nothing is checked but that the required attributes are there; its
time stays a text. The one that it makes with pydantic (`checked`) has its time parsed and its texts
checked, as ours. `bare` decodes the headers, parses the JSON, and makes no event of it: the most
that any codec in Python can reach.

Run: python -m bench.codec [ROUNDS]
"""

import importlib.metadata
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from cloudevents.conversion import to_binary as sdk_http_binary
from cloudevents.http import from_http as sdk_from_http
from cloudevents.kafka import KafkaMessage
from cloudevents.kafka import from_binary as sdk_from_kafka
from cloudevents.kafka import from_structured as sdk_from_structured
from cloudevents.kafka import to_binary as sdk_kafka_binary
from cloudevents.kafka import to_structured as sdk_kafka_structured
from cloudevents.pydantic import CloudEvent as Checked

from events import http, kafka_codec
from events.event import Event
from events.samples import sample

EVENT = "asset.segmented"
GOAL = 4.0
SPELL_S = 0.2

Once = Callable[[], object]


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    version = importlib.metadata.version("cloudevents")
    print(f"python {platform.python_version()}, cloudevents {version}, event {EVENT}")
    for name, (ours, theirs) in _pairs(sample(EVENT)).items():
        found = [(_rate(ours), _rate(theirs)) for _ in range(rounds)]
        ratio = statistics.median(our / their for our, their in found)
        our, their = (statistics.median(rates) for rates in zip(*found, strict=True))
        told = "" if ratio >= GOAL else f"  below the goal of {GOAL:g}"
        print(f"{name:33} {our:9,.0f}/s  SDK {their:9,.0f}/s  ratio {ratio:5.1f}{told}")


def _rate(once: Once) -> float:
    """Return how often `once` can be done in a second of CPU; its first calls do not count."""
    for _ in range(20):
        once()
    count, began = 0, time.process_time()
    while (took := time.process_time() - began) < SPELL_S:
        for _ in range(50):
            once()
        count += 50
    return count / took


def _pairs(event: Event) -> Mapping[str, tuple[Once, Once]]:
    """Return what is measured: ours and theirs."""
    headers, body = http.to_binary(event)
    theirs = sdk_from_http(headers, body)
    binary, structured = kafka_codec.to_binary(event), kafka_codec.to_structured(event)
    message, whole = _message(binary), _message(structured)
    their_event, checked = sdk_from_kafka(message), sdk_from_kafka(message, Checked)
    return {
        "HTTP, binary, both": (
            lambda: http.to_binary(http.from_http(headers, body)[0]),
            lambda: sdk_http_binary(sdk_from_http(headers, body)),
        ),
        "HTTP, binary, write": (lambda: http.to_binary(event), lambda: sdk_http_binary(theirs)),
        "HTTP, binary, read": (
            lambda: http.from_http(headers, body),
            lambda: sdk_from_http(headers, body),
        ),
        "Kafka, binary, write": (
            lambda: kafka_codec.to_binary(event),
            lambda: sdk_kafka_binary(their_event),
        ),
        "Kafka, binary, read": (
            lambda: kafka_codec.from_kafka(binary),
            lambda: sdk_from_kafka(message),
        ),
        "Kafka, structured, write": (
            lambda: kafka_codec.to_structured(event),
            lambda: sdk_kafka_structured(their_event),
        ),
        "Kafka, structured, read": (
            lambda: kafka_codec.from_kafka(structured),
            lambda: sdk_from_structured(whole),
        ),
        "Kafka, binary, write, checked": (
            lambda: kafka_codec.to_binary(event),
            lambda: sdk_kafka_binary(checked),
        ),
        "Kafka, binary, read, checked": (
            lambda: kafka_codec.from_kafka(binary),
            lambda: sdk_from_kafka(message, Checked),
        ),
        "Kafka, structured, write, checked": (
            lambda: kafka_codec.to_structured(event),
            lambda: sdk_kafka_structured(checked),
        ),
        "Kafka, structured, read, checked": (
            lambda: kafka_codec.from_kafka(structured),
            lambda: sdk_from_structured(whole, Checked),
        ),
        "Kafka, binary, read, bare": (lambda: _bare(binary), lambda: sdk_from_kafka(message)),
        "Kafka, structured, read, bare": (
            lambda: _bare(structured),
            lambda: sdk_from_structured(whole),
        ),
    }


def _bare(record: kafka_codec.Record) -> object:
    return {name: raw.decode() for name, raw in record.headers if raw}, orjson.loads(record.value)


def _message(record: kafka_codec.Record) -> KafkaMessage:
    headers: dict[str, Any] = {name: raw or b"" for name, raw in record.headers}
    return KafkaMessage(headers, (record.key or b"").decode(), record.value)


if __name__ == "__main__":
    main()
