"""Events that are committed but not known to be published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """The events of one transaction, as codecs write them."""

    id: int
    events: list[dict[str, Any]]


def add(
    conn: Connection[Any],
    tenant: UUID,
    events: Sequence[Mapping[str, Any]],
    run: UUID | None = None,
) -> int:
    """Add one row with all events of a transaction; return its id."""
    row = conn.execute(
        "INSERT INTO outbox (tenant_id, run_id, events) VALUES (%s, %s, %s) RETURNING id",
        [tenant, run, Jsonb(list(events))],
    ).fetchone()
    assert row is not None
    return int(row[0])


def take(conn: Connection[Any], limit: int, *, older_than_s: float = 0.0) -> list[OutboxRow]:
    """Lock the oldest rows that no other relay holds; delete them once they are published.

    Never by "id > the last one seen": ids are drawn before they are committed. A little age leaves
    the rows to those who have just committed them and are about to publish.
    """
    with conn.cursor(row_factory=class_row(OutboxRow)) as cursor:
        return cursor.execute(
            "SELECT id, events FROM outbox"
            " WHERE created_at <= clock_timestamp() - %s * interval '1 s'"
            " ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
            [older_than_s, limit],
        ).fetchall()


def tells_of(conn: Connection[Any], lineage: UUID) -> bool:
    """Say whether an event of a lineage is committed and not known to be published."""
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM outbox WHERE tenant_id = tenant() AND events @> %s)",
        [Jsonb([{"entityid": str(lineage)}])],
    ).fetchone()
    return row is not None and bool(row[0])


def delete(conn: Connection[Any], rows: Sequence[int]) -> None:
    """Forget rows whose events have been published."""
    conn.execute("DELETE FROM outbox WHERE id = ANY(%s)", [list(rows)])
