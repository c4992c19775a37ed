"""Segments of a run with their texts and derived objects, as the functions load them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from schemas import ids


@dataclass(frozen=True, slots=True)
class StoredSegment:
    id: UUID
    sequence_number: int
    segment_type: str
    start_marker: dict[str, Any]
    end_marker: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredText:
    sequence_number: int
    source: str
    body: str
    language: str | None
    confidence: float | None


@dataclass(frozen=True, slots=True)
class StoredRendition:
    entity_id: UUID
    kind: str
    object_key: str


def of_run(
    conn: Connection[Any], lineage: UUID, run: UUID, first: int, end: int
) -> list[StoredSegment]:
    """Return the segments that `stitch` numbered first..end-1, without those found inside them."""
    with conn.cursor(row_factory=class_row(StoredSegment)) as cursor:
        return cursor.execute(
            "SELECT id, sequence_number, segment_type, start_marker, end_marker FROM segments"
            " WHERE run_id = %s AND sequence_number >= %s AND sequence_number < %s AND numbered"
            " AND id BETWEEN %s AND %s ORDER BY sequence_number",
            [run, first, end, *ids.bounds(lineage)],
        ).fetchall()


def texts_of_run(
    conn: Connection[Any], lineage: UUID, run: UUID, first: int, end: int
) -> list[StoredText]:
    """Return the texts of numbered segments and of what was found inside them, in order.

    The names of files are none: they say nothing that analyzers or embedders should read.
    """
    bounds = ids.bounds(lineage)
    with conn.cursor(row_factory=class_row(StoredText)) as cursor:
        return cursor.execute(
            "SELECT s.sequence_number, t.source, t.body, t.language, t.confidence"
            " FROM segments s JOIN texts t ON t.segment_id = s.id AND t.id BETWEEN %s AND %s"
            " WHERE s.run_id = %s AND s.sequence_number >= %s AND s.sequence_number < %s"
            " AND s.id BETWEEN %s AND %s AND t.run_id = s.run_id AND t.source <> 'name'"
            " ORDER BY s.sequence_number, t.id",
            [*bounds, run, first, end, *bounds],
        ).fetchall()


def renditions_of(
    conn: Connection[Any], lineage: UUID, entities: Sequence[UUID], kinds: Sequence[str]
) -> list[StoredRendition]:
    """Return the derived objects of some kinds of some entities of one lineage."""
    with conn.cursor(row_factory=class_row(StoredRendition)) as cursor:
        return cursor.execute(
            "SELECT entity_id, kind, object_key FROM renditions"
            " WHERE entity_id = ANY(%s) AND kind = ANY(%s) AND id BETWEEN %s AND %s",
            [list(entities), list(kinds), *ids.bounds(lineage)],
        ).fetchall()


def inside(conn: Connection[Any], segments: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return, of those segments that were found inside another one, which one that is."""
    rows = conn.execute(
        "SELECT id, parent_id FROM segments WHERE id = ANY(%s) AND NOT numbered", [list(segments)]
    ).fetchall()
    return dict(rows)
