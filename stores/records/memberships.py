"""Collections and what lies in them; the scopes of assets follow every change."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from dataflux.errors import Invalid, NotFound
from schemas import ids
from stores.records.access import changed

Db = Connection[Any]


def create_collection(conn: Db, collection: UUID, name: str, parent: UUID | None = None) -> None:
    """Create a collection, inside another one if `parent` is given."""
    if parent is not None:
        require(conn, parent)
    conn.execute(
        "INSERT INTO entities (id, tenant_id, entity_type, parent_id, metadata)"
        " VALUES (%s, tenant(), 'collection', %s, jsonb_build_object('name', %s::text))"
        " ON CONFLICT DO NOTHING",
        (collection, parent, name),
    )
    _refresh(conn, [collection])


def move(conn: Db, collection: UUID, parent: UUID | None) -> None:
    """Put a collection into another one, or on its own; Invalid if that would be a circle."""
    _lock(conn)
    require(conn, collection)
    if parent is not None:
        require(conn, parent)
        inside = conn.execute(
            "SELECT FROM lies_in(%s) l WHERE l.lineage = %s", ([collection], parent)
        )
        if inside.fetchone() is not None:
            raise Invalid("a collection cannot lie in itself", {"parent": "lies in the collection"})
    conn.execute("UPDATE entities SET parent_id = %s WHERE id = %s", (parent, collection))
    _refresh(conn, [collection])
    changed(conn)


def place(
    conn: Db,
    lineage: UUID,
    collections: Sequence[UUID] = (),
    *,
    origin: str = "source",
    by: UUID | None = None,
) -> None:
    """Give a new asset its scopes. No cached decision can know it, so none is made void."""
    conn.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(tenant()::text, 2))")
    for collection in collections:
        _insert(conn, collection, lineage, origin, by)
    _refresh(conn, [lineage])


def place_from(conn: Db, lineage: UUID, source: UUID, owner: UUID) -> None:
    """Put a new asset into its source's collection and give it to its owner."""
    row = conn.execute("SELECT collection_id FROM sources WHERE id = %s", [source]).fetchone()
    place(conn, lineage, [row[0]] if row and row[0] else [])
    conn.execute(
        "INSERT INTO permissions (id, tenant_id, subject_id, subject_kind, entity_id,"
        " permission_type) VALUES (%s, tenant(), %s, 'user', %s, 'owner') ON CONFLICT DO NOTHING",
        [ids.derived(lineage, "owner", owner), owner, lineage],
    )


def add(
    conn: Db, collection: UUID, lineage: UUID, *, origin: str = "manual", by: UUID | None = None
) -> None:
    """Put an asset into a collection."""
    _lock(conn)
    if _insert(conn, collection, lineage, origin, by):
        _refresh(conn, [lineage])
        changed(conn)


def remove(conn: Db, collection: UUID, lineage: UUID) -> None:
    """Take an asset out of a collection; whoever saw it only through that sees it no longer."""
    _lock(conn)
    gone = conn.execute(
        "DELETE FROM memberships WHERE collection_id = %s AND lineage = %s", (collection, lineage)
    ).rowcount
    if gone:
        _refresh(conn, [lineage])
        changed(conn)


def _insert(conn: Db, collection: UUID, lineage: UUID, origin: str, by: UUID | None) -> int:
    require(conn, collection)
    return conn.execute(
        "INSERT INTO memberships (tenant_id, collection_id, lineage, origin, added_by)"
        " VALUES (tenant(), %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (collection, lineage, origin, by),
    ).rowcount


def _refresh(conn: Db, lineages: Sequence[UUID]) -> None:
    conn.execute("SELECT refresh_scopes(%s)", (list(lineages),))


def _lock(conn: Db) -> None:
    """Let no two changes of the tenant's collections compute scopes from half of each other."""
    conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(tenant()::text, 2))")


def require(conn: Db, collection: UUID) -> None:
    row = conn.execute(
        "SELECT FROM entities WHERE id = %s AND entity_type = 'collection'", (collection,)
    ).fetchone()
    if row is None:
        raise NotFound(f"no collection {collection}; check the id")
