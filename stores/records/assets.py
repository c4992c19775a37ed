"""Assets: immutable versions of files, found by their own id or by their lineage's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection, sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from dataflux.errors import NotFound
from schemas import ids
from stores.records.access import Asker, visible

Db = Connection[Any]
Cursor = tuple[datetime, UUID]
"""Where a page ends: the creation time and the id of its last asset."""


@dataclass(frozen=True, slots=True)
class NewAsset:
    """A version to add; version 1 has the id of its lineage."""

    id: UUID
    lineage: UUID
    version: int
    kind: str | None
    filename: str
    file_hash: str
    file_size: int
    mime_type: str
    storage_path: str
    source_id: UUID | None = None
    owner_id: UUID | None = None
    priority: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    status: str = "uploaded"
    reason: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Asset:
    """A version as it is shown; `indexed_at` is when its latest run became searchable."""

    id: UUID
    lineage: UUID
    version: int
    is_latest: bool
    kind: str | None
    filename: str
    file_hash: str
    file_size: int
    mime_type: str
    storage_path: str
    source_id: UUID | None
    owner_id: UUID | None
    processing_status: str
    processing_priority: int | None
    reason: str | None
    detail: str
    run_id: UUID | None
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    finished_at: datetime | None
    indexed_at: datetime | None


_SHOWN = sql.SQL(
    "SELECT a.id, a.lineage, e.version, e.is_latest, a.kind, a.filename, a.file_hash, a.file_size,"
    " a.mime_type, a.storage_path, a.source_id, a.owner_id, a.processing_status,"
    " a.processing_priority, a.reason, a.detail, a.run_id, a.metadata, e.created_at, e.updated_at,"
    " e.deleted_at, r.finished_at, r.indexed_at"
    " FROM entities e JOIN assets a ON a.id = e.id LEFT JOIN runs r ON r.id = a.run_id"
)


def create(conn: Db, asset: NewAsset) -> None:
    """Add a version, which is the latest of its lineage from now on."""
    params = _params(asset)
    conn.execute(
        "UPDATE entities SET is_latest = false, updated_at = now()"
        " WHERE version_of = %(lineage)s AND is_latest AND id BETWEEN %(low)s AND %(high)s",
        params,
    )
    conn.execute(
        "INSERT INTO entities (id, tenant_id, entity_type, version, version_of)"
        " VALUES (%(id)s, tenant(), 'asset', %(version)s, %(lineage)s)",
        params,
    )
    conn.execute(
        "INSERT INTO contents (tenant_id, sha256, size, storage_path)"
        " VALUES (tenant(), %(file_hash)s, %(file_size)s, %(storage_path)s) ON CONFLICT DO NOTHING",
        params,
    )
    conn.execute(
        "INSERT INTO assets (id, tenant_id, lineage, source_id, owner_id, kind, filename,"
        " file_hash, file_size, mime_type, storage_path, processing_status, processing_priority,"
        " reason, detail, metadata)"
        " VALUES (%(id)s, tenant(), %(lineage)s, %(source_id)s, %(owner_id)s, %(kind)s,"
        " %(filename)s, %(file_hash)s, %(file_size)s, %(mime_type)s, %(storage_path)s, %(status)s,"
        " %(priority)s, %(reason)s, %(detail)s, %(metadata)s)",
        params,
    )


def _params(asset: NewAsset) -> dict[str, Any]:
    params: dict[str, Any] = {name: getattr(asset, name) for name in NewAsset.__slots__}
    low, high = ids.bounds(asset.lineage)
    return {**params, "metadata": Jsonb(dict(asset.metadata)), "low": low, "high": high}


def latest_version(conn: Db, lineage: UUID) -> int:
    """Return the number of the latest version; 0 if the lineage has none."""
    row = conn.execute(
        "SELECT coalesce(max(version), 0) FROM entities"
        " WHERE version_of = %s AND id BETWEEN %s AND %s",
        [lineage, *ids.bounds(lineage)],
    ).fetchone()
    return int(row[0]) if row else 0


def set_status(
    conn: Db, asset: UUID, status: str, reason: str | None = None, detail: str = ""
) -> None:
    """Say how far the processing of a version is, and why it ended so."""
    conn.execute(
        "UPDATE assets SET processing_status = %s, reason = %s, detail = %s WHERE id = %s",
        [status, reason, detail, asset],
    )
    conn.execute("UPDATE entities SET updated_at = now() WHERE id = %s", [asset])


def get(conn: Db, entity: UUID, version: int | None = None, *, deleted: bool = False) -> Asset:
    """Return a version by its id, or of the lineage with that id the latest or a given version.

    NotFound if there is none, or if it is deleted and `deleted` does not ask for those too.
    """
    low, high = ids.bounds(entity)
    wanted = "e.version = %(version)s" if version else "e.is_latest"
    query = sql.SQL(
        "{} WHERE (e.version_of = %(id)s AND {} OR e.id = %(id)s AND e.version > 1)"
        " AND e.entity_type = 'asset' AND (e.deleted_at IS NULL OR %(deleted)s)"
        " AND e.id BETWEEN %(low)s AND %(high)s AND a.id BETWEEN %(low)s AND %(high)s"
    ).format(_SHOWN, sql.SQL(wanted))
    params = {"id": entity, "version": version, "deleted": deleted, "low": low, "high": high}
    with conn.cursor(row_factory=class_row(Asset)) as cursor:
        found = cursor.execute(query, params).fetchone()
    if found is None:
        raise NotFound(f"nothing is known here as {entity}; check the id")
    return found


def versions(conn: Db, lineage: UUID) -> list[Asset]:
    """Return every version of a lineage, newest first."""
    query = sql.SQL(
        "{} WHERE e.version_of = %s AND e.id BETWEEN %s AND %s AND a.id BETWEEN %s AND %s"
        " ORDER BY e.version DESC"
    ).format(_SHOWN)
    with conn.cursor(row_factory=class_row(Asset)) as cursor:
        bounds = ids.bounds(lineage)
        return cursor.execute(query, [lineage, *bounds, *bounds]).fetchall()


@dataclass(frozen=True, slots=True)
class Listed:
    """Which assets a page lists; None means all."""

    status: str | None = None
    kind: str | None = None
    filename: str | None = None
    """A part of the name, in any case."""
    collection: UUID | None = None
    deleted: bool = False


def page(
    conn: Db, asker: Asker, listed: Listed, *, after: Cursor | None = None, limit: int = 50
) -> list[Asset]:
    """Return the latest versions that the asker may see, newest first, from after a cursor on."""
    seen = visible(asker, "a.lineage")
    query = sql.SQL(
        "{} WHERE e.entity_type = 'asset' AND e.is_latest AND {} AND {}"
        " ORDER BY e.created_at DESC, e.id DESC LIMIT %(limit)s"
    ).format(_SHOWN, seen.sql, _chosen(listed, after))
    created_at, last = after or (None, None)
    params = {
        **seen.params,
        "status": listed.status,
        "kind": listed.kind,
        "filename": listed.filename,
        "collection": listed.collection,
        "created_at": created_at,
        "last": last,
        "limit": limit,
    }
    with conn.cursor(row_factory=class_row(Asset)) as cursor:
        return cursor.execute(query, params).fetchall()


def _chosen(listed: Listed, after: Cursor | None) -> sql.Composed:
    parts = ["e.deleted_at IS NOT NULL" if listed.deleted else "e.deleted_at IS NULL"]
    if listed.status:
        parts.append("a.processing_status = %(status)s")
    if listed.kind:
        parts.append("a.kind = %(kind)s")
    if listed.filename:
        parts.append("strpos(lower(a.filename), lower(%(filename)s)) > 0")
    if listed.collection:
        parts.append(
            "EXISTS (SELECT FROM asset_scopes c WHERE c.lineage = a.lineage"
            " AND c.scope = %(collection)s)"
        )
    if after:
        parts.append("(e.created_at, e.id) < (%(created_at)s, %(last)s)")
    return sql.SQL(" AND ").join(map(sql.SQL, parts))


def describe(conn: Db, asset: UUID, metadata: Mapping[str, Any]) -> None:
    """Replace what people say of a version."""
    conn.execute(
        "UPDATE entities SET metadata = %s, updated_at = now() WHERE id = %s",
        [Jsonb(dict(metadata)), asset],
    )


def soft_delete(conn: Db, lineage: UUID) -> bool:
    """Hide every version of a lineage; False if nothing was to be seen of it."""
    hidden = conn.execute(
        "UPDATE entities SET deleted_at = now(), updated_at = now()"
        " WHERE version_of = %s AND deleted_at IS NULL AND id BETWEEN %s AND %s",
        [lineage, *ids.bounds(lineage)],
    )
    return hidden.rowcount > 0
