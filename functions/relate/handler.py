"""Relate what is new to what is there: similar moments, copies, contents, versions."""

from collections import Counter
from collections.abc import Iterator, Sequence
from uuid import UUID

from events.event import Event
from functions.deps import Deps
from functions.search.calibrate import of_pairs
from functions.work import Fact, Outcome, Read, Write
from schemas import ids
from schemas.names import Relation
from stores.ports import Match, Scope
from stores.records import hashes, lineages, runs
from stores.records.hashes import NearDuplicate
from stores.records.rows import RelationshipRow

RELATED = 0.75
MATCH = 0.85
PER_SEGMENT = 10


def handle(events: Sequence[Event], deps: Deps, read: Read) -> Outcome:
    """Return the new edges; of two segments that find each other, one announces it."""
    found: dict[UUID, tuple[Event, RelationshipRow]] = {}
    for event in events:
        for row in _related(event, deps, read) if event.name == "segment.indexed" else ():
            found.setdefault(row.id, (event, row))
    structure = [row for e in events if e.name != "segment.indexed" for row in _structure(e, read)]
    known = read(lineages.related, list(found))
    new = {key: pair for key, pair in found.items() if key not in known}
    of_run = Counter(UUID(event.data["run"]) for event in events if "run" in event.data)
    return Outcome(
        rows=[*(row for _, row in new.values()), *structure],
        facts=[fact for event, row in new.values() for fact in _facts(event, row)],
        writes=[Write(runs.related, had) for had in sorted(of_run.items())],
    )


def _related(event: Event, deps: Deps, read: Read) -> Iterator[RelationshipRow]:
    """Yield what is like a segment in a space, and what its picture is a copy of."""
    yield from _similar(event, deps)
    if any(space.startswith("visual/") for space in event.data["spaces"]):
        segment = UUID(event.data["segment"])
        scope = Scope(UUID(event.extensions["tenantid"]), (), sees_all=True)
        for near in read(hashes.near_duplicates, segment, scope):
            yield _copy(segment, near)


def _copy(segment: UUID, near: NearDuplicate) -> RelationshipRow:
    """Store a pair once: the smaller id is the source."""
    source, target = sorted((segment, near.segment))
    return RelationshipRow(
        id=ids.derived(source, Relation.NEAR_DUPLICATE_OF, target),
        source_id=source,
        target_id=target,
        relationship_type=Relation.NEAR_DUPLICATE_OF,
        strength=round(1 - near.distance / hashes.BITS, 4),
        metadata={"distance": near.distance, "bits": hashes.BITS},
    )


def _similar(event: Event, deps: Deps) -> Iterator[RelationshipRow]:
    segment, lineage = UUID(event.data["segment"]), UUID(event.extensions["entityid"])
    tenant = UUID(event.extensions["tenantid"])
    scope = Scope(tenant, (), sees_all=True)
    for space in event.data["spaces"]:
        vector = deps.vectors.vector(space, segment, tenant)
        embedder = next((e for e in deps.registry.embedders() if space in e.spec.emits), None)
        if vector is None or embedder is None:  # its model may have gone since
            continue
        calibration = of_pairs(deps, tenant, embedder)
        near = deps.vectors.near(space, vector, scope, limit=PER_SEGMENT, without=lineage)
        for match in near:
            strength = calibration.similarity(match.similarity)
            if strength >= RELATED:
                yield _edge(segment, match, space, strength)


def _edge(segment: UUID, match: Match, space: str, strength: float) -> RelationshipRow:
    """Store a symmetric pair once: the smaller id is the source."""
    source, target = sorted((segment, match.segment))
    return RelationshipRow(
        id=ids.derived(source, Relation.SIMILAR_TO, target, space),
        source_id=source,
        target_id=target,
        relationship_type=Relation.SIMILAR_TO,
        strength=round(strength, 4),
        metadata={"space": space, "similarity": round(match.similarity, 4)},
    )


def _facts(event: Event, row: RelationshipRow) -> Iterator[Fact]:
    lineage = UUID(event.extensions["entityid"])
    data = {
        "relationship": str(row.id),
        "source": str(row.source_id),
        "target": str(row.target_id),
        "type": row.relationship_type,
        "strength": row.strength,
    }
    yield Fact("relationship.created", data, lineage=lineage)
    if row.relationship_type == Relation.SIMILAR_TO and row.strength > MATCH:
        yield Fact("similarity.match_found", data, lineage=lineage)


def _structure(event: Event, read: Read) -> Iterator[RelationshipRow]:
    """Yield `contains` and `derived_from` of an asset that has been processed."""
    lineage, run = UUID(event.extensions["entityid"]), UUID(event.data["run"])
    for parent, child in read(lineages.contained, lineage, run):
        yield _directed(parent, child, Relation.CONTAINS)
    for version, previous in read(lineages.derivations, lineage):
        yield _directed(version, previous, Relation.DERIVED_FROM)


def _directed(source: UUID, target: UUID, relation: Relation) -> RelationshipRow:
    return RelationshipRow(
        id=ids.derived(source, relation, target),
        source_id=source,
        target_id=target,
        relationship_type=relation,
        strength=1.0,
    )
