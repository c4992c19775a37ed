"""What search shows of its hits: of many at once, for each query is a way to the server."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

Db = Connection[Any]
Words = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Found:
    """A segment and the version it is of."""

    segment: UUID
    parent: UUID
    asset: UUID
    lineage: UUID
    version: int
    kind: str
    filename: str
    mime_type: str
    segment_type: str
    start: dict[str, Any]
    end: dict[str, Any]


def places(conn: Db, segments: Iterable[UUID]) -> dict[UUID, Found]:
    """Return where segments are; what has been deleted or replaced meanwhile is missing."""
    with conn.cursor(row_factory=class_row(Found)) as cursor:
        rows = cursor.execute(
            "SELECT id AS segment, parent_id AS parent, asset_id AS asset, lineage, version, kind,"
            ' filename, mime_type, segment_type, start_marker AS start, end_marker AS "end"'
            " FROM search_segments WHERE id = ANY(%s)",
            [list(segments)],
        ).fetchall()
    return {row.segment: row for row in rows}


def pictures(conn: Db, entities: Iterable[UUID]) -> dict[UUID, str]:
    """Return which kind of small picture entities have, if any."""
    rows = conn.execute(
        "SELECT DISTINCT ON (entity_id) entity_id, kind FROM renditions"
        " WHERE entity_id = ANY(%s) AND kind IN ('thumbnail', 'poster') AND live"
        " ORDER BY entity_id, kind DESC",
        [list(entities)],
    ).fetchall()
    return dict(rows)


def spoken(conn: Db, segments: Iterable[UUID]) -> dict[UUID, Words]:
    """Return the words of utterances, each with its time."""
    rows = conn.execute(
        "SELECT segment_id, feature_data -> 'words' FROM features"
        " WHERE segment_id = ANY(%s) AND feature_type = 'transcript' AND live"
        " AND jsonb_typeof(feature_data -> 'words') = 'array' ORDER BY id",
        [list(segments)],
    ).fetchall()
    return dict(rows)
