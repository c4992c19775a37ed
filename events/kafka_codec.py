"""The Kafka binding of CloudEvents 1.0: binary and structured."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from dataflux.errors import Invalid
from events.codec import JSON, dumps, examined, loads, parse, timestamp, usual
from events.event import Event
from events.header_names import header_names

STRUCTURED = b"application/cloudevents+json"
_FORMATS = "application/cloudevents"
_header, _attribute = header_names("ce_")

Header = tuple[str, bytes | None]
_OURS: Header = ("content-type", STRUCTURED)


class Record(NamedTuple):
    """What a record of a topic consists of."""

    headers: Sequence[Header]
    key: bytes | None
    value: bytes


def to_binary(event: Event) -> Record:
    """Return attributes as `ce_` headers in UTF-8, and the data as the value."""
    headers: list[Header] = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event.id.encode()),
        ("ce_type", event.type.encode()),
        ("ce_source", event.source.encode()),
        ("ce_time", timestamp(event.time).encode()),
        *[(_header(name), value.encode()) for name, value in event.extensions.items()],
    ]
    if event.subject is not None:
        headers.append(("ce_subject", event.subject.encode()))
    headers.append(("content-type", b"application/json"))
    return Record(headers, event.key.encode(), orjson.dumps(event.data))


def to_structured(event: Event) -> Record:
    return Record([_OURS], event.key.encode(), dumps(event))


def from_kafka(record: Record) -> Event:
    """Read a record; raise Invalid naming every problem.

    The content type decides the mode, not a stray header. The key is how the record was
    partitioned, which the event says itself: the binding lets us leave it.
    """
    if record.headers and record.headers[0] == _OURS:
        return loads(record.value)
    return _usual(record) or _examined(record)


def _usual(record: Record) -> Event | None:
    try:
        named = {_attribute(name): (raw or b"").decode() for name, raw in record.headers}
        named.pop("", None)
        return usual(named, orjson.loads(record.value))
    except ValueError:
        return None


def _examined(record: Record) -> Event:
    problems: dict[str, str] = {}
    content_type, attributes = JSON, {}
    for header, raw in record.headers:
        name = _attribute(header)
        if name == "datacontenttype":
            content_type = _text("content-type", raw, problems) or JSON
        elif name:
            attributes[name] = _text(name, raw, problems)
    if content_type.lower().startswith(_FORMATS):
        return _structured(content_type, record.value)
    if not attributes:
        raise Invalid("no CloudEvent: neither ce_ headers nor a cloudevents content type")
    attributes["datacontenttype"] = content_type
    return examined(attributes, _data(record.value, problems), problems)


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
