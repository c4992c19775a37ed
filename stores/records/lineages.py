"""The structure of a lineage: what contains what, and which version came from which."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from schemas import ids

Pair = tuple[UUID, UUID]


def contained(conn: Connection[Any], lineage: UUID, run: UUID) -> list[Pair]:
    """Return (collection, asset) and (parent, child) pairs of a run's segments."""
    bounds = ids.bounds(lineage)
    return conn.execute(
        "SELECT m.collection_id, m.lineage FROM memberships m WHERE m.lineage = %s"
        " UNION ALL SELECT s.parent_id, s.id FROM segments s"
        " WHERE s.run_id = %s AND s.id BETWEEN %s AND %s",
        [lineage, run, *bounds],
    ).fetchall()


def derivations(conn: Connection[Any], lineage: UUID) -> list[Pair]:
    """Return (version n, version n-1) of a lineage."""
    return conn.execute(
        "SELECT e.id, p.id FROM entities e"
        " JOIN entities p ON p.version_of = e.version_of AND p.version = e.version - 1"
        " AND p.id BETWEEN %s AND %s"
        " WHERE e.version_of = %s AND e.version > 1 AND e.id BETWEEN %s AND %s",
        [*ids.bounds(lineage), lineage, *ids.bounds(lineage)],
    ).fetchall()


def born(conn: Connection[Any], lineage: UUID) -> datetime | None:
    """Return since when a lineage is known; None if it is not, or not yet."""
    row = conn.execute(
        "SELECT min(created_at) FROM entities WHERE version_of = %s AND id BETWEEN %s AND %s",
        [lineage, *ids.bounds(lineage)],
    ).fetchone()
    return row[0] if row else None


def related(conn: Connection[Any], relationships: Sequence[UUID]) -> set[UUID]:
    """Return those of some relationships that are known already."""
    rows = conn.execute(
        "SELECT id FROM relationships WHERE id = ANY(%s)", [list(relationships)]
    ).fetchall()
    return {row[0] for row in rows}
