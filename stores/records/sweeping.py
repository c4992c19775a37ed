"""What sweepers look for over all tenants: pieces that nobody holds, or whose message is gone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row, tuple_row

from stores.records.steps import OUT_OF_ATTEMPTS


@dataclass(frozen=True, slots=True)
class LostPiece:
    """An open piece whose message may be gone: to be announced again."""

    piece: UUID
    tenant: UUID
    run: UUID
    asset: UUID
    lineage: UUID
    stage: str
    lane: str


def exhausted(conn: Connection[Any], limit: int = 100) -> list[tuple[UUID, UUID]]:
    """Return (tenant, piece) of open pieces that nobody holds and that have no attempts left."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(
            "SELECT p.tenant_id, p.id FROM pieces p WHERE p.state IN ('ready', 'leased')"
            f" AND {OUT_OF_ATTEMPTS} ORDER BY coalesce(p.lease_until, p.emitted_at) LIMIT %s",
            [limit],
        ).fetchall()


def lost(
    conn: Connection[Any],
    older_than_s: float,
    limit: int,
    waiting: Mapping[tuple[str, str], datetime],
) -> list[LostPiece]:
    """Take the open, unheld pieces that were announced long ago and whose message is gone.

    `waiting`: since when the oldest message waits, by stage and lane; what was announced later is
    behind it, not lost, nor is that of which the outbox knows. The wait doubles with every
    announcement.
    """
    stages, lanes = [stage for stage, _ in waiting], [lane for _, lane in waiting]
    with conn.cursor(row_factory=class_row(LostPiece)) as cursor:
        return cursor.execute(
            "WITH old AS ("
            "    SELECT id FROM pieces p"
            "    LEFT JOIN unnest(%(stages)s::text[], %(lanes)s::text[], %(since)s::timestamptz[])"
            "        w(stage, lane, since) ON w.stage = p.stage AND w.lane = p.lane,"
            "    make_interval(secs => %(wait_s)s) AS wait"
            "    WHERE state IN ('ready', 'leased') AND attempts < max_attempts"
            "    AND coalesce(lease_until, emitted_at) < clock_timestamp() - wait"
            "    AND emitted_at < clock_timestamp() - wait * power(2, least(emissions - 1, 6))"
            "    AND (w.since IS NULL OR emitted_at < w.since)"
            "    AND NOT EXISTS (SELECT FROM outbox o WHERE o.run_id = p.run_id)"
            "    ORDER BY emitted_at LIMIT %(limit)s FOR UPDATE OF p SKIP LOCKED"
            ") UPDATE pieces p SET emitted_at = clock_timestamp(), emissions = emissions + 1"
            " FROM old, runs r WHERE p.id = old.id AND r.id = p.run_id"
            " RETURNING p.id AS piece, p.tenant_id AS tenant, p.run_id AS run,"
            " r.asset_id AS asset, r.lineage, p.stage, p.lane",
            {
                "wait_s": older_than_s,
                "limit": limit,
                "stages": stages,
                "lanes": lanes,
                "since": list(waiting.values()),
            },
        ).fetchall()


def free_leases(conn: Connection[Any]) -> int:
    """Free every lease: only for an installation that has just started and is alone."""
    return conn.execute(
        "UPDATE pieces SET state = 'ready', lease_until = NULL WHERE state = 'leased'"
    ).rowcount
