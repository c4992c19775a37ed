"""The only writer of the vector index: from committed embeddings to searchable vectors."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from dataflux.errors import Invalid
from events.event import Event
from functions.deps import Deps
from functions.vector_facts import indexed
from functions.vectors_object import read_vectors
from functions.work import Fact, Outcome, Read, Write
from schemas import ids
from stores.ports import VectorRow
from stores.records import runs


def handle(events: Sequence[Event], deps: Deps, read: Read) -> Outcome:
    """Upsert first, by id; the inbox, the counters and the facts follow in one transaction."""
    known = read(runs.known, sorted({run_of(event.data["object"]) for event in events}))
    events = [event for event in events if run_of(event.data["object"]) in known]
    by_object: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_object[event.data["object"]].append(event)
    for key, group in by_object.items():
        _index(key, group, deps)
    counts: dict[UUID, int] = defaultdict(int)
    for event in events:
        counts[run_of(event.data["object"])] += 1
    return Outcome(
        writes=[Write(runs.indexed, (run, count)) for run, count in sorted(counts.items())],
        facts=[_indexed(event) for event in events],
    )


def run_of(key: str) -> UUID:
    """Return the run whose claim wrote a derived object: the fourth part of its key."""
    try:
        return UUID(key.split("/")[3])
    except (IndexError, ValueError):
        raise Invalid(
            f"{key!r} is no key of a derived object", {"object": "names no run"}
        ) from None


def _index(key: str, events: Sequence[Event], deps: Deps) -> None:
    vectors = read_vectors(deps.objects, key)
    space, run = events[0].data["spaces"][0], run_of(key)
    deps.vectors.ensure(space, vectors.shape[1])
    deps.vectors.upsert(
        space,
        [
            VectorRow(
                id=ids.derived(UUID(e.data["segment"]), run, "embedding", space),
                tenant=UUID(e.extensions["tenantid"]),
                segment=UUID(e.data["segment"]),
                lineage=UUID(e.extensions["entityid"]),
                vector=vectors[e.data["row"]],
            )
            for e in events
        ],
    )


def _indexed(event: Event) -> Fact:
    lineage, space = UUID(event.extensions["entityid"]), event.data["spaces"][0]
    return indexed(run_of(event.data["object"]), UUID(event.data["segment"]), lineage, space)
