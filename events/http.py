"""The HTTP binding of CloudEvents 1.0: binary, structured and batched."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

import orjson

from dataflux.errors import Invalid, TooLarge
from events.codec import (
    JSON,
    attributes,
    dumps,
    examined,
    from_dict,
    loads,
    parse,
    to_dict,
    usual,
)
from events.event import Event
from events.header_names import header_names

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
LIMIT = 1 << 20
"""Bytes of a request: an event carries references, a batch some hundred of them."""

_SAFE = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in '"%')

_UNSAFE = re.compile(r"[^!#$&-~]")
"""What is not in _SAFE."""

_header, _attribute = header_names("ce-")
Message = tuple[dict[str, str], bytes]


def to_binary(event: Event) -> Message:
    """Return attributes as `ce-` headers, percent-encoded, and the data as the body."""
    named = attributes(event)
    if _UNSAFE.search("".join(named.values())):  # rarely: one look for all of them
        named = {name: quote(value, safe=_SAFE) for name, value in named.items()}
    headers = {_header(name): value for name, value in named.items()}
    headers["content-type"] = JSON
    return headers, orjson.dumps(event.data)


def to_structured(event: Event) -> Message:
    return {"content-type": STRUCTURED}, dumps(event)


def to_batch(events: Sequence[Event]) -> Message:
    return {"content-type": BATCH}, orjson.dumps([to_dict(event) for event in events])


def from_http(headers: Mapping[str, str], body: bytes) -> list[Event]:
    """Read the events of a request. The content type decides the mode, not a stray header."""
    if len(body) > LIMIT:
        raise TooLarge(f"{len(body)} bytes of events; at most {LIMIT} a request")
    if event := _usual(headers, body):
        return [event]
    lower = {name.lower(): value for name, value in headers.items()}
    kind = lower.get("content-type", "").partition(";")[0].strip().lower()
    if kind == BATCH:
        return _batch(body)
    if kind == STRUCTURED:
        return [loads(body)]
    return [_binary(lower, body)]


def _usual(headers: Mapping[str, str], body: bytes) -> Event | None:
    """Read a binary event that is as we write it; None if it is not."""
    named = {_attribute(name): value for name, value in headers.items()}
    named.pop("", None)
    text = "".join(named.values())
    if "%" in text or '"' in text:
        return None
    try:
        return usual(named, orjson.loads(body))
    except ValueError:
        return None


def _batch(body: bytes) -> list[Event]:
    raw = parse(body)
    if not isinstance(raw, list):
        raise Invalid("a batch is a JSON array of events", {"": "is no array"})
    events: list[Event] = []
    problems: dict[str, str] = {}
    for n, item in enumerate(raw):
        try:
            events.append(from_dict(item))
        except Invalid as error:
            problems |= {f"{n}.{name}": problem for name, problem in error.fields.items()}
    if problems:
        raise Invalid(f"no valid batch of CloudEvents: {problems}", problems)
    return events


def _binary(headers: Mapping[str, str], body: bytes) -> Event:
    problems: dict[str, str] = {}
    attributes = attributes_of(headers, problems)
    if not attributes:
        raise Invalid("no CloudEvent: neither ce- headers nor a cloudevents content type")
    attributes["datacontenttype"] = headers.get("content-type") or JSON
    return examined(attributes, _data(body, problems), problems)


def attributes_of(headers: Mapping[str, str], problems: dict[str, str]) -> dict[str, str]:
    """Return what lower-case `ce-` headers say, and note what is badly encoded."""
    return {
        name[3:]: _decoded(name, value, problems) if "%" in value or '"' in value else value
        for name, value in headers.items()
        if name.startswith("ce-") and len(name) > len("ce-")
    }


def _data(body: bytes, problems: dict[str, str]) -> Any:
    try:
        return parse(body) if body else None
    except Invalid:
        problems["data"] = "is no JSON"
        return None


def _decoded(name: str, value: str, problems: dict[str, str]) -> str:
    """Decode a header; the binding also allows a quoted string."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        problems[name.removeprefix("ce-")] = "is no percent-encoded UTF-8"
        return value
