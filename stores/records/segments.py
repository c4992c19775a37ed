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
    rests_on: list[str]


@dataclass(frozen=True, slots=True)
class FoundWords:
    """Words that analyzers found, with the segment that they are of."""

    segment: UUID
    sequence_number: int
    segment_type: str
    start_marker: dict[str, Any]
    end_marker: dict[str, Any]
    source: str
    body: str
    language: str | None
    confidence: float | None
    rests_on: list[str]


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


_TEXTS = (
    "SELECT s.sequence_number, t.source, t.body, t.language, t.confidence, t.rests_on"
    " FROM segments s JOIN texts t ON t.segment_id = s.id AND t.id BETWEEN %(low)s AND %(high)s"
    " WHERE s.sequence_number >= %(first)s AND s.sequence_number < %(end)s"
    " AND s.id BETWEEN %(low)s AND %(high)s AND t.source <> 'name'"
)
"""The names of files say nothing that analyzers or embedders should read."""
_IN_ORDER = " ORDER BY s.sequence_number, t.id"


def texts_of_run(
    conn: Connection[Any], lineage: UUID, run: UUID, first: int, end: int
) -> list[StoredText]:
    """Return the texts of numbered segments and of what was found inside them, in order."""
    return _texts(
        conn,
        f"{_TEXTS} AND s.run_id = %(run)s AND t.run_id = s.run_id {_IN_ORDER}",
        _window(lineage, first, end) | {"run": run},
    )


def texts_of_segmenter(
    conn: Connection[Any], lineage: UUID, run: UUID, first: int, end: int
) -> list[StoredText]:
    """Return the texts that the segmenter of a run found, in order: what its analyzers saw."""
    return _texts(
        conn,
        f"{_TEXTS} AND s.run_id = %(run)s AND t.run_id = s.run_id AND t.rests_on = '[]'"
        f" {_IN_ORDER}",
        _window(lineage, first, end) | {"run": run},
    )


def texts_with(
    conn: Connection[Any],
    lineage: UUID,
    asset: UUID,
    run: UUID,
    analyzer: str,
    first: int,
    end: int,
) -> list[StoredText]:
    """Return the texts that are live once a run of one analyzer takes the place of its former."""
    return _texts(
        conn,
        f"{_TEXTS} AND s.asset_id = %(asset)s"
        f" AND (t.run_id = %(run)s OR t.live AND NOT t.rests_on ? %(analyzer)s) {_IN_ORDER}",
        _window(lineage, first, end) | {"asset": asset, "run": run, "analyzer": analyzer},
    )


def _texts(conn: Connection[Any], query: str, params: dict[str, Any]) -> list[StoredText]:
    with conn.cursor(row_factory=class_row(StoredText)) as cursor:
        return cursor.execute(query.encode(), params).fetchall()


def _window(lineage: UUID, first: int, end: int) -> dict[str, Any]:
    low, high = ids.bounds(lineage)
    return {"low": low, "high": high, "first": first, "end": end}


def found_words(
    conn: Connection[Any], lineage: UUID, asset: UUID, analyzer: str, first: int, end: int
) -> list[FoundWords]:
    """Return the live words that other analyzers found in and inside numbered segments."""
    with conn.cursor(row_factory=class_row(FoundWords)) as cursor:
        return cursor.execute(
            "SELECT s.id AS segment, s.sequence_number, s.segment_type, s.start_marker,"
            " s.end_marker, t.source, t.body, t.language, t.confidence, t.rests_on"
            " FROM segments s JOIN texts t ON t.segment_id = s.id"
            " AND t.id BETWEEN %(low)s AND %(high)s"
            " WHERE s.sequence_number >= %(first)s AND s.sequence_number < %(end)s"
            " AND s.id BETWEEN %(low)s AND %(high)s AND s.asset_id = %(asset)s"
            " AND s.live AND t.live AND t.source NOT IN ('name', 'tag')"
            " AND t.rests_on <> '[]' AND NOT t.rests_on ? %(analyzer)s"
            " ORDER BY s.sequence_number, s.id, t.id",
            _window(lineage, first, end) | {"asset": asset, "analyzer": analyzer},
        ).fetchall()


def count_words_by(
    conn: Connection[Any], lineage: UUID, asset: UUID, analyzer: str, first: int, end: int
) -> int:
    """Count the live texts that come of an analyzer's work in and inside numbered segments."""
    row = conn.execute(
        "SELECT count(*) FROM segments s JOIN texts t ON t.segment_id = s.id"
        " AND t.id BETWEEN %(low)s AND %(high)s"
        " WHERE s.sequence_number >= %(first)s AND s.sequence_number < %(end)s"
        " AND s.id BETWEEN %(low)s AND %(high)s AND s.asset_id = %(asset)s"
        " AND t.live AND t.rests_on ? %(analyzer)s",
        _window(lineage, first, end) | {"asset": asset, "analyzer": analyzer},
    ).fetchone()
    return int(row[0]) if row else 0


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
