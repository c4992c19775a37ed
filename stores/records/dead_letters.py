"""What was given up: messages that could not be handled, and pieces that failed for good."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from dataflux.errors import NotFound


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message as it came, and who gave it up; `tenant` is None if it names none."""

    id: UUID
    tenant: UUID | None
    function: str
    topic: str
    event: bytes
    reason: str
    first_at: datetime
    last_at: datetime
    attempts: int = 1
    detail: str = ""
    event_id: str | None = None
    event_type: str | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A letter without its bytes; a piece is one whose `kind` is piece, of an `asset`."""

    id: UUID
    tenant: UUID | None
    kind: str
    group_id: str
    function: str
    topic: str
    event_id: str | None
    event_type: str | None
    reason: str
    detail: str
    attempts: int
    state: str
    origin: dict[str, Any]
    asset: UUID | None
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Group:
    """Letters that were given up alike: one function, topic and reason."""

    group_id: str
    kind: str
    function: str
    topic: str
    reason: str
    detail: str
    count: int
    attempts: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are meant: those that meet all that is given."""

    state: str | None = "dead"
    ids: Sequence[UUID] | None = None
    group: str | None = None
    kind: str | None = None
    function: str | None = None
    topic: str | None = None
    reason: str | None = None
    tenant: UUID | None = None
    since: datetime | None = None
    before: datetime | None = None


Place = tuple[datetime, UUID]
"""Where a page ends: newest first."""

# A failed piece is given up until its asset has a newer run, a newer version, or is deleted.
_GIVEN_UP = """
WITH given_up AS (
    SELECT id, tenant_id AS tenant, 'message' AS kind, consumer AS function, topic, event_id,
           event_type, reason, detail, attempts, state, origin, NULL::uuid AS asset,
           first_at, last_at
    FROM dead_letters
    UNION ALL
    SELECT p.id, p.tenant_id, 'piece', split_part(p.stage, '_', 1),
           'dataflux.work.' || p.stage || '.' || p.lane, NULL, 'io.dataflux.work.' || p.stage,
           p.reason, coalesce(nullif(p.detail, ''), p.error, ''), p.attempts, 'dead', '{}',
           r.asset_id, coalesce(t.first_at, r.created_at), coalesce(t.last_at, r.created_at)
    FROM pieces p JOIN runs r ON r.id = p.run_id
    JOIN assets a ON a.id = r.asset_id AND a.run_id = r.id
    JOIN entities e ON e.id = a.id AND e.is_latest AND e.deleted_at IS NULL
    CROSS JOIN LATERAL (
        SELECT min(ended_at) AS first_at, max(ended_at) AS last_at
        FROM attempts WHERE piece_id = p.id
    ) t
    WHERE p.state = 'failed'
), letters AS (
    SELECT *, left(md5(concat_ws('/', kind, function, topic, reason)), 12) AS group_id
    FROM given_up
), selected AS (
    SELECT * FROM letters
    WHERE (%(state)s::text IS NULL OR state = %(state)s)
      AND (%(ids)s::uuid[] IS NULL OR id = ANY(%(ids)s))
      AND (%(group)s::text IS NULL OR group_id = %(group)s)
      AND (%(kind)s::text IS NULL OR kind = %(kind)s)
      AND (%(function)s::text IS NULL OR function = %(function)s)
      AND (%(topic)s::text IS NULL OR topic = %(topic)s)
      AND (%(reason)s::text IS NULL OR reason = %(reason)s)
      AND (%(tenant)s::uuid IS NULL OR tenant = %(tenant)s)
      AND (%(since)s::timestamptz IS NULL OR last_at >= %(since)s)
      AND (%(before)s::timestamptz IS NULL OR last_at < %(before)s)
)
"""
_PAGE = """
SELECT * FROM selected
WHERE %(at)s::timestamptz IS NULL OR (last_at, id) < (%(at)s, %(last)s::uuid)
ORDER BY last_at DESC, id DESC LIMIT %(limit)s
"""
_GROUPS = """
SELECT group_id, kind, function, topic, reason, max(detail) AS detail, count(*) AS count,
       sum(attempts)::bigint AS attempts, min(first_at) AS first_at, max(last_at) AS last_at
FROM selected GROUP BY group_id, kind, function, topic, reason ORDER BY count DESC, group_id
"""
_ADD = """
INSERT INTO dead_letters (id, tenant_id, consumer, topic, event, event_id, event_type, reason,
                          detail, attempts, origin, first_at, last_at)
VALUES (%(id)s, %(tenant)s, %(function)s, %(topic)s, %(event)s, %(event_id)s, %(event_type)s,
        %(reason)s, %(detail)s, %(attempts)s, %(origin)s, %(first_at)s, %(last_at)s)
ON CONFLICT (id) DO UPDATE SET attempts = dead_letters.attempts + excluded.attempts,
    reason = excluded.reason, detail = excluded.detail, state = 'dead', settled_at = NULL,
    last_at = excluded.last_at,
    origin = dead_letters.origin || (excluded.origin - '{topic,partition,offset}'::text[])
WHERE NOT %(once)s OR dead_letters.state <> 'dead'
"""


