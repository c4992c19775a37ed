"""The Kafka binding: two modes, both directions, golden bytes, and the SDK as the referee."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cloudevents.http import CloudEvent
from cloudevents.kafka import KafkaMessage
from cloudevents.kafka import from_binary as sdk_from_binary
from cloudevents.kafka import from_structured as sdk_from_structured
from cloudevents.kafka import to_binary as sdk_to_binary
from cloudevents.kafka import to_structured as sdk_to_structured
from hypothesis import given

from dataflux.errors import Invalid
from events import codec
from events.event import Event
from events.kafka_codec import Header, Record, from_kafka, is_structured, to_binary, to_structured
from events.samples import sample
from tests.events.drawn import events, plain

GOLDEN = Path(__file__).parents[1] / "golden" / "kafka"
BARE: list[Header] = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"1"),
    ("ce_type", b"t"),
    ("ce_source", b"/s"),
]
Write = Callable[[Event], Record]


def _problems(headers: list[Header], value: bytes = b"") -> dict[str, str]:
    with pytest.raises(Invalid) as raised:
        from_kafka(Record(headers, None, value))
    return raised.value.fields


@pytest.mark.parametrize("write", [to_binary, to_structured])
@given(event=events())
def test_an_event_survives(write: Write, event: Event) -> None:
    record = write(event)
    assert from_kafka(record) == event
    assert record.key == event.key.encode()
    assert is_structured(record) == (write is to_structured)


@pytest.mark.parametrize("write", [to_binary, to_structured])
def test_the_bytes_are_a_promise(write: Write) -> None:
    kept = GOLDEN / f"{write.__name__.removeprefix('to_')}.txt"
    headers, key, value = write(sample("asset.uploaded"))
    lines = [f"{name}: {(raw or b'').decode()}" for name, raw in headers]
    assert "\n".join([f"key: {(key or b'').decode()}", *lines, "", value.decode(), ""]) == (
        kept.read_text()
    )


def _message(record: Record) -> KafkaMessage:
    headers = {name: raw or b"" for name, raw in record.headers}
    return KafkaMessage(headers, (record.key or b"").decode(), record.value)


def _same(theirs: CloudEvent, ours: Event) -> None:
    attributes: dict[str, Any] = dict(theirs.get_attributes())
    expected = codec.to_dict(ours)
    for name in ("data", "time", "datacontenttype"):
        attributes.pop(name, None)
        expected.pop(name)
    attributes.pop("partitionkey", None)  # the SDK reads it from the key
    expected.pop("partitionkey", None)
    assert attributes == expected
    assert theirs.get_data() == dict(ours.data)


@given(events(plain))
def test_the_sdk_reads_what_we_write_in_binary(event: Event) -> None:
    _same(sdk_from_binary(_message(to_binary(event))), event)


@given(events())
def test_the_sdk_reads_what_we_write_structured(event: Event) -> None:
    _same(sdk_from_structured(_message(to_structured(event))), event)


def _sdk(event: Event) -> CloudEvent:
    attributes = codec.to_dict(event)
    data = attributes.pop("data")
    return CloudEvent({**attributes, "partitionkey": event.key}, data)


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


@given(events(plain))
def test_we_read_what_the_sdk_writes_in_binary(event: Event) -> None:
    headers, key, value = sdk_to_binary(_sdk(event))
    read = from_kafka(Record(list(headers.items()), str(key).encode(), _bytes(value)))
    assert codec.to_dict(read) | {"partitionkey": event.key} == codec.to_dict(event) | {
        "partitionkey": event.key
    }


@given(events(plain))
def test_we_read_what_the_sdk_writes_structured(event: Event) -> None:
    headers, _, value = sdk_to_structured(_sdk(event))
    told = [*headers.items(), ("content-type", b"application/cloudevents+json")]  # it forgets
    read = from_kafka(Record(told, None, _bytes(value)))
    assert codec.to_dict(read) | {"partitionkey": event.key} == codec.to_dict(event) | {
        "partitionkey": event.key
    }


def test_the_content_type_decides_the_mode() -> None:
    event = sample("asset.uploaded")
    headers: list[Header] = [("ce_trace", b"stray"), *to_structured(event).headers]
    assert from_kafka(Record(headers, None, codec.dumps(event))) == event
    charset: list[Header] = [("Content-Type", b"application/cloudevents+json; charset=UTF-8")]
    assert from_kafka(Record(charset, None, codec.dumps(event))) == event


def test_names_of_headers_may_be_of_any_case_and_others_hold_anything() -> None:
    headers: list[Header] = [(name.upper(), raw) for name, raw in BARE]
    read = from_kafka(Record([*headers, ("x-trace", b"\xff"), ("y", None)], None, b""))
    assert (read.id, read.type, read.source, read.data) == ("1", "t", "/s", {})


@pytest.mark.parametrize(
    ("headers", "value", "bad"),
    [
        ([], b"{}", {""}),
        ([("content-type", b"application/json")], b"{}", {""}),
        ([("ce_id", b"1")], b"", {"source", "specversion", "type"}),
        ([*BARE[1:], ("ce_specversion", b"0.3")], b"", {"specversion"}),
        ([*BARE, ("ce_subject", b"\xff")], b"", {"subject"}),
        ([*BARE, ("ce_bad-name", b"x")], b"", {"bad-name"}),
        (BARE, b"{", {"data"}),
        (BARE, b"[1]", {"data"}),
        ([*BARE, ("content-type", b"text/plain")], b"{}", {"datacontenttype"}),
        ([("content-type", b"application/cloudevents+json")], b"\x00", {""}),
        ([("content-type", b"application/cloudevents+json")], b"[]", {""}),
        ([("content-type", b"application/cloudevents+avro")], b"{}", set()),
        ([("content-type", b"application/cloudevents-batch+json")], b"[]", set()),
    ],
)
def test_what_is_no_event_says_why(headers: list[Header], value: bytes, bad: set[str]) -> None:
    assert set(_problems(headers, value)) - {""} == bad - {""}
