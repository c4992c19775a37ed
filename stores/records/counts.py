"""How much there is and how much is under way: the figures of the status page."""

from dataclasses import dataclass
from typing import Any

from psycopg import Connection

Db = Connection[Any]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Open pieces of one stage and lane; the oldest has waited `oldest_s` seconds."""

    stage: str
    lane: str
    ready: int
    leased: int
    oldest_s: float


def by_status(conn: Db) -> dict[str, int]:
    """Return how many assets there are in each state, latest versions only."""
    return _pairs(
        conn,
        "SELECT a.processing_status, count(*) FROM assets a JOIN entities e ON e.id = a.id"
        " WHERE e.is_latest AND e.deleted_at IS NULL GROUP BY 1 ORDER BY 1",
    )


def by_kind(conn: Db) -> dict[str, int]:
    """Return how many assets there are of each kind, latest versions only."""
    return _pairs(
        conn,
        "SELECT a.kind, count(*) FROM assets a JOIN entities e ON e.id = a.id"
        " WHERE e.is_latest AND e.deleted_at IS NULL AND a.kind IS NOT NULL GROUP BY 1 ORDER BY 1",
    )


def by_reason(conn: Db) -> dict[str, int]:
    """Return how many assets could not be processed whole, by reason."""
    return _pairs(
        conn,
        "SELECT a.reason, count(*) FROM assets a JOIN entities e ON e.id = a.id"
        " WHERE e.is_latest AND e.deleted_at IS NULL AND a.reason IS NOT NULL"
        " GROUP BY 1 ORDER BY 2 DESC, 1",
    )


def of_segments(conn: Db) -> dict[str, int]:
    """Return how many segments there are of each type."""
    return _pairs(
        conn, "SELECT segment_type, count(*) FROM segments WHERE live GROUP BY 1 ORDER BY 1"
    )


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


def _pairs(conn: Db, query: str) -> dict[str, int]:
    return dict(conn.execute(query.encode()).fetchall())
