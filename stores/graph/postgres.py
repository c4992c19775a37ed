"""The graph as the table of relationships, walked by recursive SQL."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection, sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from dataflux.errors import Invalid
from stores.ports import Edge, Scope
from stores.records.access import visible

Session = Callable[[UUID, str], AbstractContextManager[Connection[Any]]]

DEEPEST = 4
"""Steps from the start: beyond that everything is a neighbour of everything."""
_WIDEST = 10_000  # edges looked at, so that a hub cannot hold a connection


class PostgresGraph:
    """`session(tenant, role)` opens a transaction of that role with the tenant set."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def upsert(self, edges: Iterable[Edge]) -> None:
        """Write edges by their ids: the same edges again change nothing."""
        by_tenant: dict[UUID, dict[UUID, Edge]] = defaultdict(dict)
        for edge in edges:
            by_tenant[edge.tenant][edge.id] = edge
        for tenant, own in by_tenant.items():
            with self._session(tenant, "worker") as conn:
                conn.execute(_UPSERT, _columns(list(own.values())))

    def neighbours(
        self,
        entity: UUID,
        scope: Scope,
        *,
        types: Sequence[str] = (),
        depth: int = 1,
        limit: int = 50,
    ) -> list[Edge]:
        """Return the edges around an entity, in both directions, the nearest and strongest first.

        The walk never passes through what the caller cannot see.
        """
        if not 1 <= depth <= DEEPEST:
            raise Invalid(f"a depth of {depth} is not walked", {"depth": f"1 to {DEEPEST}"})
        query, params = _walk(scope)
        params |= {"entity": entity, "types": list(types), "depth": depth, "limit": max(0, limit)}
        with (
            self._session(scope.tenant, "app") as conn,
            conn.cursor(row_factory=class_row(_Row)) as cursor,
        ):
            rows = cursor.execute(query, params, prepare=False).fetchall()
        return [row.edge(scope.tenant) for row in rows]

    def delete(self, tenant: UUID, entities: Sequence[UUID]) -> None:
        """Forget every edge that begins or ends at one of these."""
        with self._session(tenant, "worker") as conn:
            conn.execute(
                "DELETE FROM relationships"
                " WHERE source_id = ANY(%(ids)s) OR target_id = ANY(%(ids)s)",
                {"ids": list(entities)},
            )


@dataclass(frozen=True, slots=True)
class _Row:
    id: UUID
    source_id: UUID
    target_id: UUID
    relationship_type: str
    strength: float
    metadata: dict[str, Any]

    def edge(self, tenant: UUID) -> Edge:
        return Edge(
            self.id,
            tenant,
            self.source_id,
            self.target_id,
            self.relationship_type,
            self.strength,
            self.metadata,
        )


_UPSERT = (
    "INSERT INTO relationships (id, tenant_id, source_id, target_id, relationship_type, strength,"
    " metadata) SELECT id, tenant(), source, target, type, strength, metadata"
    " FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::real[], %s::jsonb[])"
    " e (id, source, target, type, strength, metadata) ORDER BY id"
    " ON CONFLICT (id) DO UPDATE SET strength = excluded.strength, metadata = excluded.metadata"
)


def _columns(edges: Sequence[Edge]) -> tuple[list[Any], ...]:
    return (
        [edge.id for edge in edges],
        [edge.source for edge in edges],
        [edge.target for edge in edges],
        [edge.type for edge in edges],
        [edge.strength for edge in edges],
        [Jsonb(dict(edge.metadata)) for edge in edges],
    )


# `ends` are the edges at one entity, seen from it; what lies beyond must exist and be visible.
_ENDS = sql.SQL(
    "(SELECT r.id, r.target_id AS other, r.strength FROM relationships r"
    " WHERE r.source_id = {at} AND {typed} UNION ALL"
    " SELECT r.id, r.source_id, r.strength FROM relationships r"
    " WHERE r.target_id = {at} AND r.source_id <> r.target_id AND {typed})"
)
_TYPED = sql.SQL("(%(types)s::text[] = '{{}}' OR r.relationship_type = ANY(%(types)s))")
_KNOWN = sql.SQL(
    "EXISTS (SELECT 1 FROM (SELECT coalesce(s.lineage, e.version_of, e.id) AS lineage,"
    " coalesce(s.asset_id, e.id) AS root FROM entities e LEFT JOIN segments s ON s.id = e.id"
    " WHERE e.id = {id} OFFSET 0) known JOIN entities root ON root.id = known.root"
    " WHERE root.deleted_at IS NULL AND {visible})"
)
_WALK = sql.SQL(
    "WITH RECURSIVE walk (edge, at, hops) AS ("
    " SELECT NULL::uuid, %(entity)s::uuid, 0 WHERE {start}"
    " UNION"
    " SELECT ends.id, ends.other, walk.hops + 1 FROM walk CROSS JOIN LATERAL {ends} ends"
    " WHERE walk.hops < %(depth)s AND {next}),"
    " near AS (SELECT edge, min(hops) AS hops"
    " FROM (SELECT * FROM walk WHERE edge IS NOT NULL LIMIT {widest}) w GROUP BY edge)"
    " SELECT r.id, r.source_id, r.target_id, r.relationship_type, r.strength, r.metadata"
    " FROM near JOIN relationships r ON r.id = near.edge"
    " ORDER BY near.hops, r.strength DESC, r.id LIMIT %(limit)s"
)


def _walk(scope: Scope) -> tuple[sql.Composed, dict[str, Any]]:
    may = visible(scope, "known.lineage")
    typed = _TYPED.format()
    query = _WALK.format(
        start=_KNOWN.format(id=sql.SQL("%(entity)s::uuid"), visible=may.sql),
        ends=_ENDS.format(at=sql.SQL("walk.at"), typed=typed),
        next=_KNOWN.format(id=sql.SQL("ends.other"), visible=may.sql),
        widest=_WIDEST,
    )
    return query, dict(may.params)
