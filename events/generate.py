"""Write the schemas of all events: `python -m events.generate [--check]`."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from pydantic.json_schema import GenerateJsonSchema

from events.topics import (
    DEAD_LETTERS,
    NOTIFICATIONS,
    TOPICS,
    Topic,
    fact_topic,
    object_topic,
    work_topic,
)
from events.types import TYPES, Data, ObjectCreated
from schemas.names import Lane, Stage

FOLDER = Path(__file__).parents[1] / "schemas"
DIALECT = GenerateJsonSchema.schema_dialect
Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "minLength": 1}
EXTENSIONS = {
    "tenantid": "The tenant; the bus is trusted, so work is done in this tenant's name.",
    "entityid": "The lineage that the event is about.",
    "partitionkey": "What the bus partitions by.",
    "lane": "The lane of work: high, normal or low.",
    "sequence": "Grows with the time of writing: what of one lineage came first.",
    "traceparent": "The W3C trace context.",
    "causationid": "The id of the event that caused this one.",
    "hops": "How many events have led to this one.",
    "replayof": "The id of the event that this one is a new delivery of.",
    "onlyfor": "Of a dead letter that is delivered once more: the one function that it is for.",
}


def files() -> dict[str, bytes]:
    """Return every generated file: its path under schemas/, and its bytes."""
    schemas = {f"json/{name}.json": data_schema(model) for name, model in TYPES.items()}
    documents = {**schemas, "json/envelope.json": envelope(), "asyncapi.json": asyncapi()}
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    return {name: orjson.dumps(document, option=options) for name, document in documents.items()}


def data_schema(model: type[Data]) -> Schema:
    """Return the JSON Schema of the data of one type."""
    return {"$schema": DIALECT, "$id": f"{model.name}.json", **model.model_json_schema()}


def envelope() -> Schema:
    """Return the JSON Schema of an event in structured form."""
    extensions = {name: {**_TEXT, "description": said} for name, said in EXTENSIONS.items()}
    return {
        "$schema": DIALECT,
        "$id": "envelope.json",
        "title": "Event",
        "description": "A CloudEvents 1.0 event in structured JSON.",
        "type": "object",
        "properties": {
            "specversion": {"const": "1.0"},
            "id": _TEXT,
            "type": _TEXT,
            "source": {**_TEXT, "format": "uri-reference"},
            "time": {"type": "string", "format": "date-time"},
            "subject": {"type": "string"},
            "datacontenttype": {"type": "string", "default": "application/json"},
            "data": {"type": "object"},
            **extensions,
        },
        "propertyNames": {"pattern": "^[a-z0-9]{1,20}$"},
        "additionalProperties": {"type": "string"},
        "required": ["specversion", "id", "type", "source"],
    }


def asyncapi() -> Schema:
    """Return the AsyncAPI description: a channel for each topic, a message for each type."""
    messages = {name: _message(name) for name in TYPES}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "DataFlux events",
            "version": "1",
            "description": "Facts about assets, and work to be done; CloudEvents 1.0.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {name: _channel(topic) for name, topic in TOPICS.items()},
        "operations": {
            f"send.{name}": {"action": "send", "channel": _ref("channels", name)} for name in TOPICS
        },
        "components": {"messages": messages},
    }


def _message(name: str) -> Schema:
    data = {"type": "object", "properties": {"data": {"$ref": f"./json/{name}.json"}}}
    return {
        "name": name,
        "title": TYPES[name].__name__,
        "payload": {"allOf": [{"$ref": "./json/envelope.json"}, data]},
        "x-delivery": TYPES[name].delivery,
        "x-purpose": TYPES[name].purpose,
    }


def _channel(topic: Topic) -> Schema:
    return {
        "address": topic.name,
        "messages": {n: _ref("components/messages", n) for n in _types_of(topic.name)},
        "x-key": topic.key,
        "x-partitions": topic.partitions,
        "x-retention-seconds": topic.retention_s,
    }


def _types_of(topic: str) -> Iterator[str]:
    work = {work_topic(stage, lane): f"work.{stage}" for stage in Stage for lane in Lane}
    facts = {fact_topic(name): name for name in TYPES}
    facts |= {object_topic(lane): ObjectCreated.name for lane in Lane}
    if topic == DEAD_LETTERS:
        yield from TYPES
    elif topic != NOTIFICATIONS:
        yield (work | facts)[topic]


def _ref(place: str, name: str) -> Schema:
    return {"$ref": f"#/{place}/{name}"}


def stale(folder: Path, wanted: Mapping[str, bytes]) -> list[str]:
    """Return the files that are missing, differ, or should not be there."""
    there = {p.relative_to(folder).as_posix() for p in folder.glob("json/*.json")}
    differ = {n for n, body in wanted.items() if _read(folder / n) != body}
    return sorted(differ | (there - set(wanted)))


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def write(folder: Path, wanted: Mapping[str, bytes]) -> None:
    """Make the folder hold these files and no other schemas."""
    for name in stale(folder, wanted):
        path = folder / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wanted[name])
        else:
            path.unlink()


def main(arguments: Sequence[str], folder: Path = FOLDER) -> int:
    """Write the files; with --check, only say which are stale."""
    wanted = files()
    if list(arguments) == ["--check"]:
        found = stale(folder, wanted)
        for name in found:
            sys.stderr.write(f"schemas/{name} is stale; run `python -m events.generate`\n")
        return 1 if found else 0
    if arguments:
        sys.stderr.write("usage: python -m events.generate [--check]\n")
        return 2
    write(folder, wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
