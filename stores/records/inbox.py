"""Which events a consumer has had: a second delivery changes nothing."""

import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from psycopg import Connection

from dataflux.errors import Conflict
from events.event import Event

log = logging.getLogger(__name__)


def unseen(conn: Connection[Any], consumer: str, events: Sequence[Event]) -> list[Event]:
    """Return the events that are new to a consumer, each once.

    An id that comes back with other data is a sender's fault: it is logged and not new.
    """
    seen: dict[str, bytes] = dict(
        conn.execute(
            "SELECT event_id, payload_hash FROM inbox"
            " WHERE tenant_id = tenant() AND consumer = %s AND event_id = ANY(%s)",
            [consumer, [event.id for event in events]],
        ).fetchall()
    )
    new: dict[str, Event] = {}
    for event in events:
        known = seen.get(event.id) or (payload_hash(new[event.id]) if event.id in new else None)
        if known is None:
            new[event.id] = event
        elif known != payload_hash(event):
            log.warning("event %s of %s came again with other data", event.id, event.source)
    return list(new.values())


def unheard(conn: Connection[Any], consumer: str, event_ids: Sequence[str]) -> set[str]:
    """Return those of events that a consumer neither has had nor has given up."""
    rows = conn.execute(
        "SELECT id FROM unnest(%(ids)s::text[]) x(id) WHERE NOT EXISTS (SELECT FROM inbox"
        " WHERE tenant_id = tenant() AND consumer = %(consumer)s AND event_id = x.id)"
        " AND NOT EXISTS (SELECT FROM dead_letters d"
        " WHERE d.tenant_id = tenant() AND d.consumer = %(consumer)s AND d.event_id = x.id"
        " AND d.state IN ('dead', 'discarded'))",
        {"ids": list(event_ids), "consumer": consumer},
    ).fetchall()
    return {id for (id,) in rows}


def record(conn: Connection[Any], consumer: str, events: Sequence[Event]) -> None:
    """Mark events as had, in the transaction of their effect; Conflict if a rival was faster."""
    ordered = sorted(events, key=lambda event: event.id)  # rivals meet in one order: no deadlock
    added = conn.execute(
        "INSERT INTO inbox (tenant_id, consumer, event_id, payload_hash)"
        " SELECT tenant(), %s, id, hash FROM unnest(%s::text[], %s::bytea[]) e(id, hash)"
        " ON CONFLICT DO NOTHING",
        [consumer, [event.id for event in ordered], [payload_hash(event) for event in ordered]],
    )
    if added.rowcount != len(ordered):
        raise Conflict(f"{consumer} has had some of {len(ordered)} events by now; read them again")


def forget(conn: Connection[Any], before: datetime) -> int:
    """Drop what is older than any redelivery."""
    return conn.execute("DELETE FROM inbox WHERE seen_at < %s", [before]).rowcount


def payload_hash(event: Event) -> bytes:
    """Return the hash of an event's type and data, whatever the order of their keys."""
    kept = orjson.dumps([event.type, dict(event.data)], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(kept).digest()
