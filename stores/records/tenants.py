"""Tenants and their sources: where files come from and whose they are."""

from typing import Any
from uuid import UUID

from psycopg import Connection

from stores.records.arrivals import Source

Db = Connection[Any]


def create(conn: Db, tenant: UUID, name: str) -> None:
    """Add a tenant; only df_admin may."""
    conn.execute("INSERT INTO tenants (id, name) VALUES (%s, %s)", [tenant, name])


def find(conn: Db, name: str) -> UUID | None:
    """Return the tenant of a name, for df_admin."""
    row = conn.execute("SELECT id FROM tenants WHERE name = %s", [name]).fetchone()
    return row[0] if row else None


def everyone(conn: Db) -> list[UUID]:
    """Return all tenants, for df_admin."""
    return [row[0] for row in conn.execute("SELECT id FROM tenants ORDER BY id").fetchall()]


def add_source(conn: Db, source: Source) -> None:
    """Let files come in by upload or from a folder."""
    conn.execute(
        "INSERT INTO sources (id, tenant_id, name, bucket, owner_id, collection_id, lane)"
        " VALUES (%s, tenant(), %s, '', %s, %s, %s)",
        [source.id, source.name, source.owner_id, source.collection_id, source.lane],
    )


def ensure_shards(conn: Db, year: int) -> None:
    """Make the shards of a year and of the next, for df_admin; harmless if they are there."""
    conn.execute("SELECT ensure_year(%s), ensure_year(%s)", [year, year + 1])
