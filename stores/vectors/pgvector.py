"""Vectors in PostgreSQL: exact where little is visible, else an index scan that over-fetches.

One table a space. Whatever the plan, permissions and filters hold inside the query.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

import orjson
from psycopg import Connection, errors, sql

from dataflux.errors import Invalid
from stores.ports import Match, Scope, VectorRow
from stores.records.access import SEEN, subjects, visible
from stores.records.filters import Condition, condition

Db = Connection[Any]
Statement = tuple[sql.Composed, dict[str, Any]]
Session = Callable[[UUID, str], AbstractContextManager[Db]]

EXACT = 20_000
"""So many visible vectors are compared one by one: exact, and no slower than the index."""
_NOBODY = UUID(int=0)  # spaces belong to the installation
_OVERFETCH = 10  # candidates per wanted match of an index scan, which is approximate
_LEAST_FETCHED = 100


class PgVectorIndex:
    """`session(tenant, role)` opens a transaction of that role with the tenant set."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._spaces: dict[str, tuple[sql.Identifier, int]] = {}

    def ensure(self, space: str, dimensions: int) -> None:
        """Make the table of a space; Invalid if it exists with another number of dimensions."""
        if space in self._spaces and self._spaces[space][1] == dimensions:
            return
        with self._session(_NOBODY, "worker") as conn:
            try:
                row = conn.execute("SELECT ensure_space(%s, %s)", (space, dimensions)).fetchone()
            except (errors.InvalidParameterValue, errors.CheckViolation) as error:
                why = error.diag.message_primary
                raise Invalid(f"space {space!r} with {dimensions} dimensions: {why}") from error
        if row is not None:
            self._spaces[space] = (sql.Identifier(row[0]), dimensions)

    def upsert(self, space: str, rows: Sequence[VectorRow]) -> None:
        """Write vectors by their ids: the same rows again change nothing."""
        by_tenant: dict[UUID, list[VectorRow]] = defaultdict(list)
        for row in rows:
            by_tenant[row.tenant].append(row)
        for tenant, own in by_tenant.items():
            with self._session(tenant, "worker") as conn:
                self._write(conn, space, {row.id: row for row in own}.values())

    def _write(self, conn: Db, space: str, rows: Any) -> None:
        table, dimensions = self._require(conn, space)
        vectors = [_literal(row.vector, dimensions) for row in rows]
        ids = (
            [row.id for row in rows],
            [row.segment for row in rows],
            [row.lineage for row in rows],
        )
        conn.execute(_UPSERT.format(table=table), (*ids, vectors))

    def near(
        self,
        space: str,
        vector: Sequence[float],
        scope: Scope,
        *,
        limit: int,
        without: UUID | None = None,
    ) -> list[Match]:
        """Return the visible segments nearest to a vector, nearest first."""
        with self._session(scope.tenant, "app") as conn:
            known = self._find(conn, space)
            if known is None:
                return []
            table, dimensions = known
            query = Near(table, dimensions, _literal(vector, dimensions), scope, limit, without)
            return query.run(conn)

    def vector(self, space: str, segment: UUID, tenant: UUID) -> Sequence[float] | None:
        """Return the vector of a segment, of length 1."""
        with self._session(tenant, "app") as conn:
            known = self._find(conn, space)
            if known is None:
                return None
            row = conn.execute(_VECTOR.format(table=known[0]), (segment,)).fetchone()
            return None if row is None else orjson.loads(row[0])

    def delete(self, space: str, tenant: UUID, lineage: UUID) -> None:
        """Forget every vector of a lineage."""
        with self._session(tenant, "worker") as conn:
            known = self._find(conn, space)
            if known is not None:
                conn.execute(_DELETE.format(table=known[0]), (lineage,))

    def _find(self, conn: Db, space: str) -> tuple[sql.Identifier, int] | None:
        if space not in self._spaces:
            row = conn.execute(
                "SELECT table_name, dimensions FROM model_spaces WHERE space = %s", (space,)
            ).fetchone()
            if row is None:
                return None
            self._spaces[space] = (sql.Identifier(row[0]), row[1])
        return self._spaces[space]

    def _require(self, conn: Db, space: str) -> tuple[sql.Identifier, int]:
        known = self._find(conn, space)
        if known is None:
            raise Invalid(f"space {space!r} does not exist; call ensure first")
        return known


_UPSERT = sql.SQL(
    "INSERT INTO {table} (id, tenant_id, segment_id, lineage, v)"
    " SELECT id, tenant(), segment_id, lineage, v::halfvec"
    " FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[]) r (id, segment_id, lineage, v)"
    " ORDER BY id ON CONFLICT (id) DO UPDATE"
    " SET segment_id = excluded.segment_id, lineage = excluded.lineage, v = excluded.v"
)
# What a newer run has replaced stays in the table; the records know.
_REPLACED = "EXISTS (SELECT FROM embeddings e WHERE e.id = {0}.id AND NOT e.live)"
_VECTOR = sql.SQL(
    "SELECT v.v::text FROM {table} v WHERE v.tenant_id = tenant() AND v.segment_id = %s"
    f" AND NOT {_REPLACED.format('v')} LIMIT 1"
)
_DELETE = sql.SQL("DELETE FROM {table} WHERE tenant_id = tenant() AND lineage = %s")


