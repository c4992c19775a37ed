"""Segments with what was found in them, as a person is shown them."""

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
class Moment:
    """A segment; `children` counts the segments that lie directly in it."""

    id: UUID
    asset_id: UUID
    lineage: UUID
    run_id: UUID
    parent_id: UUID
    segment_type: str
    sequence_number: int
    start_marker: dict[str, Any]
    end_marker: dict[str, Any]
    confidence_score: float
    children: int


@dataclass(frozen=True, slots=True)
class FoundText:
    id: UUID
    segment_id: UUID
    source: str
    language: str | None
    body: str
    confidence: float | None


@dataclass(frozen=True, slots=True)
class FoundFeature:
    id: UUID
    segment_id: UUID
    feature_domain: str
    feature_type: str
    feature_data: Any
    confidence: float | None
    analyzer_version: str
    model: str | None


_SHOWN = (
    "SELECT s.id, s.asset_id, s.lineage, s.run_id, s.parent_id, s.segment_type,"
    " s.sequence_number, s.start_marker, s.end_marker, s.confidence_score,"
    " (SELECT count(*) FROM segments c WHERE c.parent_id = s.id AND c.live"
    "  AND c.id BETWEEN %(low)s AND %(high)s) AS children"
    " FROM segments s WHERE s.live AND s.id BETWEEN %(low)s AND %(high)s"
)


def page(
    conn: Db, asset: UUID, *, first: int = 0, limit: int = 100, segment_type: str | None = None
) -> list[Moment]:
    """Return the numbered segments of a version, in order, from number `first` on."""
    return _moments(
        conn,
        f"{_SHOWN} AND s.asset_id = %(asset)s AND s.numbered AND s.sequence_number >= %(first)s"
        " AND (%(type)s::text IS NULL OR s.segment_type = %(type)s::text)"
        " ORDER BY s.sequence_number LIMIT %(limit)s",
        asset,
        asset=asset,
        first=first,
        limit=limit,
        type=segment_type,
    )


def children(conn: Db, parent: UUID, *, limit: int = 1000) -> list[Moment]:
    """Return what lies directly in a segment; of an asset its roots."""
    return _moments(
        conn,
        f"{_SHOWN} AND s.parent_id = %(parent)s"
        " ORDER BY s.sequence_number, s.numbered DESC, s.id LIMIT %(limit)s",
        parent,
        parent=parent,
        limit=limit,
    )


def get(conn: Db, segment: UUID) -> Moment:
    """Return a segment; NotFound if there is none."""
    found = _moments(conn, f"{_SHOWN} AND s.id = %(segment)s", segment, segment=segment)
    if not found:
        raise NotFound(f"nothing is known here as {segment}; check the id")
    return found[0]


def _moments(conn: Db, query: str, of: UUID, **params: Any) -> list[Moment]:
    low, high = ids.bounds(of)
    with conn.cursor(row_factory=class_row(Moment)) as cursor:
        return cursor.execute(query.encode(), {**params, "low": low, "high": high}).fetchall()


def texts(conn: Db, lineage: UUID, segments: Sequence[UUID]) -> list[FoundText]:
    """Return the words in some segments of one lineage, segment by segment; no names of files."""
    with conn.cursor(row_factory=class_row(FoundText)) as cursor:
        return cursor.execute(
            "SELECT id, segment_id, source, language, body, confidence FROM texts"
            " WHERE segment_id = ANY(%s) AND live AND id BETWEEN %s AND %s AND source <> 'name'"
            " ORDER BY segment_id, source, id",
            [list(segments), *ids.bounds(lineage)],
        ).fetchall()


def features(conn: Db, lineage: UUID, segments: Sequence[UUID]) -> list[FoundFeature]:
    """Return the facts found about some segments of one lineage, segment by segment."""
    with conn.cursor(row_factory=class_row(FoundFeature)) as cursor:
        return cursor.execute(
            "SELECT id, segment_id, feature_domain, feature_type, feature_data, confidence,"
            " analyzer_version, model FROM features"
            " WHERE segment_id = ANY(%s) AND live AND id BETWEEN %s AND %s"
            " ORDER BY segment_id, feature_domain, feature_type, analyzer_version",
            [list(segments), *ids.bounds(lineage)],
        ).fetchall()
