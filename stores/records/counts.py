"""How much there is and how much is under way: the figures of the status page."""

from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import Connection, sql

from stores.records.access import Asker, visible

Db = Connection[Any]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Open pieces of one stage and lane; the oldest has waited `oldest_s` seconds."""

    stage: str
    lane: str
    ready: int
    leased: int
    oldest_s: float


def by_status(conn: Db, asker: Asker) -> dict[str, int]:
    """Return how many assets there are in each state, of those that may be seen."""
    return _of_assets(conn, asker, "a.processing_status")


def by_kind(conn: Db, asker: Asker) -> dict[str, int]:
    """Return how many assets there are of each kind."""
    return _of_assets(conn, asker, "a.kind")


def by_reason(conn: Db, asker: Asker) -> dict[str, int]:
    """Return how many assets could not be processed whole, by reason, most first."""
    found = _of_assets(conn, asker, "a.reason")
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _of_assets(conn: Db, asker: Asker, what: LiteralString) -> dict[str, int]:
    """Count latest versions by one of their columns."""
    query = (
        "SELECT {what}, count(*) FROM assets a JOIN entities e ON e.id = a.id"
        " WHERE e.is_latest AND e.deleted_at IS NULL AND {what} IS NOT NULL AND {may}"
        " GROUP BY 1 ORDER BY 1"
    )
    return _pairs(conn, asker, query, "a.lineage", what=sql.SQL(what))


def of_segments(conn: Db, asker: Asker) -> dict[str, int]:
    """Return how many segments there are of each type."""
    query = (
        "SELECT s.segment_type, count(*) FROM search_segments s WHERE {may} GROUP BY 1 ORDER BY 1"
    )
    return _pairs(conn, asker, query, "s.lineage")


def waiting(conn: Db) -> list[Waiting]:
    """Return what is still to do, by stage and lane."""
    rows = conn.execute(
        "SELECT p.stage, p.lane, count(*) FILTER (WHERE p.state = 'ready'),"
        " count(*) FILTER (WHERE p.state = 'leased'),"
        " extract(epoch FROM clock_timestamp() - min(s.opened_at))::float8"
        " FROM pieces p JOIN run_stages s ON s.run_id = p.run_id AND s.stage = p.stage"
        " WHERE p.state IN ('ready', 'leased') GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()
    return [Waiting(*row) for row in rows]


def dead_letters(conn: Db) -> int:
    """Return how many messages wait for a person."""
    row = conn.execute("SELECT count(*) FROM dead_letters WHERE state = 'dead'").fetchone()
    return int(row[0]) if row else 0


def _pairs(
    conn: Db, asker: Asker, query: LiteralString, lineage: str, **parts: sql.Composable
) -> dict[str, int]:
    may = visible(asker, lineage)
    return dict(conn.execute(sql.SQL(query).format(may=may.sql, **parts), may.params).fetchall())
