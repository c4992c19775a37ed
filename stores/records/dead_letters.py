"""Messages that no piece stands for and that could not be handled."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message as it came; `tenant` is None if it names none."""

    id: UUID
    tenant: UUID | None
    consumer: str
    topic: str
    event: bytes
    reason: str
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class StoredLetter:
    id: UUID
    consumer: str
    topic: str
    event: bytes
    reason: str
    attempts: int
    state: str
    first_at: datetime
    last_at: datetime


def add(conn: Connection[Any], letter: DeadLetter) -> None:
    """Keep a message; the same one again counts its attempts up."""
    conn.execute(
        "INSERT INTO dead_letters (id, tenant_id, consumer, topic, event, reason, attempts)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET attempts = dead_letters.attempts + excluded.attempts,"
        " reason = excluded.reason, state = 'dead', last_at = clock_timestamp()",
        [
            letter.id,
            letter.tenant,
            letter.consumer,
            letter.topic,
            letter.event,
            letter.reason,
            letter.attempts,
        ],
    )


def page(
    conn: Connection[Any], *, state: str = "dead", before: datetime | None = None, limit: int = 50
) -> list[StoredLetter]:
    """Return the newest letters in a state."""
    with conn.cursor(row_factory=class_row(StoredLetter)) as cursor:
        return cursor.execute(
            "SELECT id, consumer, topic, event, reason, attempts, state, first_at, last_at"
            " FROM dead_letters WHERE state = %s AND (%s::timestamptz IS NULL OR last_at < %s)"
            " ORDER BY last_at DESC, id LIMIT %s",
            [state, before, before, limit],
        ).fetchall()


def settle(conn: Connection[Any], letter: UUID, state: str) -> bool:
    """Say what became of a letter: replayed or dropped; False if it is not dead."""
    settled = conn.execute(
        "UPDATE dead_letters SET state = %s, last_at = clock_timestamp()"
        " WHERE id = %s AND state = 'dead'",
        [state, letter],
    )
    return settled.rowcount == 1
