"""Sources in buckets: whose the objects are that come in under a prefix of a bucket."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from dataflux.errors import Conflict, NotFound, Unauthenticated
from stores.records.arrivals import Source

Db = Connection[Any]


@dataclass(frozen=True, slots=True)
class Registered:
    """A source and where it is; `bucket` is empty for uploads and folders.

    `swept_to` is the last key that the sweep under way has looked at.
    """

    id: UUID
    tenant_id: UUID
    name: str
    bucket: str
    prefix: str
    owner_id: UUID
    collection_id: UUID | None
    lane: str | None
    created_at: datetime
    swept_at: datetime | None = None
    swept_to: str = ""

    @property
    def source(self) -> Source:
        return Source(self.id, self.name, self.owner_id, self.collection_id, self.lane)


_COLUMNS = (
    "id, tenant_id, name, bucket, prefix, owner_id, collection_id, lane, created_at, swept_at,"
    " swept_to"
)


def add(conn: Db, new: Registered, secret: str) -> Registered:
    """Let objects come in from a prefix of a bucket, for df_admin; return the source.

    A source that was removed and is added again is the same source: what it has sent is known.
    Raises Conflict if another tenant has objects there, or its name or place are taken.
    """
    conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 4))", [new.bucket])
    if _is_of_others(conn, new):
        raise Conflict(
            f"a part of {new.bucket}/{new.prefix} is another tenant's; use another prefix"
        )
    values = {name: getattr(new, name) for name in Registered.__slots__}
    try:
        with conn.cursor(row_factory=class_row(Registered)) as cursor:
            again = cursor.execute(_AGAIN, {**values, "secret": _hash(secret)}).fetchone()
            return again or _one(cursor.execute(_NEW, {**values, "secret": _hash(secret)}))
    except UniqueViolation as error:
        taken = "name" if error.diag.constraint_name == "sources_name" else "bucket and prefix"
        raise Conflict(f"source {new.name!r}: its {taken} is taken; choose another") from error


_AGAIN = (
    "UPDATE sources SET name = %(name)s, owner_id = %(owner_id)s, lane = %(lane)s,"
    " collection_id = coalesce(collection_id, %(collection_id)s), secret = %(secret)s,"
    " removed_at = NULL, swept_at = NULL, swept_to = ''"
    " WHERE tenant_id = %(tenant_id)s AND bucket = %(bucket)s AND prefix = %(prefix)s"
    f" AND removed_at IS NOT NULL RETURNING {_COLUMNS}"
)
_NEW = (
    "INSERT INTO sources (id, tenant_id, name, bucket, prefix, owner_id, collection_id, lane,"
    " secret) VALUES (%(id)s, %(tenant_id)s, %(name)s, %(bucket)s, %(prefix)s, %(owner_id)s,"
    f" %(collection_id)s, %(lane)s, %(secret)s) RETURNING {_COLUMNS}"
)


def _is_of_others(conn: Db, new: Registered) -> bool:
    """Whether one tenant would take what comes in for another: no prefix may hold another's."""
    found = conn.execute(
        "SELECT FROM sources WHERE bucket = %s AND tenant_id <> %s AND removed_at IS NULL"
        " AND (starts_with(prefix, %s) OR starts_with(%s, prefix)) LIMIT 1",
        [new.bucket, new.tenant_id, new.prefix, new.prefix],
    )
    return found.fetchone() is not None


def all_of(conn: Db) -> list[Registered]:
    """Return the sources of the tenant, by name; for df_admin, those of all tenants."""
    with conn.cursor(row_factory=class_row(Registered)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM sources WHERE removed_at IS NULL ORDER BY name, id"
        ).fetchall()


def remove(conn: Db, source: UUID) -> None:
    """Let nothing more come in from a source; what came from it stays. NotFound if it is gone."""
    found = conn.execute(
        "UPDATE sources SET removed_at = clock_timestamp(), secret = NULL"
        " WHERE id = %s AND removed_at IS NULL RETURNING bucket",
        [source],
    ).fetchone()
    if found is None:
        raise NotFound(f"no source {source}; `dataflux sources list` shows those there are")
    if not found[0]:
        raise Conflict("uploads and the folder come in by this source; it cannot be removed")


def at(conn: Db, bucket: str, key: str) -> Registered | None:
    """Return whose an object is, for df_admin: the source with the longest prefix of its key."""
    with conn.cursor(row_factory=class_row(Registered)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM sources WHERE bucket = %s AND bucket <> ''"
            " AND removed_at IS NULL AND starts_with(%s, prefix)"
            " ORDER BY length(prefix) DESC LIMIT 1",
            [bucket, key],
        ).fetchone()


def authenticate(conn: Db, source: UUID, secret: str) -> Registered:
    """Return the source that a sender may tell of, for df_admin; Unauthenticated if it may not."""
    row = conn.execute(
        "SELECT secret FROM sources WHERE id = %s AND removed_at IS NULL", [source]
    ).fetchone()
    known = bytes(row[0]) if row and row[0] else b""
    if not hmac.compare_digest(known, _hash(secret)):
        raise Unauthenticated("no valid secret of this source was given; send it as a bearer token")
    with conn.cursor(row_factory=class_row(Registered)) as cursor:
        return _one(
            cursor.execute(f"SELECT {_COLUMNS} FROM sources WHERE id = %s", [source]),
        )


def due(conn: Db, every_s: float) -> list[Registered]:
    """Return the buckets of the tenant that are to be looked through, or were not to the end."""
    with conn.cursor(row_factory=class_row(Registered)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM sources WHERE bucket <> '' AND removed_at IS NULL"
            " AND (swept_to <> '' OR swept_at IS NULL"
            " OR swept_at < clock_timestamp() - make_interval(secs => %s)) ORDER BY id",
            [every_s],
        ).fetchall()


def swept(conn: Db, source: UUID, to: str) -> None:
    """Say how far a sweep has come; "" is the end."""
    conn.execute(
        "UPDATE sources SET swept_to = %s, swept_at = clock_timestamp() WHERE id = %s", [to, source]
    )


def _one(cursor: Any) -> Registered:
    found: Registered = cursor.fetchone()
    return found


def _hash(secret: str) -> bytes:
    """A secret is 256 random bits: one round of SHA-256 leaves nothing to guess."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()
