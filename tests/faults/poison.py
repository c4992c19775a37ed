"""Records that no function can handle, of every kind we could think of, made from a good one."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from events.partition_log import PartitionLog

Envelope = dict[str, Any]


@dataclass(frozen=True)
class Poison:
    """A record and the topic that it lies in."""

    kind: str
    topic: str
    raw: bytes


def good(name: str = "work.analyze") -> Envelope:
    """Return a good envelope: what is asked for does not exist, so it is done at once."""
    some = str(uuid.uuid4())
    return {
        "specversion": "1.0",
        "id": some,
        "type": f"io.dataflux.{name}",
        "source": "/dataflux/test",
        "time": "2026-01-01T00:00:00Z",
        "datacontenttype": "application/json",
        "tenantid": str(uuid.uuid4()),
        "entityid": some,
        "partitionkey": some,
        "lane": "high",
        "data": {"piece": some, "run": some, "stage": "analyze"},
    }


def _without(key: str) -> Callable[[Envelope], Envelope]:
    return lambda envelope: {k: v for k, v in envelope.items() if k != key}


def _with(**changed: Any) -> Callable[[Envelope], Envelope]:
    return lambda envelope: {**envelope, **changed}


def _data(**changed: Any) -> Callable[[Envelope], Envelope]:
    return lambda envelope: {**envelope, "data": {**envelope["data"], **changed}}


ENVELOPES: Mapping[str, Callable[[Envelope], Envelope]] = {
    **{f"no {key}": _without(key) for key in ("id", "source", "type", "specversion", "data")},
    **{f"empty {key}": _with(**{key: ""}) for key in ("id", "source", "type")},
    **{f"{key} is a list": _with(**{key: [1]}) for key in ("id", "type", "source", "tenantid")},
    "another specversion": _with(specversion="2.0"),
    "time without zone": _with(time="2026-01-01T00:00:00"),
    "no time at all": _with(time="yesterday"),
    "data is a list": _with(data=[1, 2]),
    "data is text": _with(data="piece"),
    "data is no Base64": _with(data_base64="%%%"),
    "XML": _with(datacontenttype="text/xml"),
    "a name in capitals": _with(tenantId="x"),
    "an empty extension": _with(traceparent=""),
    "a loop": _with(hops="99"),
    "hops that are no number": _with(hops="many"),
    "no tenant": _without("tenantid"),
    "a tenant that is none": _with(tenantid="tenant-1"),
    "no lineage": _without("entityid"),
    "a lineage that is none": _with(entityid="0"),
    "an unknown type": _with(type="io.dataflux.work.guess"),
    "the platform's own type": _with(type="dev.knative.kafka.event"),
    "the type of another topic": _with(type="io.dataflux.asset.segmented"),
    "a lane that is none": _with(lane="turbo"),
    "no piece": _with(data={"run": str(uuid.UUID(int=0)), "stage": "analyze"}),
    "a piece that is none": _data(piece="p-1"),
    "a piece that is a number": _data(piece=7),
    "a stage that is none": _data(stage="dream"),
    "a run that is none": _data(run=None),
}
RAW: Mapping[str, Callable[[bytes], bytes]] = {
    "no JSON": lambda raw: b"hello " + raw,
    "half of it": lambda raw: raw[: len(raw) // 2],
    "a list": lambda raw: b"[" + raw + b"]",
    "a number": lambda raw: str(len(raw)).encode(),
    "no UTF-8": lambda raw: raw[:20] + b"\xff\xfe" + raw[20:],
    "zeros": lambda raw: bytes(len(raw)),
    "not a number": lambda raw: raw.replace(b'"1.0"', b"NaN"),
    "two of it": lambda raw: raw + raw,
    "too deep": lambda raw: b'{"a":' * 3000 + raw + b"}" * 3000,
    "two megabytes": lambda raw: b"x" * (2 << 20) + raw,
}


def kinds() -> Iterator[Poison]:
    """Yield one of every kind, in a topic of work."""
    topic = "dataflux.work.analyze.high"
    for kind, change in ENVELOPES.items():
        yield Poison(kind, topic, json.dumps(change(good())).encode())
    for kind, spoil in RAW.items():
        yield Poison(kind, topic, spoil(json.dumps(good()).encode()))


def append(bus: Path, poison: Poison, partition: int) -> None:
    """Put it on an embedded bus whose owner does not run."""
    log = PartitionLog(bus / poison.topic / str(partition))
    log.append([poison.raw])
    log.close()
