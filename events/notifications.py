"""What object stores and the services between say of new objects, in one form. Pure.

The forms that are read: event records of S3 as AWS, MinIO and versitygw write them (from Kafka, a
webhook or a queue), the same within a message of SNS, within the records that SQS or SNS hand to a
Lambda, events of EventBridge, and each of these as the data of a CloudEvent.
"""

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

import orjson

from dataflux.errors import Invalid

DEEPEST = 4
"""A CloudEvent with a record of SQS with a message of SNS with records of S3."""


@dataclass(frozen=True, slots=True)
class Created:
    """An object that has come into a bucket; `version` and `etag` are None if they are not told.

    Its size is not taken from a notification: not all stores tell it right.
    """

    bucket: str
    key: str
    version: str | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Other:
    """Something that has happened and that brings nothing in: a removal, a tag, a test."""

    what: str


Notice = Created | Other

_CREATES = frozenset({"Put", "Post", "Copy", "CompleteMultipartUpload"})
"""MinIO also says ObjectCreated of tags, retention and legal holds."""


def read(raw: bytes) -> list[Notice]:
    """Return what a message tells; raise Invalid that says what is not understood in it."""
    return list(_message(_parsed(raw, "a notification"), DEEPEST))


def _message(message: Any, depth: int) -> Iterator[Notice]:
    if depth == 0:
        raise Invalid(f"no notification: more than {DEEPEST} messages lie in each other")
    match message:
        case {"Records": [*records]}:
            for record in records:
                yield from _record(record, depth)
        case {"Event": "s3:TestEvent"}:
            yield Other("s3:TestEvent")
        case {"Type": "Notification", "Message": str() as inner}:
            yield from _message(_parsed(inner, "the message of SNS"), depth - 1)
        case {"Type": "SubscriptionConfirmation", "TopicArn": topic}:
            raise Invalid(f"SNS asks to confirm a subscription to {topic}; open its SubscribeURL")
        case {"source": "aws.s3", "detail-type": str() as kind, "detail": {} as detail}:
            yield _of_event_bridge(kind, detail)
        case {"specversion": "1.0"}:
            yield from _message(_data(message), depth - 1)
        case _:
            raise Invalid(f"no notification of an object store is known with {_shape(message)}")


def _record(record: Any, depth: int) -> Iterator[Notice]:
    match record:
        case {"eventSource": "aws:s3" | "minio:s3", "eventName": str() as name, "s3": {} as told}:
            yield _of_s3(record["eventSource"], name, told)
        case {"eventName": "s3:TestEvent"}:
            yield Other("s3:TestEvent")
        case {"eventSource": "aws:sqs", "body": str() as body}:
            yield from _message(_parsed(body, "the body from SQS"), depth - 1)
        case {"EventSource": "aws:sns", "Sns": {"Message": str() as inner}}:
            yield from _message(_parsed(inner, "the message of SNS"), depth - 1)
        case _:
            raise Invalid(f"no record of an object store is known with {_shape(record)}")


def _of_s3(source: str, name: str, told: Mapping[str, Any]) -> Notice:
    """Read a record. Keys are encoded as in a query, but for versitygw, which leaves them raw.

    versitygw calls itself aws:s3; AWS alone leaves out the "s3:" before the name of an event.
    """
    what = name.removeprefix("s3:")
    raw = source == "aws:s3" and what != name
    kind, _, how = what.partition(":")
    if kind != "ObjectCreated" or how not in _CREATES:
        return Other(what)
    return _created(told, "versionId", "eTag", _raw if raw else _decoded)


def _of_event_bridge(kind: str, detail: Mapping[str, Any]) -> Notice:
    """Read an event whose keys are never encoded."""
    return _created(detail, "version-id", "etag", _raw) if kind == "Object Created" else Other(kind)


def _created(
    told: Mapping[str, Any], version: str, etag: str, decoded: Callable[[str], str]
) -> Created:
    match told:
        case {"bucket": {"name": str() as bucket}, "object": {"key": str() as key} as found}:
            tag = _text(found.get(etag))
            tag = tag and tag.strip('"')  # versitygw keeps the quotes
            return Created(bucket, decoded(key), _text(found.get(version)), tag)
    raise Invalid(f"a new object without the names of its bucket and key, with {_shape(told)}")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _raw(key: str) -> str:
    return key


def _decoded(key: str) -> str:
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError:
        raise Invalid(f"object key {key[:80]!r} is no UTF-8 once it is decoded") from None


def _data(event: Mapping[str, Any]) -> Any:
    if isinstance(event.get("data_base64"), str):
        try:
            return _parsed(b64decode(event["data_base64"], validate=True), "the data of an event")
        except ValueError:
            raise Invalid("the data of an event is no Base64") from None
    return event.get("data")


def _parsed(raw: bytes | str, what: str) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Invalid(f"{what} is no JSON") from None


def _shape(message: Any) -> str:
    """Say what something looks like, without what it holds."""
    if not isinstance(message, Mapping):
        return f"a {type(message).__name__} for an object"
    return f"the fields {', '.join(sorted(map(str, message)))[:200] or '(none)'}"
