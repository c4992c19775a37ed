"""What a vector index is built anew from, and which runs wait for it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
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
class Recent:
    """A segment that was indexed a short while ago, and in which spaces."""

    segment: UUID
    lineage: UUID
    spaces: list[str]


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that ended well a short while ago, as its fact tells of it."""

    run: UUID
    asset: UUID
    lineage: UUID
    state: str
    counts: dict[str, int]
    ms: int


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


_RECENT = "(r.indexed_at IS NULL OR r.indexed_at >= %s) AND r.state <> 'failed'"


def recent(conn: Db, since: datetime) -> list[Recent]:
    """Return the segments of runs that were indexed since, or are not yet."""
    with conn.cursor(row_factory=class_row(Recent)) as cursor:
        return cursor.execute(
            "SELECT e.entity_id AS segment, r.lineage, array_agg(e.space::text ORDER BY e.space)"
            " AS spaces FROM embeddings e JOIN runs r ON r.id = e.run_id"
            f" WHERE {_RECENT} GROUP BY e.entity_id, r.lineage ORDER BY e.entity_id",
            [since],
        ).fetchall()


def finished(conn: Db, since: datetime) -> list[Finished]:
    """Return the runs that ended well and were indexed since."""
    with conn.cursor(row_factory=class_row(Finished)) as cursor:
        return cursor.execute(
            "SELECT r.id AS run, r.asset_id AS asset, r.lineage, r.state, s.counts,"
            " (extract(epoch FROM r.finished_at - r.created_at) * 1000)::int AS ms"
            " FROM runs r JOIN run_stages s ON s.run_id = r.id AND s.stage = 'stitch'"
            f" WHERE r.state IN ('completed', 'degraded') AND {_RECENT} ORDER BY r.id",
            [since],
        ).fetchall()