def _literal(vector: Sequence[float], dimensions: int) -> str:
    """Return a vector as pgvector reads it, made 1 long so that no half float overflows."""
    numbers = [float(number) for number in vector]
    length = math.hypot(*numbers)
    if len(numbers) != dimensions:
        raise Invalid(f"a vector has {len(numbers)} dimensions; its space has {dimensions}")
    if not math.isfinite(length) or length == 0:
        raise Invalid("a vector must have finite numbers, not all of them zero")
    return "[" + ",".join(f"{number / length:.6g}" for number in numbers) + "]"


class Near:
    """One search: counts what is visible, then takes the shape of query that suits it."""

    def __init__(
        self,
        table: sql.Identifier,
        dimensions: int,
        vector: str,
        scope: Scope,
        limit: int,
        without: UUID | None = None,
    ) -> None:
        self._scope = scope
        self._filters = condition(scope.filters)
        self._parts: dict[str, sql.Composable] = {
            "table": table,
            "halfvec": sql.SQL("halfvec({})").format(dimensions),
            "filters": self._filters.sql,
            "others": _ALL_OTHERS if without else sql.SQL(""),
        }
        self._seen = _ALL.format(table=table) if scope.sees_all else SEEN
        self._params: dict[str, Any] = {
            "vector": vector,
            "limit": limit,
            "without": without,
            **self._filters.params,
        }

    def run(self, conn: Db) -> list[Match]:
        if self._params["limit"] < 1:
            return []
        query, params = self.exact() if self._few(conn) else self.approximate(conn)
        rows = conn.execute(query, params, prepare=False).fetchall()
        return [Match(segment, lineage, 1 - distance) for segment, lineage, distance in rows]

    def _few(self, conn: Db) -> bool:
        """Return whether at most EXACT vectors are visible, or pass the filter."""
        return self._count(conn, _VISIBLE) <= EXACT or (
            bool(self._scope.filters) and self._count(conn, _PASSING) <= EXACT
        )

    def _count(self, conn: Db, rows: sql.SQL) -> int:
        count = sql.SQL("SELECT count(*) FROM ({rows} LIMIT {most}) t")
        query = rows.format(**self._parts, seen=self._seen)
        params = {**self._params, **subjects(self._scope)}
        found = conn.execute(count.format(rows=query, most=EXACT + 1), params, prepare=False)
        return int((found.fetchone() or (0,))[0])

    def exact(self) -> Statement:
        """Compare every visible vector."""
        query = _EXACT_QUERY.format(**self._parts, seen=self._seen)
        return query, {**self._params, **subjects(self._scope)}

    def approximate(self, conn: Db) -> Statement:
        """Walk the index from the nearest on; forces this shape for the transaction."""
        for setting, value in _INDEX_SCAN.items():
            conn.execute("SELECT set_config(%s, %s, true)", (setting, value))
        may: Condition = visible(self._scope, "v.lineage")
        fetched = max(_LEAST_FETCHED, _OVERFETCH * self._params["limit"])
        params = {**self._params, **may.params, "fetched": fetched}
        return _INDEX_QUERY.format(**self._parts, visible=may.sql), params


_INDEX_SCAN: Mapping[str, str] = {
    "hnsw.iterative_scan": "relaxed_order",
    "hnsw.ef_search": "200",
    "hnsw.max_scan_tuples": "20000",
    "max_parallel_workers_per_gather": "0",
    **dict.fromkeys(
        (
            "enable_sort",
            "enable_seqscan",
            "enable_hashjoin",
            "enable_mergejoin",
            "enable_bitmapscan",
        ),
        "off",
    ),
}
"""The planner by itself picks the wrong shape as soon as rights are selective."""
_ALL = sql.SQL("SELECT DISTINCT lineage FROM {table} WHERE tenant_id = tenant()")
_ALL_OTHERS = sql.SQL(" AND v.lineage <> %(without)s")
_VISIBLE = sql.SQL("SELECT FROM {table} v JOIN ({seen}) seen USING (lineage)")
_PASSING = sql.SQL(
    "SELECT FROM {table} v JOIN ({seen}) seen USING (lineage)"
    " JOIN search_segments s ON s.id = v.segment_id WHERE {filters}"
)
# + 0 keeps the vector index away. The segments are looked up in order until there are enough.
_EXACT_QUERY = sql.SQL(
    "WITH seen AS MATERIALIZED ({seen})"
    " SELECT r.segment_id, r.lineage, r.distance FROM"
    " (SELECT v.segment_id, v.lineage, (v.v <=> %(vector)s::{halfvec}) + 0 AS distance, v.id"
    " FROM {table} v JOIN seen USING (lineage) WHERE v.tenant_id = tenant(){others}"
    " ORDER BY 3, 1 OFFSET 0) r CROSS JOIN LATERAL"
    " (SELECT FROM search_segments s WHERE s.id = r.segment_id AND {filters}"
    f" AND NOT {_REPLACED.format('r')} OFFSET 0) s"
    " ORDER BY r.distance, r.segment_id LIMIT %(limit)s"
)
_INDEX_QUERY = sql.SQL(
    "WITH near AS MATERIALIZED"
    " (SELECT v.segment_id, v.lineage, v.v <=> %(vector)s::{halfvec} AS distance"
    " FROM {table} v CROSS JOIN LATERAL"
    " (SELECT FROM search_segments s WHERE s.id = v.segment_id AND {filters}"
    f" AND NOT {_REPLACED.format('v')} OFFSET 0) s"
    " WHERE v.tenant_id = tenant() AND {visible}{others} ORDER BY 3 LIMIT %(fetched)s)"
    " SELECT segment_id, lineage, distance FROM near ORDER BY distance + 0, segment_id"
    " LIMIT %(limit)s"
)
