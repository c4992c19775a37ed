"""What comes in at the bucket of a source: an arrival and one event; the bytes stay there."""

from pathlib import PurePosixPath
from uuid import UUID

from dataflux.errors import Conflict
from events.notifications import Created
from functions.deps import Deps
from functions.intake import created
from functions.work import Write
from schemas.names import Lane
from stores.records import arrivals
from stores.records.arrivals import Arrival, Source

TRIES = 5
LONGEST_NAME = 255
PRIORITIES = {Lane.HIGH: 3, Lane.NORMAL: 7}
"""Of what comes in at a source that has a lane: the least urgent of that lane."""


def arrive(deps: Deps, tenant: UUID, source: Source, new: Created) -> bool:
    """Record that an object has come in and announce it; return False if that was done before.

    The same key with other bytes is the next version of its lineage. Raises ObjectMissing if the
    object is gone.
    """
    found, key = deps.buckets.head(new.bucket, new.key, new.version, new.etag), new.key
    for _ in range(TRIES):
        lineage = deps.engine.read(tenant, arrivals.lineage_of, source.id, key)
        arrival = Arrival(
            source_id=source.id,
            key=key,
            etag=found.place.etag,
            lineage=lineage or deps.ids.lineage(),
            object_key=str(found.place),
            filename=_name(key),
            declared=found.mime_type,
            size=found.size,
            sha256="",
            priority=PRIORITIES.get(Lane(source.lane)) if source.lane else None,
            bulk=source.lane == Lane.LOW,
            owner_id=source.owner_id,
        )
        if deps.engine.read(tenant, arrivals.came_before, arrival):
            return False
        try:
            deps.engine.write(
                "notify",
                tenant,
                [Write(arrivals.record, (tenant, arrival))],
                facts=[created(arrival)],
            )
        except Conflict:  # somebody else has just recorded this object, or another of its key
            continue
        return True
    raise Conflict(f"{found.place}: others record this key again and again; try later")


def _name(key: str) -> str:
    """Return the name to show: the last part of a key, or the end of that."""
    name = PurePosixPath(key).name or key
    return name.encode()[-LONGEST_NAME:].decode(errors="ignore")
