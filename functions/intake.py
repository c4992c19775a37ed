"""Where bytes enter: an upload or a watched file becomes an object, an arrival and one event."""

from dataclasses import dataclass
from typing import BinaryIO
from uuid import UUID

from functions.deps import Deps
from functions.work import Fact
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
    """A file as it is offered: its name at the source, and what the sender says of it."""

    name: str
    filename: str
    declared: str | None = None
    priority: int | None = None
    bulk: bool = False


def receive(
    deps: Deps, tenant: UUID, source: Source, offer: Offer, stream: BinaryIO, owner: UUID
) -> Received:
    """Store the bytes, record the arrival and announce it; nothing is acknowledged before that.

    The same name at the same source is the next version of its lineage; bytes that the owner can
    already see in an asset make no new one.
    """
    known = deps.engine.read(tenant, arrivals.lineage_of, source.id, offer.name)
    lineage = known or deps.ids.lineage()
    key = f"originals/{tenant}/{lineage}/{deps.ids.token()}"
    info = deps.objects.put(key, stream)
    arrival = Arrival(
        source_id=source.id,
        key=offer.name,
        etag=info.sha256,
        lineage=lineage,
        object_key=key,
        filename=offer.filename,
        declared=offer.declared,
        size=info.size,
        sha256=info.sha256,
        priority=offer.priority,
        bulk=offer.bulk,
        owner_id=owner,
    )
    return _record(deps, tenant, arrival)


def _record(deps: Deps, tenant: UUID, arrival: Arrival) -> Received:
    twin = deps.engine.read(
        tenant, arrivals.visible_twin, arrival.owner_id, arrival.sha256, arrival.lineage
    )
    if twin is not None:
        deps.engine.write(tenant, arrivals.record, arrival, duplicate_of=twin)
        deps.objects.delete(arrival.object_key)
        return Received(twin, arrival.sha256, arrival.size, duplicate_of=twin)
    data = {
        "source": str(arrival.source_id),
        "key": arrival.object_key,
        "etag": arrival.etag,
        "size": arrival.size,
        "lineage": str(arrival.lineage),
        "priority": arrival.priority,
        "bulk": arrival.bulk,
    }
    created = Fact("object.created", data, lineage=arrival.lineage, asset=arrival.lineage)
    if not deps.engine.write(tenant, arrivals.record, arrival, facts=[created]):
        deps.objects.delete(arrival.object_key)  # this very file had arrived before
    return Received(arrival.lineage, arrival.sha256, arrival.size)
