"""Where bytes enter: an upload or a watched file becomes an object, an arrival and one event."""

from dataclasses import dataclass, field
from typing import BinaryIO
from uuid import UUID

from dataflux import policy
from dataflux.errors import Conflict
from dataflux.failpoints import failpoint
from dataflux.permissions import Caller
from functions.deps import Deps
from functions.work import Fact, Write
from schemas.names import Lane
from stores.ports import ObjectInfo
from stores.records import arrivals
from stores.records.arrivals import Arrival, Source


@dataclass(frozen=True)
class Received:
    """What the sender is told: the lineage to ask for, or the asset that has these bytes."""

    lineage: UUID
    sha256: str
    size: int
    duplicate_of: UUID | None = None


@dataclass(frozen=True)
class Offer:
    """A file as it is offered, and what the sender says of it.

    `name` is what its source calls it, if that means the same thing each time: a file in a folder
    is the next version of what had its name, an upload is a thing of its own.
    """

    filename: str
    name: str | None = None
    declared: str | None = None
    priority: int | None = None
    bulk: bool = False
    priorities: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Stored:
    """Bytes that are in the object store, and of which nobody has been told."""

    lineage: UUID
    info: ObjectInfo


def receive(deps: Deps, caller: Caller, source: Source, offer: Offer, stream: BinaryIO) -> Received:
    """Store the bytes, record the arrival and announce it; nothing is acknowledged before that.

    The same name at the same source is the next version of its lineage; bytes that the caller can
    already see in an asset make no new one.
    """
    lineage = _known(deps, caller, source, offer) or deps.ids.lineage()
    return record(deps, caller, source, offer, store(deps, caller, lineage, stream))


def store(deps: Deps, caller: Caller, lineage: UUID, stream: BinaryIO) -> Stored:
    """Store the bytes under a key of our own, and hash them in the same pass."""
    failpoint("intake.began")
    key = f"originals/{caller.tenant}/{lineage}/{deps.ids.token()}"
    stored = Stored(lineage, deps.objects.put(key, stream))
    failpoint("intake.stored")
    return stored


def discard(deps: Deps, stored: Stored) -> None:
    """Forget bytes that nobody has been told of."""
    deps.objects.delete(stored.info.key)


def record(deps: Deps, caller: Caller, source: Source, offer: Offer, stored: Stored) -> Received:
    """Record the arrival of stored bytes and announce it."""
    info = stored.info
    arrival = Arrival(
        source_id=source.id,
        key=offer.name or info.key,
        etag=info.sha256,
        lineage=stored.lineage,
        object_key=info.key,
        filename=offer.filename,
        declared=offer.declared,
        size=info.size,
        sha256=info.sha256,
        priority=offer.priority,
        bulk=offer.bulk or source.lane == Lane.LOW,
        owner_id=caller.user,
        priorities=offer.priorities,
    )
    return _record(deps, caller, arrival)


def _known(deps: Deps, caller: Caller, source: Source, offer: Offer) -> UUID | None:
    if offer.name is None:
        return None
    return deps.engine.read(caller.tenant, arrivals.lineage_of, source.id, offer.name)


def _record(deps: Deps, caller: Caller, arrival: Arrival) -> Received:
    """Keep the arrival; of bytes that are here already, only that."""
    tenant = caller.tenant
    twin = deps.engine.read(tenant, arrivals.visible_twin, caller, arrival.sha256, arrival.lineage)
    record = Write(arrivals.record, (tenant, arrival, twin))
    facts = [] if twin else [created(arrival)]
    try:
        deps.engine.write("intake", tenant, [record], facts=facts)
    except Conflict:
        if not deps.engine.read(tenant, arrivals.came_before, arrival):
            raise
        deps.objects.delete(arrival.object_key)
    if twin is not None:
        deps.objects.delete(arrival.object_key)
    return Received(twin or arrival.lineage, arrival.sha256, arrival.size, duplicate_of=twin)


def created(arrival: Arrival) -> Fact:
    """Return the event that has an arrival taken in."""
    data = {
        "source": str(arrival.source_id),
        "key": arrival.object_key,
        "etag": arrival.etag,
        "size": arrival.size,
        "lineage": str(arrival.lineage),
        "priority": arrival.priority,
        "bulk": arrival.bulk,
    }
    lane = policy.lane(arrival.size, arrival.priority, bulk=arrival.bulk)
    return Fact("object.created", data, lineage=arrival.lineage, lane=lane)
