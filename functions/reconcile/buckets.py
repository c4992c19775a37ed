"""Look through the buckets of sources for objects whose notification never came."""

import logging
from functools import partial
from uuid import UUID

from dataflux.errors import DataFluxError, ObjectMissing
from events.notifications import Created
from functions.arrive import arrive
from functions.deps import Deps
from functions.work import Write
from stores.records import arrivals, sources
from stores.records.sources import Registered

log = logging.getLogger(__name__)

EVERY_S = 900.0
"""How often a bucket is looked through: so late, at most, is what was never told of."""
PAGES = 10
"""How many pages of one bucket are read at a time; the next time goes on from there."""


def sweep(deps: Deps) -> int:
    """Announce what has come in unnoticed; return how many objects that were."""
    found = 0
    for tenant, due in deps.engine.each_tenant(partial(sources.due, every_s=EVERY_S)):
        for source in due:
            try:
                found += _sweep(deps, tenant, source)
            except DataFluxError as error:  # one bucket that is down keeps no other waiting
                log.warning("source %s is not looked through: %s", source.name, error)
    return found


def _sweep(deps: Deps, tenant: UUID, source: Registered) -> int:
    found, after = 0, source.swept_to
    for _ in range(PAGES):
        page = deps.buckets.page(source.bucket, source.prefix, after)
        keys, etags = [e.key for e in page], [e.etag for e in page]
        lost = deps.engine.read(tenant, arrivals.unknown, source.id, keys, etags)
        found += sum(_take(deps, source, key) for key in lost)
        after = keys[-1] if keys else ""
        deps.engine.write("reconcile", tenant, [Write(sources.swept, (source.id, after))])
        if not after or found:  # what was found is work enough for one tick
            break
    if found:
        log.info("source %s: %d objects whose notification never came", source.name, found)
    return found


def _take(deps: Deps, source: Registered, key: str) -> bool:
    """Announce one object, if it is this source's and no folder's marker."""
    with deps.engine.system("admin") as conn:
        owner = sources.at(conn, source.bucket, key)
    if key.endswith("/") or owner is None or owner.id != source.id:
        return False
    try:
        return arrive(deps, source.tenant_id, source.source, Created(source.bucket, key))
    except ObjectMissing:
        return False