def add(conn: Connection[Any], letter: DeadLetter, *, once: bool = False) -> bool:
    """Keep a message; the same one again counts its attempts up and keeps its first bytes.

    With `once`, the same one again is only the same news: while it is dead, nothing changes.
    Return whether anything has.
    """
    values = {name: _storable(getattr(letter, name)) for name in DeadLetter.__slots__}
    origin = Jsonb({name: _storable(value) for name, value in letter.origin.items()})
    return conn.execute(_ADD, {**values, "origin": origin, "once": once}).rowcount == 1


def _storable(value: Any) -> Any:
    """Return a text without NUL, which PostgreSQL keeps in none and a hostile event may have."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


def page(
    conn: Connection[Any], selection: Selection, *, after: Place | None = None, limit: int = 50
) -> list[StoredLetter]:
    """Return the letters that are meant, those given up last first."""
    at, last = after or (None, None)
    params = {**asdict(selection), "at": at, "last": last, "limit": limit}
    with conn.cursor(row_factory=class_row(StoredLetter)) as cursor:
        return cursor.execute(_GIVEN_UP + _PAGE, params).fetchall()


def groups(conn: Connection[Any], selection: Selection) -> list[Group]:
    """Return how many letters were given up alike, the largest groups first."""
    with conn.cursor(row_factory=class_row(Group)) as cursor:
        return cursor.execute(_GIVEN_UP + _GROUPS, asdict(selection)).fetchall()


def get(conn: Connection[Any], letter: UUID) -> StoredLetter:
    """Return a letter in any state; NotFound if there is none."""
    found = page(conn, Selection(state=None, ids=[letter]), limit=1)
    if not found:
        raise NotFound(f"no dead letter {letter}; `dataflux dlq list` shows those there are")
    return found[0]


def bytes_of(conn: Connection[Any], letter: UUID) -> bytes:
    """Return a message as it came; a piece has none."""
    row = conn.execute("SELECT event FROM dead_letters WHERE id = %s", [letter]).fetchone()
    return bytes(row[0]) if row else b""


def settle(conn: Connection[Any], letter: UUID, state: str) -> bool:
    """Say what became of a letter: retried, replayed, discarded; False if it is not dead."""
    settled = conn.execute(
        "UPDATE dead_letters SET state = %s, settled_at = clock_timestamp()"
        " WHERE id = %s AND state = 'dead'",
        [state, letter],
    )
    return settled.rowcount == 1


def forget(conn: Connection[Any], before: datetime) -> int:
    """Delete the letters that were settled before a moment, of all tenants; return how many."""
    return conn.execute(
        "DELETE FROM dead_letters WHERE state <> 'dead' AND settled_at < %s", [before]
    ).rowcount
