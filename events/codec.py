"""Events as structured JSON: on the embedded bus, in the outbox and in dead letters."""

from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from dataflux.errors import Invalid
from events.event import Event, extension_problems

_ATTRIBUTES = frozenset(
    {"specversion", "id", "type", "source", "time", "subject", "datacontenttype", "dataschema"}
)
JSON = "application/json"
_DATA = frozenset({"data", "data_base64"})


def to_dict(event: Event) -> dict[str, Any]:
    """Return the structured form; `data` is not copied."""
    return _structured(event, timestamp(event.time))


def dumps(event: Event) -> bytes:
    """Return the structured form as JSON, its time written as `timestamp` does."""
    return orjson.dumps(_structured(event, _utc(event.time)), option=orjson.OPT_UTC_Z)


def _structured(event: Event, time: datetime | str) -> dict[str, Any]:
    out: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "time": time,
        "datacontenttype": JSON,
        **event.extensions,
        "data": event.data,
    }
    if event.subject is not None:
        out["subject"] = event.subject
    return out


def attributes(event: Event) -> dict[str, str]:
    """Return the context attributes, as the binary modes send them; the data is none."""
    named = {
        "specversion": "1.0",
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "time": timestamp(event.time),
        **event.extensions,
    }
    if event.subject is not None:
        named["subject"] = event.subject
    return named


def from_dict(raw: Mapping[str, Any]) -> Event:
    """Read the structured form; raise Invalid naming every problem. Extensions are kept."""
    if not isinstance(raw, Mapping):
        raise Invalid("an event is a JSON object", {"": "is no object"})
    problems: dict[str, str] = {}
    data = raw.get("data")
    if raw.get("data_base64") is not None:
        data = _from_base64(raw["data_base64"], problems)
    attributes = {name: _text(v) for name, v in raw.items() if name not in _DATA and v is not None}
    return examined(attributes, data, problems)


def _text(value: Any) -> Any:
    """Return the canonical text of an attribute that JSON may give as a number or a boolean."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else value


def _from_base64(text: Any, problems: dict[str, str]) -> Any:
    try:
        return orjson.loads(b64decode(text, validate=True))
    except (TypeError, ValueError):
        problems["data_base64"] = "is no JSON in Base64"
        return None


def usual(rest: dict[str, str], data: Any) -> Event | None:
    """Read an event that is as we write them, and use its attributes up; None if it is not."""
    try:
        if rest.pop("specversion") != "1.0" or rest.pop("datacontenttype", JSON) != JSON:
            return None
        id, type_, source = rest.pop("id"), rest.pop("type"), rest.pop("source")
        time, subject = datetime.fromisoformat(rest.pop("time")), rest.pop("subject", None)
        if time.tzinfo is not UTC or type(data) is not dict:
            return None
        return Event(id, type_, source, time, data, subject, rest)
    except (KeyError, ValueError, Invalid):
        return None


def examined(
    attributes: Mapping[str, Any], data: Any, problems: Mapping[str, str] | None = None
) -> Event:
    """Build an event from its attributes, as any binding found them, and what was bad before.

    Raise Invalid naming every problem.
    """
    texts = {name: value for name, value in attributes.items() if isinstance(value, str)}
    extensions = {name: value for name, value in texts.items() if name not in _ATTRIBUTES}
    problems = dict(problems or {}) | extension_problems(extensions)
    problems |= {name: "is missing" for name in ("id", "source", "type") if not texts.get(name)}
    problems |= {name: "is no text" for name in attributes if name not in texts}
    if texts.get("specversion") != "1.0":
        problems["specversion"] = "is not 1.0"
    if not _is_json(texts.get("datacontenttype", JSON)):
        problems["datacontenttype"] = "is not JSON"
    if data is not None and not isinstance(data, dict):
        problems["data"] = "is no JSON object"
    time = _time(texts.get("time"), problems)
    if problems:
        raise Invalid(f"no valid CloudEvent: {problems}", problems)
    return Event(
        id=texts["id"],
        type=texts["type"],
        source=texts["source"],
        time=time,
        data=data or {},
        subject=texts.get("subject"),
        extensions=extensions,
    )


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == JSON or kind.endswith("+json")


def _time(value: str | None, problems: dict[str, str]) -> datetime:
    """Time is optional in CloudEvents; here it is when the event was read."""
    now = datetime.now(UTC)
    if value is None:
        return now
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is None:
            problems["time"] = "has no time zone"
        return time.astimezone(UTC)
    except (OverflowError, ValueError):
        problems["time"] = "is no RFC 3339 time"
        return now


def timestamp(time: datetime) -> str:
    """Return RFC 3339 in UTC, with `Z`."""
    return orjson.dumps(_utc(time), option=orjson.OPT_UTC_Z)[1:-1].decode()


def _utc(time: datetime) -> datetime:
    return time if time.tzinfo is UTC else time.astimezone(UTC)


def loads(body: bytes) -> Event:
    """Read structured JSON; raise Invalid naming every problem."""
    return _loaded(body) or from_dict(parse(body))


def _loaded(body: bytes) -> Event | None:
    try:
        raw = orjson.loads(body)
        data = raw.pop("data")
        "".join(raw.values())  # all attributes are texts
        return usual(raw, data)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def parse(body: bytes) -> Any:
    """Parse JSON; raise Invalid if it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"no JSON: {error}", {"": "is no JSON"}) from None
