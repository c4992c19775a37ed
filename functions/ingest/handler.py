"""Take in one object: what it is, whether it is new, which version; plan its first run."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from analyzers.sandbox import Identified
from dataflux import policy
from dataflux.errors import MediaFailed, ObjectMissing
from dataflux.settings import Settings
from events.event import Event
from functions.deps import Deps
from functions.originals import digest, original
from functions.plan import configuration, first
from functions.work import Fact, NewRun, Outcome, Read, Write
from schemas import ids
from schemas.names import Lane, Reason, Strategy
from stores.ports import Scope
from stores.records import arrivals, assets, memberships, runs
from stores.records.arrivals import Arrival
from stores.records.assets import NewAsset

log = logging.getLogger(__name__)

UNKNOWN = "application/octet-stream"
"""The type of what is not known: never what its sender calls it."""


@dataclass(frozen=True)
class Taken:
    """An arrival that becomes version `version` of its lineage."""

    arrival: Arrival
    version: int

    @property
    def asset(self) -> UUID:
        lineage = self.arrival.lineage
        return lineage if self.version == 1 else ids.derived(lineage, "version", self.version)

    @property
    def run(self) -> UUID:
        return ids.derived(self.arrival.lineage, self.asset, "run", 1)


def handle(events: Sequence[Event], deps: Deps, read: Read) -> Outcome:
    """Return the new asset with its run; nothing if the arrival has been taken in already."""
    (event,) = events
    arrival = read(arrivals.open_arrival, event.data["key"])
    if arrival is None:
        return Outcome()
    try:
        arrival = _read_through(arrival, deps)
    except ObjectMissing as error:  # what comes in its place is announced of its own
        log.warning("not taken in: %s", error)
        return Outcome(writes=[Write(arrivals.close, (arrival, None, None))])
    asker = Scope(UUID(event.extensions["tenantid"]), (arrival.owner_id,))
    twin = read(arrivals.visible_twin, asker, arrival.sha256, arrival.lineage)
    if twin is not None:
        return Outcome(writes=[Write(arrivals.close, (arrival, None, twin))])
    taken = Taken(arrival, read(assets.latest_version, arrival.lineage) + 1)
    try:
        return _accepted(taken, _identify(arrival, deps), _lane(arrival, read), deps.settings)
    except MediaFailed as error:
        return _refused(taken, error)
    except ObjectMissing as error:
        return _refused(taken, MediaFailed(error.reason, str(error)))


def _read_through(arrival: Arrival, deps: Deps) -> Arrival:
    """Hash what has stayed in its bucket; what was uploaded was hashed on its way."""
    if arrival.sha256:
        return arrival
    with original(deps, arrival.object_key) as source:
        return replace(arrival, sha256=digest(source))


def _identify(arrival: Arrival, deps: Deps) -> Identified:
    with original(deps, arrival.object_key) as source:
        if source.size != arrival.size:
            detail = f"{arrival.size} bytes came, and {source.size} are there"
            raise MediaFailed(Reason.INTEGRITY_MISMATCH, detail)
        return deps.sandbox.identify(source, declared=arrival.declared, filename=arrival.filename)


def _lane(arrival: Arrival, read: Read) -> Lane:
    """Return the lane of its size and priority, or a lower one if its source floods that."""
    lane = policy.lane(arrival.size, arrival.priority, bulk=arrival.bulk)
    return policy.demoted(lane, read(runs.under_way, arrival.source_id))


def _accepted(taken: Taken, found: Identified, lane: Lane, settings: Settings) -> Outcome:
    arrival = taken.arrival
    run = NewRun(
        id=taken.run,
        asset=taken.asset,
        lineage=arrival.lineage,
        lane=lane,
        strategy=policy.strategy(arrival.size, found.mime_type),
        analyzer=found.analyzer,
        pieces=first(found.pieces),
        config=configuration(settings, found.mime_type, arrival.priorities),
    )
    asset = _asset(taken, found.mime_type, found.kind, found.metadata)
    return Outcome(writes=_writes(taken, asset), facts=list(_facts(taken, asset)), run=run)


def _refused(taken: Taken, error: MediaFailed) -> Outcome:
    """Record a file that cannot be processed: an asset that has failed, with its reason."""
    run = NewRun(
        id=taken.run,
        asset=taken.asset,
        lineage=taken.arrival.lineage,
        lane=Lane.NORMAL,
        strategy=Strategy.BATCH,
        analyzer="",
        pieces=(),
    )
    asset = _asset(taken, UNKNOWN, None, {}, error)
    data = {"run": str(taken.run), "stage": "ingest", "reason": error.reason, "limit": error.limit}
    failed = Fact("asset.processing_failed", data, lineage=taken.arrival.lineage, asset=taken.asset)
    return Outcome(
        writes=_writes(taken, asset),
        facts=[*_facts(taken, asset), failed],
        run=run,
        failed=error.reason,
        detail=error.detail,
    )


def _asset(
    taken: Taken,
    mime_type: str,
    kind: str | None,
    metadata: Mapping[str, Any],
    error: MediaFailed | None = None,
) -> NewAsset:
    arrival = taken.arrival
    return NewAsset(
        id=taken.asset,
        lineage=arrival.lineage,
        version=taken.version,
        kind=kind,
        filename=arrival.filename,
        file_hash=arrival.sha256,
        file_size=arrival.size,
        mime_type=mime_type,
        storage_path=arrival.object_key,
        source_id=arrival.source_id,
        owner_id=arrival.owner_id,
        priority=arrival.priority,
        metadata=metadata,
        status="failed" if error else "uploaded",
        reason=error.reason if error else None,
        detail=error.detail if error else "",
    )


def _writes(taken: Taken, asset: NewAsset) -> list[Write]:
    """The arrival is closed first: of two that take it in at once, the second finds it closed."""
    writes = [
        Write(arrivals.close, (taken.arrival, taken.asset, None)),
        Write(assets.create, (asset,)),
    ]
    if taken.version == 1:
        place = (taken.arrival.lineage, taken.arrival.source_id, taken.arrival.owner_id)
        writes.append(Write(memberships.place_from, place))
    return writes


def _facts(taken: Taken, asset: NewAsset) -> Iterator[Fact]:
    data = {
        "asset": str(asset.id),
        "source": str(asset.source_id),
        "mime": asset.mime_type,
        "size": asset.file_size,
    }
    yield Fact("asset.uploaded", data, lineage=asset.lineage, asset=asset.id)
    if taken.version > 1:
        data = {"asset": str(asset.id), "lineage": str(asset.lineage), "version": taken.version}
        yield Fact("version.created", data, lineage=asset.lineage, asset=asset.id)
