"""Build the vector indexes anew from the objects that hold the vectors; relate what may be new."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from uuid import UUID

from events.event import Event
from functions.deps import Deps
from functions.facts import Announcer, about_fact
from functions.letters import ONLY
from functions.vector_facts import for_relate
from functions.vectors_object import read_vectors
from functions.work import Fact, Write
from stores.ports import VectorRow
from stores.records import indexing, runs
from stores.records.indexing import Embedded

BATCH = 500
PAGE = 5000
"""Embeddings that are read at a time: their objects are read once, but at the edge of a page."""


def rebuild(deps: Deps) -> int:
    """Index every embedding of every tenant; return how many. Runs that waited for it are done."""
    count = 0
    for tenant, waiting in deps.engine.each_tenant(indexing.waiting):
        for rows in _pages(deps, tenant):
            _index(deps, tenant, rows)
            count += len(rows)
        writes = [Write(runs.indexed, (run, left)) for run, left in waiting]
        deps.engine.write("reindex", tenant, writes)
    return count


def _pages(deps: Deps, tenant: UUID) -> Iterator[list[Embedded]]:
    rows = deps.engine.read(tenant, indexing.page, None, PAGE)
    while rows:
        yield rows
        rows = deps.engine.read(tenant, indexing.page, rows[-1].id, PAGE)


def _index(deps: Deps, tenant: UUID, rows: Sequence[Embedded]) -> None:
    by_object: dict[tuple[str, str], list[Embedded]] = defaultdict(list)
    for row in rows:
        by_object[row.object_key, row.space].append(row)
    for (key, space), group in by_object.items():
        vectors = read_vectors(deps.objects, key)
        deps.vectors.ensure(space, vectors.shape[1])
        indexed = [
            VectorRow(row.id, tenant, row.segment, row.lineage, vectors[row.number])
            for row in group
        ]
        deps.vectors.upsert(space, indexed)


def relate_since(deps: Deps, since: datetime) -> int:
    """Tell `relate`, and nobody else, once more of what was indexed since; return how many facts.

    What it has had changes nothing; what was lost on the way to it is made up for.
    """
    count = 0
    for tenant, facts in deps.engine.each_tenant(partial(_facts, since)):
        events = [_for_relate(deps, tenant, fact) for fact in facts]
        for start in range(0, len(events), BATCH):
            deps.bus.publish(events[start : start + BATCH])
        count += len(events)
    return count


def _facts(since: datetime, conn: indexing.Db) -> list[Fact]:
    return for_relate(conn, indexing.recent(conn, since))


def _for_relate(deps: Deps, tenant: UUID, fact: Fact) -> Event:
    announcer = Announcer(deps.clock, deps.ids)
    event = announcer.fact(fact, about_fact("reindex", tenant, fact, None))
    return replace(event, extensions={**event.extensions, ONLY: "relate"})
