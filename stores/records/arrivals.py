"""Arrivals: each file as it came in at a source, and what became of it."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection, sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from dataflux.errors import Conflict
from stores.records.access import Asker, visible


@dataclass(frozen=True, slots=True)
class Source:
    """Where files come from, and whose they are."""

    id: UUID
    name: str
    owner_id: UUID
    collection_id: UUID | None
    lane: str | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """One file at one source: `key` is its name there, `object_key` where its bytes are now.

    `sha256` is empty until a file that stays in its bucket has been read.
    """

    source_id: UUID
    key: str
    etag: str
    lineage: UUID
    object_key: str
    filename: str
    declared: str | None
    size: int
    sha256: str
    priority: int | None
    bulk: bool
    owner_id: UUID
    priorities: dict[str, int] = field(default_factory=dict)
    """0 to 10 by feature domain: 0 is not wanted."""


_COLUMNS = (
    "source_id, key, etag, lineage, object_key, filename, declared, size, sha256, priority, bulk,"
    " owner_id, priorities"
)


def source(conn: Connection[Any], name: str) -> Source | None:
    with conn.cursor(row_factory=class_row(Source)) as cursor:
        return cursor.execute(
            "SELECT id, name, owner_id, collection_id, lane FROM sources"
            " WHERE name = %s AND removed_at IS NULL",
            [name],
        ).fetchone()


def lineage_of(conn: Connection[Any], source_id: UUID, key: str) -> UUID | None:
    """Return the lineage that this name at this source belongs to."""
    row = conn.execute(
        "SELECT lineage FROM arrivals WHERE source_id = %s AND key = %s LIMIT 1", [source_id, key]
    ).fetchone()
    return row[0] if row else None


def known(conn: Connection[Any], source_id: UUID, key: str, etag: str) -> bool:
    """Return whether this very file has arrived before."""
    return (
        conn.execute(
            "SELECT FROM arrivals WHERE source_id = %s AND key = %s AND etag = %s",
            [source_id, key, etag],
        ).fetchone()
        is not None
    )


def came_before(conn: Connection[Any], arrival: Arrival) -> bool:
    """Return whether this object has arrived before, at its source or at another."""
    return (
        conn.execute(
            "SELECT FROM arrivals WHERE (source_id = %s AND key = %s AND etag = %s)"
            " OR object_key = %s",
            [arrival.source_id, arrival.key, arrival.etag, arrival.object_key],
        ).fetchone()
        is not None
    )


def unknown(
    conn: Connection[Any], source_id: UUID, keys: Sequence[str], etags: Sequence[str]
) -> list[str]:
    """Return which keys have not arrived at a source with the entity tag that they have now."""
    found = conn.execute(
        "SELECT u.key FROM unnest(%s::text[], %s::text[]) u(key, etag) WHERE NOT EXISTS ("
        " SELECT FROM arrivals a WHERE a.source_id = %s AND a.key = u.key AND a.etag = u.etag)",
        [list(keys), list(etags), source_id],
    )
    return [row[0] for row in found.fetchall()]


def record(
    conn: Connection[Any], tenant: UUID, arrival: Arrival, duplicate_of: UUID | None = None
) -> None:
    """Add an arrival; raise Conflict if this very file, or one of another lineage, came before."""
    state = "duplicate" if duplicate_of else "open"
    place = f"{arrival.source_id} {arrival.key}"
    conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 3))", [place])
    if lineage_of(conn, arrival.source_id, arrival.key) not in (None, arrival.lineage):
        raise Conflict(f"{arrival.key!r} has just got another lineage; look again")
    *plain, priorities = astuple(arrival)
    added = conn.execute(
        f"INSERT INTO arrivals (tenant_id, {_COLUMNS}, state, duplicate_of)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        [tenant, *plain, Jsonb(priorities), state, duplicate_of],
    )
    if not added.rowcount:
        raise Conflict(f"source {arrival.source_id} has sent this file before; nothing to do")


def open_arrival(conn: Connection[Any], object_key: str) -> Arrival | None:
    """Return the arrival of an object that has not been taken in yet."""
    with conn.cursor(row_factory=class_row(Arrival)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM arrivals WHERE object_key = %s AND state = 'open'",
            [object_key],
        ).fetchone()


@dataclass(frozen=True, slots=True)
class Arriving:
    """The latest arrival of a lineage, as its sender is shown it."""

    filename: str
    size: int
    sha256: str
    duplicate_of: UUID | None


def latest(conn: Connection[Any], lineage: UUID, owner: UUID) -> Arriving | None:
    """Return the arrival of a lineage that is no asset yet, if it is this owner's."""
    with conn.cursor(row_factory=class_row(Arriving)) as cursor:
        return cursor.execute(
            "SELECT filename, size, sha256, duplicate_of FROM arrivals"
            " WHERE lineage = %s AND owner_id = %s AND state <> 'taken'"
            " ORDER BY created_at DESC LIMIT 1",
            [lineage, owner],
        ).fetchone()


def close(
    conn: Connection[Any], arrival: Arrival, asset: UUID | None, duplicate_of: UUID | None
) -> None:
    """Say what became of an arrival; raise Conflict if somebody else has said so already.

    Neither an asset nor a duplicate: its bytes were gone before they could be read.
    """
    closed = conn.execute(
        "UPDATE arrivals SET state = %s, asset_id = %s, duplicate_of = %s, sha256 = %s"
        " WHERE object_key = %s AND state = 'open'",
        [
            "duplicate" if duplicate_of else "taken" if asset else "gone",
            asset,
            duplicate_of,
            arrival.sha256,
            arrival.object_key,
        ],
    )
    if not closed.rowcount:
        raise Conflict(f"arrival {arrival.object_key} has been taken in already; nothing to do")


def visible_twin(conn: Connection[Any], asker: Asker, sha256: str, lineage: UUID) -> UUID | None:
    """Return an asset of another lineage that has these bytes and that `asker` may see."""
    may = visible(asker, "a.lineage")
    query = sql.SQL(
        "SELECT a.id FROM assets a JOIN entities e ON e.id = a.id"
        " WHERE a.tenant_id = tenant() AND a.file_hash = %(sha256)s AND a.lineage <> %(lineage)s"
        " AND e.is_latest AND e.deleted_at IS NULL AND {} ORDER BY a.id LIMIT 1"
    ).format(may.sql)
    row = conn.execute(query, {**may.params, "sha256": sha256, "lineage": lineage}).fetchone()
    return row[0] if row else None


def unanswered(
    conn: Connection[Any],
    older_than_s: float,
    waiting_since: datetime | None = None,
    limit: int = 100,
) -> list[Arrival]:
    """Take the arrivals that were announced long ago and whose message is gone.

    What was announced after `waiting_since`, when the oldest message that waits was sent, is behind
    that one. The wait doubles with every announcement.
    """
    with conn.cursor(row_factory=class_row(Arrival)) as cursor:
        return cursor.execute(
            "WITH old AS ("
            "    SELECT ctid FROM arrivals WHERE state = 'open'"
            "    AND announced_at < clock_timestamp()"
            "        - make_interval(secs => %s) * power(2, least(announcements - 1, 6))"
            "    AND announced_at < coalesce(%s::timestamptz, 'infinity')"
            "    ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED"
            ") UPDATE arrivals a SET announced_at = clock_timestamp(),"
            " announcements = announcements + 1 FROM old WHERE a.ctid = old.ctid"
            f" RETURNING {_COLUMNS}",
            [older_than_s, waiting_since, limit],
        ).fetchall()
