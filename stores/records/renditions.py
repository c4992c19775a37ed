"""Derived objects of assets and segments: thumbnails, key frames, text, sound."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from dataflux.errors import NotFound
from schemas import ids

Db = Connection[Any]


@dataclass(frozen=True, slots=True)
class Rendition:
    """One derived object of an entity."""

    id: UUID
    entity_id: UUID
    run_id: UUID
    kind: str
    object_key: str
    mime_type: str
    size: int
    sha256: str
    metadata: dict[str, Any]


_SHOWN = (
    "SELECT id, entity_id, run_id, kind, object_key, mime_type, size, sha256, metadata"
    " FROM renditions WHERE entity_id = ANY(%s) AND live AND id BETWEEN %s AND %s"
)


def of(conn: Db, lineage: UUID, entities: Sequence[UUID]) -> list[Rendition]:
    """Return the derived objects of some entities of one lineage; none that are only parts."""
    with conn.cursor(row_factory=class_row(Rendition)) as cursor:
        return cursor.execute(
            f"{_SHOWN} AND NOT metadata ? 'part' ORDER BY entity_id, kind, id",
            [list(entities), *ids.bounds(lineage)],
        ).fetchall()


def find(conn: Db, entity: UUID, kind: str, number: int = 0) -> Rendition:
    """Return a derived object of a kind, in the order of the pieces; NotFound if there is none."""
    with conn.cursor(row_factory=class_row(Rendition)) as cursor:
        found = cursor.execute(
            f"{_SHOWN} AND kind = %s ORDER BY (metadata->>'number')::int NULLS FIRST, id"
            " LIMIT 1 OFFSET %s",
            [[entity], *ids.bounds(entity), kind, number],
        ).fetchone()
    if found is None:
        which = f"{kind!r}" if number == 0 else f"{kind!r} of number {number}"
        raise NotFound(f"{entity} has no rendition {which}; its list of renditions names them")
    return found


def parts(conn: Db, whole: Rendition, kind: str) -> list[str]:
    """Return the keys of the objects that a joined one is made of, by their numbers."""
    found = conn.execute(
        "SELECT object_key FROM renditions WHERE entity_id = %s AND run_id = %s AND kind = %s"
        " AND id BETWEEN %s AND %s ORDER BY (metadata->>'number')::int",
        [whole.entity_id, whole.run_id, kind, *ids.bounds(whole.entity_id)],
    ).fetchall()
    return [key for (key,) in found]
