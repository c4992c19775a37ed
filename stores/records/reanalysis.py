"""Which assets of a selection one analyzer would go over, and how much there is for it in each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection, sql
from psycopg.rows import class_row

from dataflux.permissions import Caller, Verb
from stores.records.access import may
from stores.records.filters import condition


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an analyzer declares, as far as segments are chosen by it."""

    analyzer: str
    """name@version"""
    model: str | None
    stage: str
    """Where its work is done in a whole run."""
    types: Sequence[str]
    kinds: Sequence[str]
    """Of derived objects that a segment must have."""
    text: bool
    reads_found: bool
    """It needs words alone: those of segments found inside others, too."""
    by_seconds: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version of an asset, with its live run and what there is for the analyzer in it."""

    asset: UUID
    lineage: UUID
    base: UUID
    segmenter: str
    strategy: str
    config: dict[str, Any]
    segments: int
    units: float
    runs: int
    busy: bool
    had: bool
    """The analyzer has gone over the segments of that run, in this version with this model."""


def candidates(
    conn: Connection[Any], caller: Caller, filters: Any, wanted: Wanted
) -> list[Candidate]:
    """Return what the caller may analyze of what passes a filter, in the order of ids."""
    allowed, chosen = may(caller, "s.lineage", Verb.ANALYZE), condition(filters)
    query = _CANDIDATES.format(may=allowed.sql, filters=chosen.sql)
    params = {
        **allowed.params,
        **chosen.params,
        "analyzer": wanted.analyzer,
        "name": wanted.analyzer.partition("@")[0],
        "model": wanted.model,
        "stage": wanted.stage,
        "types": list(wanted.types),
        "kinds": list(wanted.kinds),
        "text": wanted.text,
        "reads_found": wanted.reads_found,
        "wordless": ["name", "tag"] if wanted.reads_found else ["name"],
        "by_seconds": wanted.by_seconds,
    }
    with conn.cursor(row_factory=class_row(Candidate)) as cursor:
        return cursor.execute(query, params).fetchall()


_CANDIDATES = sql.SQL("""
WITH chosen AS MATERIALIZED (
    SELECT DISTINCT s.asset_id FROM search_segments s WHERE {may} AND {filters}
)
SELECT a.id AS asset, a.lineage, r.id AS base, r.analyzer AS segmenter, r.strategy, r.config,
       b.segments, u.units, o.runs, o.busy, coalesce(o.same, w.same, false) AS had
FROM chosen c JOIN assets a ON a.id = c.asset_id
CROSS JOIN LATERAL (
    SELECT s.run_id, count(*)::int AS segments FROM segments s
    WHERE s.asset_id = a.id AND s.live AND s.numbered AND s.rests_on = '[]'
    GROUP BY s.run_id LIMIT 1
) b
JOIN runs r ON r.id = b.run_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(CASE WHEN %(by_seconds)s AND s.t_end > s.t_start
                             THEN s.t_end - s.t_start ELSE 1 END), 0)::float8 AS units
    FROM segments s
    WHERE s.asset_id = a.id AND s.live AND (s.numbered AND s.rests_on = '[]' OR %(reads_found)s)
      AND (cardinality(%(types)s::text[]) = 0 OR s.segment_type = ANY(%(types)s::text[]))
      AND cardinality(%(kinds)s::text[]) = (
          SELECT count(DISTINCT d.kind) FROM renditions d
          WHERE d.entity_id = s.id AND d.live AND d.kind = ANY(%(kinds)s::text[]))
      AND (NOT %(text)s OR EXISTS (
          SELECT FROM segments i JOIN texts t ON t.segment_id = i.id
          WHERE i.asset_id = s.asset_id AND i.sequence_number = s.sequence_number AND i.live
            AND (i.id = s.id OR NOT %(reads_found)s) AND t.live
            AND t.source <> ALL(%(wordless)s::text[])))
) u
CROSS JOIN LATERAL (
    SELECT count(*)::int AS runs, bool_or(x.state IN ('planned', 'running')) AS busy,
           (array_agg(x.scope = %(analyzer)s::text
                      AND x.config ->> 'model' IS NOT DISTINCT FROM %(model)s::text
                      ORDER BY x.finished_at DESC)
            FILTER (WHERE x.base = r.id AND x.state = 'completed'
                    AND split_part(x.scope, '@', 1) = %(name)s::text))[1] AS same
    FROM runs x WHERE x.asset_id = a.id
) o
CROSS JOIN LATERAL (
    SELECT bool_or(p.output -> 'spent' ? %(analyzer)s::text AND p.output -> 'spent'
                   -> %(analyzer)s::text ->> 'model' IS NOT DISTINCT FROM %(model)s::text)
           AND NOT bool_or(p.state = 'failed' OR coalesce(
               (p.output -> 'spent' -> %(analyzer)s::text ->> 'failed')::int, 0) > 0) AS same
    FROM pieces p WHERE p.run_id = r.id AND p.stage = %(stage)s::text
) w
ORDER BY a.id
""")
