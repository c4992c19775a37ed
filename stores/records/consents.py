"""What a tenant has consented to; a withdrawal takes what was found with it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

Db = Connection[Any]


@dataclass(frozen=True, slots=True)
class Given:
    """A consent that holds."""

    purpose: str
    given_by: UUID
    given_at: datetime


def all_of(conn: Db) -> list[Given]:
    """Return the consents of the tenant."""
    with conn.cursor(row_factory=class_row(Given)) as cursor:
        return cursor.execute(
            "SELECT purpose, given_by, given_at FROM consents WHERE tenant_id = tenant()"
            " ORDER BY purpose"
        ).fetchall()


def purposes(conn: Db) -> frozenset[str]:
    """Return what the tenant has consented to."""
    return frozenset(each.purpose for each in all_of(conn))


def give(conn: Db, purpose: str, user: UUID) -> None:
    """Consent; once more changes nothing."""
    conn.execute(
        "INSERT INTO consents (tenant_id, purpose, given_by) VALUES (tenant(), %s, %s)"
        " ON CONFLICT DO NOTHING",
        [purpose, user],
    )


def withdraw(conn: Db, purpose: str, analyzer: str, segment_type: str) -> int:
    """End a consent and delete what was found under it; return how many segments that were."""
    conn.execute("DELETE FROM consents WHERE tenant_id = tenant() AND purpose = %s", [purpose])
    conn.execute(
        "DELETE FROM features WHERE tenant_id = tenant()"
        " AND split_part(analyzer_version, '@', 1) = %s",
        [analyzer],
    )
    found = conn.execute(
        "DELETE FROM segments WHERE tenant_id = tenant() AND segment_type = %s RETURNING id",
        [segment_type],
    ).fetchall()
    gone = [row[0] for row in found]
    conn.execute("DELETE FROM relationships WHERE target_id = ANY(%s)", [gone])
    conn.execute("DELETE FROM entities WHERE tenant_id = tenant() AND id = ANY(%s)", [gone])
    return len(gone)
