"""Pictures that are almost the same, by their perceptual hashes."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection, sql
from psycopg.rows import class_row

from stores.ports import Scope
from stores.records.access import visible
from stores.records.filters import condition

NEAR = 10
"""Bits in which the hashes of two copies differ at most (bench/near_duplicates.py)."""
BITS = 64
MOST = 50

_NEAR = sql.SQL(  # a hash that is none has no distance, whoever wrote it
    """
    WITH hashes AS MATERIALIZED (
        SELECT f.segment_id, CASE WHEN f.feature_data ->> 'hex' ~ '^[0-9a-f]{{16}}$'
            THEN ('x' || (f.feature_data ->> 'hex'))::bit(64) END AS bits
        FROM feature_index f WHERE f.feature_domain = 'visual' AND f.feature_type = 'phash'
    ), own AS MATERIALIZED (
        SELECT h.bits, x.lineage FROM hashes h JOIN segment_index x ON x.id = h.segment_id
        WHERE h.segment_id = %(segment)s
    ), near AS MATERIALIZED (
        SELECT h.segment_id, bit_count(h.bits # own.bits) AS distance
        FROM hashes h CROSS JOIN own WHERE bit_count(h.bits # own.bits) <= %(most)s
    )
    SELECT s.id AS segment, s.lineage, near.distance
    FROM near JOIN search_segments s ON s.id = near.segment_id CROSS JOIN own
    WHERE s.lineage <> own.lineage AND {visible} AND {filters}
    ORDER BY near.distance, s.id LIMIT %(limit)s
    """
)


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """A segment of another lineage, and in how many bits its hash differs."""

    segment: UUID
    lineage: UUID
    distance: int

    @property
    def score(self) -> float:
        """On the scale of all signals: 1 identical, 0.5 what just counts."""
        return 1 - self.distance / (2 * NEAR)


def near_duplicates(
    conn: Connection[Any], segment: UUID, scope: Scope, limit: int = MOST
) -> list[NearDuplicate]:
    """Return what looks almost like a segment, the nearest first: every hash is compared."""
    may, filters = visible(scope, "s.lineage"), condition(scope.filters)
    query = _NEAR.format(visible=may.sql, filters=filters.sql)
    params = {**may.params, **filters.params, "segment": segment, "most": NEAR, "limit": limit}
    with conn.cursor(row_factory=class_row(NearDuplicate)) as cursor:
        return cursor.execute(query, params).fetchall()
