"""The Kafka binding of CloudEvents 1.0: binary and structured."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from dataflux.errors import Invalid
from events.codec import JSON, attributes, dumps, loads, parse, read_attributes
from events.event import Event

STRUCTURED = b"application/cloudevents+json"
_FORMATS = "application/cloudevents"

Header = tuple[str, bytes | None]


class Record(NamedTuple):
    """What a record of a topic consists of."""

    headers: Sequence[Header]
    key: bytes | None
    value: bytes


def to_binary(event: Event) -> Record:
    """Return attributes as `ce_` headers in UTF-8, and the data as the value."""
    headers = [(f"ce_{name}", value.encode()) for name, value in attributes(event).items()]
    headers.append(("content-type", b"application/json"))
    return Record(headers, event.key.encode(), orjson.dumps(event.data))


def to_structured(event: Event) -> Record:
    return Record([("content-type", STRUCTURED)], event.key.encode(), dumps(event))


def from_kafka(record: Record) -> Event:
    """Read a record; raise Invalid naming every problem.

    The content type decides the mode, not a stray header. The key is how the record was
    partitioned, which the event says itself: the binding lets us leave it.
    """
    problems: dict[str, str] = {}
    content_type, attributes = JSON, {}
    for name, raw in record.headers:
        if raw == STRUCTURED and name == "content-type":  # as we write it
            return loads(record.value)
        lower = name.lower()
        if lower == "content-type":
            content_type = _text(lower, raw, problems) or JSON
        elif lower.startswith("ce_"):
            attributes[lower[3:]] = _text(lower[3:], raw, problems)
    if content_type.lower().startswith(_FORMATS):
        return _structured(content_type, record.value)
    if not attributes:
        raise Invalid("no CloudEvent: neither ce_ headers nor a cloudevents content type")
    attributes["datacontenttype"] = content_type
    return read_attributes(attributes, _data(record.value, problems), problems)


def is_structured(record: Record) -> bool:
    """Say whether the value is the whole event."""
    return any(
        name.lower() == "content-type" and (raw or b"").startswith(_FORMATS.encode())
        for name, raw in record.headers
    )


def _text(name: str, raw: bytes | None, problems: dict[str, str]) -> str:
    try:
        return (raw or b"").decode()
    except UnicodeDecodeError:
        problems[name] = "is no UTF-8"
        return ""


def _structured(content_type: str, value: bytes) -> Event:
    kind = content_type.partition(";")[0].strip().lower()
    if kind.encode() != STRUCTURED:
        raise Invalid(f"no event format {kind!r}; {STRUCTURED.decode()} is read")
    return loads(value)


def _data(value: bytes, problems: dict[str, str]) -> Any:
    try:
        return parse(value) if value else None
    except Invalid:
        problems["data"] = "is no JSON"
        return None
