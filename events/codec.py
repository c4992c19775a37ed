"""Events as structured JSON: on the embedded bus, in the outbox and in dead letters."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from dataflux.errors import Invalid
from events.event import Event

_ATTRIBUTES = frozenset(
    {"specversion", "id", "type", "source", "time", "subject", "datacontenttype", "data"}
)


def to_dict(event: Event) -> dict[str, Any]:
    """Return the structured form; `data` is not copied."""
    out: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "time": timestamp(event.time),
        "datacontenttype": "application/json",
        **event.extensions,
        "data": event.data,
    }
    if event.subject is not None:
        out["subject"] = event.subject
    return out


def from_dict(raw: Mapping[str, Any]) -> Event:
    """Read the structured form; raise Invalid naming every problem. Extensions are kept."""
    if not isinstance(raw, Mapping):
        raise Invalid("an event is a JSON object", {"": "is no object"})
    data = raw.get("data")
    return read_attributes({k: v for k, v in raw.items() if k != "data"}, data)


def read_attributes(attributes: Mapping[str, Any], data: Any) -> Event:
    """Build an event from its attributes, as any binding found them."""
    problems = {name: "is missing" for name in ("id", "source", "type") if not attributes.get(name)}
    problems |= {n: "is no text" for n, v in attributes.items() if not isinstance(v, str)}
    if attributes.get("specversion") != "1.0":
        problems["specversion"] = "is not 1.0"
    content_type = attributes.get("datacontenttype", "application/json")
    if isinstance(content_type, str) and not _is_json(content_type):
        problems["datacontenttype"] = "is not JSON"
    if data is not None and not isinstance(data, dict):
        problems["data"] = "is no JSON object"
    time = _time(attributes.get("time"), problems)
    if problems:
        raise Invalid(f"no valid CloudEvent: {problems}", problems)
    return Event(
        id=attributes["id"],
        type=attributes["type"],
        source=attributes["source"],
        time=time,
        data=data or {},
        subject=attributes.get("subject"),
        extensions={
            k: v for k, v in attributes.items() if k not in _ATTRIBUTES and k != "dataschema"
        },
    )


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _time(value: Any, problems: dict[str, str]) -> datetime:
    """Time is optional in CloudEvents; here it is when the event was read."""
    if value is None:
        return datetime.now(UTC)
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        problems["time"] = "is no RFC 3339 time"
        return datetime.now(UTC)
    if time.tzinfo is None:
        problems["time"] = "has no time zone"
    return time


def timestamp(time: datetime) -> str:
    """Return RFC 3339 in UTC, with `Z`."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def dumps(event: Event) -> bytes:
    return orjson.dumps(to_dict(event))


def loads(body: bytes) -> Event:
    return from_dict(parse(body))


def parse(body: bytes) -> Any:
    """Parse JSON; raise Invalid if it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"no JSON: {error}", {"": "is no JSON"}) from None
