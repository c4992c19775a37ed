"""What a vector index is built anew from, and which runs wait for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

Db = Connection[Any]


@dataclass(frozen=True, slots=True)
class Embedded:
    """An embedding: its vector is row `number` of the matrix in `object_key`."""

    id: UUID
    segment: UUID
    lineage: UUID
    space: str
    object_key: str
    number: int


@dataclass(frozen=True, slots=True)
class Vector:
    """What was embedded of a segment in a space: row # of an object, as `vector_id` says."""

    run: UUID
    segment: UUID
    lineage: UUID
    asset: UUID
    space: str
    vector_id: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that ended well, as its fact tells of it."""

    run: UUID
    asset: UUID
    lineage: UUID
    state: str
    counts: dict[str, int]
    ms: int
    analyzer: str | None = None
    """Of a run of one analyzer."""


def page(conn: Db, after: UUID | None, limit: int) -> list[Embedded]:
    """Return embeddings in the order of their ids: those of one lineage lie together."""
    with conn.cursor(row_factory=class_row(Embedded)) as cursor:
        return cursor.execute(
            "SELECT e.id, e.entity_id AS segment, s.lineage, e.space,"
            " split_part(e.vector_id, '#', 1) AS object_key,"
            " split_part(e.vector_id, '#', 2)::int AS number"
            " FROM embeddings e JOIN segments s ON s.id = e.entity_id"
            " WHERE %(after)s::uuid IS NULL OR e.id > %(after)s ORDER BY e.id LIMIT %(limit)s",
            {"after": after, "limit": limit},
        ).fetchall()


def waiting(conn: Db) -> list[tuple[UUID, int]]:
    """Return (run, how many of its vectors are not known to be indexed)."""
    return conn.execute("SELECT id, to_index FROM runs WHERE to_index > 0").fetchall()


def recent(conn: Db, since: datetime) -> list[UUID]:
    """Return the runs that were indexed since, or are not yet."""
    rows = conn.execute(
        "SELECT id FROM runs WHERE (indexed_at IS NULL OR indexed_at >= %s) AND state <> 'failed'",
        [since],
    ).fetchall()
    return [run for (run,) in rows]


def unindexed(
    conn: Db, older_than_s: float, waiting_since: datetime | None = None, limit: int = 100
) -> list[UUID]:
    """Return the runs that ended well, long ago, and are not searchable.

    Of a run that ended after `waiting_since`, when the oldest message that waits was sent, the
    messages may be on their way.
    """
    return _late(conn, "to_index > 0", "finished_at", (older_than_s, waiting_since, limit))


def unrelated(
    conn: Db, older_than_s: float, waiting_since: datetime | None = None, limit: int = 100
) -> list[UUID]:
    """Return the runs that are long searchable, and of which `relate` has not had all, likewise."""
    return _late(conn, "to_relate > 0", "indexed_at", (older_than_s, waiting_since, limit))


def _late(
    conn: Db, lacks: LiteralString, since: LiteralString, params: Sequence[object]
) -> list[UUID]:
    rows = conn.execute(
        f"SELECT id FROM runs WHERE state IN ('completed', 'degraded') AND {lacks}"
        f" AND {since} < clock_timestamp() - make_interval(secs => %s)"
        f" AND {since} < coalesce(%s::timestamptz, 'infinity') ORDER BY {since} LIMIT %s",
        params,
    ).fetchall()
    return [run for (run,) in rows]


def vectors(conn: Db, runs: Sequence[UUID]) -> list[Vector]:
    """Return all vectors of runs."""
    with conn.cursor(row_factory=class_row(Vector)) as cursor:
        return cursor.execute(
            "SELECT r.id AS run, e.entity_id AS segment, r.lineage, r.asset_id AS asset, e.space,"
            " e.vector_id FROM runs r JOIN segments s ON s.run_id = coalesce(r.base, r.id)"
            " JOIN embeddings e ON e.entity_id = s.id AND e.run_id = r.id"
            " WHERE r.id = ANY(%s) ORDER BY e.entity_id, e.space",
            [list(runs)],
        ).fetchall()


def finished(conn: Db, runs: Sequence[UUID]) -> list[Finished]:
    """Return those of runs that ended well."""
    with conn.cursor(row_factory=class_row(Finished)) as cursor:
        return cursor.execute(
            "SELECT r.id AS run, r.asset_id AS asset, r.lineage, r.state, s.counts,"
            " (extract(epoch FROM r.finished_at - r.created_at) * 1000)::int AS ms,"
            " r.scope AS analyzer FROM runs r CROSS JOIN LATERAL"
            " (SELECT counts FROM run_stages WHERE run_id = r.id AND stage <> 'segment'"
            "  ORDER BY stage <> 'stitch', opened_at, stage LIMIT 1) s"
            " WHERE r.id = ANY(%s) AND r.state IN ('completed', 'degraded') ORDER BY r.id",
            [list(runs)],
        ).fetchall()
