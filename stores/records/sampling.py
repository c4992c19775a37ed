"""A sample of segments, always the same for a seed, and what an analyzer once found in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection, sql
from psycopg.rows import class_row

from dataflux.permissions import Caller, Verb
from stores.records.access import may
from stores.records.filters import condition

Db = Connection[Any]


@dataclass(frozen=True, slots=True)
class Sampled:
    id: UUID
    asset: UUID
    lineage: UUID
    version: int
    segment_type: str
    start: dict[str, Any]
    end: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """An output of an analyzer about a segment; of a text the body, by `text.<source>`."""

    segment: UUID
    output: str
    data: Any
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Written:
    segment: UUID
    source: str
    body: str
    language: str | None
    confidence: float | None


def sample(
    conn: Db,
    caller: Caller,
    filters: Any,
    *,
    types: Sequence[str] | None,
    kinds: Sequence[str],
    text: bool,
    size: int,
    seed: int,
) -> list[Sampled]:
    """Return numbered segments that the caller may analyze, that pass a filter, and that have what
    is needed: some of them, drawn by a hash of the seed and their ids."""
    allowed, chosen = may(caller, "s.lineage", Verb.ANALYZE), condition(filters)
    params = {
        **allowed.params,
        **chosen.params,
        "types": None if types is None else list(types),
        "kinds": list(kinds),
        "text": text,
        "size": size,
        "seed": str(seed),
    }
    with conn.cursor(row_factory=class_row(Sampled)) as cursor:
        query = _SAMPLE.format(may=allowed.sql, filters=chosen.sql)
        return cursor.execute(query, params).fetchall()


_SAMPLE = sql.SQL("""
SELECT s.id, s.asset_id AS asset, s.lineage, s.version, s.segment_type,
       s.start_marker AS start, s.end_marker AS "end"
FROM search_segments s JOIN segments n ON n.id = s.id AND n.numbered
WHERE {may} AND {filters}
  AND (%(types)s::text[] IS NULL OR s.segment_type = ANY(%(types)s::text[]))
  AND cardinality(%(kinds)s::text[]) = (
      SELECT count(DISTINCT d.kind) FROM renditions d
      WHERE d.entity_id = s.id AND d.live AND d.kind = ANY(%(kinds)s::text[]))
  AND (NOT %(text)s OR EXISTS (
      SELECT FROM texts t WHERE t.segment_id = s.id AND t.live AND t.source <> 'name'
      AND t.rests_on = '[]'))
ORDER BY md5(%(seed)s::text || s.id::text), s.id LIMIT %(size)s
""")


def written(conn: Db, segments: Sequence[UUID]) -> list[Written]:
    """Return the texts that segmenters found in segments: what analyzers are given."""
    with conn.cursor(row_factory=class_row(Written)) as cursor:
        return cursor.execute(
            "SELECT segment_id AS segment, source, body, language, confidence FROM texts"
            " WHERE segment_id = ANY(%s) AND live AND source <> 'name' AND rests_on = '[]'"
            " ORDER BY segment_id, id",
            [list(segments)],
        ).fetchall()


def said(conn: Db, segments: Sequence[UUID], analyzer: str) -> list[Said]:
    """Return what an analyzer (name@version) found last in segments and inside them, if it did.

    What has been replaced since counts, too.
    """
    name = analyzer.partition("@")[0]
    with conn.cursor(row_factory=class_row(Said)) as cursor:
        return cursor.execute(
            _SAID.encode(), {"segments": list(segments), "analyzer": analyzer, "name": name}
        ).fetchall()


_SAID = """
WITH place AS (
    SELECT s.id, s.asset_id, s.sequence_number, (
        SELECT r.id FROM runs r JOIN pieces p ON p.run_id = r.id AND p.stage = 'analyze'
        WHERE r.asset_id = s.asset_id AND p.output -> 'spent' ? %(analyzer)s
          AND coalesce(r.base, r.id) = s.run_id
        ORDER BY r.created_at DESC LIMIT 1) AS run
    FROM segments s WHERE s.id = ANY(%(segments)s)
)
SELECT p.id AS segment, f.feature_domain || '.' || f.feature_type AS output,
       f.feature_data AS data, f.confidence
FROM place p JOIN features f ON f.segment_id = p.id AND f.run_id = p.run
    AND f.analyzer_version = %(analyzer)s
UNION ALL
SELECT p.id, 'text.' || t.source, to_jsonb(string_agg(t.body, chr(10) ORDER BY t.body)), NULL
FROM place p JOIN segments i ON i.asset_id = p.asset_id AND i.sequence_number = p.sequence_number
    AND (i.id = p.id OR NOT i.numbered AND i.run_id = p.run)
JOIN texts t ON t.segment_id = i.id AND t.run_id = p.run AND t.rests_on ? %(name)s
GROUP BY p.id, t.source
ORDER BY 1, 2
"""
